"""Means, accuracies and balanced accuracies of held-out rows, with intervals by person.

Balanced accuracy is the mean of the classes' recalls, a difference one of two models on the same
rows. Each recall has an interval (Wilson's at the effective number of trials, exact ones where
too few persons err), and these are combined by the method of variance estimates recovery (Zou
and Donner 2008; for two models on the same rows Newcombe 1998):
``low = v - sqrt(sum_k w_k^2 (a_k^2 + b_k^2 - 2 r_k a_k b_k))`` with a_k the way from the one
recall down to its lower end, b_k that from the other up to its upper end, r_k their correlation.
What training adds to a number's variance is one more term of the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evenface.stats.asked import Asked
from evenface.stats.bootstrap import (
    MIN_PERSONS,
    Array,
    Index,
    Resampler,
    Values,
    bca,
    distinct,
    number_labels,
    percentiles,
)
from evenface.stats.clusters import Clusters, satterthwaite
from evenface.stats.intervals import Estimate, all_right_bound, clopper_pearson, wilson
from evenface.stats.repeats import Noise

SCORE = "score interval over identities"
PERCENTILE = "percentile bootstrap over identities"
BCA = "BCa bootstrap over identities"
EXACT = "exact bound over identities"
FEW = "exact interval at the effective number of identities"
BOTH = f"{SCORE}, exact for a class in which few identities err"
RESAMPLED = {"percentile": PERCENTILE, "bca": BCA}

ALIKE = 4
"""Classes with at least a fourth of the largest one's identities get one interval together."""


def mean(
    values: Values,
    person: Index,
    asked: Asked,
    *,
    strata: Index | None = None,
    noise: Noise | None = None,
) -> Estimate:
    """Mean of a value per row.

    Parameters
    ----------
    values : ndarray, shape (n,)
        In [0, 1].
    person : ndarray of intp, shape (n,)
        Who is on each row.
    asked : Asked
    strata : ndarray of intp, shape (n,), optional
        What a row's person was sampled as.
    noise : Noise, optional
        What training adds.

    Returns
    -------
    Estimate
        Missing, with the reason, for no rows and for one person.
    """
    one = np.zeros(len(values), dtype=np.intp)
    recalls = Recalls(np.asarray(values, dtype=np.float64)[:, None], one, person, asked, strata)
    return recalls.balanced(noise=noise, least_classes=1)


@dataclass(frozen=True)
class Joined:
    """Classes whose mean recall gets one interval.

    Attributes
    ----------
    parts : tuple of Clusters
    """

    parts: tuple[Clusters, ...]

    def ways(self, model: int, quantile: float, asked: Asked) -> tuple[float, float, str]:
        """Return how far down and up the interval of the mean recall goes, and how it was made."""
        share = float(np.mean([p.share[model] for p in self.parts]))
        erring, hit = (sum(float(getattr(p, of)[model]) for p in self.parts)
                       for of in ("erring", "hit"))  # fmt: skip
        count = len(self.parts)
        if min(erring, hit) == 0:
            # Errors are least likely to be missed in the class with the fewest persons.
            least = min(p.persons for p in self.parts)
            reach = (1 - all_right_bound(least, asked.level)) / count
            return (reach, 0.0, EXACT) if hit else (0.0, reach, EXACT)
        variance = sum(float(p.variance[model]) for p in self.parts) / count**2
        rows = count**2 / sum(1 / p.n for p in self.parts)
        trials = share * (1 - share) / variance if variance > 0 else rows
        if min(erring, hit) < asked.exact_below:
            # Korn and Graubard (1998): no more trials than rows, and fewer where the variance is
            # known by few persons.
            known = float(stats.norm.ppf(0.5 + asked.level / 2) / quantile) ** 2
            trials = max(min(trials, rows) * known, 1.0)
            low, high = clopper_pearson(share * trials, trials, asked.level)
            return share - low, high - share, FEW
        low, high = (float(x) for x in wilson(share, trials, quantile))
        return share - low, high - share, SCORE

    def correlation(self, model: int, other: int) -> float:
        """Return the correlation of two models' mean recalls, in [-1, 1]."""
        a, b, both = (
            sum(float(p.residuals[:, i] @ p.residuals[:, j]) for p in self.parts)
            for i, j in ((model, model), (other, other), (model, other))
        )
        return float(np.clip(both / np.sqrt(a * b), -1, 1)) if a * b > 0 else 0.0


