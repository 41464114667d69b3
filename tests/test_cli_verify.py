"""``evenface verify`` on the command line: what it writes and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evenface.cli import main
from evenface.embed.folder import write_embeddings
from evenface.embed.store import embeddings_from_arrays
from evenface.studies.table import load_result
from populations import Gaussian

FAST = ["--resamples", "100", "--no-remedies"]
Refused = Callable[..., str]


@pytest.fixture(scope="module")
def emb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six groups of twelve people with two pictures each."""
    place = tmp_path_factory.mktemp("verify") / "emb"
    rng = np.random.default_rng(0)
    vectors, rows = [], []
    for g in range(6):
        for i in range(12):
            person = rng.normal(size=10)
            for k in range(2):
                vectors.append(person + 0.5 * rng.normal(size=10))
                rows.append((f"P{g}_{i}", f"lfw/P{g}_{i}/P{g}_{i}_000{k + 1}.jpg",
                             ("man", "woman")[g % 2], "ABC"[g // 2]))  # fmt: skip
    frame = pl.DataFrame(rows, schema=["identity", "path", "gender", "ethnicity"], orient="row")
    write_embeddings(embeddings_from_arrays(np.array(vectors), frame), place)
    return place


def test_it_prints_its_reading(emb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(emb), *FAST]) == 0
    said = capsys.readouterr().out
    assert said.startswith("At the threshold for an FMR of 0.01 over everybody")
    assert "72 genuine pairs" in said


def test_thresholds_are_taken_over(emb: Path, tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    assert main(["verify", str(emb), "--out", str(one), "--fmr", "0.01", *FAST]) == 0
    take = ["--thresholds-from", str(one)]
    assert main(["verify", str(emb), "--out", str(other), *take, *FAST]) == 0
    first, second = (
        pl.read_parquet(f / "results" / "verify.parquet").filter(metric="fmr") for f in (one, other)
    )
    assert first.equals(second)


def test_what_is_given_is_said_first(emb: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(emb), "--threshold", "0.6,0.4", "--resamples", "100"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("At the given threshold (0.600)")
    assert "0.400" not in said
    # Remedies are judged at the FMR that the threshold has.
    assert "are shown to change FNMR over everybody at a target FMR of" in said or (
        "is shown to change FNMR over everybody at a target FMR of" in said
    )


def test_thresholds_of_other_scores_are_not_taken_over(
    emb: Path, tmp_path: Path, refused: Refused
) -> None:
    one = tmp_path / "one"
    argv = ["verify", str(emb), "--out", str(one), "--similarity", "euclidean"]
    assert main([*argv, "--fmr", "0.01", *FAST]) == 0
    said = refused("verify", emb, "--thresholds-from", one, *FAST)
    assert "a threshold holds for its own scores" in said
    file = one / "results" / "verify.json"
    threshold = load_result(file).tables["points"]["threshold"][0]
    text = file.read_text()
    assert str(threshold) in text
    file.write_text(text.replace(str(threshold), "NaN"))
    other = ["--thresholds-from", one, "--similarity", "euclidean"]
    assert "is no score" in refused("verify", emb, *other, *FAST)


def test_a_gate_holds_it_to_an_error_rate(emb: Path) -> None:
    only = ["verify", str(emb), "--fmr", "0.01", *FAST]
    assert main([*only, "--fail-unless", "verify.fnmr[fmr_target=0.01] < 1%"]) == 3
    assert main([*only, "--fail-on", "verify.fmr[attribute=gender] > 50%"]) == 0


def test_lists_of_pairs_are_judged(
    emb: Path, tmp_path: Path, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["10\t1"]
    for fold in range(10):
        lines += [f"P0_{fold}\t1\t2", f"P0_{fold}\t1\tP1_{fold}\t1"]
    file = tmp_path / "pairs.txt"
    file.write_text("\n".join(lines) + "\n")
    assert main(["verify", str(emb), "--pairs", str(file), "--fmr", "0.5", *FAST]) == 0
    said = capsys.readouterr().out
    assert "Accuracy of the list, by its own folds:" in said
    file.write_text(file.read_text().replace("P0_3\t1\t2", "P0_3\t1\t77"))
    said = refused("verify", emb, "--pairs", file, *FAST)
    assert "P0_3_0077" in said
    assert "line 8" in said
    assert main(["verify", str(emb), "--pairs", str(file), "--missing-pairs", "skip", *FAST]) == 0


def test_a_run_goes_on_with_the_list_that_is_there_now(emb: Path, tmp_path: Path) -> None:
    file, out = tmp_path / "pairs.csv", tmp_path / "out"

    def pairs_after(lines: list[str]) -> dict[str, int]:
        file.write_text("a,b\n" + "\n".join(lines) + "\n")
        argv = ["verify", str(emb), "--pairs", str(file), "--fmr", "0.5", "--out", str(out)]
        assert main([*argv, *FAST]) == 0
        return load_result(out / "results" / "verify.json").context["pairs"]

    def pair(a: str, b: str) -> str:
        return f"lfw/{a[:-2]}/{a[:-2]}_000{a[-1]}.jpg,lfw/{b[:-2]}/{b[:-2]}_000{b[-1]}.jpg"

    lines = [pair(f"P0_{k}_1", f"P0_{k}_2") for k in range(8)]
    lines += [pair(f"P0_{k}_1", f"P1_{j}_1") for k in range(8) for j in range(4)]
    assert pairs_after(lines)["genuine"] == 8
    assert pairs_after(lines[1:])["genuine"] == 7


def test_a_missing_list_is_told_before_anything_is_embedded(
    tmp_path: Path, refused: Refused
) -> None:
    study = tmp_path / "study.toml"
    study.write_text('schema = "evenface.study/1"\n[verify]\npairs = "gone.txt"\n')
    said = refused("run", tmp_path / "no_faces", "--study", study, "--out", tmp_path / "out")
    assert "gone.txt: can't be read" in said
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--fmr", "2"], "between 0 and 1"),
        (["--fmr", "often"], "not a list of numbers"),
        (["--alpha", "1.5"], "alpha"),
        (["--remedies", "prayer"], "prayer"),
        (["--pairs", "missing.txt"], "missing.txt"),
        (["--thresholds-from", "nowhere"], "no thresholds to take over"),
        (["--threshold", "nan"], "threshold"),
        (["--threshold", "0.3,1.5"], "threshold 1.5: cosines lie between -1 and 1"),
        (["--threshold", "0.9", "--similarity", "euclidean"], "for a distance of 0.9 give -0.9"),
        (["--threshold", "-1e300", "--similarity", "euclidean"], "no score in single precision"),
        (["--thresholds-from", "one", "--fmr", "0.05"], "exclude each other"),
        (["--missing-pairs", "skip"], "give pairs"),
    ],
)
def test_bad_options_are_refused(emb: Path, refused: Refused, argv: list[str], said: str) -> None:
    assert said in refused("verify", emb, *argv)


def test_one_picture_a_person_is_refused_in_words(tmp_path: Path, refused: Refused) -> None:
    write_embeddings(Gaussian(identities=6).embeddings(), tmp_path / "emb")
    said = refused("verify", tmp_path / "emb")
    assert "no identity has two pictures" in said
    assert "--images 2" in said
