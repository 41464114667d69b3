"""Lists of pairs: layouts, how names find rows, and what is refused or left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.errors import ConfigError, SourceError
from evenface.pairs.listed import PairList, read_pairs
from evenface.pairs.naming import find_rows

PEOPLE = [f"P{i}" for i in range(6)]
PATHS = [f"lfw/{p}/{p}_{k:04d}.jpg" for p in PEOPLE for k in range(1, 11)]


def rows_of(paths: list[str], identity: Any = None) -> pl.DataFrame:
    who = [p.split("/")[-2] if "/" in p else p for p in paths] if identity is None else identity
    ids = [f"id{i:03d}" for i in range(len(paths))]
    return pl.DataFrame({"sample_id": ids, "path": paths, "identity": who})


ROWS = rows_of(PATHS)


def at(person: int, number: int) -> int:
    return 10 * person + number - 1


def written(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def lfw(folds: int, each: int, header: str) -> str:
    """A list in LFW's form, no pair of it twice."""
    lines = [header]
    for f in range(folds):
        lines += [f"P{f}\t{k + 1}\t{k + 2}" for k in range(each)]
        lines += [f"P{f}\t{k + 1}\tP{(f + 1) % 6}\t{k + 1}" for k in range(each)]
    return "\n".join(lines) + "\n"


def refused(file: Path, said: str, rows: pl.DataFrame = ROWS, **options: Any) -> str:
    with pytest.raises(SourceError, match=re.escape(said)) as caught:
        read_pairs(file, rows, **options)
    assert str(caught.value).startswith(str(file))
    return str(caught.value)


def kinds(pairs: PairList) -> dict[str, int]:
    return {n.kind: n.count for n in pairs.notes}


def test_lfw_s_folds(tmp_path: Path) -> None:
    pairs = read_pairs(written(tmp_path, "pairs.txt", lfw(3, 2, "3\t2")), ROWS)
    assert pairs.first.tolist()[:4] == [at(0, 1), at(0, 2), at(0, 1), at(0, 2)]
    assert pairs.second.tolist()[:4] == [at(0, 2), at(0, 3), at(1, 1), at(1, 2)]
    assert pairs.genuine.tolist() == [True, True, False, False] * 3
    assert pairs.fold.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert (pairs.notes, pairs.has_folds, len(pairs)) == ((), True, 12)
    assert {a.dtype for a in (pairs.first, pairs.second, pairs.fold)} == {np.dtype(np.intp)}
    assert repr(pairs) == "PairList: 6 genuine and 6 impostor pairs, 3 folds; 0 things noted"


def test_lfw_s_development_list_has_no_folds(tmp_path: Path) -> None:
    text = "\ufeff" + lfw(1, 4, "4").replace("\t", "  ").replace("\n", "\r\n") + "\n\n"
    pairs = read_pairs(written(tmp_path, "pairsDevTrain.txt", text), ROWS)
    assert pairs.fold.tolist() == [-1] * 8
    assert not pairs.has_folds
    assert pairs.genuine.sum() == 4


def test_rfw_s_tenths_are_folds(tmp_path: Path) -> None:
    paths = [f"data/Asian/m.0{p}x/m.0{p}x_{k:04d}.jpg" for p in range(10) for k in (1, 2, 3)]
    lines = []
    for p in range(10):
        lines += [f"m.0{p}x\t1\t3", f"m.0{p}x\t0002\t0001"]
        lines += [f"m.0{p}x\t{k}\tm.0{(p + 1) % 10}x\t{k}" for k in (1, 2)]
    pairs = read_pairs(written(tmp_path, "Asian_pairs.txt", "\n".join(lines)), rows_of(paths))
    assert pairs.fold.tolist() == np.repeat(np.arange(10), 4).tolist()
    assert pairs.first.tolist()[:4] == [0, 1, 0, 1]
    assert pairs.second.tolist()[:4] == [2, 0, 3, 4]
    assert pairs.genuine.sum() == 20
    # Sorted by kind, tenths aren't alike.
    lines.sort(key=lambda line: line.count("\t"))
    pairs = read_pairs(written(tmp_path, "sorted.txt", "\n".join(lines)), rows_of(paths))
    assert (pairs.has_folds, kinds(pairs)) == (False, {"no folds": 40})


