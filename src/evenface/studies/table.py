"""The studies there are, in a table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from evenface.errors import StoreError
from evenface.studies.bias import BiasOptions, BiasResult, bias
from evenface.studies.checks import ChecksOptions, ChecksResult, checks
from evenface.studies.data import Options
from evenface.studies.erase import EraseOptions, EraseResult, erase
from evenface.studies.map import MapOptions, MapResult, map_space
from evenface.studies.probe import ProbeOptions, ProbeResult, probe
from evenface.studies.result import DAMAGE, VERSION, Result, read_saved
from evenface.studies.spaces import SpacesOptions, SpacesResult, spaces
from evenface.studies.transfer import TransferOptions, TransferResult, transfer
from evenface.studies.verify import VerifyResult, verify
from evenface.studies.verify_options import VerifyOptions


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
    "checks": Study(checks, ChecksOptions, ChecksResult, "Is the input fit to be studied?"),
    "map": Study(map_space, MapOptions, MapResult, "Where do groups lie?"),
    "probe": Study(probe, ProbeOptions, ProbeResult, "What does the embedding know?"),
    "transfer": Study(
        transfer,
        TransferOptions,
        TransferResult,
        "Does what is learned on one group hold for another?",
    ),
    "spaces": Study(spaces, SpacesOptions, SpacesResult, "What do losses make of the groups?"),
    "bias": Study(bias, BiasOptions, BiasResult, "What does a majority do to the others?"),
    "verify": Study(verify, VerifyOptions, VerifyResult, "Whom does verification fail?"),
    "erase": Study(
        erase, EraseOptions, EraseResult, "Can it be taken out, and what does that cost?"
    ),
}


def load_result(file: Path) -> Result:
    """Read a study's JSON file back into its result, whole or not at all.

    Raises
    ------
    StoreError
        If it is damaged, newer, or of another study than its name says.
    """
    saved = read_saved(file)
    name = str(saved["schema"]).rsplit("/", 1)[0].removeprefix("evenface.")
    if name not in STUDIES or name != file.stem:
        raise StoreError(f"{file}: holds 'evenface.{name}', not this study; run the study again")
    try:
        result = STUDIES[name].result.from_dict(saved)
        # What a damaged file lacks shows when it is read out.
        if not result.numbers.height or not result.reading() or not result.context["groups"]:
            raise ValueError("no numbers")
    except DAMAGE as error:
        older = int(str(saved["schema"]).rsplit("/", 1)[1]) < VERSION
        why = "made by an older version" if older else f"damaged ({error!r})"
        raise StoreError(f"{file}: {why}; run the study again") from None
    return result
