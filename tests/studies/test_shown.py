"""Results in a notebook: sentences and numbers, whatever labels hold."""

from __future__ import annotations

from html import escape

import numpy as np
import polars as pl

from evenface.embed.embeddings import embeddings_from_arrays
from evenface.studies.data import CommonOptions
from evenface.studies.shown import MOST, main_first
from evenface.studies.verify import verify
from evenface.studies.verify_options import VerifyOptions


def test_a_result_shows_itself_and_labels_stay_text() -> None:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(24), 2)
    vectors = rng.normal(size=(24, 8))[who] + 0.3 * rng.normal(size=(48, 8))
    labels = ["<b>x</b>", "y & z"]
    rows = pl.DataFrame({
        "identity": [f"p{k}" for k in who], "gender": [labels[k % 2] for k in who],
    })  # fmt: skip
    options = VerifyOptions(fmr=(0.02,), remedies=(), associations=False)
    result = verify(embeddings_from_arrays(vectors, rows), options, CommonOptions(resamples=100))
    html = result._repr_html_()
    assert "<b>x</b>" not in html
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert html.count("<tr>") == 1 + MOST
    ordered = main_first(result.study, result.numbers)
    assert ordered["attribute"].head(3).null_count() == 3
    assert ordered.sort(ordered.columns).equals(result.numbers.sort(ordered.columns))
    for sentence in result.reading():
        assert escape(sentence) in html
    first = result.numbers.row(0, named=True)
    assert f"[{first['low']:.3g}, {first['high']:.3g}]" in html
    assert f"{result.numbers.height - MOST} more numbers" in html
