"""How soon a report's explorer opens, and how many frames a second it draws while panning.

    python benchmarks/explorer.py [--points 100000,10000,6000]

A page with maps in two and three dimensions of so many points, opened in headless chromium, whose
WebGL is drawn by the processor. Opening is from going to the address until the first frame is
drawn; panning is a drag of 60 steps, each waited for; 3-D turns instead. Frames are counted by
what the page drew. Places are random.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from playwright.sync_api import Page, sync_playwright
from timing import machine

from evenface.embed.embeddings import embeddings_from_arrays
from evenface.report.page import build_report
from evenface.studies.data import CommonOptions
from evenface.studies.map import MapOptions, MapResult, map_space

FLAGS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
DRAWN = "() => Number(document.getElementById('plot').dataset.frames) > 0"
STEPS = 60


def small() -> MapResult:
    """Return a map of few rows, whose numbers stand beside many points."""
    rng = np.random.default_rng(0)
    rows = pl.DataFrame({
        "identity": [f"p{k}" for k in range(60)],
        "gender": ["male", "female"] * 30, "ethnicity": ["A", "B", "C"] * 20,
    })  # fmt: skip
    embeddings = embeddings_from_arrays(rng.normal(size=(60, 8)), rows)
    return map_space(embeddings, MapOptions(perplexity=5), CommonOptions(resamples=100))


def many(result: MapResult, points: int) -> MapResult:
    """Return it with so many points, dealt to clouds by group."""
    rng = np.random.default_rng(1)
    ids = [f"{k:032x}" for k in range(points)]
    gender, ethnicity = rng.integers(0, 2, points), rng.integers(0, 3, points)
    rows = pl.DataFrame({
        "sample_id": ids,
        "group": [f"{'fm'[g]} \u00b7 {'ABC'[e]}" for g, e in zip(gender, ethnicity, strict=True)],
        "gender": ["fm"[g] for g in gender], "ethnicity": ["ABC"[e] for e in ethnicity],
        "age": rng.integers(18, 80, points).astype(str).tolist(),
    })  # fmt: skip
    parts = []
    for dims in (2, 3):
        places = rng.normal(size=(points, 3)) * 5
        places[:, 0] += 9 * gender
        places[:, 1] += 9 * ethnicity
        places[:, dims:] = 0
        parts.append(pl.DataFrame({
            "per_group": [0] * points, "dims": [dims] * points, "sample_id": ids,
            **dict(zip("xyz", places.T, strict=True)),
        }))  # fmt: skip
    schema = result.tables["points"].schema
    table = pl.concat(parts).select(list(schema)).cast(dict(schema))
    return replace(result, tables={**result.tables, "rows": rows, "points": table})


def frames(page: Page) -> float:
    """Return frames a second over a drag of the first plot."""
    page.locator("#plot").scroll_into_view_if_needed()
    found = page.evaluate(
        """async steps => {
          const p = evenface.explorer.plots()[0], start = performance.now();
          const before = Number(p.frame.dataset.frames);
          for (let k = 0; k < steps; k++) {
            p.scatter.move(k % 20 < 10 ? 6 : -6, 2);
            p.later();
            await new Promise(requestAnimationFrame);
          }
          // What was drawn is waited for: otherwise only commands are counted.
          const gl = p.scatter.gl;
          gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
          return [Number(p.frame.dataset.frames) - before, performance.now() - start];
        }""",
        STEPS,
    )
    return 1000 * found[0] / found[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--points", default="100000,10000,6000")
    args = parser.parse_args()
    print(machine(), flush=True)
    browser = next(b for n in ("chromium", "google-chrome") if (b := shutil.which(n)))
    result = small()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser, args=FLAGS)
        for points in map(int, args.points.split(",")):
            folder = Path(place) / str(points)
            many(result, points).save(folder / "results")
            start = time.perf_counter()
            page_file = build_report(folder)
            built = time.perf_counter() - start
            page = opened.new_page(viewport={"width": 1280, "height": 800})
            start = time.perf_counter()
            page.goto(page_file.as_uri())
            page.wait_for_function(DRAWN)
            took = time.perf_counter() - start
            flat = [frames(page) for _ in range(3)]
            page.check("input[name=dims][value='3']")
            deep = [frames(page) for _ in range(3)]
            size = page_file.stat().st_size / 1e6
            print(f"{points} points: {size:.1f} MB, written in {built:.0f} s, opens in "
                  f"{took:.2f} s; "
                  f"pans at {np.median(flat):.0f} frames a second ({min(flat):.0f} to "
                  f"{max(flat):.0f}), 3-D turns at {np.median(deep):.0f} ({min(deep):.0f} to "
                  f"{max(deep):.0f})", flush=True)  # fmt: skip
            page.close()
        opened.close()


if __name__ == "__main__":
    main()
