"""Accuracy by the protocols that lists of pairs are published with.

A pair is taken for one of a person where its score is at or above a threshold. In LFW's protocol
(Huang et al. 2007) and RFW's the threshold of each of ten folds is the one most accurate on the
other nine, and what is published are the mean of the folds' accuracies and its standard error,
``sqrt(sum_f (p_f - mean)^2 / (F - 1)) / sqrt(F)``. That error takes folds for independent and
pictures for people; beside it stands an interval by identity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evenface.stats.bootstrap import Array, Index, number_labels
from evenface.stats.intervals import Estimate
from evenface.stats.pair_counts import PairCounts
from evenface.stats.pairs import pair_rate

Mask = npt.NDArray[np.bool_]
HANDS = 10


@dataclass(frozen=True, eq=False)
class Accuracies:
    """Accuracy of some pairs, each judged by a threshold that others chose.

    Attributes
    ----------
    accuracy : Estimate
        Share of all these pairs that were judged right, with an interval by identity. It is the
        mean over folds where folds hold as many pairs. Thresholds are taken as they are.
    mean, standard_error : float or None
        Over folds, as published; None where the folds were made here, for less than two folds, or
        a fold without such a pair.
    folds : ndarray, shape (F,)
        Accuracy in each; nan where there is no such pair.
    pairs : ndarray of intp, shape (F,)
        How many of these pairs each judges.
    """

    accuracy: Estimate
    mean: float | None
    standard_error: float | None
    folds: Array
    pairs: Index


@dataclass(frozen=True, eq=False)
class Protocol:
    """What a published protocol finds.

    Attributes
    ----------
    overall : Accuracies
    groups : tuple of Accuracies
        Of the pairs of each group, by the same thresholds; none without group codes.
    thresholds : ndarray, shape (F,)
        Of each fold; nan where no threshold could be chosen.
    fold : ndarray of intp, shape (n,)
        Which fold judges each pair.
    published : bool
        Whether the folds are the list's own.
    shared : int
        Identities with pairs in several folds, who choose and are judged; 0 in LFW's list, and in
        folds that were made here.
    """

    overall: Accuracies
    groups: tuple[Accuracies, ...]
    thresholds: Array
    fold: Index
    published: bool
    shared: int


def protocol(
    scores: npt.ArrayLike,
    genuine: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    fold: npt.ArrayLike | None = None,
    group: npt.ArrayLike | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Protocol:
    """Judge every pair by a threshold that other pairs chose.

    Where there are no folds, persons are dealt to `HANDS` hands, and the pairs of one hand, or of
    the same two, are a fold: up to 55. It is judged by the threshold of the pairs of which neither
    person is in its hands, so that nobody chooses and is judged, and no pair is lost.

    Parameters
    ----------
    scores : array_like, shape (n,)
        The more alike the higher.
    genuine : array_like of bool, shape (n,)
    first, second : array_like of int, shape (n,)
        Who is on the two pictures, numbered from 0; one person in genuine pairs.
    fold : array_like of int, shape (n,), optional
        From 0, or -1 for all pairs.
    group : array_like of int, shape (n,), optional
        Of each pair, from 0; -1 for a pair of none.
    level : float
        Nominal coverage, between 0 and 1.
    seed : int
        Deals persons to hands.

    Returns
    -------
    Protocol
        With reasons instead of accuracies where a fold's threshold had no pairs of one kind to
        be chosen by.

    Raises
    ------
    ValueError
        If shapes don't fit, a score isn't finite, a person's number is below 0, or some pairs
        have a fold and others none.
    """
    s, same, ends, own, code = _checked(scores, genuine, first, second, fold, group)
    published = bool(own.size) and int(own.min()) >= 0
    hands = _deal(ends, seed)
    if not published:
        own = number_labels(np.minimum(*hands) * HANDS + np.maximum(*hands))
    elif own.size:
        own = number_labels(own)
    count = int(own.max(initial=-1)) + 1
    order = np.argsort(s, kind="stable")
    thresholds = np.full(count, np.nan)
    for f in range(count):
        others = own != f
        if not published:
            at = int(np.argmax(own == f))
            mine = [hands[0][at], hands[1][at]]
            others = ~(np.isin(hands[0], mine) | np.isin(hands[1], mine))
        kept = order[others[order]]
        chosen = best_threshold(s[kept], same[kept], in_order=True)
        thresholds[f] = np.nan if chosen is None else chosen
    right = (s >= thresholds[own]) == same
    lost = int(np.isnan(thresholds).sum())
    why = ""
    if lost or not count:
        why = f"no pairs of both kinds to choose a threshold by in {lost} of {count} folds"
    if published and count < 2:
        why = "only 1 fold, and a threshold is chosen on others"

    def of(which: Mask) -> Accuracies:
        return _accuracies(right, own, count, ends, which, why, level, published)

    found = tuple(of(code == g) for g in range(int(code.max(initial=-1)) + 1))
    every = of(np.ones(s.size, dtype=np.bool_))
    return Protocol(every, found, thresholds, own, published, _shared(own, ends, published))


def best_threshold(scores: Array, genuine: Mask, *, in_order: bool = False) -> float | None:
    """Return the threshold at which most pairs are judged right.

    Between two neighbouring scores all thresholds judge alike, and their middle is taken. Of
    several such places that are equally good, the middle one is taken, the lower of two. If all
    pairs should be accepted it is the lowest score, if none the next number above the highest.

    Parameters
    ----------
    scores : ndarray, shape (n,)
    genuine : ndarray of bool, shape (n,)
    in_order : bool
        Whether scores ascend already.

    Returns
    -------
    float or None
        None where there are no pairs of one kind, to which any threshold is as good.
    """
    if not genuine.size or genuine.all() or not genuine.any():
        return None
    if not in_order:
        order = np.argsort(scores, kind="stable")
        scores, genuine = scores[order], genuine[order]
    # Right if the lowest k are refused, less what is right if none is.
    gained = np.concatenate([[0], np.cumsum(np.where(genuine, -1, 1))])
    # Pairs of one score are refused together.
    place = np.concatenate([[True], scores[1:] > scores[:-1], [True]])
    best = np.flatnonzero(place & (gained == gained[place].max()))
    k = int(best[(best.size - 1) // 2])
    if k == 0:
        return float(scores[0])
    if k == scores.size:
        return float(np.nextafter(scores[-1], np.inf))
    low, high = float(scores[k - 1]), float(scores[k])
    middle = low + (high - low) / 2
    return middle if middle > low else high


def _accuracies(
    right: Mask,
    own: Index,
    count: int,
    ends: tuple[Index, Index],
    which: Mask,
    why: str,
    level: float,
    published: bool,
) -> Accuracies:
    pairs = np.bincount(own[which], minlength=count)
    hits = np.bincount(own[which], right[which], minlength=count)
    folds = np.divide(hits, pairs, out=np.full(count, np.nan), where=pairs > 0)
    one, other = (e[which] for e in ends)
    if why:
        people = int(np.unique(np.concatenate([one, other])).size)
        none = Estimate.missing(why, level=level, n=int(which.sum()), n_identities=people)
        return Accuracies(none, None, None, np.full(count, np.nan), pairs)
    wrong = pair_rate(PairCounts.listed(one, other, ~right[which]), level=level)
    accuracy = wrong
    if wrong.value is not None and wrong.low is not None and wrong.high is not None:
        accuracy = Estimate(
            1 - wrong.value, 1 - wrong.high, 1 - wrong.low, level, wrong.n, wrong.n_identities,
            wrong.method,
        )  # fmt: skip
    if not published or (pairs == 0).any():
        return Accuracies(accuracy, None, None, folds, pairs)
    error = float(folds.std(ddof=1) / np.sqrt(count))
    return Accuracies(accuracy, float(folds.mean()), error, folds, pairs)


def _deal(ends: tuple[Index, Index], seed: int) -> tuple[Index, Index]:
    """Return the hand of each pair's two persons; only who is in a pair is dealt."""
    number = number_labels(np.concatenate(ends))
    count = int(number.max(initial=-1)) + 1
    hand = np.random.default_rng(seed).permutation(count) % HANDS
    dealt = hand[number]
    return dealt[: ends[0].size], dealt[ends[0].size :]


