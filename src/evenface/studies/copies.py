"""Pictures that are there more than once: by their bytes, and by their vectors.

Vectors are compared by the cosine of the angle between them as seen from their mean: what all
faces of a network share says nothing about two of them. All pairs are compared, but not in full:
projecting on a few directions never lengthens a distance, so pairs that are far apart there are
far apart. Pictures are ordered along one direction and met only within the reach of a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import special

from evenface.heads.scaling import Vectors

EQUAL = 0.9999
"""Cosine at which two vectors are the same but for rounding."""

SHOWN = 200
"""Pairs that are listed."""

MOST = 300_000
"""Pictures whose pairs are compared; time grows with the square of their number."""

_TILE, _BLOCK, _DIRECTIONS, _SAMPLE, _PAIRS = 512, 2048, 32, 2000, 20_000
# Rounding of float32 products of unit vectors, with room.
_ROUNDING, _EXACT = 1e-4, 1e-6

Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Copies:
    """What was found.

    Attributes
    ----------
    across : ndarray of bool, shape (n,)
        Whether a picture has a copy under another identity.
    counts : polars.DataFrame
        ``place`` (across or within identities), ``alike`` (bytes, equal, similar), ``pairs``,
        ``pictures``, ``identities``; null where nothing is known.
    pairs : polars.DataFrame
        Rows ``a, b`` across identities and their ``similarity``, the nearest first, the first 200.
    why : str
        Why vectors were not compared; empty where they were.
    """

    across: NDArray[np.bool_]
    counts: pl.DataFrame
    pairs: pl.DataFrame
    why: str = ""


def find_copies(
    vectors: Vectors,
    identity: Codes,
    picture: Codes | None,
    similarity: float,
    *,
    on_step: Callable[[int, int], None] | None = None,
) -> Copies:
    """Find pictures that are there more than once.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    identity : ndarray of intp, shape (n,)
    picture : ndarray of intp, shape (n,), optional
        Rows with the same number are the same bytes, those with a negative one unknown.
    similarity : float
        Cosine from which on vectors count as copies, at most 1.
    on_step : callable, optional
        Called with (pictures compared, pictures in all).
    """
    n = len(vectors)
    tally = {(place, how): _Tally(n) for place in PLACES for how in ("equal", "similar")}
    across, listed = np.zeros(n, dtype=bool), _Nearest()
    why = _why_not(vectors, identity, similarity)
    pairs = iter(()) if why else _pairs(vectors, similarity, on_step)
    for a, b, cosine in pairs:
        other = identity[a] != identity[b]
        for place, chosen in (("across", other), ("within", ~other)):
            tally[place, "similar"].add(a[chosen], b[chosen])
            equal = chosen & (cosine >= EQUAL)
            tally[place, "equal"].add(a[equal], b[equal])
        listed.add(a[other], b[other], cosine[other])
    bytes_known = picture is not None and (picture >= 0).any()
    rows: list[dict[str, Any]] = []
    for place in PLACES:
        same = (
            _same_bytes(identity, picture, place) if picture is not None and bytes_known else None
        )
        rows.append({"place": place, "alike": "bytes", **_counted(same, identity)})
        across |= same.rows if same is not None and place == "across" else False
        for how in ("equal", "similar"):
            found = None if why else tally[place, how]
            rows.append({"place": place, "alike": how, **_counted(found, identity)})
    across |= tally["across", "similar"].rows
    return Copies(across, pl.DataFrame(rows, schema=COUNTS), listed.frame(), why)


PLACES = ("across", "within")
COUNTS = {"place": pl.String, "alike": pl.String, "pairs": pl.Int64, "pictures": pl.Int64,
          "identities": pl.Int64}  # fmt: skip


class _Tally:
    """How many pairs there are, and which rows they are of."""

    def __init__(self, n: int) -> None:
        self.pairs, self.rows = 0, np.zeros(n, dtype=bool)

    def add(self, a: Codes, b: Codes) -> None:
        self.pairs += a.size
        self.rows[a] = self.rows[b] = True


def _counted(tally: _Tally | None, identity: Codes) -> dict[str, int | None]:
    if tally is None:
        return {"pairs": None, "pictures": None, "identities": None}
    people = np.unique(identity[tally.rows]).size
    return {"pairs": tally.pairs, "pictures": int(tally.rows.sum()), "identities": people}


class _Nearest:
    """The most similar pairs."""

    def __init__(self) -> None:
        self._found: list[tuple[float, int, int]] = []

    def add(self, a: Codes, b: Codes, cosine: NDArray[np.float32]) -> None:
        first = np.argsort(-cosine, kind="stable")[:SHOWN]
        new = zip(cosine[first].tolist(), a[first].tolist(), b[first].tolist(), strict=True)
        both = [*self._found, *((c, *sorted((i, j))) for c, i, j in new)]
        self._found = sorted(both, key=lambda f: (-f[0], *f[1:]))[:SHOWN]

    def frame(self) -> pl.DataFrame:
        rows = [(i, j, min(c, 1.0)) for c, i, j in self._found]
        schema = {"a": pl.Int64, "b": pl.Int64, "similarity": pl.Float64}
        return pl.DataFrame(rows, schema=schema, orient="row")


def _same_bytes(identity: Codes, picture: Codes, place: str) -> _Tally:
    known = pl.DataFrame({"picture": picture, "identity": identity, "row": np.arange(len(picture))})
    known = known.filter(pl.col("picture") >= 0)
    each = known.group_by("picture", "identity").agg("row", pl.len().alias("n"))
    found = _Tally(len(picture))
    if place == "within":
        several = each.filter(pl.col("n") > 1)
        found.pairs = int(
            (several["n"].cast(pl.Int64) * (several["n"].cast(pl.Int64) - 1) // 2).sum()
        )
    else:
        n = pl.col("n").cast(pl.Int64)
        sets = each.group_by("picture").agg(
            (n.sum() ** 2 - (n**2).sum()).alias("twice"), pl.len().alias("people"), pl.col("row")
        )
        several = sets.filter(pl.col("people") > 1)
        found.pairs = int(several["twice"].sum()) // 2
        several = several.explode("row")
    found.rows[several["row"].explode().drop_nulls().to_numpy().astype(np.intp)] = True
    return found


def chance_of(similarity: float, directions: float) -> float:
    """Probability that two random directions are at least so similar, in so many dimensions."""
    tail = special.betainc((directions - 1) / 2, 0.5, 1 - similarity**2) / 2
    return float(tail if similarity >= 0 else 1 - tail)


def _why_not(vectors: Vectors, identity: Codes, similarity: float) -> str:
    """Say why vectors can't be compared: so many are so alike by chance, or there are too many."""
    n = len(vectors)
    if n > MOST:
        return f"all pairs of {n} pictures would take too long; choose {MOST} or fewer"
    rng = np.random.default_rng(0)
    a, b = rng.integers(n, size=(2, _PAIRS))
    a, b = (x[identity[a] != identity[b]] for x in (a, b))
    if not a.size:
        return "there is one identity only"
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    squares = float((_cosines(vectors, mean, a, b).astype(np.float64) ** 2).mean())
    if squares == 0:
        return "all vectors are the same"
    directions = 1 / squares
    expected = n * (n - 1) / 2 * chance_of(similarity, max(directions, 1.0 + 1e-9))
    if expected < 1:
        return ""
    return (
        f"the vectors vary in about {directions:.0f} directions, where {expected:.0f} pairs would "
        f"have a similarity of {similarity:g} by chance"
    )


