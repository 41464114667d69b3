"""The command line, end to end: from a folder of faces to a report, and every refusal."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evenface.cli import COMMANDS, main
from evenface.embed.folder import write_embeddings
from evenface.embed.store import embeddings_from_arrays, open_embeddings
from populations import Gaussian
from support import shared_folder, write_picture

FAST = ["--resamples", "200", "--seeds", "2"]
# Every study as it is by default, but for how long networks learn and how often.
BRIEF = """schema = "evenface.study/1"
[common]
seeds = 2
resamples = 200
[spaces]
epochs = 2
rates = [0.003]
[bias]
epochs = 2
rates = [0.003]
[erase]
training = []
probes = ["linear", "knn"]
splits = 1
"""


@pytest.fixture
def brief(tmp_path: Path) -> tuple[str, Path]:
    (tmp_path / "brief.toml").write_text(BRIEF)
    return "--study", tmp_path / "brief.toml"


def ok(*argv: object) -> None:
    assert main([str(a) for a in argv]) == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder of a whole run on a small tree of rendered faces."""

    def make(place: Path) -> None:
        # The one run of everything as it is by default.
        ok("demo", "--out", place / "out", "--identities", 6, "--images", 2)

    return shared_folder(tmp_path_factory, "demo", make) / "out"


def test_demo_leaves_everything_the_design_names(folder: Path) -> None:
    present = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    for name in ("checks", "map", "probe", "transfer"):
        assert f"results/{name}.json" in present
        assert f"results/{name}.parquet" in present
    expected = {"study.toml", "report.html", "embeddings/manifest.json"}
    expected |= {f"figures/{name}.{kind}" for name in ("checks", "map_all_2d", "probe", "transfer")
                 for kind in ("svg", "pdf")}  # fmt: skip
    assert expected <= present
    assert "synthetic" in (folder / "report.html").read_text(encoding="utf-8").lower()


