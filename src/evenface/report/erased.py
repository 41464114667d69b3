"""Tables of `erase`: what is read before and after, and what verification pays."""

from __future__ import annotations

from typing import Any

from evenface.heads.probes import PROBES
from evenface.report.tables import Cell, cell
from evenface.studies.drawing import short
from evenface.studies.erase import EraseResult
from evenface.studies.erase_curve import taken_out
from evenface.studies.erased_ways import LEARNED, SPACE, named_way
from evenface.studies.heldout import OTHERS, STRONGEST, title
from evenface.studies.words import percent


def erase_tables(result: EraseResult) -> list[dict[str, Any]]:
    """Return one table for what is taken out: erasers and strengths down, measures across."""
    numbers = result.numbers
    more = (STRONGEST, OTHERS)
    readers = [p for p in (*result.config["probes"], *more) if p in PROBES or p in more]
    targets = [t for t in numbers["target"].unique(maintain_order=True) if t != "none"]
    groups = [g for g in numbers["group"].unique(maintain_order=True) if g != "all"]
    read = [(t, p) for t in targets for p in readers
            if numbers.filter(metric="balanced_accuracy", target=t, probe=p).height]  # fmt: skip
    heads = [f"{short(t, 24)}, {title(p)}" for t, p in read]
    heads += ["EER", f"FNMR at FMR {percent(float(result.config['fmr']))}", "cosine shift"]
    tables = []
    for attribute in taken_out(result):
        rows, by_group = [], []
        own = result.where(attribute=attribute, stage="after")
        ways = own.select("eraser", "strength").unique(maintain_order=True).rows()
        erased = [(e, s) for e, s in ways if not e.startswith(LEARNED)]
        learned = [(e, s) for e, s in ways if e.startswith(LEARNED)]
        space = [(SPACE.eraser, SPACE.strength)] if learned else []
        for eraser, strength in [("none", 0.0), *erased, *space, *learned]:
            whose = "none" if eraser in ("none", SPACE.eraser) else attribute
            at = {"eraser": eraser, "strength": strength, "attribute": whose}
            name = "as they are" if eraser == "none" else named_way(eraser, strength)
            cells = [
                _one(result, metric="balanced_accuracy", target=t, probe=p, group="all", **at)
                for t, p in read
            ]
            cells += [
                _one(result, metric=m, group="all", **at) for m in ("eer", "fnmr", "cosine_shift")
            ]
            rows.append({"name": name, "cells": cells})
            of_groups = [_one(result, metric="fnmr", group=g, **at) for g in groups]
            by_group.append({"name": name, "cells": of_groups})
        tables.append(
            {"attribute": attribute, "heads": heads, "rows": rows, "groups": groups,
             "by_group": by_group}
        )  # fmt: skip
    return tables


def _one(result: EraseResult, **own: Any) -> Cell | None:
    found = result.where(**own)
    return cell(found.row(0, named=True)) if found.height == 1 else None