@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet"])
@pytest.mark.parametrize(
    ("a", "b", "label"),
    [("a", "b", "genuine"), ("Path_A", "path_b", "Same"), ("p1", "p2", "label"),
     ("image1", "image2", None)],
)  # fmt: skip
def test_tables(tmp_path: Path, ending: str, a: str, b: str, label: str | None) -> None:
    table = pl.DataFrame({
        "score": [0.5, 0.1, 0.2],
        b: ["P0/P0_0002.jpg", PATHS[12], "P3_0001"],
        a: ["id000", "P0/P0_0001.jpg", "P3_0002.png"],
        "fold": [10, 2, 10],
    })  # fmt: skip
    if label:
        table = table.with_columns(pl.Series(label, [True, False, True]))
    file = tmp_path / f"pairs.{ending}"
    if ending == "parquet":
        table.write_parquet(file)
    else:
        table.write_csv(file, separator="\t" if ending == "tsv" else ",")
    pairs = read_pairs(file, ROWS)
    assert pairs.first.tolist() == [0, 0, at(3, 2)]
    assert pairs.second.tolist() == [1, at(1, 3), at(3, 1)]
    assert pairs.genuine.tolist() == [True, False, True]
    assert pairs.fold.tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    "said", [(1, 0), ("TRUE", "false"), (1.0, 0.0), ("Same", "different"), (1, -1)]
)
def test_ways_to_say_genuine(tmp_path: Path, said: tuple[Any, Any]) -> None:
    names = {"a": PATHS[:2], "b": [PATHS[1], PATHS[10]], "label": list(said)}
    pl.DataFrame(names).write_parquet(tmp_path / "p.parquet")
    for rows in (ROWS, ROWS.drop("identity"), rows_of(PATHS, [None, ""] * 30)):
        assert read_pairs(tmp_path / "p.parquet", rows).genuine.tolist() == [True, False]


def test_unknown_pictures(tmp_path: Path) -> None:
    text = lfw(2, 2, "2 2").replace("P0\t2\t3", "P0\t2\t77").replace("P1\t1\tP2", "Nobody\t1\tP2")
    file = written(tmp_path, "pairs.txt", text)
    said = refused(file, "line 3: no picture 'P0/P0_0077' among the 60 that are embedded")
    assert "unknown in all: 2 names (then 'Nobody/Nobody_0001') in 2 of 8 pairs" in said
    pairs = read_pairs(file, ROWS, missing="skip")
    (note,) = pairs.notes
    assert (note.kind, note.count, len(pairs)) == ("unknown picture", 2, 6)
    assert note.examples == ("P0/P0_0077", "Nobody/Nobody_0001")
    assert pairs.fold.tolist() == [0, 0, 0, 1, 1, 1]
    refused(file, "no pair is left of 8", rows_of(["x.jpg"]), missing="skip")
    with pytest.raises(ConfigError, match="there are 'error', 'skip'"):
        read_pairs(file, ROWS, missing="drop")


def test_a_name_that_fits_two_pictures(tmp_path: Path) -> None:
    file = written(tmp_path, "pairs.csv", "a,b\nx/1.jpg,2.jpg\n1.jpg,2.jpg\n")
    rows = rows_of(["x/1.jpg", "y/1.jpg", "y/2.jpg"])
    said = refused(file, "row 2 below the header: '1.jpg' fits more than one picture", rows)
    assert "'x/1.jpg' and 'y/1.jpg'" in said


def test_what_is_left_out(tmp_path: Path) -> None:
    a, b, c = PATHS[0], PATHS[1], PATHS[10]
    text = f"a,b\n{a},{b}\n{b},{a}\n{a},id000\n{a},{b}\n{c},{b}\n"
    pairs = read_pairs(written(tmp_path, "pairs.csv", text), ROWS)
    assert (pairs.first.tolist(), pairs.second.tolist()) == ([0, 10], [1, 1])
    assert kinds(pairs) == {"same picture": 1, "pair listed twice": 2}
    pairs = read_pairs(written(tmp_path, "pairs.csv", text[: text.index(c)]), ROWS)
    assert kinds(pairs)["only genuine"] == 1
    pairs = read_pairs(written(tmp_path, "pairs.csv", f"a,b\n{c},{b}\n"), ROWS)
    assert kinds(pairs) == {"only impostor": 1}
    file = written(tmp_path, "pairs.csv", f"a,b\n{c},{c}\n")
    refused(file, "no pair is left of 1: Pairs of a picture with itself left out: 1.")