def test_run_again_keeps_every_result(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {p: p.stat().st_mtime_ns for p in (folder / "results").glob("*.parquet")}
    ok("run", folder / "faces", "--out", folder)
    assert {p: p.stat().st_mtime_ns for p in before} == before
    *found, last = capsys.readouterr().out.splitlines()
    assert last == str(folder / "report.html")
    # Of several studies the first sentence of those that stand first in the report.
    saved = [json.loads((folder / "results" / f"{name}.json").read_text(encoding="utf-8"))
             for name in ("probe", "verify", "transfer")]  # fmt: skip
    assert found == [s["reading"][0] for s in saved]


def test_the_resolved_study_file_repeats_the_run(folder: Path, tmp_path: Path) -> None:
    ok("run", folder / "embeddings", "--study", folder / "study.toml", "--only", "probe",
       "--out", tmp_path / "again")  # fmt: skip
    first, again = (
        pl.read_parquet(f / "results" / "probe.parquet") for f in (folder, tmp_path / "again")
    )
    assert first.equals(again)


def test_a_changed_option_is_computed_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ok("probe", folder / "embeddings", "--out", out, "--probes", "linear", *FAST)
    first = (out / "results" / "probe.parquet").read_bytes()
    ok("probe", folder / "embeddings", "--out", out, "--probes", "knn", *FAST)
    assert (out / "results" / "probe.parquet").read_bytes() != first


def test_report_is_rebuilt_without_computing(folder: Path) -> None:
    before = (folder / "report.html").read_bytes()
    (folder / "report.html").unlink()
    ok("report", folder)
    assert (folder / "report.html").read_bytes() == before


@pytest.mark.parametrize("name", ["checks", "map", "probe", "transfer"])
def test_single_studies_print_their_reading(
    folder: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ok(name, folder / "embeddings", *FAST)
    saved = json.loads((folder / "results" / f"{name}.json").read_text(encoding="utf-8"))
    said = capsys.readouterr().out.splitlines()
    assert len(said) >= 2
    assert said[0].split()[0] == saved["reading"][0].split()[0]


def test_embed_export_import_round_trip(diveface: Path, tmp_path: Path) -> None:
    ok("embed", diveface, "--out", tmp_path / "emb", "--per-group", 5, "--images", 1)
    first = open_embeddings(tmp_path / "emb")
    assert len(first) == 30
    for kind in ("npz", "csv", "parquet"):
        ok("export", tmp_path / "emb", tmp_path / f"e.{kind}")
        ok("import", tmp_path / f"e.{kind}", "--out", tmp_path / kind)
        again = open_embeddings(tmp_path / kind)
        assert (again.vectors == first.vectors).all()
        assert again.rows["identity"].equals(first.rows["identity"])
        assert set(again.attributes) == {"gender", "ethnicity"}
    ok("check", tmp_path / "emb")


def test_imported_vectors_go_through_a_whole_run(tmp_path: Path, brief: tuple[str, Path]) -> None:
    made = Gaussian(identities=8).embeddings()
    np.save(tmp_path / "v.npy", made.vectors)
    made.rows.select("identity", "gender", "ethnicity").write_csv(tmp_path / "labels.csv")
    ok("import", tmp_path / "v.npy", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "emb")
    ok("run", tmp_path / "emb", "--out", tmp_path / "out", *brief)
    assert (tmp_path / "out" / "report.html").is_file()


def test_lists_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    ok("models")
    ok("datasets")
    said = capsys.readouterr().out
    for word in ("hog", "onnx:FILE", "licence", "diveface-4k120"):
        assert word in said
    for name in COMMANDS:
        ok(name, "--help")
        assert name in capsys.readouterr().out


def test_broken_pictures_are_recorded_and_skipped(diveface: Path, tmp_path: Path) -> None:
    person = diveface / "4K_120" / "HA4K_120" / "p0"
    (person / "empty.png").write_bytes(b"")
    (person / "text.jpg").write_text("this is no picture")
    whole = (person / "0.png").read_bytes()
    (person / "half.png").write_bytes(whole[: len(whole) // 2])
    ok("embed", diveface, "--out", tmp_path / "emb")
    made = open_embeddings(tmp_path / "emb")
    assert len(made) == 72
    assert {Path(p).name for p in made.failures["path"]} == {"empty.png", "text.jpg", "half.png"}


def manifest(folder: Path, rows: list[str], header: str = "path,identity,gender,ethnicity") -> Path:
    for k in range(12):
        write_picture(folder / f"{k}.png", seed=k)
    file = folder / "people.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


GOOD = [f"{k}.png,p{k},{'male' if k % 2 else 'female'},{'A' if k < 6 else 'B'}" for k in range(12)]


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (GOOD, "path,who,gender,ethnicity", "no column 'identity'"),
        ([r.replace(".png", ".jpg") for r in GOOD], None, "none of its 12 pictures"),
        ([*GOOD, GOOD[0]], None, "stand more than once"),
        ([r.replace("female", "male") for r in GOOD[:6]], None, "one group, 'male · A'"),
        (GOOD[:4], None, "5 or more are needed; for numbers worth reading, some twenty"),
        (GOOD, None, "no column named 'nope'"),
        ([r.rsplit(",", 2)[0] + ",x,y" for r in GOOD], "path,identity,left,right", "no gender"),
    ],
)
def test_bad_manifests_end_before_anything_is_embedded(
    tmp_path: Path, refused: Callable[..., str], rows: list[str], header: str | None, said: str
) -> None:
    file = manifest(tmp_path, rows, header or "path,identity,gender,ethnicity")
    options = ["--split-column", "nope"] if "nope" in said else []
    assert said in refused("run", file, "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out" / "embeddings").exists()


def test_bad_sources_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    out = tmp_path / "out"
    assert "no such file or folder" in refused("run", tmp_path / "no", "--out", out)
    (tmp_path / "empty").mkdir()
    assert "empty" in refused("run", tmp_path / "empty", "--out", out)
    write_picture(tmp_path / "loose" / "a.png")
    assert "no known layout" in refused("run", tmp_path / "loose", "--out", out)
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    assert "must end in" in refused("run", tmp_path / "x.xlsx", "--out", out)


def test_more_identities_than_there_are_is_refused(
    diveface: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    said = refused("run", diveface, "--out", tmp_path / "out", "--per-group", 7)
    assert "male · Asian: 6" in said
    assert "ask for 6 or fewer" in said


def test_a_folder_with_something_else_is_left_alone(
    diveface: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for command in (["run", diveface], ["embed", diveface], ["demo"]):
        assert "something else" in refused(*command, "--out", tmp_path / "mine")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_another_network_in_the_same_folder_is_refused(
    folder: Path, refused: Callable[..., str]
) -> None:
    said = refused("run", folder / "faces", "--out", folder, "--images", 1)
    assert "another embedding" in said


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["frobnicate"], "Unknown command"),
        (["run"], "SOURCE"),
        (["run", "x"], "out"),
        (["run", "x", "--out", "y", "--seeds", "many"], "many"),
        (["run", "x", "--out", "y", "--seeds", "0"], "seeds"),
        (["run", "x", "--out", "y", "--only", "map,magic"], "magic"),
        (["run", "x", "--out", "y", "--size", "big"], "--size"),
        (["run", "x", "--out", "y", "--mean", "1,2"], "three"),
        (["run", "x", "--out", "y", "--study", "no.toml"], "no.toml"),
        (["verify", "x", "--probes", "knn"], "belongs to probe, transfer and erase (see evenface "),
        (["run", "x", "--out", "y", "--probes=knn"], "in a study file (--study), under [probe]"),
        (["run", "x", "--out", "y", "--no-remedies"], "bias and verify (see evenface run --help)"),
        (["probe", "x", "--sed", "3"], "Did you mean --seed? (see evenface probe --help)"),
        (["report", "nowhere"], "nowhere"),
        (["check", "nowhere"], "nowhere"),
        (["probe", "nowhere"], "nowhere"),
    ],
)
def test_bad_usage_has_code_2_and_one_message(
    argv: list[str], said: str, refused: Callable[..., str]
) -> None:
    # The lowest version of the parser that is allowed puts quotes around options.
    assert said in refused(*argv).replace('"--seed"', "--seed")


def test_unknown_networks_and_probes_are_named(
    diveface: Path, folder: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    assert "hog" in refused("embed", diveface, "--model", "resnet", "--out", tmp_path / "e")
    assert "linear" in refused("probe", folder / "embeddings", "--probes", "oracle")
    (tmp_path / "no.onnx").write_bytes(b"not a network")
    model = f"onnx:{tmp_path / 'no.onnx'}"
    assert "no.onnx" in refused("embed", diveface, "--model", model, "--out", tmp_path / "e")


def test_a_study_file_s_faults_are_all_named(
    diveface: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    file = tmp_path / "study.toml"
    file.write_text(
        "[common]\nlevel = 2\nsede = 1\n[map]\ndims = [4]\n[probe]\nprobes = ['oracle']\n"
        "[transfer]\nprobes = []\n[bias]\nlosses = ['x']\n[erase]\nerasers = ['y']\n"
    )
    said = refused("run", diveface, "--study", file, "--out", tmp_path / "out")
    faults = ("common.level", "common.sede", "map.dims", "no probe named oracle", "(none given)")
    assert all(word in said for word in (*faults, "no loss named 'x'", "no eraser named 'y'"))
    # Before anything is embedded.
    assert not (tmp_path / "out").exists()


def test_bad_vectors_are_refused(tmp_path: Path, refused: Callable[..., str]) -> None:
    made = Gaussian(identities=3).embeddings()
    labels = tmp_path / "labels.csv"
    made.rows.select("identity", "gender", "ethnicity").write_csv(labels)
    out = tmp_path / "emb"
    vectors = made.vectors.copy()
    vectors[2, 1] = np.nan
    np.save(tmp_path / "nan.npy", vectors)
    assert "NaN" in refused("import", tmp_path / "nan.npy", "--labels", labels, "--out", out)
    np.save(tmp_path / "short.npy", made.vectors[:-1])
    assert "18 rows of labels for 17 vectors" in refused(
        "import", tmp_path / "short.npy", "--labels", labels, "--out", out
    )
    np.savez(tmp_path / "o.npz", vectors=np.array([{"a": 1}, None], dtype=object))
    assert "object" in refused("import", tmp_path / "o.npz", "--out", out)
    assert not out.exists()


def test_a_study_that_data_cannot_answer_is_skipped_and_said(
    tmp_path: Path, brief: tuple[str, Path]
) -> None:
    made = Gaussian(identities=8).embeddings()
    np.save(tmp_path / "v.npy", made.vectors)
    made.rows.select("identity", "gender").write_csv(tmp_path / "labels.csv")
    ok("import", tmp_path / "v.npy", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "emb")
    ok("run", tmp_path / "emb", "--out", tmp_path / "out", *brief)
    skipped = json.loads((tmp_path / "out" / "results" / "skipped.json").read_text())
    assert list(skipped) == ["transfer", "verify"]
    assert "ethnicity" in skipped["transfer"]
    assert "ethnicity" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_dataset_s_own_leaking_split_is_refused(
    tmp_path: Path, refused: Callable[..., str]
) -> None:
    made = Gaussian(identities=10, images=2).embeddings()
    side = ["train", "test"] * 60
    frame = made.rows.select("identity", "gender", "ethnicity").with_columns(side=pl.Series(side))
    frame.write_csv(tmp_path / "labels.csv")
    np.save(tmp_path / "v.npy", made.vectors)
    ok("import", tmp_path / "v.npy", "--labels", tmp_path / "labels.csv", "--out", tmp_path / "emb")
    for name in ("probe", "transfer"):
        said = refused(name, tmp_path / "emb", "--split-column", "side")
        assert "identities stand in both train and test" in said


def test_module_and_script_are_the_same_program(tmp_path: Path) -> None:
    write_embeddings(Gaussian(identities=3).embeddings(), tmp_path / "emb")
    for program in ([sys.executable, "-m", "evenface"], [Path(sys.executable).parent / "evenface"]):
        done = subprocess.run([*program, "check", tmp_path / "emb"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")
        done = subprocess.run([*program, "check", tmp_path], capture_output=True, text=True)
        assert done.returncode == 2
        assert done.stderr.startswith("evenface: error: ")
        assert "Traceback" not in done.stderr


def test_real_faces_end_in_a_report(real: Path, tmp_path: Path, brief: tuple[str, Path]) -> None:
    models = real / "models"
    out = tmp_path / "london"
    ok("run", real / "london" / "manifest.csv", "--model", f"onnx:{models / 'mobilefacenet.onnx'}",
       "--detector", models / "face_detection_yunet.onnx", "--out", out, *brief)  # fmt: skip
    made = open_embeddings(out / "embeddings")
    assert (len(made), made.failures.height) == (204, 0)
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "001_neutral" not in page


@pytest.fixture
def emb(tmp_path: Path) -> Path:
    """An embedding folder of 48 people, with a column of their names."""
    made = Gaussian(identities=8).embeddings()
    names = [f"Jane Doe {i}" for i in range(len(made))]
    rows = made.rows.with_columns(
        full_name=pl.Series(names), group=pl.lit("junk"), x=pl.col("gender"), y=pl.col("ethnicity")
    )
    write_embeddings(embeddings_from_arrays(made.vectors, rows), tmp_path / "emb")
    return tmp_path / "emb"


def contents(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (folder / "results").iterdir()}


def test_a_column_of_names_stays_out_of_report_and_results(emb: Path, tmp_path: Path) -> None:
    ok("run", emb, "--out", tmp_path / "out", "--only", "map,probe", *FAST)
    for file in (tmp_path / "out").rglob("*"):
        if file.is_file():
            assert b"Jane Doe" not in file.read_bytes(), file
    assert "full_name" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("gendr", "alone; there is a column 'gendr': did you mean it?"),
        ("hair", "No column gender: groups are by ethnicity alone.\n"),
    ],
)
def test_a_column_that_groups_lack_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: str, said: str
) -> None:
    made = Gaussian(identities=8).embeddings()
    rows = made.rows.rename({"gender": column})
    write_embeddings(embeddings_from_arrays(made.vectors, rows), tmp_path / "emb")
    ok("checks", tmp_path / "emb", "--out", tmp_path / "out", *FAST)
    assert said in capsys.readouterr().err
    ok("checks", tmp_path / "emb", *FAST)
    assert said in capsys.readouterr().err
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "no column gender (" in page
    assert "No column gender: groups are by ethnicity alone" in page
    # Who asks for groups knows of what they are made.
    ok("checks", tmp_path / "emb", "--group-by", "ethnicity", *FAST)
    assert "No column" not in capsys.readouterr().err


def test_a_column_called_group_is_not_the_demographic_group(emb: Path, tmp_path: Path) -> None:
    ok("run", emb, "--out", tmp_path / "out", "--only", "probe", *FAST)
    saved = json.loads((tmp_path / "out" / "results" / "probe.json").read_text(encoding="utf-8"))
    classes = saved["tables"]["headline"]["columns"]
    assert dict(zip(classes["target"], classes["classes"], strict=True))["group"] == 6


def test_a_network_larger_than_memory_is_told(emb: Path, refused: Callable[..., str]) -> None:
    wide = str(10**12)
    assert "not enough memory" in refused("spaces", emb, "--hidden", wide, "--losses", "softmax")


def test_attributes_called_like_coordinates_are_drawn(emb: Path, tmp_path: Path) -> None:
    ok("map", emb, "--out", tmp_path / "out", "--group-by", "x,y", *FAST)


def test_a_mistyped_option_loses_no_result(
    emb: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    ok("run", emb, "--out", out, "--only", "map", *FAST)
    before = contents(out)
    assert "nope" in refused(
        "run", emb, "--out", out, "--split-column", "nope", "--only", "map", *FAST
    )
    assert "nope" in refused("run", emb, "--out", out, "--group-by", "nope", "--only", "map", *FAST)
    assert "identity" in refused(
        "run", emb, "--out", out, "--split-column", "identity", "--only", "map", *FAST
    )
    assert contents(out) == before


def test_results_about_other_faces_are_not_overwritten(
    emb: Path, folder: Path, tmp_path: Path, refused: Callable[..., str]
) -> None:
    out = tmp_path / "out"
    quick = ["--probes", "linear", *FAST]
    ok("probe", emb, "--out", out, *quick)
    before = contents(out)
    assert "other faces" in refused("probe", folder / "embeddings", "--out", out, *quick)
    assert contents(out) == before


def test_results_about_other_groups_leave_the_report(emb: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ok("run", emb, "--out", out, "--group-by", "gender", "--only", "map,checks", *FAST)
    assert (out / "results" / "map.json").exists()
    assert list((out / "figures").glob("map_*"))
    ok("run", emb, "--out", out, "--only", "checks", *FAST)
    assert not (out / "results" / "map.json").exists()
    assert not list((out / "figures").glob("map_*"))
    assert "[embed]" not in (out / "study.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda saved: saved.update(numbers=[]),
        lambda saved: saved.update(tables={}),
        lambda saved: saved.update(config=[]),
        lambda saved: saved["context"].clear(),
        lambda saved: saved.update(schema="evenface.map/1"),
    ],
)
def test_damaged_results_are_refused_and_made_again(
    emb: Path, tmp_path: Path, refused: Callable[..., str], change: Callable[[dict], None]
) -> None:
    out = tmp_path / "out"
    ok("probe", emb, "--out", out, "--probes", "linear", *FAST)
    file = out / "results" / "probe.json"
    before = file.read_bytes()
    saved = json.loads(before)
    change(saved)
    file.write_text(json.dumps(saved), encoding="utf-8")
    assert "run the study again" in refused("report", out)
    ok("probe", emb, "--out", out, "--probes", "linear", *FAST)
    assert file.read_bytes() == before


@pytest.mark.parametrize("ending", [".outcomes.parquet", ".parquet"])
@pytest.mark.parametrize("data", [None, b"", b"PAR1"])
def test_tables_beside_a_result_are_made_again(
    emb: Path, tmp_path: Path, ending: str, data: bytes | None
) -> None:
    out = tmp_path / "out"
    ask = ("probe", emb, "--out", out, "--probes", "linear", *FAST)
    ok(*ask)
    file = out / "results" / f"probe{ending}"
    before = file.read_bytes()
    if data is None:
        file.unlink()
    else:
        file.write_bytes(data)
    ok(*ask)
    assert file.read_bytes() == before


@pytest.mark.parametrize("vectors", ["constant", "huge", "one number"])
def test_strange_vectors_end_in_a_report_or_in_words(
    tmp_path: Path, vectors: str, brief: tuple[str, Path]
) -> None:
    made = Gaussian(identities=6).embeddings()
    values = {
        "constant": np.ones_like(made.vectors),
        "huge": made.vectors * np.float32(1e30),
        "one number": made.vectors[:, :1].copy(),
    }[vectors]
    write_embeddings(embeddings_from_arrays(values, made.rows), tmp_path / "emb")
    ok("run", tmp_path / "emb", "--out", tmp_path / "out", *brief, "--seeds", "1")
    skipped = json.loads((tmp_path / "out" / "results" / "skipped.json").read_text())
    assert ("map" in skipped) == (vectors == "constant")


def test_an_interruption_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evenface.study.demo", interrupted)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 130
    assert "goes on from here" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error() -> None:
    line = f"{shlex.quote(sys.executable)} -m evenface models | head -c 0"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "asked",
    [
        ["vectors", "--identities", "2.5", "--out", "x"],
        ["erase", "x", "--splits", "1.9"],
        ["probe", "x", "--seeds", "2.7"],
        ["vectors", "--identities", "9" * 30, "--out", "x"],
        ["vectors", "--identities", "100000000", "--out", "x"],
    ],
)
def test_numbers_of_things_are_whole_and_can_be_had(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(asked) == 2
    assert re.search("no whole number|pictures at most", capsys.readouterr().err)
    assert not list(tmp_path.iterdir())
