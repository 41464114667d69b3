"""Vectors in from other programs, out to them, and back the same."""

from __future__ import annotations

import io
import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evenface.embed.exchange import export_embeddings, import_vectors
from evenface.embed.store import Embeddings, embeddings_from_arrays, open_embeddings
from evenface.errors import StoreError, VectorError
from evenface.faces.table import sample_id

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
PEOPLE = ["a", "a", "b", "b"]
KINDS = ["npz", "csv", "parquet"]


def save(to: Path, /, **arrays: Any) -> Path:
    np.savez(to, **arrays)
    return to


def same(a: Embeddings, b: Embeddings) -> None:
    assert a.rows.equals(b.rows)
    assert a.rows.schema == b.rows.schema
    assert a.vectors.tobytes() == b.vectors.tobytes()


TRICKY = [
    *(
        'say "hi"',
        "a,b",
        "two\nlines",
        "cr\r\nlf",
        "lone\rcr",
        "😀👩🏽\u200d🦱",
        "é" * 300,
        "'",
        "\\n",
    ),
    *("#x", "1e5", "007", "-0.0", "true", ";", "\t", "e0", "..", "\u200bx"),
]
letters = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
label = st.one_of(st.none(), st.sampled_from(TRICKY), st.text(letters, max_size=12))
name = st.sampled_from(["gender", "ethnicity", "age", "age2", "mood 😀", 'q"uote', "a,b", "file"])


@st.composite
def embeddings(draw: st.DrawFn) -> Embeddings:
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 5)))
    finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
    vectors = draw(hnp.arrays(np.float32, shape, elements=finite))
    n = shape[0]
    person = st.one_of(st.sampled_from(TRICKY), st.text(letters, min_size=1, max_size=12))
    people = draw(st.lists(person.filter(lambda s: s.strip()), min_size=n, max_size=n))
    rows: dict[str, Any] = {"identity": [p if usable(p) else "x" for p in people]}
    for column in draw(st.lists(name, unique=True, max_size=4)):
        rows[column] = draw(st.lists(label, min_size=n, max_size=n))
    if draw(st.booleans()):
        rows["path"] = [f"ordner/{i}.jpg" for i in range(n)]
        rows["faces_found"] = draw(st.lists(st.none() | st.integers(0, 9), min_size=n, max_size=n))
    frame = pl.DataFrame(rows, schema_overrides={c: pl.String for c in rows if c != "faces_found"})
    return embeddings_from_arrays(vectors, frame)


