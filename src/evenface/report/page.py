"""The report: one HTML file that opens from a disk and asks nothing of any network."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from evenface._version import __version__
from evenface.errors import StoreError
from evenface.report import checked, erased, findings, learned, summary, tables, texts, verified
from evenface.report.explorer import explorer_data, script_json
from evenface.report.explorer_views import packed
from evenface.report.figures import SYNTHETIC, Picture, draw_figures
from evenface.report.glossary import GLOSSARY
from evenface.report.results import Loaded, judged_pictures, load_names, load_results
from evenface.report.thumbnails import NOTICE, Thumbnails
from evenface.studies.bias import BiasResult
from evenface.studies.checks import ChecksResult
from evenface.studies.described import made_up
from evenface.studies.erase import EraseResult
from evenface.studies.map import MapResult
from evenface.studies.probe import ProbeResult
from evenface.studies.result import DAMAGE, Result
from evenface.studies.spaces import SpacesResult
from evenface.studies.transfer import TransferResult
from evenface.studies.verify import VerifyResult

REPORT = "report.html"
SALT = "salt.txt"
EXPLORER = tuple(f"explorer/{n}.js" for n in ("scatter", "data", "legend", "plot", "explorer"))


def build_report(
    folder: Path, *, names: bool = False, thumbnails: Thumbnails | None = None
) -> Path:
    """Write ``figures/`` and ``report.html`` from the results of an output folder.

    Nothing is computed again; the same results give the same bytes.

    Parameters
    ----------
    folder : Path
        Holds ``results/*.json``; for `names`, also ``embeddings/``.
    names : bool
        Whether paths and identities may be shown. Pages travel; the default is no.
    thumbnails : Thumbnails, optional
        Which small pictures of the faces the explorer shows; none if not given.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StoreError
        If there is no result, or one is damaged.
    ConfigError
        If thumbnails are asked for and no picture can be read.
    """
    folder = Path(folder)
    loaded = load_results(folder)
    known = load_names(folder) if names else {}
    faces = thumbnails.of(_drawn(loaded, load_names(folder))) if thumbnails else {}
    has_study = (folder / "study.toml").is_file()
    try:
        pictures = draw_figures(loaded.results, folder / "figures")
        html = render(
            loaded, pictures, known, names=names, has_study=has_study, salt=_salt(folder),
            judged=judged_pictures(folder), faces=faces,
            notices=[NOTICE[thumbnails.kind]] if thumbnails and faces else [],
        )  # fmt: skip
    except DAMAGE as error:
        raise StoreError(
            f"{folder / 'results'}: a result is damaged ({error!r}); run the studies again"
        ) from error
    page = folder / REPORT
    draft = page.with_suffix(".tmp")
    # A lone surrogate in a label has no UTF-8; a question mark stands for it.
    draft.write_bytes(html.encode("utf-8", errors="replace"))
    os.replace(draft, page)
    return page


def _drawn(loaded: Loaded, names: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Return the names of pictures that the explorer draws."""
    maps = loaded.results.get("map")
    shown = maps.tables["rows"]["sample_id"].to_list() if isinstance(maps, MapResult) else []
    return {i: names[i] for i in shown if i in names}


def _salt(folder: Path) -> str:
    """Return the folder's own salt for the ids in its report; made once, never in the report."""
    file = folder / "results" / SALT
    if not file.is_file():
        file.write_text(secrets.token_hex(16), encoding="ascii")
    return file.read_text(encoding="ascii", errors="replace")


def render(
    loaded: Loaded,
    pictures: Mapping[str, Picture],
    known: Mapping[str, Mapping[str, str]],
    *,
    names: bool = False,
    has_study: bool = False,
    salt: str = "",
    judged: pl.DataFrame | None = None,
    faces: Mapping[str, str] | None = None,
    notices: Sequence[tuple[str, str]] = (),
) -> str:
    """Return the page's HTML."""
    context = loaded.contexts[0]
    made = made_up(loaded.contexts)
    splits = next((c["splits"] for c in loaded.contexts if c.get("splits")), None)
    maps = loaded.results.get("map")
    data = None
    if isinstance(maps, MapResult):
        spaces = loaded.results.get("spaces")
        learned_spaces = spaces if isinstance(spaces, SpacesResult) else None
        data = explorer_data(
            maps, known, salt=salt, spaces=learned_spaces, judged=judged, faces=faces
        )
    scripts = [_script("page.js", "copying.js")]
    if data is not None:
        scripts = [_script(*EXPLORER), *scripts]
    environment = make_environment()
    found, others = findings.findings(loaded.results)
    return environment.get_template("page.html.j2").render(
        title=summary.headline(context),
        version=__version__,
        synthetic=made,
        synthetic_text=SYNTHETIC[made].split(": ", 1) if made else (),
        policy=policy(scripts),
        style=Markup(_source("style.css") + _source("explorer.css")),
        scripts=[Markup(s) for s in scripts],
        data=None if data is None else script_json(packed(data)),
        uncoloured=data["uncoloured"] if data else [],
        context=context,
        warnings=[
            *notices,
            *summary.naming(names=names, found=bool(known)),
            *summary.warnings(loaded),
            *checked.doubts(loaded.results),
        ],
        skipped=loaded.skipped,
        data_facts=summary.data_facts(context),
        method_facts=summary.method_facts(
            context, splits, next(iter(loaded.results.values())).config
        ),
        groups=summary.groups(context),
        findings=found,
        others=others,
        results=loaded.results,
        chapters=texts.CHAPTERS,
        glossary=GLOSSARY,
        intervals=texts.INTERVALS,
        pictures=pictures,
        views={name: view(result, known) for name, result in loaded.results.items()},
        verified=verified.further(loaded.results),
        few=summary.FEW,
        needed_table=tables.needed_table,
        doubt_table=tables.doubt_table,
        names=names,
        has_study=has_study,
    )


def view(
    result: Result, known: Mapping[str, Mapping[str, str]] | None = None
) -> list[dict[str, Any]]:
    """Return a study's tables; `known` are the names that may stand in them."""
    if isinstance(result, ChecksResult):
        return checked.checks_tables(result, known or {})
    if isinstance(result, MapResult):
        return tables.map_tables(result)
    if isinstance(result, ProbeResult):
        return tables.probe_tables(result)
    if isinstance(result, TransferResult):
        return tables.transfer_tables(result)
    if isinstance(result, SpacesResult):
        return learned.spaces_tables(result)
    if isinstance(result, BiasResult):
        return learned.bias_tables(result)
    if isinstance(result, VerifyResult):
        return verified.verify_tables(result)
    if isinstance(result, EraseResult):
        return erased.erase_tables(result)
    return []


def make_environment() -> Environment:
    """Return the templates' environment: everything is escaped, nothing may be undefined."""
    made = Environment(
        loader=PackageLoader("evenface", "report/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["held"] = held
    return made


def held(text: str) -> str:
    """Keep a number's digits, and its sign of per cent, on one line."""
    return re.sub(r"(?<=\d) (?=\d{3}\b|%)", "\u00a0", text)


def policy(scripts: list[str]) -> str:
    """Return a content security policy that runs these scripts only and fetches nothing.

    Scripts are named by hash, so that one that a label smuggled in would not run.
    """
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'"
        for s in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; "
        "img-src data: blob:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _source(name: str) -> str:
    folder = Path(__file__).parent / "templates"
    return (folder / name).read_text(encoding="utf-8")


def _script(*names: str) -> str:
    return fit_script("\n".join(map(_source, names)))


def fit_script(source: str) -> str:
    """Return a script that can't end its element early and hashes as a browser reads it."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    # Inside a string or a regular expression "<\/" is "</"; elsewhere neither stands in a script.
    return re.sub(r"<(/script|!--)", r"<\\\1", source, flags=re.IGNORECASE)