def _shared(own: Index, ends: tuple[Index, Index], published: bool) -> int:
    """Return how many identities are in several folds."""
    if not published:
        return 0
    who, fold = np.concatenate(ends), np.concatenate([own, own])
    lowest = np.full(int(who.max(initial=-1)) + 1, np.iinfo(np.intp).max)
    highest = np.full(lowest.size, -1)
    np.minimum.at(lowest, who, fold)
    np.maximum.at(highest, who, fold)
    return int((lowest < highest).sum())


def _checked(
    scores: npt.ArrayLike,
    genuine: npt.ArrayLike,
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    fold: npt.ArrayLike | None,
    group: npt.ArrayLike | None,
) -> tuple[Array, Mask, tuple[Index, Index], Index, Index]:
    s = np.asarray(scores, dtype=np.float64)
    none = np.full(s.shape, -1)
    own, code = (none if x is None else np.asarray(x, dtype=np.intp) for x in (fold, group))
    same = np.asarray(genuine, dtype=np.bool_)
    one, other = (np.asarray(x, dtype=np.intp) for x in (first, second))
    if s.ndim != 1 or any(x.shape != s.shape for x in (same, one, other, own, code)):
        raise ValueError("scores, genuine, persons, folds and groups must be one a pair")
    if not np.isfinite(s).all():
        raise ValueError("scores must be finite")
    if s.size and min(one.min(), other.min()) < 0:
        raise ValueError("persons are numbered from 0")
    if s.size and own.min() < 0 <= own.max():
        raise ValueError("some pairs have a fold and others none")
    return s, same, (one, other), own, code
