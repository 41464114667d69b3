"""How many labels would have to be wrong before a conclusion falls.

Models and their predictions stay; the recorded classes of the people tested are in doubt. A label
is of an identity, so all rows of a person get another class together. The statistic is the
balanced accuracy of one model, or of one minus another on the same rows; the conclusion is that
its interval lies wholly above a bound. Three ways of being wrong, each for growing shares k:

- ``random``: persons drawn at random belong to another class, each other class equally likely.
- ``worst``: those persons have another class for whom this lowers the statistic most. They are
  picked step by step, each for the exact change given the picks before. So it is *at least* this
  bad: the true worst may be worse, and it looks at the statistic, not at its interval.
- ``left_out``: the persons whose labels are uncertain are left out, those whose omission lowers
  the statistic most; also picked step by step.

The unfavourable ways change at most k of the persons, fewer if no further change does harm. They
leave every class two persons, for with fewer nothing could be said. Rows whose person has rows of
several recorded classes keep their own until the person is changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

from evenface.stats.asked import Asked
from evenface.stats.bootstrap import Array, Index, Values
from evenface.stats.intervals import Estimate
from evenface.stats.relabelled import KEPT, Pair, Relabelled
from evenface.stats.repeats import Noise
from evenface.stats.unfavourable import most_harmful

SHARES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2)
"""Shares of the identities in doubt that are asked about."""

WAYS = ("random", "worst", "left_out")

DRAWS = 20
"""How often persons are drawn at random."""

WIDTHS = 3
"""Draws whose interval is worked out; the others' are hardly different, their values are."""


@dataclass(frozen=True)
class Curve:
    """A statistic when ever more labels are wrong.

    Attributes
    ----------
    shares : tuple of float
        Of the identities in doubt, growing from 0. Whole identities are changed, at most so many.
    estimates : tuple of Estimate
        One a share.
    """

    shares: tuple[float, ...]
    estimates: tuple[Estimate, ...]


def named_classes(
    tries: Sequence[tuple[Index, Values]], n: int, classes: int, models: int
) -> Array:
    """Return which share of a row's predictions named each class, shape (n, classes, models).

    Parameters
    ----------
    tries : sequence of (rows, said)
        Places in 0 ... n-1, each at most once in a try, and the predicted classes, shape
        (len(rows), models); negative where a model said nothing.
    n, classes, models : int
    """
    named = np.zeros((n, classes, models))
    count = np.zeros((n, models))
    for rows, said in tries:
        count[rows] += said >= 0
        for c in range(classes):
            named[rows, c] += said == c
    named /= np.maximum(count, 1)[:, None]
    return named


def flip_curves(
    named: Array,
    codes: Index,
    person: Values,
    pairs: Sequence[Pair],
    asked: Asked,
    *,
    strata: Index | None = None,
    doubted: Values | None = None,
    noise: Sequence[Noise | None] | None = None,
    moves: Sequence[float] | None = None,
    shares: Sequence[float] = SHARES,
    draws: int = DRAWS,
) -> list[dict[str, Curve]]:
    """Return how each statistic changes when labels are wrong, for each of `WAYS`.

    Parameters
    ----------
    named : ndarray, shape (n, classes, m)
        From `named_classes`.
    codes : ndarray of intp, shape (n,)
        Recorded classes, at least 0.
    person : ndarray, shape (n,)
    pairs : sequence of (model, other or None)
        Balanced accuracy of the model, minus that of the other.
    asked : Asked
        Its intervals are score intervals, whatever its method; its seed draws persons.
    strata : ndarray of intp, shape (n,), optional
        What a row's person was sampled as, beside the class.
    doubted : ndarray of bool, shape (n,), optional
        Whose labels are in doubt: persons with such a row. Everybody's if not given.
    noise : sequence of Noise or None, optional
        What training adds to each statistic, taken to be the same whatever the labels.
    moves : sequence of float, optional
        For each class, how likely a wrong label drawn at random is one of another class; 1 if not
        given. It is less where a class is made of several labels.
    shares : sequence of float
        Growing from 0.
    draws : int
        Of persons at random. A draw's order is kept, so larger shares contain smaller ones.

    Returns
    -------
    list of dict of str to Curve
        One a pair. ``random`` is the mean over draws; its interval is the mean one of `WIDTHS`
        of them, widened by the spread of all by Rubin's rules (1987): ``(1 + 1 / draws) var`` is
        one more term of the variance, as in multiple imputation.
    """
    if codes.size and codes.min() < 0:
        raise ValueError("every row needs a recorded class")
    if not pairs:
        return []
    asked = replace(asked, method="score")
    rows = Relabelled.of(named, codes, person, strata, asked)
    noises = list(noise) if noise is not None else [None] * len(pairs)
    every = sorted({m for pair in pairs for m in pair if m is not None})
    local = [(every.index(a), None if b is None else every.index(b)) for a, b in pairs]
    # Labels as recorded are what all ways start from.
    base = rows.estimates(np.full(rows.persons, KEPT), every, local, noises)
    if base[0].value is None:
        return [{w: Curve(tuple(shares), (e,) * len(shares)) for w in WAYS} for e in base]
    doubt = np.ones(rows.persons, dtype=bool)
    if doubted is not None:
        doubt = np.bincount(rows.person, weights=doubted[rows.order], minlength=rows.persons) > 0
    # A rounding error must not cost a person: 0.15 * 20 is 3.
    counts = [int(k * doubt.sum() + 1e-9) for k in shares]
    found: list[dict[str, list[Estimate]]] = [{} for _ in pairs]
    values: dict[int, list[Array]] = defaultdict(list)
    widths: dict[int, list[list[Estimate]]] = defaultdict(list)
    wanted = sorted(set(counts) - {0})
    for count, goes in at_random(
        rows.home, rows.classes, doubt, wanted, draws=draws, seed=asked.seed, moves=moves
    ):
        recalls = rows.recalls(goes)[every].mean(axis=1)
        values[count].append(recalls)
        if np.isfinite(recalls).all() and len(widths[count]) < WIDTHS:
            widths[count].append(rows.estimates(goes, every, local, noises))
    for k, (a, b) in enumerate(pairs):
        together = {0: base[k]}
        for count, balanced in values.items():
            drawn = np.array(balanced)
            one, other = local[k]
            changed = drawn[:, one] - (0.0 if other is None else drawn[:, other])
            each = [of[k] for of in widths[count]]
            together[count] = over_draws(base[k], each, changed, 0.0 if b is None else -1.0)
        found[k]["random"] = [together[c] for c in counts]
        value = rows.named[:, :, a] - (0.0 if b is None else rows.named[:, :, b])
        own: list[int] = [a] if b is None else [a, b]
        pair: Pair = (0, None if b is None else len(own) - 1)
        for way in WAYS[1:]:
            at = {0: base[k]}
            sent = most_harmful(
                value, rows.codes, rows.person, rows.home, doubt, counts, out=way == "left_out"
            )
            for count, goes in sent:
                if count:
                    at[count] = rows.estimates(goes, own, [pair], [noises[k]])[0]
            found[k][way] = [at[c] for c in counts]
    return [{w: Curve(tuple(shares), tuple(e)) for w, e in one.items()} for one in found]


