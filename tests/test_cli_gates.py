"""Gates of the command line: exit codes 0, 2 and 3, and what is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evenface.cli import main
from evenface.embed.folder import write_embeddings
from populations import Gaussian

FAST = ["--resamples", "100", "--seeds", "1"]
WRONG = "checks.label_conflicts < 90%"
RIGHT = "checks.label_conflicts > 90%"


@pytest.fixture(scope="module")
def emb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedding folder of 72 people whose genders can't be told apart across ethnicities."""
    place = tmp_path_factory.mktemp("gates") / "emb"
    write_embeddings(Gaussian(identities=12, separation=12, angle=1.5).embeddings(), place)
    return place


Ends = Callable[..., tuple[int, list[str], str]]


@pytest.fixture
def ends(capsys: pytest.CaptureFixture[str]) -> Ends:
    """Run a command; return its code, its lines and what it complains of."""

    def run(*argv: object) -> tuple[int, list[str], str]:
        capsys.readouterr()
        code = main([*map(str, argv), *FAST])
        said = capsys.readouterr()
        return code, said.out.splitlines(), said.err

    return run


def test_a_run_is_held_to_its_gates(emb: Path, tmp_path: Path, ends: Ends) -> None:
    out = tmp_path / "out"
    only = ["run", emb, "--out", out, "--only", "checks"]
    good = "checks.conflicts[attribute=gender] > 5%"
    code, said, errors = ends(*only, "--fail-on", good, "--fail-unless", WRONG)
    assert code == 0
    # What was found, the verdicts, and on the last line the report.
    assert said[-1] == str(out / "report.html")
    assert said[-5] == f"ok {good}: the only number is not shown to be above 0.05"
    assert said[-3] == f"ok {WRONG}: all 2 numbers are shown to be below 0.9"
    saved = json.loads((out / "results" / "checks.json").read_text(encoding="utf-8"))
    assert said[:-5] == saved["reading"][:3]
    assert "gate" not in errors
    # The second time nothing is computed, and every gate has its verdict.
    code, said, errors = ends(*only, "--fail-on", WRONG, "--fail-on", RIGHT, "--fail-unless", good)
    assert code == 3
    assert "kept from an earlier run" in errors
    assert errors.splitlines()[-1] == "evenface: 2 of 3 gates failed"
    assert [line.split(" ")[0] for line in said if line[0] != " "][-4:] == [
        "FAIL", "ok", "FAIL", str(out / "report.html")]  # fmt: skip


def test_single_studies_are_held_to_gates(emb: Path, tmp_path: Path, ends: Ends) -> None:
    one = ["transfer", emb, "--probes", "linear"]
    code, said, _ = ends(*one, "--fail-on", "transfer.gap > 5%")
    assert code == 3
    assert any(line.startswith("FAIL transfer.gap > 5%: ") for line in said)
    code, said, _ = ends(*one, "--out", tmp_path / "out", "--fail-on", "transfer.gap < -0.9")
    assert code == 0
    assert said[-1] == str(tmp_path / "out" / "report.html")
    assert said[-3].startswith("ok transfer.gap < -0.9: none of 12 numbers")


def test_what_cannot_be_judged_does_not_pass(emb: Path, ends: Ends) -> None:
    code, said, _ = ends("checks", emb, "--fail-on", "checks.failure_to_enrol > 1%")
    assert code == 3
    assert "cannot be judged" in said[-2]


def test_a_skipped_study_does_not_pass(tmp_path: Path, ends: Ends) -> None:
    few = Gaussian(identities=3).embeddings()
    write_embeddings(few, tmp_path / "emb")
    code, said, _ = ends(
        "run", tmp_path / "emb", "--out", tmp_path / "out", "--only", "checks,transfer",
        "--fail-on", "transfer.gap > 1%",
    )  # fmt: skip
    assert code == 3
    assert said[-2].startswith(
        "FAIL transfer.gap > 1%: cannot be judged: transfer needs two groups"
    )


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        (["--fail-on", "gap > 0.05"], "expected STUDY.METRIC"),
        (["--fail-unless", "transfer.gop > 0.05"], "it has accuracy, balanced_accuracy"),
        (["--fail-on", WRONG, "--fail-on", "bias.drop > 1%"], "bias is not asked here"),
        (["--fail-on", "change(checks.label_conflicts) > 1%"], "difference between two runs"),
    ],
)
def test_gates_that_make_no_sense_end_before_anything_is_done(
    emb: Path, tmp_path: Path, refused: Callable[..., str], gates: list[str], said: str
) -> None:
    out = tmp_path / "out"
    assert said in refused("run", emb, "--out", out, "--only", "checks,transfer", *gates)
    assert not out.exists()
    assert said in refused("checks", tmp_path / "nowhere", *gates)


def test_groups_that_nobody_has_are_named_at_the_end(
    emb: Path, refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--fail-on", "checks.label_conflicts[group=Martian] > 1%", "--fail-on", WRONG]
    assert "no group is 'Martian'; there are: all" in refused("checks", emb, *given, *FAST)
    assert main(["checks", str(emb), *given, *FAST]) == 2
    assert f"FAIL {WRONG}: " in capsys.readouterr().out


def test_a_closed_pipe_hides_no_failure(
    emb: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("evenface.cli.gates.say", closed)
    assert main(["checks", str(emb), "--fail-on", WRONG]) == 3
    assert capsys.readouterr().err == "evenface: 1 of 1 gate failed\n"
