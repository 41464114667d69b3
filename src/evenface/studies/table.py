"""The studies there are, in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evenface.studies.data import Options
from evenface.studies.map import MapOptions, MapResult, map_space
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from evenface.studies.result import Result
from evenface.studies.transfer import TransferOptions, TransferResult, transfer


@dataclass(frozen=True)
class Study:
    """One question: what answers it, with which options, as what.

    Attributes
    ----------
    ask : callable
        ``ask(embeddings, options, common, on_step=...) -> Result``.
    options : type
        Class of its options.
    result : type
        Class of its result.
    question : str
        For help and headings.
    """

    ask: Callable[..., Result]
    options: type[Options]
    result: type[Result]
    question: str


STUDIES: dict[str, Study] = {
    "map": Study(map_space, MapOptions, MapResult, "Where do groups lie?"),
    "probe": Study(probe, ProbeOptions, ProbeResult, "What does the embedding know?"),
    "transfer": Study(
        transfer,
        TransferOptions,
        TransferResult,
        "Does what is learned on one group hold for another?",
    ),
}
