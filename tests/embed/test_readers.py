"""Files of vectors and labels that are damaged, hostile or of odd types."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.exchange import export_embeddings, import_vectors
from evenface.embed.folder import write_embeddings
from evenface.embed.store import embeddings_from_arrays
from evenface.errors import StoreError, VectorError

VECTORS = np.arange(12, dtype=np.float32).reshape(4, 3) / 7
PEOPLE = ["a", "a", "b", "b"]
NINES = "9" * 5000


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


def shaped(shape: str) -> bytes:
    return npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}", b"x" * 48)


@pytest.mark.parametrize(
    "content",
    [
        shaped("(1000000000000, 512)"),
        shaped("(10000000000000000000000, 512)"),
        shaped("(-4, -3)"),
        shaped(f"({NINES}, 3)"),
        npy("{'descr': '<f4', 'fortran_order"),
        npy("((((('''"),
        npy("(" * 3000),
        npy("{'descr': 'zz', 'fortran_order': False, 'shape': (3,)}"),
    ],
)
def test_a_broken_header_is_a_vector_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(VectorError, match=r"x\.npy") as caught:
        import_vectors(tmp_path / "x.npy", tmp_path / "o")
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("kept", [0, 1, 3, 5, 6, 9, 30, 80, -1])
def test_a_truncated_file_is_not_called_a_pickle(tmp_path: Path, suffix: str, kept: int) -> None:
    file = tmp_path / f"x.{suffix}"
    np.save(file, VECTORS) if suffix == "npy" else np.savez(file, vectors=VECTORS, identity=PEOPLE)
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(VectorError, match=rf"x\.{suffix}") as caught:
        import_vectors(file, tmp_path / "o")
    assert "pickle" not in str(caught.value)


@pytest.mark.parametrize("chosen", [f"e0..e{NINES}", f"e{NINES}..e1", "e0..e999999999", NINES])
def test_ranges_beyond_all_columns_are_refused(tmp_path: Path, chosen: str) -> None:
    (tmp_path / "x.csv").write_text("identity,e0,e1\na,1,2\n")
    with pytest.raises(VectorError, match=r"lacks vectors .* any of them") as caught:
        import_vectors(tmp_path / "x.csv", tmp_path / "o", vectors=chosen)
    assert len(str(caught.value)) < 500


def test_headers_of_5000_digits_are_labels(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(f"identity,q{NINES},v0,v1\na,x,1,2\nb,y,3,4\n")
    found = import_vectors(tmp_path / "x.csv", tmp_path / "o")
    assert (found.dimension, found.attributes) == (2, (f"q{NINES}",))
    with pytest.raises(VectorError, match="lacks vectors 'q'"):
        import_vectors(tmp_path / "x.csv", tmp_path / "p", vectors="q")


ODD = {
    "duration": pl.Series([timedelta(1)] * 4),
    "struct": pl.Series([{"x": 1}] * 4),
    "binary": pl.Series([b"\xff"] * 4),
    "list": pl.Series([["x"]] * 4),
}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("kind", ODD)
def test_columns_that_are_no_text_are_left_out_with_a_note(
    tmp_path: Path, kind: str, beside: bool
) -> None:
    labels = pl.DataFrame({"identity": PEOPLE, "odd": ODD[kind]})
    file: Path = tmp_path / "x.parquet"
    options: dict[str, Any] = {}
    if beside:
        labels.write_parquet(tmp_path / "labels.parquet")
        file, options = tmp_path / "x.npy", {"labels": tmp_path / "labels.parquet"}
        np.save(file, VECTORS)
    else:
        labels.with_columns(v0=pl.lit(1.5), v1=pl.lit(2.5)).write_parquet(file)
    found = import_vectors(file, tmp_path / "o", **options)
    assert found.attributes == ()
    (note,) = found.source["notes"]
    assert (note["kind"], note["count"], note["examples"]) == ("column ignored", 1, ["odd"])
    with pytest.raises(VectorError, match="labels 'odd' are"):
        import_vectors(file, tmp_path / "p", attributes=["odd"], **options)


@pytest.mark.parametrize("kind", ODD)
def test_columns_that_are_no_numbers_are_no_vectors(tmp_path: Path, kind: str) -> None:
    odd = {"v0": ODD[kind], "v1": ODD[kind]}
    pl.DataFrame({"identity": PEOPLE, **odd}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(VectorError, match="no columns of numbers"):
        import_vectors(tmp_path / "x.parquet", tmp_path / "o")
    with pytest.raises(VectorError, match="column 'v0' of the vectors is"):
        import_vectors(tmp_path / "x.parquet", tmp_path / "o", vectors="v")


def test_labels_with_half_a_surrogate_pair_are_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", vectors=VECTORS, identity=["a", "b", "c\ud800", "d"])
    with pytest.raises(VectorError, match=r"x\.npz: labels 'identity' .* row 3"):
        import_vectors(tmp_path / "x.npz", tmp_path / "o")
    with pytest.raises(VectorError, match="no table of labels"):
        embeddings_from_arrays(VECTORS, {"identity": ["a", "b", "c\ud800", "d"]})


def test_a_broken_encoding_names_the_line(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", VECTORS)
    (tmp_path / "labels.csv").write_bytes(b"identity\na\nb\n\xe9ric\nd\n")
    with pytest.raises(VectorError, match=r"labels\.csv, line 4: not UTF-8"):
        import_vectors(tmp_path / "x.npy", tmp_path / "o", labels=tmp_path / "labels.csv")


def test_vectors_that_are_not_finite_are_named_by_file_and_row(tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[[1, 3], 0] = np.nan
    ids = ["w", "x", "y", "z"]
    np.savez(tmp_path / "x.npz", vectors=vectors, identity=PEOPLE, sample_id=ids)
    says = r"x\.npz: 2 of 4 vectors hold NaN or infinity \(rows 2, 4; sample_id x, z\)"
    with pytest.raises(VectorError, match=says):
        import_vectors(tmp_path / "x.npz", tmp_path / "o")


def test_a_fault_of_faces_found_is_one_line() -> None:
    with pytest.raises(VectorError, match="face_size numbers") as caught:
        embeddings_from_arrays(VECTORS, {"identity": PEOPLE, "faces_found": ["x"] * 4})
    assert "\n" not in str(caught.value)


def test_an_embedding_folder_is_no_place_for_an_export(tmp_path: Path) -> None:
    emb = write_embeddings(embeddings_from_arrays(VECTORS, {"identity": PEOPLE}), tmp_path / "emb")
    before = sorted(p.name for p in (tmp_path / "emb").iterdir())
    for name in ("x.npz", "part-00000.parquet"):
        with pytest.raises(StoreError, match="is an embedding folder; export to a place outside"):
            export_embeddings(emb, tmp_path / "emb" / name)
    assert sorted(p.name for p in (tmp_path / "emb").iterdir()) == before
    assert export_embeddings(emb, tmp_path / "x.npz").is_file()
