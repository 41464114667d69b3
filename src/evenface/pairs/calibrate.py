"""FairCal: scores calibrated for each part of the space that pictures lie in.

Salvador, Cairns, Voleti, Marshall and Oberman (2022): embeddings are clustered by k-means, and for
each cluster k a map mu_k from score to the probability of being genuine is fitted to the pairs S_k
with at least one picture in it. A pair of pictures in clusters k and l has

    theta mu_k(s) + (1 - theta) mu_l(s),    theta = |S_k| / (|S_k| + |S_l|)

The maps are by beta calibration, as in the paper. No group label is used.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from evenface.errors import SelectionError
from evenface.pairs.people import Rows
from evenface.pairs.samples import Sample, Training, Values
from evenface.stats.beta import fit_beta
from evenface.stats.bootstrap import Array

CLUSTERS = 100
"""Clusters at most, as in the paper."""

ROWS_EACH = 50
"""Training rows a cluster, on average, at least."""

MIN_GENUINE = 20
"""Genuine pairs that a map of its own needs; clusters with fewer have that of all pairs."""

BINS = 512
EDGE = 1e-6
STEEPEST = 80.0
"""Log odds beyond which single precision ends."""


@dataclass(frozen=True)
class FairCal:
    """Calibration maps by cluster.

    Attributes
    ----------
    centres : tensor of float32, shape (clusters, d)
    maps : ndarray of float32, shape (clusters, 4)
        a, b and c of `evenface.stats.beta.fit_beta`, and how many pairs they were fitted to.
    reach : (float, float)
        Which scores become 0 and 1.
    own : int
        Clusters with a map of their own.
    """

    centres: torch.Tensor
    maps: Values
    reach: tuple[float, float]
    own: int

    def facts(self, sample: Sample) -> Values:
        """Return the map of each row's cluster, shape (n, 4)."""
        return self.maps[nearest(sample, self.centres)]

    def __call__(self, scores: Values, a: Values, b: Values) -> Values:
        """Return the log odds of the probability: single precision holds them near 1, too."""
        x = unit(scores, self.reach)
        up, down = np.log(x), -np.log1p(-x)
        share = a[..., 3] / (a[..., 3] + b[..., 3])
        is_so, is_not = np.zeros_like(x), np.zeros_like(x)
        for side, theta in ((a, share), (b, 1 - share)):
            z = side[..., 0] * up
            z += side[..., 1] * down
            z += side[..., 2]
            e = np.exp(-np.clip(z, -STEEPEST, STEEPEST, out=z), out=z)
            p = theta / (1 + e)
            is_so += p
            is_not += np.multiply(p, e, out=e)
        is_so /= is_not
        return np.log(is_so, out=is_so)


def unit(scores: Values, reach: tuple[float, float]) -> Values:
    """Bring scores between 0 and 1, neither of them reached."""
    low, high = reach
    scale = np.float32(1 / (high - low))
    x = scores * scale
    x -= np.float32(low) * scale
    return np.clip(x, np.float32(EDGE), np.float32(1 - EDGE), out=x)


def nearest(sample: Sample, centres: torch.Tensor) -> Rows:
    """Return the cluster of each row, shape (n,)."""
    half = torch.linalg.vecdot(centres, centres) / 2
    found: Rows = (sample.prepared.vectors @ centres.T - half).argmax(1).cpu().numpy()
    return found.astype(np.intp)


