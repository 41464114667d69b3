"""``evenface vectors``: a folder of vectors of made-up people that every study takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evenface.cli import main


def test_vectors_are_drawn_and_reported_as_synthetic(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    emb, out = tmp_path / "emb", tmp_path / "out"
    drawn = ["--identities", "8", "--images", "2", "--dimension", "16"]
    assert main(["vectors", "--out", str(emb), *drawn]) == 0
    said = capsys.readouterr().out
    assert "96 synthetic pictures of 48 identities, 16 numbers each" in said
    assert "    Black     0.940     0.970     0.910" in said
    assert main(["check", str(emb)]) == 0
    assert main(["checks", str(emb), "--out", str(out)]) == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Measured on 96 synthetic vectors of 48 identities" in page
    assert "Synthetic vectors:</strong> made up" in page
    assert page.count('<span class="badge">Synthetic vectors</span>') == page.count("<h2 ")
    assert "synthetic faces" not in re.sub(r"(?s)<script\b.*?</script>", "", page).lower()


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (["--dimension", "4"], "dimension must be a whole number of at least 8, not 4"),
        (["--identities", "0"], "identities_per_group must be a whole number of at least 1"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: list[str], said: str
) -> None:
    assert main(["vectors", "--out", str(tmp_path / "emb"), *option]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "emb").exists()


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    assert main(["vectors", "--out", str(tmp_path)]) == 2
    assert "isn't empty" in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
