"""What a gate says, in one line: ``STUDY.METRIC[column=value, ...] > NUMBER``.

Nothing heavy is imported here: a line that makes no sense is refused before work starts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from evenface.errors import ConfigError


class Known(NamedTuple):
    """What a study's frame holds: its metrics, and its columns beyond the leading ones."""

    metrics: tuple[str, ...]
    columns: tuple[str, ...]


KNOWN: dict[str, Known] = {
    "checks": Known(
        ("failure_to_enrol", "people_not_enrolled", "unreadable", "several_faces", "tiny_faces",
         "enlarged_faces", "face_size_p05", "face_size_median", "duplicates_across_identities",
         "label_conflicts"),
        ("group", "attribute"),
    ),
    "map": Known(
        ("knn_purity", "knn_purity_corrected", "silhouette", "trustworthiness",
         "knn_preservation"),
        ("method_map", "dims", "labelling", "space", "per_group"),
    ),
    "probe": Known(
        ("accuracy", "balanced_accuracy", "chance", "majority", "control_accuracy",
         "control_accuracy_seen", "selectivity", "balanced_accuracy_by_dimension",
         "lost_by_dimension"),
        ("target", "probe", "group", "dimension"),
    ),
    "transfer": Known(
        ("accuracy", "balanced_accuracy", "transfer_gap"),
        ("target", "across", "train_on", "test_on", "probe"),
    ),
    "spaces": Known(
        ("knn_accuracy", "worst_group_accuracy", "intra_distance", "inter_distance",
         "silhouette"),
        ("loss", "balance", "dims", "group"),
    ),
    "bias": Known(
        ("knn_accuracy", "worst_group_accuracy", "drop_from_balanced"),
        ("loss", "majority", "share", "group", "remedy"),
    ),
    "verify": Known(
        ("eer", "fmr", "fnmr", "fmr_nearest", "fmr_nearest_in_group", "fdr", "inequity_rate",
         "garbe", "fmr_max_min", "fmr_max_geomean", "fnmr_max_min", "fnmr_max_geomean"),
        ("fmr_target", "threshold", "attribute", "group_a", "group_b"),
    ),
    "erase": Known(
        ("balanced_accuracy", "balanced_accuracy_change", "eer", "eer_change", "fmr", "fnmr",
         "fnmr_change", "cosine_shift"),
        ("attribute", "eraser", "strength", "stage", "target", "probe", "group"),
    ),
}  # fmt: skip
"""By study; tests hold it against what studies return."""

SIGNED = ("transfer_gap", "drop_from_balanced", "selectivity", "lost_by_dimension", "silhouette",
          "knn_purity_corrected", "balanced_accuracy_change", "eer_change",
          "fnmr_change")  # fmt: skip
"""Metrics that lie in [-1, 1]."""

UNBOUNDED = (
    "face_size_p05", "face_size_median", "intra_distance", "inter_distance", "inequity_rate",
    "fmr_max_min", "fmr_max_geomean", "fnmr_max_min", "fnmr_max_geomean",
)  # fmt: skip
"""Metrics from 0 on without an end."""

HIGHEST = {"cosine_shift": 2.0}
"""Where metrics end that are no shares, in [0, 1], as all others are."""

LONGEST = 2000
"""Characters that a claim may have."""

SIGNS = {">": "above", ">=": "at least", "<": "below", "<=": "at most"}

_NAME = "[A-Za-z][A-Za-z0-9_]*"
_NUMBER = "[+\\-\u2212]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?"
# Ends in no space, so that a text can be read in one way only: others take exponential time.
_BARE = r"""[^\s,\]\[="'](?:[^,\]\[=]*[^\s,\]\[=])?"""
_VALUE = rf"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|{_BARE})"""
_PAIR = re.compile(rf"\s*({_NAME})\s*=\s*({_VALUE})\s*", re.S)
_PLAIN_PAIR = rf"\s*{_NAME}\s*=\s*{_VALUE}\s*"
_WHOLE = re.compile(
    rf"\s*(?P<change>change\s*\(\s*)?(?P<study>{_NAME})\s*\.\s*(?P<metric>{_NAME})\s*"
    rf"(?:\[(?P<filters>{_PLAIN_PAIR}(?:,{_PLAIN_PAIR})*)\]\s*)?(?(change)\)\s*)"
    rf"(?P<sign>>=|<=|>|<)\s*(?P<number>{_NUMBER}\s*%?)\s*",
    re.S,
)


