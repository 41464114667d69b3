"""An eraser fitted to a split's training people, and what probes learn from them."""

from __future__ import annotations

from evenface.erasers.eraser import Eraser
from evenface.erasers.methods import fit_eraser
from evenface.erasers.span import Span
from evenface.errors import VectorError
from evenface.faces.split import Split
from evenface.heads.probes import Task
from evenface.studies.erased_ways import Asked, Way


def fit(
    asked: Asked, way: Way, split: Split, left_out: dict[str, str], span: Span
) -> Eraser | None:
    """Fit an eraser to a split's training people; leave its ways out where it can't be."""
    codes, who = asked.codes(way), asked.data.rows["identity"].to_numpy()
    try:
        eraser = fit_eraser(
            way.eraser, asked.data.vectors[split.train], codes[split.train],
            attributes=way.attributes,
            classes=[asked.labels[a].names for a in way.attributes],
            identities=who[split.train].tolist(),
            held=(asked.data.vectors[split.validation], codes[split.validation]),
            seed=split.seed, span=span,
        )  # fmt: skip
    except VectorError as error:
        for other in asked.ways:
            if (other.attribute, other.eraser) == (way.attribute, way.eraser):
                left_out[other.name] = f"not fitted on every split: {error}"
        return None
    eraser.refuse_leak(who[split.test].tolist())
    return eraser


def tasks_of(asked: Asked, split: Split) -> list[Task]:
    """Return what probes learn: a task for each target, of the people whose label is known."""
    tasks = []
    for found in asked.targets.values():
        sides = (split.train, split.validation, split.test)
        train, validation, test = (side[found.codes[side] >= 0] for side in sides)
        tasks.append(Task(found.codes, train, validation, test, len(found.names), split.seed))
    return tasks
