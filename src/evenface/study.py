"""From a source of faces to an output folder with a report: every step kept, none done twice."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import polars as pl

from evenface._version import __version__
from evenface.config import StudyConfig
from evenface.embed.embeddings import Embeddings
from evenface.embed.extract import Held
from evenface.embed.files import file_sha256
from evenface.embed.store import open_embeddings
from evenface.erasers.seen import seen_rows
from evenface.errors import (
    ConfigError,
    EvenfaceError,
    SelectionError,
    TrainingError,
)
from evenface.extraction import embed
from evenface.faces.groups import grouping, require_groups
from evenface.faces.places import as_place
from evenface.faces.select import select_faces, select_rows
from evenface.faces.source import read_faces
from evenface.faces.split import ENOUGH, splits_from_column
from evenface.faces.synthetic import SyntheticPopulation, write_faces
from evenface.faces.table import Faces
from evenface.faces.unrecorded import without_values
from evenface.output import STUDY_FILE, drop_others, drop_result, output_folder, write_text
from evenface.report.page import REPORT, build_report
from evenface.report.results import SKIPPED, WAITING
from evenface.step import Step, Tell, silent
from evenface.studies.data import prepare, study_splits
from evenface.studies.pictures import CHOSEN
from evenface.studies.result import VERSION, read_saved
from evenface.studies.table import STUDIES, load_result

LONG = 5.0
"""Seconds between two reports of a run that goes on: one takes about one."""


def run(
    source: str | Path,
    out: str | Path,
    config: StudyConfig | None = None,
    *,
    images_root: Path | None = None,
    names: bool = False,
    on_step: Tell | None = None,
) -> Path:
    """Embed faces, ask every study, write the report.

    Parameters
    ----------
    source : path
        A tree, lists, a manifest or an embedding folder.
    out : path
        Absent, empty, or the output folder of an earlier run: what it already did is kept.
    config : StudyConfig, optional
    images_root : Path, optional
        What a manifest's or lists' paths are relative to.
    names : bool
        Whether paths and identities may stand in the report.
    on_step : callable, optional
        Called with a `Step`.

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    EvenfaceError
        For every fault in what was given. A study that the data can't answer is skipped, with
        the reason in the report; only if none can be answered this is an error.
    SelectionError
        If no study can be answered.
    """
    config, tell = config or StudyConfig(), on_step or silent
    for name in config.studies:
        # Before hours go into embedding.
        for file in config.options_of(name).reads():
            _hash_of(file)
    folder = output_folder(Path(out))
    embeddings = _embeddings(Path(source), folder, config, images_root, tell)
    results = folder / "results"
    # Whatever is wrong with the options shows here, before a result is written or removed.
    study_splits(prepare(embeddings, config.common), config.common)
    drop_others(results, embeddings.fingerprint, config)
    write_text(folder / STUDY_FILE, config.to_toml(embedded=is_embedding_folder(Path(source))))
    skipped = _ask_all(embeddings, config, folder, tell, names=names)
    if len(skipped) == len(config.studies):
        raise SelectionError(f"no study could be answered: {next(iter(skipped.values()))}")
    _write_skipped(results, skipped)
    tell(Step("report", 0, 1))
    report = build_report(folder, names=names)
    tell(Step("report", 1, 1))
    return report


def demo(out: str | Path, *, identities: int = 60, images: int = 3, seed: int = 0,
         on_step: Tell | None = None) -> Path:  # fmt: skip
    """Render synthetic faces and run every study on them; return the report's path.

    Parameters
    ----------
    out : path
    identities : int
        Of each of the six groups, at least 5.
    images : int
        Of each identity.
    seed : int
    on_step : callable, optional

    Returns
    -------
    Path
        Of the report.

    Raises
    ------
    ConfigError
        If there are fewer than 5 identities of each group.
    """
    tell = on_step or silent
    if identities < StudyConfig().common.folds:
        raise ConfigError(f"identities is {identities}; at least 5 of each group are needed")
    folder = output_folder(Path(out))
    population = SyntheticPopulation(identities, images, seed=seed)
    faces = write_faces(
        population, folder / "faces", progress=lambda done, total: tell(Step("render", done, total))
    )
    return run(faces, folder, StudyConfig(), on_step=tell)


def is_embedding_folder(path: Path) -> bool:
    """Tell whether a folder's manifest says that it holds embeddings."""
    try:
        schema = json.loads((as_place(path) / "manifest.json").read_text("utf-8"))["schema"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return str(schema).startswith("evenface.embeddings/")


def _embeddings(
    source: Path, folder: Path, config: StudyConfig, images_root: Path | None, tell: Tell
) -> Embeddings:
    common = config.common
    select = {**config.select.model_dump(), "by": common.group_by, "missing": common.missing}
    if is_embedding_folder(source):
        embeddings = open_embeddings(source)
        rows, seen = embeddings.rows, seen_rows(embeddings.rows)
        # Studies leave out and count whom an eraser was fitted to: nobody is drawn of these.
        drawn = rows if seen.all() else select_rows(rows.filter(~seen), **select)
        chosen = pl.Series(seen) | rows["sample_id"].is_in(drawn["sample_id"].implode())
        if chosen.all():
            return embeddings
        # The failures are the whole folder's; no share of these pictures can be made of them.
        described = {**embeddings.source, CHOSEN: len(embeddings)}
        return replace(embeddings.take(chosen), source=described)
    tell(Step("faces", 0, 1))
    faces = select_faces(read_faces(source, images_root=images_root), **select)
    check_groups(faces, config)
    tell(Step("faces", 1, 1, f"{len(faces)} pictures"))
    # Results are about what was embedded; another set of pictures would be another run.
    held = Held(extend=False)
    return embed(faces, folder / "embeddings", config, tell, held=held).load()


def check_groups(faces: Faces, config: StudyConfig) -> None:
    """Refuse faces that no study could say anything about, before hours go into embedding them."""
    by = grouping(faces.attributes, config.common.group_by)
    require_groups(without_values(faces.frame, by, config.common.missing), by)
    if config.common.split_column is not None:
        splits_from_column(faces.frame, config.common.split_column)
    people = faces.frame["identity"].n_unique()
    if people < config.common.folds:
        raise SelectionError(
            f"{people} identities can't be split {config.common.folds} ways; "
            f"{config.common.folds} or more are needed{ENOUGH}"
        )


def _ask_all(
    embeddings: Embeddings, config: StudyConfig, folder: Path, tell: Tell, *, names: bool
) -> dict[str, str]:
    """Answer every study; return why some can't be.

    Whenever a run is stopped, what it found so far has a report: after a study that took its time,
    and on the way out of one that was interrupted or failed. One that was killed at once leaves
    what ``evenface report`` makes it from.
    """
    results, skipped = folder / "results", dict[str, str]()
    for name in (*config.studies, "report"):
        tell(Step(name, 0, 1, state="waiting"))
    written = time.monotonic()
    for k, name in enumerate(config.studies):
        waiting = dict.fromkeys(config.studies[k:], WAITING)
        _write_skipped(results, {**skipped, **waiting})
        try:
            reason = _ask(name, embeddings, config, results, tell)
        except BaseException as error:
            if isinstance(error, Exception):
                waiting[name] = f"it failed ({type(error).__name__}: {error})"
            _write_skipped(results, {**skipped, **waiting})
            _report_so_far(folder, tell, names=names)
            raise
        if reason:
            skipped[name] = reason
            tell(Step(name, 0, 1, reason, state="skipped"))
        waiting.pop(name)
        if waiting and time.monotonic() - written > LONG:
            _write_skipped(results, {**skipped, **waiting})
            _report_so_far(folder, silent, names=names)
            written = time.monotonic()
    return skipped


def _report_so_far(folder: Path, tell: Tell, *, names: bool) -> None:
    """Write a report of what is there; what stopped the run is said, not what stops this."""
    with suppress(EvenfaceError, OSError):
        build_report(folder, names=names)
        tell(Step("report", 1, 1, f"of what was found so far: {folder / REPORT}"))


def _write_skipped(results: Path, skipped: dict[str, str]) -> None:
    write_text(results / SKIPPED, json.dumps(skipped, ensure_ascii=False, indent=1))


def _ask(
    name: str, embeddings: Embeddings, config: StudyConfig, results: Path, tell: Tell
) -> str | None:
    """Answer one study unless its answer is there; return why it can't be, if so."""
    study, options = STUDIES[name], config.options_of(name)
    key = _key(name, embeddings, config)
    file = results / f"{name}.json"
    if _key_of(file) == key:
        tell(Step(name, 1, 1, "kept from an earlier run"))
        return None
    tell(Step(name, 0, 1))
    try:
        result = study.ask(
            embeddings,
            options,
            config.common,
            on_step=lambda done, total: tell(Step(name, done, total)),
        )
    except (SelectionError, TrainingError) as error:
        drop_result(file)
        return str(error)
    result.save(results, key=key)
    tell(Step(name, 1, 1))
    return None


def _key(name: str, embeddings: Embeddings, config: StudyConfig) -> str:
    parts = [
        __version__,
        VERSION,
        name,
        embeddings.fingerprint,
        config.options_of(name).model_dump(mode="json"),
        config.common.model_dump(mode="json"),
        *map(_hash_of, config.options_of(name).reads()),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _hash_of(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"{file}: can't be read: {error.strerror or error}; the options of a study name this "
            "file, so correct its path there"
        ) from None


def _key_of(file: Path) -> str:
    """Return what a result follows from; nothing where it, or a table beside it, isn't whole."""
    try:
        load_result(file)
        saved = read_saved(file)
        tables = saved.get("files", {})
        whole = all(file_sha256(file.with_suffix(e)) == digest for e, digest in tables.items())
    except (EvenfaceError, OSError):
        return ""
    return str(saved.get("key", "")) if whole else ""
