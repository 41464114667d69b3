"""A store is read as far as it is asked for, and gives what is in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evenface.embed.folder import write_embeddings
from evenface.embed.moments import moments_of
from evenface.embed.parts import Part, PartVectors
from evenface.embed.store import Store, embeddings_from_arrays, open_embeddings, open_store
from evenface.errors import StoreError, VectorError

N, D = 1000, 7


@pytest.fixture(scope="module", params=["float32", "float16"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((N, D)) @ rng.standard_normal((D, D)) + 30
    rows = {
        "identity": [f"p{i // 3}" for i in range(N)],
        "gender": [("male", "female", None)[i % 3] for i in range(N)],
        "ethnicity": [f"e{i % 4}" for i in range(N)],
    }
    out = tmp_path_factory.mktemp("store") / "emb"
    write_embeddings(embeddings_from_arrays(vectors, rows), out, part_rows=300, dtype=request.param)
    return open_store(out)


def test_opening_reads_no_part(store: Store, tmp_path: Path) -> None:
    for name in ("manifest.json",):
        (tmp_path / name).write_bytes((store.folder / name).read_bytes())
    bare = open_store(tmp_path)
    assert (len(bare), bare.dimension, bare.fingerprint) == (N, D, store.fingerprint)
    with pytest.raises(StoreError, match=r"part-00000\.parquet is missing"):
        bare.rows()
    with pytest.raises(StoreError, match=r"part-00000\.parquet is missing"):
        list(bare.batches())


def test_vectors_stand_in_one_piece_in_a_file_that_others_read_too(store: Store) -> None:
    whole = open_embeddings(store.folder)
    assert all(part.vectors_at is not None for part in store.parts)
    for part, start in zip(store.parts, range(0, N, 300), strict=True):
        theirs = pl.read_parquet(store.folder / part.name)["embedding"].to_numpy()
        ours = PartVectors(store.folder, part, D, store.dtype)
        assert (ours.read(0, part.rows) == theirs).all()
        assert (whole.vectors[start : start + part.rows] == theirs).all()
        rows = np.array([5, 0, 99, 5])
        assert (ours.take(rows) == theirs[rows]).all()
        plain = Part(**{**part.entry(), "vectors_at": None})
        assert (PartVectors(store.folder, plain, D, store.dtype).read(2, 9) == theirs[2:9]).all()


def test_pyarrow_reads_a_part(store: Store) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(store.folder / store.parts[0].name)
    assert table.num_rows == 300
    assert str(table.schema.field("embedding").type) == (
        "fixed_size_list<element: halffloat>[7]"
        if store.dtype == "float16"
        else "fixed_size_list<element: float>[7]"
    )


@pytest.mark.parametrize(
    "where",
    [
        {"gender": "male"},
        {"gender": ["male", "female"], "ethnicity": "e2"},
        pl.col("identity").str.ends_with("7") & (pl.col("gender") == "female"),
    ],
)
def test_rows_and_batches_are_those_chosen(store: Store, where: Any) -> None:
    whole = open_embeddings(store.folder)
    chosen = (
        where
        if isinstance(where, pl.Expr)
        else pl.all_horizontal(
            pl.col(c).is_in([v] if isinstance(v, str) else v) for c, v in where.items()
        )
    )
    mask = whole.rows.select(chosen.fill_null(value=False)).to_series().to_numpy()
    assert 0 < mask.sum() < N
    wanted = whole.take(mask)
    assert store.rows(["sample_id", "ethnicity"], where).equals(
        wanted.rows.select("sample_id", "ethnicity")
    )
    for found in (
        list(store.batches(64, where=where)),
        list(store.random_batches(64, where=where)),
    ):
        rows = pl.concat([b.rows for b in found])
        vectors = np.concatenate([b.vectors for b in found])
        order = np.argsort(rows["sample_id"].to_numpy())
        assert (vectors[order] == wanted.vectors).all()
        assert rows["identity"].to_list()[order[3]] == wanted.rows["identity"][3]
        assert vectors.dtype == np.float32
    assert (store.load(where).vectors == wanted.vectors).all()


def test_random_batches_hold_every_row_once_in_an_order_of_their_own(store: Store) -> None:
    def order(seed: int, window: int = 2**12) -> list[str]:
        found = list(store.random_batches(64, seed=seed, window=window))
        assert [len(b.vectors) for b in found] == [64] * 15 + [40]
        return pl.concat([b.rows for b in found])["sample_id"].to_list()

    ids = store.rows(["sample_id"])["sample_id"].to_list()
    first = order(0)
    assert sorted(first) == ids
    assert first == order(0)
    assert first != order(1)
    # Mixed within a window, and not in the order of the file.
    place = {s: i for i, s in enumerate(ids)}
    steps = np.abs(np.diff([place[s] for s in order(0, 2**20)]))
    assert np.median(steps) > N / 8


def test_what_can_not_be_asked_for_is_said(store: Store) -> None:
    with pytest.raises(VectorError, match="no column 'mood'; it has sample_id"):
        store.rows(["mood"])
    with pytest.raises(VectorError, match="no column 'mood'"):
        list(store.batches(where={"mood": "calm"}))
    with pytest.raises(VectorError, match="at least one row"):
        list(store.batches(0))
    with pytest.raises(VectorError, match="no row of"):
        store.load({"gender": "neither"})
    with pytest.raises(VectorError, match="precision must be"):
        store.moments(precision="float8")
    with pytest.raises(VectorError, match="needs two vectors"):
        store.moments({"gender": "neither"})


def test_moments_are_numpys(store: Store) -> None:
    vectors = open_embeddings(store.folder).vectors.astype(np.float64)
    for precision, close in (("float32", 2e-6), ("float64", 1e-12)):
        found = store.moments(precision=precision)
        scale = np.sqrt(np.outer(*[np.diag(np.cov(vectors.T))] * 2))
        assert found.n == N
        assert np.abs(found.mean - vectors.mean(0)).max() < close * 30
        assert (np.abs(found.covariance - np.cov(vectors.T)) / scale).max() < close
        assert (found.covariance == found.covariance.T).all()


@settings(max_examples=25, deadline=None)
@given(
    cuts=st.lists(st.integers(0, 60), max_size=4),
    d=st.sampled_from([1, 3, 130]),
    offset=st.sampled_from([0.0, 1e4]),
    seed=st.integers(0, 99),
)
def test_moments_do_not_depend_on_where_blocks_end(
    cuts: list[int], d: int, offset: float, seed: int
) -> None:
    x = (np.random.default_rng(seed).standard_normal((60, d)) + offset).astype(np.float32)
    blocks = np.split(x, sorted(cuts))
    found = moments_of(blocks, d, "float64")
    exact = np.cov(x.astype(np.float64).T).reshape(d, d)
    assert np.allclose(found.mean, x.mean(0, dtype=np.float64), rtol=1e-12)
    assert np.allclose(found.covariance, exact, atol=1e-9)
