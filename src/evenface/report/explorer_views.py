"""The maps and learned spaces of the page's explorer: the same rows, wherever they lie."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from evenface.studies.drawing import BLANK, LOOKS, NO_LABEL, PALETTE, looks, short
from evenface.studies.map import MapResult
from evenface.studies.spaces import SpacesResult

MOST = LOOKS
"""Values that an attribute may have to colour by it."""

REACH = 32_000
"""Whole number of the coordinate farthest from a view's middle."""

JUDGED = (("read rightly", PALETTE[0], 0), ("rightly on some splits", PALETTE[1], 1),
          ("read wrongly", PALETTE[3], 2))  # fmt: skip


def map_views(result: MapResult, place: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return every map; `place` is each picture's row on the page."""
    points = result.tables["points"]
    views = []
    for size, dims in points.select("per_group", "dims").unique().sort("per_group", "dims").rows():
        own = points.filter(pl.col("per_group") == size, pl.col("dims") == dims)
        who = f"{size} identities a group" if size else "everybody"
        title = f"map in {dims}-D, {who}"
        views.append({"map": True, "size": size, **_view(own, dims, title, place)})
    return views


def space_views(result: SpacesResult, place: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return every learned space that can be drawn: held-out rows of the first split."""
    points = result.tables["points"]
    views = []
    keys = points.select("loss", "balance", "dims").unique(maintain_order=True)
    for loss, balance, dims in keys.rows():
        own = points.filter(loss=loss, balance=balance, dims=dims)
        title = f"space learned by {short(loss, 30)}, {dims}-D, {balance}"
        views.append({"map": False, "size": None, **_view(own, dims, title, place)})
    return views


def _view(own: pl.DataFrame, dims: int, title: str, place: Mapping[str, int]) -> dict[str, Any]:
    places = own.select("x", "y", "z").to_numpy()[:, :dims].astype(np.float64)
    places -= (places.min(axis=0) + places.max(axis=0)) / 2
    # One scale for all axes: a map's distances are one kind of distance.
    places *= REACH / max(float(np.abs(places).max(initial=0)), 1e-300)
    rows = [place[s] for s in own["sample_id"]]
    return {"title": title, "dims": dims, "rows": rows, "places": np.rint(places).astype(int)}


def judged_ways(judged: pl.DataFrame, ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return a way to colour for each attribute that the linear probe read: rightly or not."""
    ways = []
    for topic in judged["topic"].unique(maintain_order=True):
        own = judged.filter(topic=topic)
        right = dict(zip(own["sample_id"], own["right"], strict=True))
        share = [right.get(i) for i in ids]
        codes = [3 if s is None else 0 if s == 1 else 2 if s == 0 else 1 for s in share]
        if len({c for c in codes if c < 3}) < 2:
            continue
        legend = [*JUDGED, (f"not held out, or {NO_LABEL.strip('()')}", BLANK, 0)]
        ways.append(coloured(f"{short(topic, 40)} by the linear probe", codes, legend))
    return ways


def cluster_way(clusters: pl.DataFrame, ids: Sequence[str]) -> dict[str, Any] | None:
    """Return a way to colour by the clusters found without labels, if there are several."""
    found = dict(zip(clusters["sample_id"], clusters["cluster"], strict=True))
    count = max(found.values(), default=0) + 1
    if count < 2 or count > MOST:
        return None
    names = [f"cluster {k + 1}" for k in range(count)]
    drawn = looks(names)
    codes = [found.get(i, count) for i in ids]
    legend = [(name, *drawn[name]) for name in names]
    if count in codes:
        legend.append(("in no map", BLANK, 0))
    return coloured("clusters found without labels", codes, legend)


def coloured(
    name: str, codes: Sequence[int], legend: Sequence[tuple[str, str, int]]
) -> dict[str, Any]:
    """Return a way to colour: codes, and of each the label, colour, shape and number of rows."""
    counts = np.bincount(codes, minlength=len(legend)).tolist()
    return {
        "name": name,
        "codes": codes,
        "legend": [
            {"label": label, "colour": shade, "shape": shape, "n": n}
            for (label, shade, shape), n in zip(legend, counts, strict=True)
        ],
    }


def packed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the explorer's data with numbers as base64 of little-endian integers.

    That is a third of their decimals, and is read at once.
    """
    return {
        **data,
        "colours": [{**w, "codes": _base64(w["codes"], np.uint8)} for w in data["colours"]],
        "facts": [{**f, "codes": _base64(f["codes"], np.uint32)} for f in data["facts"]],
        "views": [
            {**v, "rows": _base64(v["rows"], np.uint32), "places": _base64(v["places"], np.int16)}
            for v in data["views"]
        ],
    }


def _base64(values: npt.ArrayLike, kind: type[np.integer[Any]]) -> str:
    whole = np.asarray(values, dtype=np.dtype(kind).newbyteorder("<"))
    return base64.b64encode(np.ascontiguousarray(whole).tobytes()).decode("ascii")
