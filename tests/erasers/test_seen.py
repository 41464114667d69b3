"""Whom an eraser was fitted to is never judged on the vectors that it changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evenface.cli import main
from evenface.embed.embeddings import Embeddings
from evenface.embed.folder import check_embeddings, write_embeddings
from evenface.embed.store import open_embeddings, open_store
from evenface.erasers.eraser import Eraser, hashed
from evenface.erasers.folder import apply_to, fit_to
from evenface.erasers.methods import fit_eraser
from evenface.erasers.rows import codes_of
from evenface.erasers.saved import apply_eraser
from evenface.erasers.seen import SEEN, without_seen
from evenface.errors import LeakError, StoreError
from evenface.studies.data import CommonOptions, prepare
from evenface.studies.erase import erase
from evenface.studies.map import map_space
from evenface.studies.probe import ProbeOptions, probe
from evenface.studies.table import load_result
from evenface.studies.verify import verify
from populations import Gaussian

QUICK = CommonOptions(seeds=1, resamples=100)


@pytest.fixture(scope="module")
def people() -> Embeddings:
    return Gaussian(identities=20, images=2, separation=4).embeddings()


def eraser_of(people: Embeddings, *, named: bool = True) -> Eraser:
    classes = [("female", "male")]
    codes = codes_of(people.rows, ["gender"], classes)
    who = people.rows["identity"].to_list() if named else []
    return fit_eraser(
        "leace", people.vectors, codes, attributes=["gender"], classes=classes, identities=who
    )


def some(people: Embeddings, share: float) -> Embeddings:
    names = people.rows["identity"].unique().sort()
    wanted = set(names[: int(share * len(names))])
    return people.take(people.rows["identity"].is_in(wanted))


def test_every_study_refuses_those_who_were_all_seen(people: Embeddings) -> None:
    erased = apply_eraser(eraser_of(people), people)
    assert erased.rows[SEEN].unique().to_list() == ["yes"]
    for study in (probe, verify, erase, map_space):
        with pytest.raises(LeakError, match="fitted to all 120 identities"):
            study(erased, common=QUICK)


def test_others_are_judged_and_the_seen_are_counted(people: Embeddings) -> None:
    erased = apply_eraser(eraser_of(some(people, 0.25)), people)
    left = people.rows["identity"].n_unique() - 30
    data = prepare(erased, QUICK)
    assert data.rows["identity"].n_unique() == left
    assert data.rows[SEEN].unique().to_list() == ["no"]
    (note,) = (n for n in data.context["notes"] if n["kind"] == "seen by eraser")
    assert note["count"] == 30
    assert "60 pictures" in note["text"]
    # The folder is the same, whoever of it is asked about.
    assert data.context["embedding_fingerprint"] == erased.fingerprint
    result = probe(erased, ProbeOptions(probes=("linear",), targets=("gender",)), QUICK)
    assert result.context["identities"] == left


def test_as_many_are_drawn_as_were_asked_for(people: Embeddings, tmp_path: Path, capsys) -> None:
    write_embeddings(apply_eraser(eraser_of(some(people, 0.25)), people), tmp_path / "changed")
    asked = ["run", str(tmp_path / "changed"), "--only", "map", "--out", str(tmp_path / "out")]
    assert main([*asked, "--per-group", "6"]) == 0
    context = load_result(tmp_path / "out" / "results" / "map.json").context
    # Of one of the six groups all were seen.
    assert context["identities"] == 5 * 6
    assert any("fitted to them: 30" in note["text"] for note in context["notes"])
    # Where all were seen the leak is told, not that there are too few.
    write_embeddings(apply_eraser(eraser_of(people), people), tmp_path / "all")
    asked[1], asked[-1] = str(tmp_path / "all"), str(tmp_path / "other")
    assert main([*asked, "--per-group", "6"]) == 2
    assert "fitted to all 120 identities" in capsys.readouterr().err


def test_a_second_eraser_forgets_nobody(people: Embeddings) -> None:
    first, rest = some(people, 0.25), people.rows["identity"].unique().sort()[60:]
    once = apply_eraser(eraser_of(first), people)
    second = eraser_of(once.take(once.rows["identity"].is_in(rest.implode())))
    twice = apply_eraser(second, once)
    assert twice.rows.filter(**{SEEN: "yes"})["identity"].n_unique() == 30 + 60
    assert twice.attributes.count(SEEN) == 1


def test_an_eraser_that_forgot_whom_it_saw_has_seen_everybody(people: Embeddings) -> None:
    erased = apply_eraser(eraser_of(people, named=False), people)
    with pytest.raises(LeakError):
        without_seen(erased)


def test_who_shares_a_picture_with_one_who_was_seen_is_left_out(people: Embeddings) -> None:
    erased = apply_eraser(eraser_of(some(people, 0.25)), people)
    known = erased.rows["identity"].unique().sort()
    both = pl.col("identity").is_in([known[0], known[-1]])
    alike = pl.when(both).then(pl.lit("the same")).otherwise("sample_id").alias("sha256")
    left, (note,) = without_seen(replace(erased, rows=erased.rows.with_columns(alike)))
    assert note.count == 30
    assert known[-1] not in left.rows["identity"].to_list()


def test_marks_stay_through_folders_and_no_command_judges_the_seen(
    people: Embeddings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emb, file, out = tmp_path / "emb", tmp_path / "e.safetensors", tmp_path / "without"
    write_embeddings(people, emb)
    assert main(["fit-eraser", str(emb), "--attributes", "gender", "--out", str(file)]) == 0
    assert main(["apply-eraser", str(file), str(emb), "--out", str(out)]) == 0
    assert SEEN in open_embeddings(out).attributes
    capsys.readouterr()
    for asked in (["probe"], ["verify"], ["run"]):
        more = ["--out", str(tmp_path / "report")] if asked == ["run"] else []
        assert main([*asked, str(out), *more]) == 2
        assert "fitted to all 120 identities" in capsys.readouterr().err


def test_a_share_of_the_people_is_fitted_to_and_the_others_are_judged(
    people: Embeddings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emb, file, out = tmp_path / "emb", tmp_path / "e.safetensors", tmp_path / "without"
    write_embeddings(people, emb)
    fit = ["fit-eraser", str(emb), "--attributes", "gender", "--out", str(file)]
    assert main([*fit, "--share", "0.25"]) == 0
    assert "60 pictures of 30 identities" in capsys.readouterr().out
    assert main(["apply-eraser", str(file), str(emb), "--out", str(out)]) == 0
    assert "fitted to 30 of the 120 identities" in capsys.readouterr().out
    assert main(["probe", str(out), "--probes", "linear", "--seeds", "1"]) == 0
    assert prepare(open_embeddings(out), QUICK).rows["identity"].n_unique() == 90
    for share in ("0", "-1", "1.5", "nan"):
        assert main([*fit, "--share", share]) == 2
        assert "share of the people" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["leace", "mean-projection", "inlp"])
def test_who_is_drawn_follows_the_seed_whatever_the_method(
    people: Embeddings, tmp_path: Path, method: str
) -> None:
    write_embeddings(people, tmp_path / "emb")
    store = open_store(tmp_path / "emb")

    def drawn(seed: int) -> set[str]:
        eraser = fit_to(store, ["gender"], method, share=0.5, seed=seed)
        names = people.rows["identity"].unique().to_list()
        return {n for n in names if hashed(eraser.salt, n) in eraser.fitted_on}

    assert len(drawn(0)) == 60
    assert drawn(0) == drawn(0) != drawn(1)


def test_parts_that_are_changed_one_by_one_are_changed_as_all_at_once(
    people: Embeddings, tmp_path: Path
) -> None:
    eraser = eraser_of(some(people, 0.25))
    many = people.take(np.arange(2500) % len(people))
    ids = pl.Series("sample_id", [f"s{k}" for k in range(2500)])
    many = replace(many, rows=many.rows.with_columns(ids))
    write_embeddings(many, tmp_path / "emb", part_rows=700)
    apply_to(open_store(tmp_path / "emb"), eraser, tmp_path / "out")
    found, whole = open_embeddings(tmp_path / "out"), apply_eraser(eraser, many)
    np.testing.assert_array_equal(found.vectors, whole.vectors)
    assert found.rows.equals(whole.rows)
    assert found.card == whole.card
    assert check_embeddings(tmp_path / "out") == ()


def test_nothing_is_left_of_a_folder_that_could_not_be_changed(
    people: Embeddings, tmp_path: Path
) -> None:
    write_embeddings(people, tmp_path / "emb")
    store = open_store(tmp_path / "emb")
    broken = tmp_path / "emb" / store.parts[0].name
    broken.write_bytes(broken.read_bytes()[:-9])
    with pytest.raises(StoreError, match="was changed since it was written"):
        apply_to(store, eraser_of(people), tmp_path / "out")
    assert not list((tmp_path).glob("out/*"))