def _cosines(vectors: Vectors, mean: Vectors, a: Codes, b: Codes) -> NDArray[np.float32]:
    """Return the cosines of pairs, seen from the mean; 0 where a vector is the mean."""
    found = np.zeros(a.size, dtype=np.float32)
    for start in range(0, a.size, _BLOCK):
        some = slice(start, start + _BLOCK)
        x, y = (_unit(vectors[rows[some]], mean) for rows in (a, b))
        found[some] = np.einsum("ij,ij->i", x, y)
    return found


def _unit(rows: Vectors, mean: Vectors) -> Vectors:
    centred = rows - mean
    # Twice: squares of numbers beyond 1e19 overflow.
    largest = np.abs(centred).max(axis=1, keepdims=True)
    centred /= np.where(largest > 0, largest, 1)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.where(length > 0, length, 1)
    return centred


def _pairs(
    vectors: Vectors, similarity: float, on_step: Callable[[int, int], None] | None
) -> Iterator[tuple[Codes, Codes, NDArray[np.float32]]]:
    """Yield all pairs of rows that are at least so similar: rows, rows, cosines."""
    n = len(vectors)
    mean = vectors.mean(axis=0, dtype=np.float64).astype(np.float32)
    basis = _directions(vectors, mean)
    places = np.concatenate(
        [_unit(vectors[s : s + _BLOCK], mean) @ basis for s in range(0, n, _BLOCK)]
    )
    order = np.argsort(places[:, 0], kind="stable")
    places = places[order]
    reach = 2 * (1 - similarity) + _ROUNDING
    # One product gives 2 p q - |p|^2 - |q|^2, minus the squared distance.
    square, one = np.einsum("ij,ij->i", places, places)[:, None], np.ones((n, 1), np.float32)
    left = np.concatenate([2 * places, -square, one], axis=1)
    right = np.concatenate([places, one, -square], axis=1)
    ends = np.searchsorted(places[:, 0], places[:, 0] + np.sqrt(reach), "right")
    for start in range(0, n, _TILE):
        own = slice(start, min(start + _TILE, n))
        # Nothing beyond is near enough along the first direction to any row of the tile.
        for other in range(start, int(ends[own.stop - 1]), _BLOCK):
            met = slice(other, other + _BLOCK)
            nearness = left[own] @ right[met].T
            # Looking for the largest takes a tenth of the time of looking for all.
            if nearness.max() < -reach:
                continue
            i, j = np.nonzero(nearness >= -reach)
            keep = i + own.start < j + met.start
            a, b = order[i[keep] + own.start], order[j[keep] + met.start]
            cosine = _cosines(vectors, mean, a, b)
            near = cosine >= similarity - _EXACT
            yield a[near], b[near], cosine[near]
        if on_step is not None:
            on_step(own.stop, n)


def _directions(vectors: Vectors, mean: Vectors) -> Vectors:
    """Return orthonormal directions along which pictures vary, the widest first, (d, k)."""
    rng = np.random.default_rng(0)
    some = rng.permutation(len(vectors))[:_SAMPLE]
    sample = _unit(vectors[np.sort(some)], mean)
    k = min(_DIRECTIONS, vectors.shape[1])
    mixed = rng.normal(size=(len(sample), k)).astype(np.float32).T @ sample
    basis = np.linalg.qr(mixed.T.astype(np.float64))[0]
    inside = sample @ basis.astype(np.float32)
    turned = basis @ np.linalg.svd(inside.astype(np.float64), full_matrices=False)[2].T
    made: Vectors = turned.astype(np.float32)
    return made
