"""The studies that train networks on the command line: what they write, and what they refuse."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from evenface.cli import main, options
from evenface.embed.folder import write_embeddings
from evenface.studies.learning import LearnOptions
from evenface.studies.remedies import REMEDIES
from evenface.studies.table import load_result
from populations import ETHNICITIES, Gaussian, labelled
from support import shared_folder

SMALL = ["--hidden", "16,8", "--epochs", "3", "--batch", "32", "--resamples", "100",
         "--seeds", "2"]  # fmt: skip
QUICK = [*SMALL, "--rates", "0.003"]


@pytest.fixture(scope="module")
def emb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned") / "emb"
    write_embeddings(Gaussian(identities=40, seed=4).embeddings(), folder)
    return folder


@pytest.fixture(scope="module")
def out(emb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of both studies, asked by a study file."""

    def make(place: Path) -> None:
        study = place / "study.toml"
        quick = "hidden = [16, 8]\nepochs = 3\nrates = [0.003]\nbatch = 32\n"
        study.write_text(
            'schema = "evenface.study/1"\nstudies = ["spaces", "bias"]\n'
            "[common]\nresamples = 100\nseeds = 2\n"
            f'[spaces]\n{quick}dims = [1, 2, 3]\nbalance = ["balanced", "recorded"]\n'
            f'[bias]\n{quick}majority = "each"\nshares = [0.5]\n'
        )
        assert main(["run", str(emb), "--out", str(place / "out"), "--study", str(study)]) == 0

    return shared_folder(tmp_path_factory, "learned", make) / "out"


def test_the_help_states_the_defaults_that_are_used() -> None:
    source = Path(inspect.getsourcefile(options.LearnArgs) or "").read_text()
    body = source[source.index("class LearnArgs") :].split("\n\n\n")[0]
    said = re.findall(r"^    (\w+): .*?\[default: ([^\]]*)\]", body, re.MULTILINE | re.DOTALL)
    used = LearnOptions().model_dump()
    stated = {name: value for name, value in said if name != "losses"}
    assert set(stated) == {f.name for f in dataclasses.fields(options.LearnArgs)} - {"losses"}
    for name, value in stated.items():
        mine = used[name]
        shown = ",".join(map(str, mine)) if isinstance(mine, tuple) else mine
        same = float(value) == mine if isinstance(mine, float | int) else value == shown
        assert same, f"--{name}: the help says {value}, the default is {mine}"


def test_a_run_leaves_results_figures_and_chapters(out: Path) -> None:
    page = (out / "report.html").read_text()
    for name in ("spaces", "bias"):
        assert (out / "results" / f"{name}.json").exists()
        assert f'id="{name}"' in page
    drawn = {f.stem for f in (out / "figures").glob("*.svg")}
    majorities = {"bias"} | {f"bias_{k}" for k in range(2, 7)}
    assert {"spaces", "spaces_curves", "bias_spaces"} | majorities <= drawn
    for name in majorities:
        assert f"figures/{name}.svg" in page
    # Once for each majority: the three measures against the share, and both families of tests.
    assert page.count("kNN accuracy of the worst group.</span>") == 6
    assert page.count("learned balanced minus that at the share") >= 6
    assert page.count("Does one loss lose less?") == 6
    assert page.count("Does a remedy give accuracy back, at the largest share?") == 6
    assert page.count("<td>group-balanced sampling</td>") > 6


def test_results_hold_every_number_with_its_interval(out: Path) -> None:
    spaces = pl.read_parquet(out / "results" / "spaces.parquet")
    assert set(spaces["dims"].unique()) == {1, 2, 3}
    assert set(spaces["balance"].unique()) == {"balanced", "recorded"}
    bias = pl.read_parquet(out / "results" / "bias.parquet")
    assert bias["majority"].n_unique() == 6
    assert set(bias["remedy"].unique()) == {"none", "sampling", "weights", "logits", "dro"}
    for frame in (spaces, bias):
        known = frame.filter(pl.col("value").is_not_null())
        assert known.height == frame.height
        assert (known["low"] <= known["value"]).all()
        assert (known["value"] <= known["high"]).all()


