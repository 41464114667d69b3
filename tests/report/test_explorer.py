from __future__ import annotations

import base64
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evenface.report.explorer import colouring, explorer_data, script_json
from evenface.report.explorer_views import cluster_way, judged_ways, packed
from evenface.report.figures import data_uri
from evenface.studies.drawing import BLANK, looks
from evenface.studies.result import Result


def test_json_in_a_script_holds_nothing_that_html_reads() -> None:
    data = {"a": "</script><!-- & \u2028\u2029 é 👩🏽‍🔬 مرحبا", "b": "\ud800"}
    text = str(script_json(data))
    assert not set(text) & set("<>&\u2028\u2029")
    text.encode("utf-8")
    assert json.loads(text) == data


def test_numbers_with_many_values_are_cut_into_fifths() -> None:
    way = colouring("age", [*map(str, range(100)), None])
    assert way is not None
    assert [e["label"] for e in way["legend"]][:2] == ["0 to 19", "20 to 39"]
    assert [e["n"] for e in way["legend"]] == [20] * 5 + [1]


def test_a_skewed_number_has_no_empty_bin() -> None:
    way = colouring("age", ["5"] * 90 + [str(k) for k in range(10)])
    assert way is not None
    assert all(e["n"] for e in way["legend"])
    assert sum(e["n"] for e in way["legend"]) == 100


def test_text_with_too_many_values_gives_no_colours() -> None:
    assert colouring("name", [f"n{i}" for i in range(65)]) is None
    assert colouring("name", [f"n{i}" for i in range(64)]) is not None


def test_ranges_are_sorted_as_numbers() -> None:
    way = colouring("age", ["20-29", "3-9", "more than 70", "10-19"])
    assert way is not None
    assert [e["label"] for e in way["legend"]] == ["3-9", "10-19", "20-29", "more than 70"]
    assert [e["colour"] for e in way["legend"]] == ["#440154", "#2C728E", "#28AE80", "#E3CF1C"]


def test_groups_of_two_attributes_share_colours_and_markers() -> None:
    drawn = looks(["m · A", "m · B", "m · C", "f · A", "f · B", "f · C", None])
    assert drawn["m · A"][0] == drawn["f · A"][0]
    assert drawn["m · A"][1] == drawn["m · C"][1] != drawn["f · A"][1]
    assert drawn[None] == (BLANK, 0)
    assert len(set(drawn.values())) == 7


def test_every_point_is_in_every_map_once(plain: dict[str, Result]) -> None:
    data = explorer_data(plain["map"])  # type: ignore[arg-type]
    assert [(v["dims"], sorted(v["rows"])) for v in data["views"]] == [
        (2, list(range(40))),
        (3, list(range(40))),
    ]
    assert {f["name"] for f in data["facts"]} == {"group", "gender", "ethnicity", "age", "<b>note"}
    assert data["uncoloured"] == []
    assert [w["name"] for w in data["colours"]] == [
        "gender", "ethnicity", "demographic group", "age", "<b>note",
        "clusters found without labels",
    ]  # fmt: skip


def test_a_label_that_looks_like_a_number_survives_the_shortening_of_figures() -> None:
    svg = '<g d="M 1.23456"><text>1.23456 50% "x"</text>\n</g>'
    uri = data_uri(svg)
    assert "M 1.23" in uri
    assert "1.23456 50%25 %22x%22" in uri
    assert not set(uri) & set('"<>#&\n')


def test_ids_and_order_don_t_tell_which_picture_a_point_is(plain: dict[str, Result]) -> None:
    known = plain["map"].tables["rows"]["sample_id"].to_list()
    one, other = (explorer_data(plain["map"], salt=s) for s in ("a", "b"))  # type: ignore[arg-type]
    assert not set(one["ids"]) & set(known)
    assert not set(one["ids"]) & set(other["ids"])
    assert one["views"][0]["rows"] != other["views"][0]["rows"]
    again = explorer_data(plain["map"], salt="a")  # type: ignore[arg-type]
    assert packed(again) == packed(one)


def test_places_keep_their_distances_in_whole_numbers(plain: dict[str, Result]) -> None:
    data = explorer_data(plain["map"])  # type: ignore[arg-type]
    points = plain["map"].tables["points"]
    for view in data["views"]:
        own = points.filter(dims=view["dims"]).select("x", "y", "z").to_numpy()[:, : view["dims"]]
        sent = packed(data)["views"][data["views"].index(view)]["places"]
        back = np.frombuffer(base64.b64decode(sent), dtype="<i2").reshape(own.shape).astype(float)
        assert np.abs(back).max() == 32_000
        ratio = np.linalg.norm(back[0] - back[1:], axis=1) / np.linalg.norm(
            own[0] - own[1:], axis=1
        )
        assert ratio == pytest.approx(ratio[0], rel=1e-2)


def test_errors_of_the_linear_probe_give_colours() -> None:
    judged = pl.DataFrame({
        "sample_id": ["a", "b", "c", "a"], "topic": ["gender"] * 3 + ["age"],
        "right": [1.0, 0.5, 0.0, 1.0],
    })  # fmt: skip
    ways = judged_ways(judged, ["c", "d", "b", "a"])
    assert [w["name"] for w in ways] == ["gender by the linear probe"]
    labels = [e["label"] for e in ways[0]["legend"]]
    assert [labels[c].split(",")[0] for c in ways[0]["codes"]] == [
        "read wrongly", "not held out", "rightly on some splits", "read rightly",
    ]  # fmt: skip


def test_learned_spaces_are_views_of_the_same_rows(plain: dict[str, Result]) -> None:
    known = plain["map"].tables["rows"]["sample_id"].to_list()
    points = pl.DataFrame({
        "loss": ["triplet"] * 2, "balance": ["balanced"] * 2, "dims": [2, 2],
        "sample_id": [known[0], "elsewhere"], "x": [0.0, 1.0], "y": [0.0, 1.0], "z": [0.0, 0.0],
    })  # fmt: skip
    rows = pl.DataFrame({"sample_id": [known[0], "elsewhere"], "group": ["g", "h"]})
    spaces = SimpleNamespace(tables={"points": points, "rows": rows})
    data = explorer_data(plain["map"], spaces=spaces)  # type: ignore[arg-type]
    assert len(data["ids"]) == 41
    one, other = (v for v in data["views"] if v["dims"] == 2)
    assert other["title"] == "space learned by triplet, 2-D, balanced"
    assert other["rows"][0] in one["rows"]
    assert other["rows"][1] not in one["rows"]


def test_clusters_colour_the_rows_that_are_in_a_map() -> None:
    table = pl.DataFrame({"sample_id": ["a", "b", "c"], "cluster": [1, 0, 0]})
    way = cluster_way(table, ["c", "d", "a", "b"])
    assert way is not None
    assert way["codes"] == [0, 2, 1, 0]
    assert [(e["label"], e["n"]) for e in way["legend"]] == [
        ("cluster 1", 2), ("cluster 2", 1), ("in no map", 1),
    ]  # fmt: skip
    assert cluster_way(table.with_columns(cluster=pl.lit(0, pl.Int64)), ["a"]) is None


def test_a_page_offers_clusters_and_reads_results_without_them(plain: dict[str, Any]) -> None:
    names = [w["name"] for w in explorer_data(plain["map"])["colours"]]
    assert "clusters found without labels" in names
    tables = {k: v for k, v in plain["map"].tables.items() if k != "clusters"}
    older = replace(plain["map"], tables=tables)
    assert len(explorer_data(older)["colours"]) == len(names) - 1