def fit_fair_cal(training: Training, *, clusters: int | None = None) -> FairCal:
    """Fit FairCal.

    All pairs of training rows are counted in fine bins, none is drawn.

    Parameters
    ----------
    training : Training
    clusters : int, optional
        At least 1; if not given as many as there are 50 rows for, at most 100.

    Raises
    ------
    SelectionError
        If there are too few genuine pairs, or these are not more alike than others.
    """
    sample = training.sample
    first, second = sample.genuine()
    if len(first) < MIN_GENUINE or not sample.pairs:
        raise SelectionError(
            f"{len(first)} genuine pairs of training persons; calibration needs {MIN_GENUINE}, "
            "and pairs of two persons"
        )
    k = clusters or min(CLUSTERS, max(len(sample) // ROWS_EACH, 1))
    centres = _k_means(sample, min(k, len(sample)), training.seed)
    own, k = nearest(sample, centres), len(centres)
    reach = sample.prepared.reach
    genuine = _Counts(k)
    genuine.add(own[first], own[second], _places(sample.prepared.listed(first, second), reach))
    impostor = _Counts(k)
    for tile in sample.tiles():
        places, which = _places(sample.scores(tile), reach), sample.impostors(tile)
        a, b = np.broadcast_arrays(own[tile.rows][:, None], own[tile.columns])
        where = slice(None) if which is None else which
        impostor.add(a[where].ravel(), b[where].ravel(), places[where].ravel())
    some = np.flatnonzero((genuine.all + impostor.all) > 0)
    x = (some + 0.5) / BINS
    pooled = fit_beta(genuine.all[None, some], impostor.all[None, some], x)[0]
    if np.isnan(pooled).any():
        raise SelectionError("genuine pairs of training persons are not more alike than others")
    maps = fit_beta(genuine.each[:, some], impostor.each[:, some], x)
    lost = np.isnan(maps).any(axis=1) | (genuine.each.sum(axis=1) < MIN_GENUINE)
    maps[lost] = pooled
    pairs = np.maximum((genuine.each + impostor.each).sum(axis=1, keepdims=True), 1)
    found = np.concatenate([maps, pairs], axis=1).astype(np.float32)
    return FairCal(centres, found, reach, int((~lost).sum()))


class _Counts:
    """Scores in bins: of all pairs, and of those with a picture in a cluster."""

    def __init__(self, clusters: int) -> None:
        self.all: Array = np.zeros(BINS)
        self.each: Array = np.zeros((clusters, BINS))

    def add(self, a: Rows, b: Rows, places: Rows) -> None:
        """Count pairs by their clusters, once each where both are the same."""
        self.all += np.bincount(places, minlength=BINS)
        for own, at in ((a, places), (b[a != b], places[a != b])):
            counted = np.bincount(own * BINS + at, minlength=self.each.size)
            self.each += counted.reshape(self.each.shape)


def _places(scores: Values, reach: tuple[float, float]) -> Rows:
    return (unit(scores, reach) * np.float32(BINS)).astype(np.intp)


def _k_means(sample: Sample, clusters: int, seed: int) -> torch.Tensor:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    device, vectors = sample.prepared.vectors.device, sample.prepared.vectors.cpu().numpy()
    first = _first_centres(vectors, clusters, np.random.default_rng(seed))
    # Several threads add up in no fixed order.
    with warnings.catch_warnings(), threadpool_limits(1):
        # Copies of few vectors make fewer clusters: no harm.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = KMeans(len(first), init=first, n_init=1).fit(vectors)
    return torch.from_numpy(found.cluster_centers_.astype(np.float32)).to(device)


def _first_centres(vectors: Values, clusters: int, rng: np.random.Generator) -> Values:
    """Draw rows by their squared distance to those drawn (Arthur and Vassilvitskii 2007)."""
    norms = np.square(vectors).sum(axis=1)
    chosen = [int(rng.integers(len(vectors)))]
    far = np.full(len(vectors), np.inf)
    while len(chosen) < clusters:
        new = chosen[-1]
        far = np.minimum(far, np.maximum(norms - 2 * (vectors @ vectors[new]) + norms[new], 0))
        far[new] = 0
        sums = np.cumsum(far, dtype=np.float64)
        if sums[-1] == 0:
            break
        at = int(np.searchsorted(sums, rng.random() * sums[-1], side="right"))
        chosen.append(min(at, len(vectors) - 1))
    return vectors[chosen]