def test_lists_that_contradict(tmp_path: Path) -> None:
    a, b, c = PATHS[0], PATHS[1], PATHS[10]
    file = written(tmp_path, "p.csv", f"a,b,same\n{a},{b},1\n{a},{c},1\n{b},{c},1\n")
    said = refused(file, "row 2 below the header: 'lfw/P0/P0_0001.jpg' and 'lfw/P1/P1_0001.jpg'")
    assert "listed as of one person, but by their identities they are of two" in said
    assert "such pairs in all: 2" in said
    # Nobody knows better where rows have no identity.
    nobody = ROWS.with_columns(pl.lit(None, pl.String).alias("identity"))
    assert read_pairs(file, nobody).genuine.all()
    file = written(tmp_path, "p.csv", f"a,b,same\n{a},{b},1\n{c},{a},1\n{b},{a},0\n")
    said = refused(file, "row 3 below the header", nobody)
    assert "stand at row 1 below the header too, once as of one person and once as of two" in said
    file = written(tmp_path, "p.csv", f"a,b\n{a},{b}\n")
    refused(file, "row 1 below the header: nothing says whether", nobody)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("p.txt", "", "is empty and is no list of pairs that is known"),
        ("p.txt", "hello world\n", "begins with 'hello world' and is no list"),
        ("p.txt", "a.jpg b.jpg 1\n", "Save it as a .csv with columns a, b and genuine"),
        ("p.txt", "10\t0\n", "holds no pair"),
        ("p.txt", "1\n", "promises 1 x 1 pairs of each kind, 2 lines, but 0 follow"),
        ("p.txt", lfw(2, 2, "2\t3"), "promises 2 x 3 pairs of each kind, 12 lines, but 8 follow"),
        ("p.txt", "1\nP0 1 P1 1\nP0 1 2\n", "line 2: a pair of one person was expected"),
        ("p.txt", "P0 1 2\nP0 1\nP0 x 2\n", "line 2: 'P0 1' was read; expected 'name n1 n2'"),
        ("p.txt", "P0 1 2\nP0 1 P0 2\n", "line 2: 'P0 1 P0 2' was read"),
        ("p.txt", "P0 1 2\nP0 1 " + "9" * 5000, "line 2: 5005 characters long"),
        ("p.txt", b"P0 1 2\n\xff\xfe 1 2\n", "line 2: not UTF-8"),
        ("p.csv", "", "it is empty"),
        ("p.csv", "a,b\n", "holds no pair"),
        ("p.csv", "x,y\n1,2\n", "no two columns that name pictures (a/b, "),
        ("p.csv", "a,b\nP0_0001\n", "line 2: 1 fields, but the header has 2"),
        ("p.csv", "a,b\nP0_0001,\n", "row 1 below the header: nothing in column 'b'"),
        ("p.csv", f"a,b\nP0_0001,{'x' * 200_000}\n", "field larger than field limit"),
        ("p.csv", f"a,b\nP0_0001,{'x' * 9000}\n", "xxx...' among the 60"),
        ("p.csv", b"a,b\n\xe9,x\n", "line 2: not UTF-8"),
        ("p.csv", "a,b,label\nP0_0001,P0_0002,2\n", "'2' in column 'label'; expected 1 or true"),
        ("p.csv", "a,b,fold\nP0_0001,P0_0002,\n", "nothing in column 'fold'; a fold was expected"),
        ("p.parquet", "no parquet", "can't be read as a table"),
    ],
)  # fmt: skip
def test_broken_files(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    message = refused(written(tmp_path, name, text), said)
    assert len(message) < 1000


def test_files_that_are_none(tmp_path: Path) -> None:
    refused(tmp_path / "pairs.txt", "no such file")
    refused(tmp_path, "is a folder")
    pl.DataFrame({"a": [[1]], "b": ["x"]}).write_parquet(tmp_path / "p.parquet")
    refused(tmp_path / "p.parquet", "column 'a' is of type List(Int64); text was expected")


def found(names: list[str], paths: list[str]) -> dict[str, int | str | None]:
    table = find_rows(pl.Series(names, dtype=pl.String), rows_of(paths))
    assert sorted(table["name"]) == sorted(names)
    return {n: r if o is None else "several" for n, r, o in table.iter_rows()}


def test_how_names_find_rows() -> None:
    paths = ["lfw/A/A_0001.jpg", "lfw/A/A_0002.PNG", "lfw/B/1.jpg", "lfw/C/1.jpg", "D_0001.jpg"]
    assert found(["id002", "lfw/B/1.jpg", "./B/1.jpg", "B\\1", "C/1.png", "A_0002"], paths) == {
        "id002": 2, "lfw/B/1.jpg": 2, "./B/1.jpg": 2, "B\\1": 2, "C/1.png": 3, "A_0002": 1,
    }  # fmt: skip
    # Whole folders and endings only; no part of a name.
    assert found(["1.jpg", "1", "/1.jpg", "001.jpg", "w/B/1.jpg", "A_0001.jpg.jpg"], paths) == {
        "1.jpg": "several", "1": "several", "/1.jpg": None, "001.jpg": None, "w/B/1.jpg": None,
        "A_0001.jpg.jpg": None,
    }  # fmt: skip
    # More than the path: of one folder above, or named after the picture's own.
    assert found(["/d/lfw/B/1.jpg", "/d/lfw/C/1.jpg"], paths) == {
        "/d/lfw/B/1.jpg": 2, "/d/lfw/C/1.jpg": 3,
    }  # fmt: skip
    assert found(["/d/lfw/B/1.jpg", "/e/lfw/C/1.jpg"], paths) == {
        "/d/lfw/B/1.jpg": None, "/e/lfw/C/1.jpg": None,
    }  # fmt: skip
    assert found(["D/D_0001", "/d/lfw/A/A_0001.jpg"], paths) == {
        "D/D_0001": 4, "/d/lfw/A/A_0001.jpg": 0,
    }  # fmt: skip
    # Which of two names is another picture's, nobody knows.
    assert found(["D/D_0001", "x/D/D_0001.jpg"], paths) == {
        "D/D_0001": None, "x/D/D_0001.jpg": None,
    }  # fmt: skip
    assert found(["m.0x_0001"], ["m.0x/m.0x_0001.jpg"]) == {"m.0x_0001": 0}
    assert found(["a"], []) == {"a": None}


NAME = st.text("ab", min_size=1, max_size=2)
PATH = st.lists(NAME, min_size=1, max_size=3).map("/".join)


@settings(max_examples=40, deadline=None)
@given(names=st.lists(PATH, min_size=1, max_size=6, unique=True), data=st.data())
def test_names_equal_a_loop(names: list[str], data: st.DataObject) -> None:
    paths = data.draw(st.lists(PATH, max_size=8, unique=True))
    ours = found(names, paths)
    for name in names:
        if name in paths:
            assert ours[name] == paths.index(name)
            continue
        ends = [i for i, p in enumerate(paths) if p.endswith("/" + name)]
        if ends:
            assert ours[name] == (ends[0] if len(ends) == 1 else "several")
        elif ours[name] is not None:
            assert name.endswith("/" + paths[ours[name]])  # type: ignore[index]


@settings(max_examples=25, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 59), st.integers(0, 59)), min_size=1, max_size=30),
)
def test_tables_equal_a_loop(tmp_path_factory: Any, pairs: list[tuple[int, int]]) -> None:
    file = tmp_path_factory.mktemp("pairs") / "p.csv"
    lines = [f"{PATHS[i]},id{j:03d}" for i, j in pairs]
    file.write_text("\n".join(["a,b", *lines]))
    kept: list[tuple[int, int]] = []
    for i, j in pairs:
        if i != j and (i, j) not in kept and (j, i) not in kept:
            kept.append((i, j))
    if not kept:
        refused(file, "no pair is left")
        return
    listed = read_pairs(file, ROWS)
    assert list(zip(listed.first.tolist(), listed.second.tolist(), strict=True)) == kept
    assert listed.genuine.tolist() == [i // 10 == j // 10 for i, j in kept]
    left = sum(n.count for n in listed.notes if not n.kind.startswith("only"))
    assert left == len(pairs) - len(kept)


def pairs_of(**changed: Any) -> PairList:
    given = {
        "first": np.array([0, 2, 0]), "second": np.array([1, 3, 2]),
        "genuine": np.array([True, True, False]), "fold": np.array([-1, -1, -1]),
    }  # fmt: skip
    return PairList(**{**given, **changed})


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"genuine": np.array([1, 1, 0])}, "genuine of a list of pairs must be an array of bool"),
        ({"first": [0, 2, 0]}, "first of a list of pairs must be an array of integer"),
        ({"fold": np.array([-1, -1])}, r"fold of a list of pairs has shape \(2,\)"),
        ({"fold": np.array([-1, 0, 1])}, "some pairs of the list have a fold"),
    ],
)
def test_lists_made_by_programs_are_held_to_their_form(changed: Any, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        pairs_of(**changed)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"second": np.array([1, -1, 2])}, "pair 1 of the list names a row outside 0 to 3"),
        ({"second": np.array([1, 3, 4])}, "pair 2 of the list names a row outside 0 to 3"),
        ({"second": np.array([0, 3, 2])}, "pair 0 of the list is of a row with itself"),
        ({"genuine": np.array([False, True, True])}, "pair 0 .* identities; such pairs in all: 2"),
    ],
)
def test_lists_made_by_programs_are_held_against_the_rows(changed: Any, said: str) -> None:
    pairs_of().check(["a", "a", "b", "b"])
    with pytest.raises(SourceError, match=said):
        pairs_of(**changed).check(["a", "a", "b", "b"])