def breakdown(curve: Curve, bound: float) -> float | None:
    """Return the smallest share at which the interval no longer lies wholly above a bound.

    Between the shares of a curve its lower limit is taken to be a straight line. None if the
    interval stays above; 0 if it never was. A share at which there is no number breaks it too.
    """
    before: tuple[float, float] | None = None
    for share, e in zip(curve.shares, curve.estimates, strict=True):
        if e.low is not None and e.low > bound:
            before = (share, e.low)
            continue
        if before is None or e.low is None:
            return share
        start, low = before
        return start + (share - start) * (low - bound) / (low - e.low)
    return None


def at_random(
    home: Index,
    classes: int,
    doubt: Values,
    counts: Sequence[int],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    moves: Sequence[float] | None = None,
) -> Iterator[tuple[int, Index]]:
    """Yield counts, and where persons go when so many drawn at random go to another class.

    Parameters
    ----------
    home : ndarray of intp, shape (persons,)
        Recorded class of each person.
    classes : int
    doubt : ndarray of bool, shape (persons,)
        Who may be drawn.
    counts : sequence of int
        Growing; a draw's larger counts contain its smaller ones.
    draws, seed : int
    moves : sequence of float, optional
        As in `flip_curves`.

    Yields
    ------
    count : int
    goes : ndarray of intp, shape (persons,)
        `KEPT`, or another class.
    """
    rng = np.random.default_rng(seed)
    for _ in range(draws):
        order = rng.permutation(np.flatnonzero(doubt))
        to = (home + rng.integers(1, classes, len(home))) % classes
        if moves is not None:
            to = np.where(rng.random(len(home)) < np.asarray(moves)[home], to, KEPT)
        for count in counts:
            goes = np.full(len(home), KEPT)
            goes[order[:count]] = to[order[:count]]
            yield count, goes


def over_draws(base: Estimate, widths: Sequence[Estimate], values: Array, least: float) -> Estimate:
    """Return the mean of draws, its interval widened by their spread (Rubin 1987).

    A draw that leaves too few persons of a class has no number; if most have none, so has this.

    Parameters
    ----------
    base : Estimate
        With labels as recorded.
    widths : sequence of Estimate
        Of some of the draws.
    values : ndarray, shape (draws,)
    least : float
        The statistic can't be lower.
    """
    known = values[np.isfinite(values)]
    if 2 * known.size < values.size:
        why = "most draws of labels leave a class with fewer than 2 identities"
        return Estimate.missing(why, level=base.level, n=base.n, n_identities=base.n_identities)
    value, count = float(known.mean()), known.size
    spread = float(known.var(ddof=1)) if count > 1 else 0.0
    added = float(stats.norm.ppf(0.5 + base.level / 2)) ** 2 * (1 + 1 / count) * spread
    ends = np.array([(e.value, e.low, e.high) for e in widths], dtype=np.float64)
    down, up = (ends[:, 0] - ends[:, 1]).mean(), (ends[:, 2] - ends[:, 0]).mean()
    low, high = value - np.sqrt(down**2 + added), value + np.sqrt(up**2 + added)
    method = f"{widths[0].method}, combined over {count} draws of labels"
    return replace(
        base, value=value, low=float(max(low, least)), high=float(min(high, 1.0)),
        method=method, training_share=None,
    )  # fmt: skip
