"""How often intervals of equal error rates, remedies and associations contain what they are about.

    python benchmarks/coverage_verify.py [--draws 300] [--parts eer,remedies,associations]

Equal error rates: scores are normal, of what identities add, what pictures add, and what the pair
adds, so that FMR, FNMR and where they meet are known. Numbers are asked for as `verify` asks, over
everybody and by group; the second group is harder.

Remedies: vectors around centres of persons, themselves around those of two groups. Everything that
was fitted and every threshold is used on another 500 persons of each group, whose errors are taken
for the truth: what an interval of a remedy is about is the fitted remedy among people it hasn't
seen. FNMR and FMR of everybody and of each group, and changes against no remedy.

Associations: persons' vectors around directions of gender and group. The truth is the mean of d
over 2000 populations of the same size. Nothing here says anything about faces.

Equal error rates (300 draws; 40, 100 and 300 people) held in 99 to 100, 97 to 99 and 96
to 98 % of draws; remedies of 80 people (100 draws, 54 numbers, a standard error of 2 points) in 91
to 100 %, in 97 % on average; associations (300 draws; 24, 80 and 240 people) in 98 to 99 %.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator

import numpy as np
from scipy import optimize, stats
from timing import machine

from evenface.faces.split import Split
from evenface.pairs.bins import LOWEST, Bins
from evenface.pairs.compared import Compared
from evenface.pairs.found import Found, Kept
from evenface.pairs.people import People
from evenface.pairs.samples import Sample
from evenface.pairs.similarity import Prepared
from evenface.stats.association import association
from evenface.studies import remedied
from evenface.studies.data import CommonOptions
from evenface.studies.partitions import ALL
from evenface.studies.remedied import compare_remedies
from evenface.studies.remedied_errors import Tally, errors_of
from evenface.studies.verify_numbers import Asked, _equal_error

IDENTITY, IMAGE = 0.2, 0.1
APART = {"a": 4.0, "b": 3.0}
"""How far genuine scores of each group lie from impostors', in standard deviations."""

Held = tuple[str, bool, float]


