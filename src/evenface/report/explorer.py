"""What the page's interactive maps are drawn from, and how text enters a script safely."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from evenface.report.explorer_views import (
    MOST,
    cluster_way,
    coloured,
    judged_ways,
    map_views,
    space_views,
)
from evenface.studies.described import made_up
from evenface.studies.drawing import BLANK, NO_LABEL, PALETTE, looks, short
from evenface.studies.map import MapResult
from evenface.studies.spaces import SpacesResult

BINS = 5
SEQUENTIAL = (
    "#440154", "#472D7B", "#3B528B", "#2C728E", "#21918C",
    "#28AE80", "#5EC962", "#A5D133", "#E3CF1C",
)  # fmt: skip
"""Steps of viridis, dark to light, for attributes with an order."""

LONG = 300
HOVER = 70
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_LEADING = re.compile(r"\s*[+-]?\d+(\.\d+)?")


def script_json(data: Any) -> Markup:
    """Return JSON that can stand in a ``<script>`` element whatever its strings hold."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    # A lone surrogate can't be written as UTF-8; JSON can spell it.
    text = re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m[0]):04x}", text)
    # Every character that could end the element is spelled out above.
    return Markup(text)


def explorer_data(
    result: MapResult,
    names: Mapping[str, Mapping[str, str]] | None = None,
    *,
    salt: str = "",
    spaces: SpacesResult | None = None,
    judged: pl.DataFrame | None = None,
    faces: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the maps, the ways to colour them and what is said about a point.

    Parameters
    ----------
    result : MapResult
    names : mapping, optional
        ``path`` and ``identity`` by sample_id, for those who may see them.
    salt : str
        Goes into the ids that are shown and into the order of rows: neither must tell who knows
        a public dataset's paths which picture a point is.
    spaces : SpacesResult, optional
        Learned spaces, to be seen beside the maps.
    judged : polars.DataFrame, optional
        From `results.judged_pictures`: coloured by whether an attribute is read rightly.
    faces : mapping, optional
        Small pictures as data URIs, by sample_id.

    Returns
    -------
    dict
        ``ids``; ``facts`` (what is shown of a point); ``colours`` (codes and a legend each);
        ``views`` (maps, then learned spaces: title, dims, rows, places); ``thumbnails`` (of each
        row, or None); ``uncoloured`` (attributes with too many values).
    """
    every = result.tables["rows"]
    if spaces is not None:
        # Of pictures that are in no map only the group is known here.
        further = spaces.tables["rows"].join(every, on="sample_id", how="anti")
        every = pl.concat([every, further], how="diagonal")
    shown = {s: _salted(salt, s) for s in every["sample_id"].to_list()}
    order = pl.col("sample_id").replace_strict(shown, return_dtype=pl.String)
    rows = every.sort(order)
    ids = rows["sample_id"].to_list()
    attributes = [c for c in rows.columns if c != "sample_id"]
    colours, uncoloured = [], []
    for name in _ordered(attributes, list(result.context.get("group_by", ()))):
        way = colouring(name, rows[name].to_list())
        if way is None:
            uncoloured.append(short(name, 60))
        elif len(way["legend"]) > 1:
            colours.append(way)
    # Results of earlier versions hold none.
    if "clusters" in result.tables:
        parted = cluster_way(result.tables["clusters"], ids)
        colours += [parted] if parted else []
    if judged is not None:
        colours += judged_ways(judged, ids)
    place = {sample: k for k, sample in enumerate(ids)}
    facts = [_fact(name, rows[name].to_list()) for name in attributes]
    if names:
        for column in ("identity", "path"):
            values = [names.get(i, {}).get(column) for i in ids]
            if any(v is not None for v in values):
                facts.append(_fact(column, values))
    return {
        "synthetic": made_up([result.context]),
        "ids": [shown[i] for i in ids],
        "facts": facts,
        "colours": colours,
        "uncoloured": uncoloured,
        "thumbnails": [faces.get(i) for i in ids] if faces else None,
        "views": map_views(result, place) + ([] if spaces is None else space_views(spaces, place)),
    }


def _salted(salt: str, sample_id: str) -> str:
    return hashlib.sha256(f"{salt}\x1f{sample_id}".encode()).hexdigest()[:10]


def _ordered(attributes: Sequence[str], by: Sequence[str]) -> list[str]:
    """Put the groups' own attributes first."""
    first = [a for a in (*by, "group") if a in attributes]
    return [*dict.fromkeys([*first, *attributes])]


def colouring(name: str, values: Sequence[str | None]) -> dict[str, Any] | None:
    """Return an attribute's codes and legend, or None if it has too many values to tell apart."""
    known = sorted({v for v in values if v is not None}, key=_natural)
    title = "demographic group" if name == "group" else short(name, 60)
    numeric = bool(known) and all(_NUMBER.fullmatch(v.strip()) for v in known)
    if numeric and len(known) > len(PALETTE):
        labels, codes = _binned(values)
        legend = [(v, shade, 0) for v, shade in zip(labels, _ramp(len(labels)), strict=True)]
    elif len(known) > MOST:
        return None
    else:
        drawn = looks(known)
        # "3-9", "10-19", "more than 20" have an order, and colours show it.
        unnumbered = sum(not _LEADING.match(v) for v in known)
        if 2 < len(known) <= len(SEQUENTIAL) and unnumbered <= 1:
            drawn = {v: (c, 0) for v, c in zip(known, _ramp(len(known)), strict=True)}
        place = {v: k for k, v in enumerate(known)}
        codes = [place.get(v, len(known)) if v is not None else len(known) for v in values]
        legend = [(v[:LONG], *drawn[v]) for v in known]
    if None in values:
        legend.append((NO_LABEL, BLANK, 0))
    return coloured(title, codes, legend)


def _ramp(n: int) -> list[str]:
    """Return n colours from dark to light, as far apart as can be."""
    return [SEQUENTIAL[round(k * (len(SEQUENTIAL) - 1) / max(n - 1, 1))] for k in range(n)]


def _natural(value: str) -> tuple[float, str]:
    """Sort by a leading number, so that ``3-9`` comes before ``20-29``; text comes last."""
    lead = _LEADING.match(value)
    return (float(lead[0]) if lead else float("inf"), value)


def _binned(values: Sequence[str | None]) -> tuple[list[str], list[int]]:
    """Cut numbers into fifths; equal numbers stay together."""
    numbers = np.array([np.nan if v is None else float(v) for v in values])
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="lower"))
    bins = np.searchsorted(edges, numbers, side="left")
    present = [k for k in range(len(edges) + 1) if (bins[~np.isnan(numbers)] == k).any()]
    labels = []
    for k in present:
        inside = known[np.searchsorted(edges, known, side="left") == k]
        low, high = f"{inside.min():g}", f"{inside.max():g}"
        labels.append(low if low == high else f"{low} to {high}")
    place = {k: i for i, k in enumerate(present)}
    codes = [
        len(present) if np.isnan(x) else place[int(k)] for x, k in zip(numbers, bins, strict=True)
    ]
    return labels, codes


def _fact(name: str, values: Sequence[str | None]) -> dict[str, Any]:
    """Return a column as distinct texts and codes: shorter than one text a point."""
    texts = [NO_LABEL if v is None else short(v, HOVER) for v in values]
    distinct = list(dict.fromkeys(texts))
    place = {text: k for k, text in enumerate(distinct)}
    return {"name": short(name, 40), "texts": distinct, "codes": [place[t] for t in texts]}
