"""Taking attributes out, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evenface.cli import main
from evenface.embed.folder import write_embeddings
from evenface.embed.store import open_embeddings
from evenface.erasers.methods import ERASERS
from evenface.erasers.saved import load_eraser
from populations import Gaussian


@pytest.fixture
def emb(tmp_path: Path) -> Path:
    write_embeddings(Gaussian(identities=15, images=2, separation=4).embeddings(), tmp_path / "emb")
    return tmp_path / "emb"


@pytest.mark.parametrize("method", ["leace", "mean-projection", "coral"])
def test_an_eraser_is_fitted_saved_and_applied(
    method: str, emb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "e.safetensors", tmp_path / "without"
    more = ["--eraser", method, "--attributes", "gender", "--out", str(file)]
    assert main(["fit-eraser", str(emb), *more]) == 0
    said = capsys.readouterr().out
    assert f"Eraser of gender by {method}" in said
    assert "fitted on 180 pictures of 90 identities" in said
    assert main(["apply-eraser", str(file), str(emb), "--out", str(out)]) == 0
    assert "180 vectors changed" in capsys.readouterr().out
    before, after = open_embeddings(emb), open_embeddings(out)
    men = (before.rows["gender"] == "male").to_numpy()

    def apart(vectors: np.ndarray) -> float:
        return float(np.linalg.norm(vectors[men].mean(axis=0) - vectors[~men].mean(axis=0)))

    assert apart(before.vectors) > 2
    assert apart(after.vectors) < 1e-3
    assert after.rows.drop("seen_by_eraser").equals(before.rows)
    assert after.card["erased"][0]["method"] == method
    # Erased vectors are not the network's own: folders of the two don't join.
    assert main(["join", str(emb), str(out), "--out", str(tmp_path / "both")]) == 2
    assert "model.erased" in capsys.readouterr().err


def test_a_strength_is_taken_over(emb: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "e.safetensors", tmp_path / "half"
    assert main(["fit-eraser", str(emb), "--attributes", "gender", "--out", str(file)]) == 0
    assert main(["apply-eraser", str(file), str(emb), "--out", str(out), "--strength", "0.5"]) == 0
    eraser, card = load_eraser(file)
    assert card["model"]["dimension"] == 8
    vectors = open_embeddings(emb).vectors
    found = open_embeddings(out)
    np.testing.assert_allclose(found.vectors, (vectors + eraser(vectors)) / 2, atol=1e-5)
    assert found.card["erased"][0]["strength"] == 0.5


def test_what_can_not_be_is_said(
    emb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "e.safetensors"

    def refused(*command: str) -> str:
        assert main(list(command)) == 2
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return said

    fit = ("fit-eraser", str(emb), "--out", str(file), "--attributes")
    assert "have no age" in refused(*fit, "age")
    assert "no eraser named 'lace'" in refused(*fit, "gender", "--eraser", "lace")
    assert "there is no such file" in refused(
        "apply-eraser", str(file), str(emb), "--out", str(tmp_path / "x")
    )
    file.write_bytes(b"nonsense")
    assert "evenface fit-eraser" in refused(
        "apply-eraser", str(file), str(emb), "--out", str(tmp_path / "x")
    )
    assert "is no eraser" in refused(*fit, "gender")
    file.unlink()
    assert main([*fit, "gender"]) == 0
    capsys.readouterr()
    assert str(emb) in refused("apply-eraser", str(file), str(emb), "--out", str(emb))
    assert "between 0 and 1" in refused(
        "apply-eraser", str(file), str(emb), "--out", str(tmp_path / "x"), "--strength", "2"
    )
    other = tmp_path / "wider"
    write_embeddings(Gaussian(identities=4, dimension=9).embeddings(), other)
    assert "9 dimensions" in refused(
        "apply-eraser", str(file), str(other), "--out", str(tmp_path / "x")
    )


def test_the_study_is_asked_and_reported(
    emb: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = ["erase", str(emb), "--attributes", "gender", "--erasers", ",".join(ERASERS),
               "--probes", "linear", "--strengths", "0.5", "--training", "none", "--seeds", "2",
               "--fmr", "0.1", "--out", str(out)]  # fmt: skip
    assert main(command) == 0, capsys.readouterr().err
    saved = json.loads((out / "results" / "erase.json").read_text(encoding="utf-8"))
    assert set(saved["tables"]["erasers"]["columns"]["eraser"]) == set(ERASERS)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Taken out:" in page
    assert "After LEACE" in page