def people_of(persons: int) -> People:
    """2 to 4 pictures a person, two groups of the same size."""
    who = np.repeat(np.arange(persons), np.resize((2, 2, 3, 4), persons))
    return People.of(who, who, ["ab"[2 * w // persons] for w in who.tolist()])


def equal_rate(groups: str) -> float:
    """Return the equal error rate of some groups, which have as many genuine pairs each."""

    def gap(t: float) -> float:
        return float(np.mean([stats.norm.cdf(t - APART[g]) for g in groups]) - stats.norm.sf(t))

    return float(stats.norm.sf(optimize.brentq(gap, 0, 4)))


def scored(rng: np.random.Generator, people: People) -> Compared:
    """Draw scores of all pairs; whoever is often taken for others is seldom missed."""
    m, who = people.images, people.person
    level = rng.standard_normal(people.persons)
    image = np.sqrt(IMAGE / 2) * rng.standard_normal(who.size)
    spread = np.sqrt(1 - IDENTITY - IMAGE)
    one, other = np.triu_indices(who.size, 1)
    a, b = who[one], who[other]
    score = image[one] + image[other] + spread * rng.standard_normal(one.size)
    own = a == b
    shift = np.array([APART[g] for g in people.groups])[people.group]
    genuine = score[own] + np.sqrt(IDENTITY) * level[a[own]] + shift[a[own]]
    impostor = (score + np.sqrt(IDENTITY / 2) * (level[a] + level[b]))[~own].astype(np.float32)
    cell = people.cells[people.group[a[~own]], people.group[b[~own]]]
    kept = Kept.of_pairs(Found.of(impostor, a[~own], b[~own]), cell, 3)
    return Compared(
        people, Bins(-9, 9, 2), np.diff(kept.ends)[:, None], kept, LOWEST,
        Found.of(genuine.astype(np.float32), a[own], a[own]), np.full((2, int(m.sum())), -np.inf),
    )  # fmt: skip


def of_equal_errors(persons: int, draws: int) -> Iterator[Held]:
    people, truth = people_of(persons), {g: equal_rate(g) for g in ("ab", "a", "b")}
    for r in range(draws):
        asked = Asked(scored(np.random.default_rng([persons, r]), people), CommonOptions())
        for name, groups in (("ab", [0, 1]), ("a", [0]), ("b", [1])):
            row = _equal_error(asked, groups, attribute=None, group=ALL)
            yield f"EER of {name}", row["low"] <= truth[name] <= row["high"], truth[name]


def faces(rng: np.random.Generator, persons: int, pictures: int = 3):
    """Return vectors, persons and groups: the second group lies closer together."""
    group = np.arange(persons) % 2
    centre = rng.standard_normal((persons, 24)) * np.where(group, 0.8, 1.0)[:, None]
    centre[:, 0] += np.where(group, 1.5, -1.0)
    who = np.repeat(np.arange(persons), pictures)
    return (centre[who] + 0.7 * rng.standard_normal((who.size, 24))).astype(np.float32), who


def of_remedies(persons: int, draws: int) -> Iterator[Held]:
    truth_x, truth_who = faces(np.random.default_rng(12345), 1000)
    for r in range(draws):
        rng = np.random.default_rng([persons, r])
        x, who = faces(rng, persons)
        # The reference lies behind, as one population of which only the first are dealt.
        both = np.concatenate([x, truth_x])
        everybody = np.concatenate([who, truth_who + persons])
        people = People.of(everybody, everybody, ["ab"[w % 2] for w in everybody.tolist()])
        prepared = Prepared.of(both, people.order, "cosine")
        reference = Sample.of(prepared, people, np.flatnonzero(people.order >= len(x)))
        fold = rng.permutation(persons) % 4
        sides = [(np.flatnonzero(fold[who] != k), np.flatnonzero(fold[who] == k)) for k in range(4)]
        splits = [Split(a, a[:0], b, k, "") for k, (a, b) in enumerate(sides)]
        beyond = Tally(people, [(n, 0.01) for n in ("none", *remedied.REMEDIES)])

        def noted(test, tasks, thresholds, count, beyond=beyond, reference=reference):
            beyond.add(reference, 0, thresholds, errors_of(reference, tasks, thresholds, count))
            return errors_of(test, tasks, thresholds, count)

        remedied.errors_of, kept = noted, remedied.errors_of
        try:
            found = compare_remedies(prepared, people, splits, targets=[0.01], seed=r)
        finally:
            remedied.errors_of = kept
        true = {}
        for row in sorted(found.rows, key=lambda row: row["remedy"] != "none"):
            if row["value"] is None:
                continue
            g = None if row["group"] is None else people.groups.index(row["group"])
            counts = beyond.counts((row["remedy"], 0.01), row["metric"], g)
            # Pictures were added once a split, so that pairs are too many by the square.
            looks = len(splits) if row["metric"] == "fmr" else 1
            t = true[row["remedy"], row["metric"], g] = counts.rate * looks
            name = f"{row['remedy']} {row['metric']} {row['group'] or 'all'}"
            yield name, row["low"] <= t <= row["high"], t
            if row["change"] is not None:
                t -= true["none", row["metric"], g]
                yield f"{name} change", row["change_low"] <= t <= row["change_high"], t


def associated(rng: np.random.Generator, persons: int, together: bool):
    """Return vectors, persons and four sets; targets and attributes share persons, or don't."""
    who = np.repeat(np.arange(persons), 2)
    one, other = np.arange(persons) % 2, np.arange(persons) // 2 % 2
    centre = rng.standard_normal((persons, 16))
    centre[:, 0] += 1.2 * one + 0.8 * other
    part = np.ones(persons, dtype=bool) if together else np.arange(persons) < persons // 2
    rest = part if together else ~part
    sets = (part & (one == 0), part & (one == 1), rest & (other == 0), rest & (other == 1))
    return centre[who] + 0.5 * rng.standard_normal((who.size, 16)), who, [s[who] for s in sets]


def of_associations(persons: int, draws: int) -> Iterator[Held]:
    for together in (True, False):
        name = "d, sets share persons" if together else "d, sets apart"
        truth = np.mean([
            _effect(np.random.default_rng([persons, r, 1]), persons, together)[0]
            for r in range(2000)
        ])  # fmt: skip
        for r in range(draws):
            _, low, high = _effect(np.random.default_rng([persons, r]), persons, together)
            yield name, low <= truth <= high, float(truth)


def _effect(rng: np.random.Generator, persons: int, together: bool) -> tuple[float, float, float]:
    x, who, sets = associated(rng, persons, together)
    e = association(x, who, *sets, permutations=1).effect
    return e.value, e.low, e.high


PARTS = {
    "eer": (of_equal_errors, (40, 100, 300)),
    "remedies": (of_remedies, (80, 160)),
    "associations": (of_associations, (24, 80, 240)),
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--parts", default=",".join(PARTS))
    args = parser.parse_args()
    print(f"{args.draws} draws each, {machine()}")
    print("persons  number                              truth   holds", flush=True)
    for part in args.parts.split(","):
        work, sizes = PARTS[part]
        for persons in sizes:
            start, held, truth = time.perf_counter(), defaultdict(list), {}
            for name, holds, t in work(persons, args.draws):
                held[name].append(holds)
                truth.setdefault(name, []).append(t)
            for name, values in held.items():
                print(f"{persons:7d}  {name:34s} {np.mean(truth[name]):7.4f} "
                      f"{np.mean(values):7.3f}")  # fmt: skip
            print(f"         {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
