"""What each flaw does on one data set, in words of a table's cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from protocol_data import Subject
from protocol_file import FOLDS, LOSSES, Study
from protocol_marks import Marks, Moved, spread
from protocol_runs import ORDERS, Runs

from evenface.stats.comparisons import corrected_t

NONE = "no difference shown"
TESTED_BY_LEARNED = 1 / (FOLDS - 2)


@dataclass(frozen=True)
class Line:
    """A line of the table for one data set.

    Attributes
    ----------
    flaw, figure : str
    cell : str
        Before, after and how far apart, or why there is nothing.
    """

    flaw: str
    figure: str
    cell: str


@dataclass(frozen=True)
class Found:
    """The runs of a data set, with what it takes to compare them."""

    subject: Subject
    study: Study
    runs: Runs

    def moved(self, marks: Marks, run: str, by: str = "careful") -> Moved:
        return marks.moved(run, self.study.careful.common.asked, self.runs.repeats, by)

    @property
    def deals(self) -> int:
        return self.study.careful.seeds // FOLDS


def cell(moved: Moved, digits: int = 3) -> str:
    """Say what a number was, is with the flaw, and how far apart they are.

    An interval that takes in 0 shows nothing, however far its middle is from it.
    """
    low, high = moved.apart.low, moved.apart.high
    before = f"{moved.careful:.{digits}f} → {moved.flawed:.{digits}f}"
    if not moved.changed:
        return f"{before}: nobody is read otherwise, {NONE}"
    if moved.apart.value is None or low is None or high is None:
        return f"{before}: {moved.apart.method}"
    said = f"{moved.apart.value:+.{digits}f} [{low:+.{digits}f}, {high:+.{digits}f}]"
    return f"{before}: **{said}**" if moved.shown else f"{before}: {said}, {NONE}"


GENDER = "gender: balanced accuracy of the MLP"
KNN = "{}: balanced accuracy of 10 nearest neighbours in the 2-D space"

Lines = Iterator[tuple[str, str]]


def shared_identities(f: Found) -> Lines:
    figures = (GENDER, "labels dealt out at random among people: accuracy of the MLP")
    for figure, marks in zip(figures, (f.runs.gender, f.runs.control), strict=True):
        if marks.has("shared"):
            yield figure, cell(f.moved(marks, "shared"))
        else:
            yield figure, "one picture a person here: nobody can be shared"


def training_plots(f: Found) -> Lines:
    for loss in LOSSES:
        yield KNN.format(loss), cell(f.moved(f.runs.spaces, f"{loss}, seen", loss))


def one_seed(f: Found) -> Lines:
    rows = ((GENDER, f.runs.gender, "careful"), (KNN.format("softmax"), f.runs.spaces, "softmax"))
    for figure, marks, run in rows:
        single = marks.single(run)
        away, low, high = spread(single, f.deals, f.study.careful.level)
        yield (
            figure,
            (
                f"mean {single.mean():.3f}; single splits say {single.min():.3f} to "
                f"{single.max():.3f}, standard deviation "
                f"**{away:.3f} [{low:.3f}, {high:.3f}]**, to either side"
            ),
        )


def all_sees_more(f: Found) -> Lines:
    asked = f.study.careful.common.asked
    moved = f.runs.groups.gap_moved(
        ("three times", "own"), ("careful", "own"), asked, f.runs.repeats
    )
    groups = len(f.subject.data.labels("ethnicity").names)
    yield (
        "gender: gain of the model of all groups over a group's own, mean of groups",
        f"{cell(moved)} ({groups} groups, so {groups} times the people)",
    )


def unequal_losses(f: Found) -> Lines:
    asked = f.study.careful.common.asked
    for loss in LOSSES[1:]:
        moved = f.runs.spaces.gap_moved(
            (f"{loss}, unequal", "softmax, unequal"), (loss, "softmax"), asked, f.runs.repeats
        )
        yield KNN.format(f"{loss} less softmax"), cell(moved)


def _of_a_loss(flaw: str, loss: str) -> Callable[[Found], Lines]:
    def lines(f: Found) -> Lines:
        yield KNN.format(loss), cell(f.moved(f.runs.spaces, flaw, loss))

    return lines


def batch_softmax(f: Found) -> Lines:
    for order in ORDERS:
        moved = f.moved(f.runs.gender, f"batch softmax, {order}")
        yield f"{GENDER}; {SAID[order]}", cell(moved)


SAID = {
    "shuffled": "test rows in batches at random",
    "folders": "test rows as folders lie, men first",
}


def raw_pixels(f: Found) -> Lines:
    for way in f.study.pixels:
        if way in f.subject.spoilt:
            yield f"{GENDER}; {way}", cell(f.moved(f.runs.gender, way))
        else:
            yield f"{GENDER}; {way}", "vectors without pictures: nothing to skip"


def batch_means(f: Found) -> Lines:
    level = f.study.careful.level
    for (what, order), pairs in f.runs.curves.items():
        careful, flawed = np.array(pairs).T
        apart = flawed - careful
        found = corrected_t(apart, test_share=TESTED_BY_LEARNED, level=level)
        said = f"{careful.mean():.3f} → {flawed.mean():.3f}: "
        if found.low is None or found.high is None:
            said += NONE
        else:
            out = not found.low <= 0 <= found.high
            moved = f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
            said += f"**{moved}**" if out else f"{moved}, {NONE}"
        figure = f"gender: last point of the curve of {what}; {SAID[order]}"
        yield figure, f"{said}; a single split by up to {abs(apart).max():.3f}"


def one_at_a_time(f: Found) -> Lines:
    yield "pictures a second", f.subject.speed or "vectors without pictures: nothing to extract"


def _words(text: str) -> Callable[[Found], Lines]:
    def lines(_: Found) -> Lines:
        yield "none", text

    return lines


FLAWS: dict[str, Callable[[Found], Lines]] = {
    "shared_identities": shared_identities,
    "training_plots": training_plots,
    "one_seed": one_seed,
    "all_sees_more": all_sees_more,
    "unequal_losses": unequal_losses,
    "squared_twice": _of_a_loss("squared_twice", "contrastive"),
    "unsquared_triplet": _of_a_loss("unsquared_triplet", "triplet"),
    "self_pairs": _of_a_loss("self_pairs", "contrastive"),
    "batch_softmax": batch_softmax,
    "raw_pixels": raw_pixels,
    "no_biased_code": _words("nothing to compare: there is no such code to run; `bias` has one"),
    "batch_means": batch_means,
    "pickles": _words("no number changes: a pickle is a program that runs when it is read"),
    "one_at_a_time": one_at_a_time,
}
"""What is said of each flaw."""


def together(f: Found) -> Lines:
    """All flaws that are on, against none."""
    yield GENDER, cell(f.moved(f.runs.gender, "all"))
    tail = ", all, seen" if "training_plots" in f.study.on else ", all"
    for loss in LOSSES:
        yield KNN.format(loss), cell(f.moved(f.runs.spaces, loss + tail, loss))


TOGETHER = "all of them together"


def lines_of(found: Found) -> list[Line]:
    """Return the lines of one data set, flaw by flaw, then all of them together."""
    made = [(flaw, FLAWS[flaw]) for flaw in found.study.on] + [(TOGETHER, together)]
    return [Line(flaw, figure, said) for flaw, of in made for figure, said in of(found)]


def table(columns: dict[str, list[Line]]) -> str:
    """Return a Markdown table: a line a figure, a column a data set."""
    first = next(iter(columns.values()))
    rows = [f"| flaw | figure | {' | '.join(columns)} |", "|---" * (2 + len(columns)) + "|"]
    before = ""
    for k, line in enumerate(first):
        flaw = "" if line.flaw == before else f"`{line.flaw}`" if line.flaw in FLAWS else line.flaw
        before = line.flaw
        cells = [lines[k].cell for lines in columns.values()]
        rows.append(f"| {flaw} | {line.figure} | {' | '.join(cells)} |")
    return "\n".join(rows)
