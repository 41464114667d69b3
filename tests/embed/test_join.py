"""Folders are joined where their vectors mean the same, and refused where they don't."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.embed.contract import contract_of
from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.embed.exchange import import_vectors
from evenface.embed.folder import write_embeddings
from evenface.embed.join import join_embeddings
from evenface.embed.store import open_embeddings
from evenface.errors import StoreError
from evenface.faces.split import frame_persons

CARD: dict[str, Any] = {
    "name": "net",
    "sha256": "a" * 64,
    "output": "fc7",
    "color": "BGR",
    "mean": [1.0, 2.0, 3.0],
    "contract": "vggface2/1",
}
CROPS: dict[str, Any] = {"align": "yunet", "crop": "box", "contract": "vggface2/1"}


def made(n: int, seed: int = 0, card: Any = (), crops: Any = (), **columns: Any) -> Embeddings:
    rows = {"identity": [f"p{i // 2}" for i in range(n)], "gender": ["male", "female"] * (n // 2)}
    return embeddings_from_arrays(
        np.random.default_rng(seed).normal(size=(n, 5)),
        pl.DataFrame({**rows, **columns}),
        card={**CARD, **dict(card)},
        preprocessing={**CROPS, **dict(crops)},
        failures=pl.DataFrame(
            {"sample_id": ["f"], "path": ["x"], "identity": ["p0"], "stage": ["read"],
             "reason": ["gone"]}
        ),
    )  # fmt: skip


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    write_embeddings(made(6), tmp_path / "a")
    write_embeddings(made(4, 1, ethnicity=["Asian"] * 4), tmp_path / "b")
    return tmp_path / "a", tmp_path / "b"


def test_rows_vectors_and_failures_are_all_there(two: tuple[Path, Path], tmp_path: Path) -> None:
    joined = join_embeddings(two, tmp_path / "c")
    a, b = map(open_embeddings, two)
    assert np.array_equal(joined.vectors, np.concatenate([a.vectors, b.vectors]))
    assert joined.rows["dataset"].to_list() == ["a"] * 6 + ["b"] * 4
    assert joined.rows["ethnicity"].to_list() == [None] * 6 + ["Asian"] * 4
    assert joined.failures["sample_id"].to_list() == ["a/f", "b/f"]
    assert joined.card == a.card
    assert joined.preprocessing == a.preprocessing
    assert open_embeddings(tmp_path / "c").rows.equals(joined.rows)


def test_people_of_one_name_in_two_folders_stay_two(two: Any, tmp_path: Path) -> None:
    joined = join_embeddings(two, tmp_path / "c")
    assert joined.rows["identity"].n_unique() == 3 + 2
    assert joined.rows["sample_id"].is_unique().all()


def test_a_picture_in_both_makes_its_people_one(tmp_path: Path) -> None:
    shared = ["h0", "h1", "h2", "h3"]
    for name, hashes in (("a", shared), ("b", ["h0", "h5", "h6", "h7"])):
        write_embeddings(made(4, sha256=hashes), tmp_path / name)
    joined = join_embeddings([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    who = frame_persons(joined.rows)
    assert who[0] == who[4]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"card": {"sha256": "b" * 64}}, r"model\.sha256 is 'aaa.* in .*a and 'bbb.* in .*b"),
        ({"card": {"color": "RGB"}}, r"model\.color is 'BGR' in .* and 'RGB' in"),
        ({"card": {"mean": 0.0}}, r"model\.mean is \[1\.0, 2\.0, 3\.0\] in .* and 0\.0 in"),
        ({"card": {"output": "fc6"}}, r"model\.output is 'fc7'"),
        ({"card": {"contract": "raw-pixels/1"}}, r"model\.contract is 'vggface2/1'"),
        ({"crops": {"align": "none"}}, r"crops\.align is 'yunet' in .* and 'none' in"),
    ],
)
def test_other_contracts_are_refused_with_every_difference(
    tmp_path: Path, change: Any, says: str
) -> None:
    write_embeddings(made(6), tmp_path / "a")
    write_embeddings(made(6, **change), tmp_path / "b")
    with pytest.raises(StoreError, match=rf"different contracts: .*{says}.*Embed both"):
        join_embeddings([tmp_path / "a", tmp_path / "b"], tmp_path / "c")
    assert not (tmp_path / "c").exists()


def of(embeddings: Any) -> dict[str, Any]:
    return contract_of(embeddings.card, embeddings.preprocessing)


def test_a_name_or_a_licence_makes_no_other_contract() -> None:
    assert of(made(2)) == of(made(2, card={"name": "other", "licence": "MIT"}))
    nameless = replace(made(2), card={**CARD, "sha256": ""})
    other = replace(nameless, card={**nameless.card, "name": "other"})
    assert of(nameless) != of(other)


def test_imported_vectors_have_no_contract_to_compare(two: Any, tmp_path: Path) -> None:
    for name in ("v", "w"):
        np.save(tmp_path / f"{name}.npy", made(4).vectors)
        made(4).rows.select("identity", "gender").write_csv(tmp_path / "labels.csv")
        import_vectors(tmp_path / f"{name}.npy", tmp_path / name, labels=tmp_path / "labels.csv")
    with pytest.raises(StoreError, match=r"v were imported, so nothing says which network.*as one"):
        join_embeddings([tmp_path / "v", tmp_path / "w"], tmp_path / "c")


def test_one_folder_and_folders_of_one_name_are_refused(two: Any, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="two embedding folders or more"):
        join_embeddings(two[:1], tmp_path / "c")
    with pytest.raises(StoreError, match="several folders are called 'a'"):
        join_embeddings([two[0], two[0]], tmp_path / "c")
    joined = tmp_path / "c"
    join_embeddings(two, joined)
    write_embeddings(made(4, 5), tmp_path / "d")
    with pytest.raises(StoreError, match="has an attribute 'dataset' already"):
        join_embeddings([tmp_path / "d", joined], tmp_path / "e")
    with pytest.raises(StoreError, match="isn't empty"):
        join_embeddings(two, joined)
