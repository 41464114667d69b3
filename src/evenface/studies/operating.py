"""Operating points: the thresholds at which errors are counted, and where these come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evenface.embed.embeddings import IMPORTED
from evenface.errors import ConfigError
from evenface.pairs.bins import LOWEST
from evenface.stats.rates import Scores, threshold_at

ENOUGH = 10
"""False matches that a target FMR must leave to expect: fewer say little about a threshold."""

POOLED, GIVEN = "pooled", "given"

TRUSTED = "imported vectors"
TAKEN = (
    "Thresholds were taken over from other imported vectors; that one network made both is taken "
    "on trust."
)


@dataclass(frozen=True)
class Point:
    """A threshold.

    Attributes
    ----------
    target : float or None
        The FMR it was set for; None for one that was given.
    threshold : float
    source : str
        ``pooled`` (all impostor pairs of these data), ``given``, or the output folder whose data
        it was set on.
    """

    target: float | None
    threshold: float
    source: str = POOLED


@dataclass(frozen=True)
class Refused:
    """A target for which there are too few pairs.

    Attributes
    ----------
    target : float
    reason : str
    """

    target: float
    reason: str


def pooled_points(impostors: Scores, targets: Sequence[float]) -> tuple[list[Point], list[Refused]]:
    """Set a threshold for each target FMR on all impostor pairs together.

    Targets with fewer than `ENOUGH` / FMR impostor pairs are refused.
    """
    points, refused = [], []
    for target in sorted(set(targets), reverse=True):
        needed = ENOUGH / target
        # A rounding error must not cost a target: 10 / 0.001 is 10000.
        if impostors.total < needed * (1 - 1e-9):
            why = f"{impostors.total} impostor pairs, {needed:.0f} are needed for an FMR of"
            refused.append(Refused(target, f"{why} {target:g}"))
        else:
            points.append(Point(target, threshold_at(impostors, target)))
    return points, refused


def points_file(folder: str) -> Path:
    """Return the file in which `verify` left its thresholds, of an output folder or itself."""
    place = Path(folder)
    return place if place.suffix == ".json" else place / "results" / "verify.json"


def points_of(folder: str, fingerprints: tuple[str, str]) -> list[Point]:
    """Take over the thresholds that `verify` set in another output folder.

    Parameters
    ----------
    folder : str
        Output folder, or its ``results/verify.json``.
    fingerprints : (similarity, model hash or name)
        What scores must come from to be compared.

    Raises
    ------
    ConfigError
        If there is no such result, or its scores are of another kind.
    """
    file = points_file(folder)
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
        rows = saved["tables"]["points"]["columns"]
        similarity, model = saved["config"]["similarity"], model_of(saved["context"]["card"])
        found = [
            Point(target, float(threshold), file.parent.parent.name or folder)
            for target, threshold in zip(rows["fmr_target"], rows["threshold"], strict=True)
            if threshold is not None and target is not None
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{file}: no thresholds to take over ({_why(error)}); give an output folder in which "
            "`evenface verify` or `evenface run` left results/verify.json"
        ) from None
    if (similarity, model) != fingerprints:
        raise ConfigError(
            f"{file}: its thresholds are for {similarity} scores of {model}, here are "
            f"{fingerprints[0]} scores of {fingerprints[1]}; a threshold holds for its own scores"
        )
    wrong = [p.threshold for p in found if not abs(p.threshold) <= -LOWEST]
    if wrong:
        raise ConfigError(
            f"{file}: holds the threshold {wrong[0]}, which is no score; run `evenface verify` "
            "there again"
        )
    if not found:
        raise ConfigError(f"{file}: no threshold was set there; its data had too few pairs")
    return found


def _why(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "not a result of verify"


def model_of(card: object) -> str:
    """Return what tells a network's scores from another's: its name and hash.

    Of imported vectors the hash is that of their file, and says nothing of the network.
    """
    known = card if isinstance(card, dict) else {}
    if known.get("name") == IMPORTED:
        return f"{TRUSTED} of {known.get('dimension', 'unknown')} dimensions"
    told = [str(known[k]) for k in ("name", "sha256") if known.get(k)]
    if known.get("dimension"):
        told.append(f"of {known['dimension']} dimensions")
    return " ".join(told) or "unknown"