@dataclass(frozen=True)
class Claim:
    """A statement about numbers of a study.

    Attributes
    ----------
    study, metric : str
        Full names.
    sign : str
        A key of `SIGNS`.
    bound : float
    filters : tuple of (str, str or None)
        Columns and the value each must have; None for any.
    change : bool
        Whether it is about the difference between two runs.
    text : str
        As it was written.
    """

    study: str
    metric: str
    sign: str
    bound: float
    filters: tuple[tuple[str, str | None], ...] = ()
    change: bool = False
    text: str = field(default="", compare=False)

    def canonical(self) -> str:
        """Return the claim in full; `read_claim` makes the same claim of it."""
        pairs = ", ".join(f"{c}={'*' if v is None else _quoted(v)}" for c, v in self.filters)
        about = f"{self.study}.{self.metric}{f'[{pairs}]' if pairs else ''}"
        return f"{f'change({about})' if self.change else about} {self.sign} {self.bound!r}"

    @property
    def limits(self) -> tuple[float, float]:
        """Between which numbers the truth must lie."""
        low = -1.0 if self.metric in SIGNED else 0.0
        high = math.inf if self.metric in UNBOUNDED else HIGHEST.get(self.metric, 1.0)
        return (low - high, high - low) if self.change else (low, high)

    def error(self, why: str) -> ConfigError:
        """Return the error that this claim makes no sense, and why."""
        return _error(self.text or self.canonical(), why)


def read_claim(text: str) -> Claim:
    """Read a claim.

    Parameters
    ----------
    text : str
        ``STUDY.METRIC[column=value, column="value"] > NUMBER``, or ``change(STUDY.METRIC) > ...``
        about the difference between two runs. What stands in brackets may be left out, ``*``
        stands for every value; the number may be a percentage; a metric may be called by its
        beginning or end, up to an underscore, where only one is called so.

    Raises
    ------
    ConfigError
        If it is nothing like this, there is no such study, metric or column, or every number there
        can be would be judged alike.
    """
    if len(text) > LONGEST:
        raise _error(text, f"is longer than {LONGEST} characters")
    found = _WHOLE.fullmatch(text)
    bound = to_number(found["number"]) if found else None
    if found is None or bound is None:
        raise _error(
            text,
            "expected STUDY.METRIC[column=value] and >, >=, < or <= and a number, such as "
            "'transfer.gap > 0.05' or 'probe.balanced_accuracy[target=gender] < 90%'; values "
            "with , = or brackets need quotes",
        )
    study = found["study"]
    if study not in KNOWN:
        raise _error(text, f"no study is called {study!r}; there are {several(KNOWN)}")
    filters: dict[str, str | None] = {}
    for column, value in _PAIR.findall(found["filters"] or ""):
        if column not in KNOWN[study].columns:
            have = several(KNOWN[study].columns)
            raise _error(text, f"{study} has no column {column!r}; it has {have}")
        if column in filters:
            raise _error(text, f"{column} is given twice; give one value, or * for all")
        filters[column] = _unquoted(value.strip())
    metric = _metric(found["metric"], study, text)
    change, said = bool(found["change"]), " ".join(text.split())
    claim = Claim(study, metric, found["sign"], bound, tuple(filters.items()), change, said)
    low, high = claim.limits
    within = low <= bound < high if found["sign"] in (">", "<=") else low < bound <= high
    if not within:
        raise claim.error(
            f"says nothing: {metric} is always between {low:g} and {high:g}, so the same would "
            "come out for all faces; five per cent is 0.05 or 5%"
        )
    return claim


def to_number(text: str) -> float | None:
    """Return the number that a text like ``0.05`` or ``5 %`` stands for; None for another text."""
    plain, percent, _ = text.partition("%")
    plain = plain.strip().replace("\u2212", "-")
    if not re.fullmatch(_NUMBER, plain) or not re.fullmatch(rf"{_NUMBER}\s*%?", text.strip()):
        return None
    number = float(Decimal(plain) / (100 if percent else 1))
    return number if math.isfinite(number) else None


def several(names: Iterable[object], most: int = 20) -> str:
    """Return names with commas, the first of them where they are many."""
    have = list(map(str, names))
    more = f" and {len(have) - most} more" if len(have) > most else ""
    return ", ".join(have[:most]) + more


def _metric(name: str, study: str, text: str) -> str:
    metrics = KNOWN[study].metrics
    if name in metrics:
        return name
    fitting = [m for m in metrics if m.startswith(f"{name}_") or m.endswith(f"_{name}")]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise _error(text, f"{name!r} may be {' or '.join(fitting)}; write the whole name")
    raise _error(text, f"{study} has no metric {name!r}; it has {several(metrics)}")


def as_written(value: str) -> str:
    """Return a value as it can stand in brackets: quoted where it has to be."""
    return value if re.fullmatch(_BARE, value) else _quoted(value)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquoted(value: str) -> str | None:
    if value == "*":
        return None
    if value[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.S)
    return value


def _error(text: str, why: str) -> ConfigError:
    return ConfigError(f"gate {text[:200]!r}: {why}")
