"""Erasers where files, folders and labels are not as one would wish."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from evenface.cli import main
from evenface.embed.embeddings import Embeddings
from evenface.embed.folder import write_embeddings, write_pieces
from evenface.embed.store import open_embeddings, open_store
from evenface.erasers.saved import load_eraser
from evenface.erasers.seen import SEEN
from evenface.errors import ConfigError
from evenface.studies.data import CommonOptions
from evenface.studies.erase import EraseOptions
from evenface.studies.gate_text import read_claim
from populations import Gaussian

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def people() -> Embeddings:
    return Gaussian(identities=10, images=2, separation=4).embeddings()


@pytest.fixture
def emb(people: Embeddings, tmp_path: Path) -> Path:
    write_embeddings(people, tmp_path / "emb")
    return tmp_path / "emb"


def fit(emb: Path, out: Path, *more: str) -> int:
    return main(["fit-eraser", str(emb), "--attributes", "gender", "--out", str(out), *more])


def apply(eraser: Path, emb: Path, out: Path, *more: str) -> int:
    return main(["apply-eraser", str(eraser), str(emb), "--out", str(out), *more])


def test_no_label_that_counts_as_none_hides_whom_an_eraser_saw(
    emb: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert fit(emb, tmp_path / "e.st") == 0
    assert apply(tmp_path / "e.st", emb, tmp_path / "out") == 0
    assert main(["probe", str(tmp_path / "out"), "--missing", "yes"]) == 2
    assert "fitted to all 60 identities" in capsys.readouterr().err


def test_an_eraser_is_written_over_nothing_but_erasers(
    emb: Path, tmp_path: Path, capsys: Captured
) -> None:
    table, link = tmp_path / "labels.csv", tmp_path / "link"
    table.write_text("identity\n")
    link.symlink_to(table)
    for place in (table, link, emb, emb / "manifest.json", Path("/dev/null")):
        before = place.read_bytes() if place.is_file() else b""
        assert fit(emb, place) == 2
        assert place.name in capsys.readouterr().err
        assert not place.is_file() or place.read_bytes() == before
    assert fit(emb, Path()) == 2
    file = tmp_path / "e.st"
    assert fit(emb, file) == 0
    assert fit(emb, file, "--eraser", "recentre") == 0
    assert load_eraser(file)[0].method == "recentre"


def test_damaged_parts_are_not_fitted_to(emb: Path, tmp_path: Path, capsys: Captured) -> None:
    part = emb / open_store(emb).parts[0].name
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(bytes(data))
    for method in ("leace", "recentre", "inlp"):
        assert fit(emb, tmp_path / "e.st", "--eraser", method) == 2
        assert "changed since it was written" in capsys.readouterr().err


def test_imported_vectors_are_held_to_their_length_alone(
    people: Embeddings, tmp_path: Path
) -> None:
    for name, half in (("a", people.take(np.arange(60))), ("b", people.take(np.arange(60, 120)))):
        np.save(tmp_path / f"{name}.npy", half.vectors)
        half.rows.select("identity", "gender").write_csv(tmp_path / f"{name}.csv")
        place = str(tmp_path / name)
        assert main(["import", f"{place}.npy", "--labels", f"{place}.csv", "--out", place]) == 0
    assert fit(tmp_path / "a", tmp_path / "e.st") == 0
    assert apply(tmp_path / "e.st", tmp_path / "b", tmp_path / "out") == 0


def test_two_erasers_of_one_method_are_two(
    people: Embeddings, tmp_path: Path, capsys: Captured
) -> None:
    known = replace(people, card={**people.card, "name": "a network", "sha256": "0" * 64})
    emb = tmp_path / "emb"
    write_embeddings(known, emb)
    for name in ("a", "b"):
        assert fit(emb, tmp_path / f"{name}.st") == 0
        assert apply(tmp_path / f"{name}.st", emb, tmp_path / name) == 0
    capsys.readouterr()
    both = [str(tmp_path / "a"), str(tmp_path / "b")]
    assert main(["join", *both, "--out", str(tmp_path / "ab")]) == 2
    assert "model.erased" in capsys.readouterr().err
    # What was fitted to changed vectors is not for unchanged ones.
    assert fit(tmp_path / "a", tmp_path / "second.st") == 0
    assert apply(tmp_path / "second.st", emb, tmp_path / "c") == 2
    assert "in the order in which they were fitted" in capsys.readouterr().err
    assert apply(tmp_path / "second.st", tmp_path / "a", tmp_path / "c") == 0


def test_rows_without_the_label_that_is_needed_are_counted_apart(
    people: Embeddings, tmp_path: Path, capsys: Captured
) -> None:
    rows = people.rows.with_columns(
        gender=pl.when(pl.int_range(pl.len()) % 3 > 0).then(pl.col("gender"))
    )
    write_embeddings(replace(people, rows=rows), tmp_path / "emb")
    assert fit(tmp_path / "emb", tmp_path / "e.st", "--eraser", "recentre") == 0
    assert apply(tmp_path / "e.st", tmp_path / "emb", tmp_path / "out") == 0
    said = capsys.readouterr().out
    assert "80 vectors changed" in said
    assert "40 have no recorded gender" in said
    same = (open_embeddings(tmp_path / "out").vectors == people.vectors).all(axis=1)
    assert same.sum() == 40


def test_what_counts_as_missing_is_said_where_an_eraser_is_fitted(
    emb: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert fit(emb, tmp_path / "e.st", "--missing", "witheld") == 0
    assert "recorded nowhere: 'witheld'" in capsys.readouterr().out


@pytest.mark.parametrize("method", ["leace", "mean-projection", "inlp"])
@pytest.mark.parametrize("scale", [1e-30, 1e20])
def test_vectors_whose_squares_are_no_numbers_are_refused(
    people: Embeddings, tmp_path: Path, method: str, scale: float, capsys: Captured
) -> None:
    vectors = (people.vectors * scale).astype(np.float32)
    write_embeddings(replace(people, vectors=vectors), tmp_path / "emb")
    assert fit(tmp_path / "emb", tmp_path / "e.st", "--eraser", method) == 2
    assert "scale all vectors" in capsys.readouterr().err


def test_bad_numbers_are_told_without_a_traceback(
    emb: Path, tmp_path: Path, capsys: Captured
) -> None:
    assert fit(emb, tmp_path / "e.st", "--share", "0.5", "--seed", "-5") == 2
    assert "seed" in capsys.readouterr().err
    one = tmp_path / "one"
    same = open_embeddings(emb)
    write_embeddings(same.take(same.rows["gender"] == "male"), one)
    assert fit(one, tmp_path / "e.st") == 2
    assert "gender has one class" in capsys.readouterr().err
    for options in ({"hiding": [float("inf")]}, {"erasers": ["leac"]}, {"training": ["dr"]},
                    {"probes": ["lin"]}):  # fmt: skip
        with pytest.raises(ValidationError):
            EraseOptions(**options)
    with pytest.raises(ValidationError):
        CommonOptions(level=0.9999999999999999)
    with pytest.raises(ConfigError, match="always between 0 and 2"):
        read_claim("erase.cosine_shift > 5")


def test_a_card_that_lies_is_a_damaged_file(emb: Path, tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "e.st"
    assert fit(emb, file) == 0
    data = file.read_bytes()
    size = int.from_bytes(data[:8], "little")
    head = json.loads(data[8 : 8 + size])
    card = {**json.loads(head["__metadata__"]["card"]), "model": "x"}
    head["__metadata__"]["card"] = json.dumps(card)
    text = json.dumps(head).encode()
    file.write_bytes(len(text).to_bytes(8, "little") + text + data[8 + size :])
    capsys.readouterr()
    assert apply(file, emb, tmp_path / "out") == 2
    assert "damaged" in capsys.readouterr().err


def test_nothing_is_left_of_a_folder_whose_writing_was_stopped(
    people: Embeddings, tmp_path: Path
) -> None:
    def stopped() -> Iterator[Embeddings]:
        yield people
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_pieces(stopped(), tmp_path / "out", 240, part_rows=120, dtype="float32")
    write_embeddings(people, tmp_path / "out")
    assert SEEN not in open_embeddings(tmp_path / "out").attributes


def test_made_up_people_of_other_seeds_have_other_names(tmp_path: Path) -> None:
    names = []
    for seed in ("0", "1"):
        out = tmp_path / seed
        few = ["--identities", "2", "--dimension", "8", "--images", "1"]
        assert main(["vectors", "--out", str(out), *few, "--seed", seed]) == 0
        names.append(set(open_embeddings(out).rows["identity"]))
    assert not names[0] & names[1]