@pytest.mark.parametrize("name", ["spaces", "bias"])
def test_commands_print_their_reading(
    name: str, emb: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--no-remedies", "--shares", "0.6"] if name == "bias" else []
    assert main([name, str(emb), *QUICK, *more]) == 0
    said = capsys.readouterr().out
    for loss in ("oftmax", "ontrastive", "riplet"):
        assert loss in said


def test_all_remedies_are_compared_where_classes_do_not_tell_groups(
    emb: Path, tmp_path: Path
) -> None:
    argv = [*QUICK, "--target", "gender", "--shares", "0.5", "--losses", "softmax,triplet"]
    assert main(["bias", str(emb), *argv, "--out", str(tmp_path / "out")]) == 0
    found = load_result(tmp_path / "out" / "results" / "bias.json").numbers
    for loss, left_out in (("softmax", set()), ("triplet", {"logits"})):
        own = found.filter(loss=loss, metric="worst_group_accuracy").drop_nulls("value")
        assert set(own["remedy"]) == set(REMEDIES) - left_out
    page = (tmp_path / "out" / "report.html").read_text()
    for title in ("group DRO", "adversarial branch"):
        assert f"<td>{title}</td>" in page


def test_losses_that_diverge_leave_the_others(emb: Path, tmp_path: Path) -> None:
    # Adam's steps of a million: softmax's slopes stay bounded, squared distances overflow.
    argv = [*SMALL, "--rates", "1e6", "--out", tmp_path / "out"]
    assert main(["spaces", str(emb), *map(str, argv)]) == 0
    found = load_result(tmp_path / "out" / "results" / "spaces.json")
    lost = found.tables["rates"].filter(pl.col("diverged").is_not_null())
    assert set(lost["loss"]) == {"contrastive", "triplet"}
    assert found.estimate(metric="knn_accuracy", loss="softmax", group="all").value is not None
    assert found.estimate(metric="knn_accuracy", loss="triplet", group="all").value is None
    page = (tmp_path / "out" / "report.html").read_text()
    assert "4 trainings of 6 diverged (contrastive and triplet)" in page


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["spaces", "--margin", "0"], "margin"),
        (["spaces", "--alpha", "-1"], "alpha"),
        (["spaces", "--losses", "softmax,hinge"], "hinge"),
        (["spaces", "--rates", "0"], "rates"),
        (["spaces", "--dims", "0"], "dims"),
        (["spaces", "--balance", "even"], "balance"),
        (["spaces", "--target", "height"], "height"),
        (["bias", "--majority", "Martian men"], "Martian men"),
        (["bias", "--shares", "0.1"], "is no majority"),
        (["bias", "--shares", "1"], "shares"),
        (["bias", "--shares", "0.99"], "can't be reached"),
        (["bias", "--total", "100000"], "100000"),
        (["bias", "--remedies", "prayer"], "prayer"),
        (["bias", "--remedies", "adversarial"], "each class here is one group"),
        (["bias", "--remedies", "weights", "--no-remedies"], "exclude"),
        (["transfer", "--train", "1000"], "at most"),
        (["transfer", "--test", "1"], "fewer than"),
    ],
)
def test_bad_options_are_refused_in_words(
    argv: list[str], said: str, emb: Path, refused: Callable[..., str]
) -> None:
    assert said in refused(argv[0], emb, *argv[1:])


def test_a_diverging_run_ends_in_words(emb: Path, refused: Callable[..., str]) -> None:
    message = refused("spaces", emb, *SMALL, "--rates", "1e30", "--losses", "contrastive")
    assert "diverged" in message
    assert "--rates" in message


def test_a_class_with_one_identity_is_left_out_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = Gaussian(identities=20, seed=5).embeddings()
    rows = whole.rows.select("sample_id", "identity", "gender", "ethnicity").rows()
    lonely = ("one", "one", "female", "Martian")
    write_embeddings(
        labelled(whole.vectors[[*range(len(rows)), 0]], [*rows, lonely]), tmp_path / "emb"
    )
    assert main(["spaces", str(tmp_path / "emb"), *QUICK]) == 0
    said = capsys.readouterr().out
    assert "Left out for too few identities" in said
    assert "Martian" in said


def test_transfer_learns_from_and_tests_as_many_people_as_asked(emb: Path, tmp_path: Path) -> None:
    argv = ["--train", "12", "--test", "6", "--probes", "linear", "--resamples", "100"]
    assert main(["transfer", str(emb), *argv, "--seeds", "1", "--out", str(tmp_path / "o")]) == 0
    found = load_result(tmp_path / "o" / "results" / "transfer.json")
    sizes = dict(found.tables["sizes"].select("train_on", "identities").rows())
    assert sizes == {**dict.fromkeys(ETHNICITIES, 12), "all, size-matched": 12, "all": 36}
    assert set(found.numbers.filter(pl.col("test_on").is_in(ETHNICITIES))["n_identities"]) == {6}