class Recalls:
    """Recall of every class under every model, on the same rows.

    Parameters
    ----------
    correct : ndarray, shape (n, m)
        Share of a row's held-out predictions that were right, in [0, 1], for each of m models.
    classes : ndarray of intp, shape (n,)
        The rows' recorded classes.
    person : ndarray of intp, shape (n,)
        Who is on each row.
    asked : Asked
    strata : ndarray of intp, shape (n,), optional
        What a row's person was sampled as, beside the class.
    """

    def __init__(
        self,
        correct: Values,
        classes: Index,
        person: Index,
        asked: Asked,
        strata: Index | None = None,
    ) -> None:
        self.asked, self.level = asked, asked.level
        self.correct, self.classes, self.person, self.strata = correct, classes, person, strata
        self.n = int(classes.shape[0])
        self.persons = int(distinct(person).size)
        self.present = distinct(classes)
        own = [classes == k for k in self.present]
        self.parts = [
            Clusters.of(correct[o], person[o], None if strata is None else strata[o]) for o in own
        ]
        models = correct.shape[1]
        self.point = np.array([p.share for p in self.parts]).reshape(-1, models)
        """Recalls, shape (classes, models)."""
        self._drawn: Array | None = None

    def drawn(self) -> Array:
        """Return recalls in every resample, shape (resamples, classes, models); drawn once."""
        if self._drawn is None:
            self._drawn = self._draw()
        return self._drawn

    def _draw(self) -> Array:
        m, classes = self.correct.shape[1], self.classes
        strata = classes if self.strata is None else number_labels(
            classes * (int(self.strata.max(initial=0)) + 1) + self.strata
        )  # fmt: skip
        sampler = Resampler.of(
            self.person, strata, resamples=self.asked.resamples, seed=self.asked.seed
        )
        rows = [(classes == k)[:, None] for k in self.present]
        columns = np.concatenate([np.hstack([self.correct * r, r]) for r in rows], axis=1)
        drawn = sampler.sums(columns)[1].reshape(-1, len(rows), m + 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            found = drawn[..., :-1] / drawn[..., -1:]
        # A class whose persons all belong to another stratum may be missing from a resample; its
        # recall there is that of the sample.
        return np.where(np.isfinite(found), found, self.point)

    def variance(self, model: int, other: int | None = None) -> tuple[float, float]:
        """Return the testing variance of a balanced accuracy or difference, and its df."""
        parts = []
        for p in self.parts:
            e = p.residuals[:, model]
            if other is not None:
                e = e - p.residuals[:, other]
            parts.append((float(e @ e) / len(self.parts) ** 2, float(p.df[model])))
        v, df = zip(*parts, strict=True)
        return sum(v), satterthwaite(v, df)

    def missing(self, least_classes: int) -> Estimate | None:
        """Return why nothing can be said about these rows; None if something can."""
        why = None
        if not self.n:
            why = "no rows"
        elif self.present.size < least_classes:
            why = f"{self.present.size} of {least_classes} classes among the held-out rows"
        elif min(p.persons for p in self.parts) < MIN_PERSONS:
            many = self.present.size > 1
            why = (
                "a class has only 1 identity among the held-out rows" if many else "only 1 identity"
            )
        if why is None:
            return None
        return Estimate.missing(why, level=self.level, n=self.n, n_identities=self.persons)

    def balanced(
        self, model: int = 0, *, noise: Noise | None = None, least_classes: int = 2
    ) -> Estimate:
        """Balanced accuracy of one model: in [0, 1]."""
        return self.missing(least_classes) or self._combined(model, None, noise)

    def difference(
        self, model: int, other: int, *, noise: Noise | None = None, least_classes: int = 2
    ) -> Estimate:
        """Balanced accuracy of one model minus that of another, on the same rows: in [-1, 1]."""
        return self.missing(least_classes) or self._combined(model, other, noise)

    def _combined(self, model: int, other: int | None, noise: Noise | None) -> Estimate:
        variance, df = self.variance(model, other)
        added = noise.variance if noise else 0.0
        total_df = satterthwaite([variance, added], [df, noise.df if noise else np.inf])
        quantile = float(stats.t.ppf(0.5 + self.level / 2, total_df))
        below, above, how = self._reach(model, other, quantile)
        extra = quantile**2 * added
        value = float(self.point[:, model].mean())
        limits = (0.0, 1.0)
        if other is not None:
            value = float((self.point[:, model] - self.point[:, other]).mean())
            limits = (-1.0, 1.0)
        low = max(value - float(np.sqrt(below + extra)), limits[0])
        high = min(value + float(np.sqrt(above + extra)), limits[1])
        share = None
        if noise is not None:
            share = added / (added + variance) if added + variance > 0 else 0.0
        return Estimate(value, low, high, self.level, self.n, self.persons, how, share)

    def _reach(self, model: int, other: int | None, quantile: float) -> tuple[float, float, str]:
        """Return the squared ways to the lower and the upper end, and how they were made."""
        below = above = 0.0
        methods = []
        for own in self._joined():
            weight = len(own.parts) / len(self.parts)
            a, b, how = own.ways(model, quantile, self.asked)
            methods.append(how)
            if other is None:
                below, above = below + (weight * a) ** 2, above + (weight * b) ** 2
                continue
            c, d, how = own.ways(other, quantile, self.asked)
            methods.append(how)
            r = own.correlation(model, other)
            below += weight**2 * max(a**2 + d**2 - 2 * r * a * d, 0.0)
            above += weight**2 * max(b**2 + c**2 - 2 * r * b * c, 0.0)
        exact = [m for m in methods if m != SCORE]
        if self.asked.method in RESAMPLED and not exact:
            return (*self._resampled(model, other), RESAMPLED[self.asked.method])
        if exact and len(exact) < len(methods):
            return below, above, BOTH
        return below, above, FEW if FEW in methods else methods[0]

    def _joined(self) -> list[Joined]:
        """Classes that get one interval together: those of nearly as many persons as the largest.

        An interval each would leave a class without any error no way up, and the sum of several
        such too short a one. Small classes stand alone: what they hide must show.
        """
        most = max(p.persons for p in self.parts)
        alike = tuple(p for p in self.parts if p.persons * ALIKE >= most)
        return [Joined(alike), *(Joined((p,)) for p in self.parts if p.persons * ALIKE < most)]

    def _resampled(self, model: int, other: int | None) -> tuple[float, float]:
        drawn, value = self.drawn()[..., model], self.point[:, model]
        influence = [p.residuals[:, model] for p in self.parts]
        if other is not None:
            drawn, value = drawn - self.drawn()[..., other], value - self.point[:, other]
            influence = [e - p.residuals[:, other]
                         for e, p in zip(influence, self.parts, strict=True)]  # fmt: skip
        means, v = drawn.mean(axis=1), float(value.mean())
        if self.asked.method == "bca":
            low, high = bca(v, means, np.concatenate(influence), self.level)
        else:
            low, high = (float(x[0]) for x in percentiles(means[:, None], self.level))
        return max(v - low, 0.0) ** 2, max(high - v, 0.0) ** 2
