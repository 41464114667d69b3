"""The output folder of a run: whose it is, and what in it no longer fits."""

from __future__ import annotations

import os
from pathlib import Path

from evenface.config import SCHEMA, StudyConfig, read_config
from evenface.errors import EvenfaceError, StoreError
from evenface.report.results import SKIPPED
from evenface.studies.result import OUTCOMES, read_saved
from evenface.studies.verify_terms import FOLDER

STUDY_FILE = "study.toml"


def output_folder(out: Path) -> Path:
    """Return the folder if it is new, empty or evenface's own."""
    if out.exists() and not out.is_dir():
        raise StoreError(f"{out} is a file; an output folder was expected")
    try:
        out.mkdir(parents=True, exist_ok=True)
        present = {p.name for p in out.iterdir()}
    except OSError as error:
        raise StoreError(f"{out}: can't be used: {error.strerror or error}") from None
    file = out / STUDY_FILE
    if not present:
        write_text(file, f'schema = "{SCHEMA}"\n')
    elif STUDY_FILE not in present or read_config(file).get("schema") != SCHEMA:
        raise StoreError(
            f"{out} holds something else (such as {sorted(present)[0]!r}); choose a new or empty "
            "folder for --out"
        )
    return out


def drop_others(results: Path, fingerprint: str, config: StudyConfig) -> None:
    """Remove results about other groups or splits: a report must not mix them.

    Raises
    ------
    StoreError
        If there are results about other embeddings: those are another run's.
    """
    common = config.common.model_dump(mode="json")
    for file in results.glob("*.json"):
        if file.name == SKIPPED:
            continue
        try:
            saved = read_saved(file)
        except EvenfaceError:
            saved = {}
        if saved.get("context", {}).get("embedding_fingerprint", fingerprint) != fingerprint:
            raise StoreError(
                f"{results.parent} holds results about other faces or another selection; choose "
                "another folder for --out, or delete this one"
            )
        same = {k: v for k, v in saved.get("config", {}).items() if k in common} == common
        if not same:
            drop_result(file)


def drop_result(file: Path) -> None:
    """Remove a study's result: its JSON file and the tables beside it."""
    in_terms = file.parent / FOLDER / file.name
    for one in (file, file.with_suffix(".parquet"), file.with_suffix(OUTCOMES), in_terms):
        one.unlink(missing_ok=True)


def write_text(file: Path, text: str) -> None:
    """Write a file under another name and rename it: what is there is whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(file.name + ".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, file)