def usable(text: str) -> bool:
    return pl.Series([text]).str.strip_chars()[0] != ""


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(wanted=embeddings())
def test_import_of_an_export_is_the_same(kind: str, wanted: Embeddings) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = export_embeddings(wanted, Path(folder) / f"x.{kind}")
        same(import_vectors(file, Path(folder) / "out"), wanted)
        same(open_embeddings(Path(folder) / "out"), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_tricky_labels_all_come_back(kind: str, tmp_path: Path) -> None:
    n = len(TRICKY)
    wanted = embeddings_from_arrays(
        np.random.default_rng(0).normal(size=(n, 3)),
        {"identity": ["p" + t for t in TRICKY], "note": ["<" + t + ">" for t in TRICKY]},
    )
    assert wanted.rows["note"].null_count() == 0
    same(import_vectors(export_embeddings(wanted, tmp_path / f"x.{kind}"), tmp_path / "o"), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_embeddings_export_to_the_same_bytes(kind: str, tmp_path: Path) -> None:
    emb = embeddings_from_arrays(VECTORS, {"identity": PEOPLE})
    a, b = (export_embeddings(emb, tmp_path / n, to=kind) for n in ("a.x", "b.x"))
    assert a.read_bytes() == b.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.x", "b.x"]


def test_an_npz_export_holds_no_objects(tmp_path: Path) -> None:
    rows = {"identity": PEOPLE, "gender": ["m", None, "f", "f"]}
    file = export_embeddings(embeddings_from_arrays(VECTORS, rows), tmp_path / "x.npz")
    with np.load(file, allow_pickle=False) as found:
        assert found["gender"].tolist() == ["m", "", "f", "f"]
        assert found["gender"].dtype.kind == "U"
        assert (found["vectors"] == VECTORS).all()


def test_exports_that_could_not_be_read_back_are_refused(tmp_path: Path) -> None:
    for attribute, kind in (("vectors", "npz"), ("e12", "csv")):
        emb = embeddings_from_arrays(VECTORS, {"identity": PEOPLE, attribute: PEOPLE})
        with pytest.raises(VectorError, match=f"named {attribute} would be taken"):
            export_embeddings(emb, tmp_path / f"x.{kind}")
    emb = embeddings_from_arrays(VECTORS, {"identity": PEOPLE})
    with pytest.raises(VectorError, match="npz, csv, parquet, datasets were expected"):
        export_embeddings(emb, tmp_path / "x.pkl")
    with pytest.raises(StoreError, match="can't be written"):
        export_embeddings(emb, tmp_path / "none" / "x.npz")
    with pytest.raises(VectorError, match="no rows"):
        export_embeddings(emb.take([]), tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_the_imported_card_names_the_file(tmp_path: Path) -> None:
    found = import_vectors(
        save(tmp_path / "x.npz", vectors=VECTORS, identity=PEOPLE), tmp_path / "o"
    )
    assert (found.card["name"], found.card["file"], len(found.card["sha256"])) == (
        "imported",
        "x.npz",
        64,
    )
    assert found.card["dimension"] == 3
    assert found.source["layout"] == "imported npz"


def test_npz_the_only_matrix_of_floats_is_the_vectors(tmp_path: Path) -> None:
    file = save(
        tmp_path / "x.npz",
        feats=VECTORS.astype(np.float64),
        who=np.arange(4),
        boxes=np.zeros((4, 4), int),
        ages=np.array([31.0, 5.5, np.nan, 2.0]),
        whole=np.array([1.0, 2.0, np.nan, 4.0]),
        raw=np.array([b"x", b"y", b"z", b"w"]),
    )
    found = import_vectors(file, tmp_path / "o", identity="who")
    assert found.vectors.tolist() == VECTORS.tolist()
    assert found.rows["identity"].to_list() == ["0", "1", "2", "3"]
    assert found.attributes == ("ages", "whole", "raw")
    assert found.rows["ages"].to_list() == ["31.0", "5.5", None, "2.0"]
    assert found.rows["whole"].to_list() == ["1", "2", None, "4"]
    assert found.source["notes"][0]["examples"] == ["boxes"]


def test_npz_a_key_can_be_chosen_and_attributes_too(tmp_path: Path) -> None:
    file = save(
        tmp_path / "x.npz", a=VECTORS, b=VECTORS[:, :2], identity=PEOPLE, g=PEOPLE, h=PEOPLE
    )
    found = import_vectors(file, tmp_path / "o", vectors="b", attributes=["h"])
    assert found.dimension == 2
    assert found.attributes == ("h",)


def objects(path: Path) -> Path:
    np.savez(path, vectors=np.array([[1, "a"], [None, 2]], object), identity=["a", "b"])
    return path


@pytest.mark.parametrize(
    ("arrays", "options", "says"),
    [
        ({"a": VECTORS, "b": VECTORS}, {}, r"no array 'vectors'; it holds a float32 \(4, 3\), b"),
        ({"vectors": VECTORS}, {"vectors": "embs"}, "no array 'embs'; it holds vectors"),
        ({"vectors": VECTORS}, {}, "holds no labels"),
        ({"vectors": VECTORS, "who": PEOPLE}, {}, "no column 'identity'.*it has who"),
        ({"vectors": VECTORS, "identity": PEOPLE[:3]}, {}, r"'identity' have shape \(3,\)"),
        ({"vectors": VECTORS, "identity": PEOPLE}, {"attributes": ["sex"]}, "no attributes sex"),
        ({"vectors": VECTORS[:0], "identity": np.array([], str)}, {}, "no vectors"),
        ({"vectors": VECTORS[0], "identity": ["a", "b", "c"]}, {}, "two axes"),
        ({"vectors": np.ones((4, 2, 2)), "identity": PEOPLE}, {}, "two axes"),
        ({"vectors": VECTORS * np.nan, "identity": PEOPLE}, {}, "4 of 4 vectors hold NaN"),
        ({"vectors": np.array([["a"]] * 4), "identity": PEOPLE}, {}, "real numbers"),
        ({"vectors": VECTORS, "identity": ["a", "", "b", "b"]}, {}, "no identity"),
        ({"vectors": VECTORS, "identity": PEOPLE, "path": ["x"] * 4}, {}, "more than once"),
        ({"vectors": VECTORS, "identity": [b"\xff"] * 4}, {}, "not UTF-8"),
        ({"vectors": VECTORS, "identity": PEOPLE}, {"attributes": ["identity"]}, "can't be attr"),
    ],
)
def test_npz_files_that_can_not_be_used_say_why(
    tmp_path: Path, arrays: Any, options: Any, says: str
) -> None:
    with pytest.raises(VectorError, match=says):
        import_vectors(save(tmp_path / "x.npz", **arrays), tmp_path / "o", **options)
    assert not (tmp_path / "o").exists()


class Trap:
    """An object whose unpickling would be seen."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path(tempfile.gettempdir()) / "evenface-pickle-was-run",)


@pytest.mark.parametrize("form", ["npz", "npy", "pickle as npy", "pickle as npz"])
def test_a_pickle_is_never_loaded(tmp_path: Path, form: str) -> None:
    seen = Path(tempfile.gettempdir()) / "evenface-pickle-was-run"
    seen.unlink(missing_ok=True)
    file = tmp_path / f"x.{form[-3:]}"
    trap = np.array([[Trap()]], object)
    if form == "npz":
        save(file, vectors=trap, identity=["a"])
    elif form == "npy":
        np.save(file, trap, allow_pickle=True)
    else:
        file.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(VectorError, match="never loaded"):
        import_vectors(file, tmp_path / "o")
    assert not seen.exists()


def test_npy_with_labels_beside(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VECTORS)
    for suffix in ("csv", "parquet"):
        labels = tmp_path / f"labels.{suffix}"
        frame = pl.DataFrame({"identity": PEOPLE, "age": [1, 2, 3, 4]})
        frame.write_csv(labels) if suffix == "csv" else frame.write_parquet(labels)
        found = import_vectors(tmp_path / "x.npy", tmp_path / suffix, labels=labels)
        assert found.rows["age"].to_list() == ["1", "2", "3", "4"]
    with pytest.raises(VectorError, match=r"holds no labels.*--labels"):
        import_vectors(tmp_path / "x.npy", tmp_path / "o")
    with pytest.raises(VectorError, match="single array; leave 'v' out"):
        import_vectors(tmp_path / "x.npy", tmp_path / "o", vectors="v", labels=labels)
    (tmp_path / "short.csv").write_text("identity\na\n")
    with pytest.raises(VectorError, match="1 rows of labels for 4 vectors"):
        import_vectors(tmp_path / "x.npy", tmp_path / "o", labels=tmp_path / "short.csv")
    with pytest.raises(VectorError, match=r"\.csv or \.parquet was expected"):
        import_vectors(tmp_path / "x.npy", tmp_path / "o", labels=tmp_path / "labels.txt")


@pytest.mark.parametrize("key", ["sample_id", "path"])
def test_labels_are_joined_by_key_in_the_vectors_order(tmp_path: Path, key: str) -> None:
    file = save(
        tmp_path / "x.npz", vectors=VECTORS, **{key: ["w", "x", "y", "z"]}, identity=["?"] * 4
    )
    labels = tmp_path / "labels.csv"
    labels.write_text(f"{key},identity,mood\nz,dan,4\nq,eve,5\nw,ann,1\ny,cat,3\nx,bob,2\n")
    found = import_vectors(file, tmp_path / "o", labels=labels)
    assert found.rows["identity"].to_list() == ["ann", "bob", "cat", "dan"]
    assert found.rows["mood"].to_list() == ["1", "2", "3", "4"]
    (note,) = found.source["notes"]
    assert (note["kind"], note["count"], note["examples"]) == ("label without vector", 1, ["q"])
    if key == "path":
        assert found.rows["sample_id"].to_list() == [sample_id(p) for p in "wxyz"]


def test_labels_that_do_not_match_are_counted_and_named(tmp_path: Path) -> None:
    file = save(tmp_path / "x.npz", vectors=VECTORS, sample_id=["w", "x", "y", "z"])
    labels = tmp_path / "labels.csv"
    labels.write_text("sample_id,identity\nw,a\nx,b\nq,c\n")
    with pytest.raises(
        VectorError, match=r"2 of 4 vectors.*'y', 'z'.*1 labels have no vector \('q'\)"
    ):
        import_vectors(file, tmp_path / "o", labels=labels)
    labels.write_text("sample_id,identity\nw,a\nw,b\nx,c\ny,d\nz,e\n")
    with pytest.raises(VectorError, match=r"labels\.csv: 1 values of sample_id stand more"):
        import_vectors(file, tmp_path / "o", labels=labels)


def table(**columns: Any) -> pl.DataFrame:
    return pl.DataFrame({"identity": PEOPLE, **columns})


NUMBERED = {f"v{i}": VECTORS[:, i].tolist() for i in (2, 0, 1)}


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("columns", "chosen", "dimension", "attributes"),
    [
        (NUMBERED, None, 3, ()),
        ({"age": [1, 2, 3, 4], **NUMBERED}, None, 3, ("age",)),
        ({"age": [1, 2, 3, 4], "m": ["x"] * 4, "x": [1.0, 2.0, 3.0, 4.5]}, None, 1, ("age", "m")),
        ({**NUMBERED, "w0": [1, 2, 3, 4], "w1": [1, 2, 3, 4]}, "v", 3, ("w0", "w1")),
        ({**NUMBERED, "w": ["x"] * 4}, "v1..v2", 2, ("v0", "w")),
        ({"id1": PEOPLE, "id2": PEOPLE, **NUMBERED}, None, 3, ("id1", "id2")),
    ],
)  # fmt: skip
def test_columns_of_the_vector_are_found(
    tmp_path: Path, suffix: str, columns: Any, chosen: Any, dimension: int, attributes: Any
) -> None:
    file = tmp_path / f"x.{suffix}"
    frame = table(**columns)
    frame.write_csv(file) if suffix == "csv" else frame.write_parquet(file)
    found = import_vectors(file, tmp_path / "o", vectors=chosen)
    assert found.dimension == dimension
    assert found.attributes == attributes
    if chosen is None and dimension == 3:
        assert found.vectors.tolist() == VECTORS.tolist()


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("identity,v0,v1\na,1,2\nb,x,4\n", {}, r"'v0' .* holds 'x' in row 2"),
        ("identity,v0,v1\na,1,2\nb,,4\n", {}, r"'v0' .* holds None in row 2"),
        ("identity,v0,v1\na,1,2\nb,nan,4\n", {}, "1 of 2 vectors hold NaN"),
        ("identity,v0,v1,w0,w1\na,1,2,3,4\n", {}, r"several sets .*v0\.\.v1, w0\.\.w1.*--vectors"),
        ("identity,v0,v1\na,1,2\n", {"vectors": "e0..e127"}, "lacks vectors .*128 of them"),
        ("identity,v0,v1\na,1,2\n", {"vectors": "q"}, "lacks vectors 'q'"),
        ("identity,mood\na,happy\n", {}, "no columns of numbers"),
        ("identity,v0,v1\n", {"vectors": "v"}, "no vectors"),
        ("", {}, "can't be read"),
        ("identity,v0,v1\na,1,2\nb,1,2,3,4\n", {}, "can't be read"),
        ("v0,v1\n1,2\n", {}, "holds no labels"),
    ],
)
def test_csv_files_that_can_not_be_used_say_why(
    tmp_path: Path, text: str, options: Any, says: str
) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(VectorError, match=says) as caught:
        import_vectors(tmp_path / "x.csv", tmp_path / "o", **options)
    assert str(caught.value)
    assert not (tmp_path / "o").exists()


def test_a_csv_that_starts_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes("﻿identity,v0,v1\r\nä,1,2\r\n".encode())
    found = import_vectors(tmp_path / "x.csv", tmp_path / "o")
    assert found.rows["identity"].to_list() == ["ä"]
    assert found.vectors.tolist() == [[1, 2]]


def test_a_row_index_without_a_name_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(",identity,v0,v1\n0,a,1,2\n1,b,3,4\n")
    found = import_vectors(tmp_path / "x.csv", tmp_path / "o")
    assert found.attributes == ()
    assert found.vectors.tolist() == [[1, 2], [3, 4]]
    (tmp_path / "x.csv").write_text("identity,v0,v1,v1\na,1,2,3\n")
    with pytest.raises(VectorError, match="several columns named v1"):
        import_vectors(tmp_path / "x.csv", tmp_path / "p")


def test_a_parquet_list_column_is_found(tmp_path: Path) -> None:
    file = tmp_path / "x.parquet"
    lists = pl.Series(VECTORS.astype(float).tolist())
    table(face=lists, tags=[["x"]] * 4).write_parquet(file)
    found = import_vectors(file, tmp_path / "o")
    assert found.vectors.tolist() == VECTORS.tolist()
    assert found.attributes == ()
    table(a=lists, b=lists).write_parquet(file)
    with pytest.raises(VectorError, match=r"several lists \(a, b\)"):
        import_vectors(file, tmp_path / "p")
    assert import_vectors(file, tmp_path / "p", vectors="b").dimension == 3


@pytest.mark.parametrize(
    ("lists", "says"),
    [
        ([[1.0], [1.0, 2.0], [1.0], [1.0]], "lengths from 1 to 2"),
        ([[1.0], None, [1.0], [1.0]], "1 rows have no vector"),
        ([[1.0], [None], [1.0], [1.0]], "1 of 4 vectors hold NaN"),
        ([[]] * 4, "no vectors"),
    ],
)
def test_parquet_lists_that_can_not_be_used_say_why(tmp_path: Path, lists: Any, says: str) -> None:
    table(face=pl.Series(lists, dtype=pl.List(pl.Float64))).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(VectorError, match=says):
        import_vectors(tmp_path / "x.parquet", tmp_path / "o")


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "parquet"])
@pytest.mark.parametrize(
    "content", [b"\x00\xff\xfe rubbish \x80" * 20, b"PK\x03\x04", b"\x93NUMPY"]
)
def test_rubbish_is_named(tmp_path: Path, suffix: str, content: bytes) -> None:
    file = tmp_path / f"x.{suffix}"
    file.write_bytes(content)
    with pytest.raises(VectorError, match=rf"x\.{suffix}"):
        import_vectors(file, tmp_path / "o")


@pytest.mark.parametrize("suffix", ["npy", "npz", "csv", "parquet"])
def test_a_missing_file_is_named(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(VectorError, match=rf"none\.{suffix}"):
        import_vectors(tmp_path / f"none.{suffix}", tmp_path / "o")


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, vectors=VECTORS, identity=PEOPLE)
    data = bytearray(buffer.getvalue())
    at = data.index(VECTORS.tobytes())
    data[at] ^= 0xFF
    (tmp_path / "x.npz").write_bytes(data)
    with pytest.raises(VectorError, match="'vectors' can't be read"):
        import_vectors(tmp_path / "x.npz", tmp_path / "o")


def test_an_unknown_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VectorError, match=r"ends in \.xlsx; \.npy, \.npz, \.csv, \.parquet, \.pkl"):
        import_vectors(tmp_path / "x.xlsx", tmp_path / "o")


def test_a_used_folder_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "o").mkdir()
    (tmp_path / "o" / "mine.txt").write_text("x")
    with pytest.raises(StoreError, match="isn't empty"):
        import_vectors(tmp_path / "x.npz", tmp_path / "o")
    (tmp_path / "empty").mkdir()
    file = save(tmp_path / "x.npz", vectors=VECTORS, identity=PEOPLE)
    assert len(import_vectors(file, tmp_path / "empty")) == 4
