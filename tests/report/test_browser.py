from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Go = Callable[..., Any]
Labels = dict[str, tuple[str, str]]

WIDE = "() => document.documentElement.scrollWidth - window.innerWidth"
KINDS = "() => document.getElementById('plot').data.map(t => t.type)"
COLOURS = "() => document.getElementById('plot').data.map(t => t.marker.color)"


def drawn(page: Any, kind: str) -> None:
    page.wait_for_function(
        "kind => { const p = document.getElementById('plot');"
        " return p.data && p.data.every(t => t.type === kind); }",
        arg=kind,
    )


def test_hostile_labels_do_nothing_and_are_shown(
    visit: Go, hostile_page: Path, hostile_labels: Labels
) -> None:
    seen = visit(hostile_page)
    page = seen.page
    drawn(page, "scatter")
    for colour in range(page.locator("#map-colour option").count()):
        page.select_option("#map-colour", str(colour))
    page.select_option("#map-colour", "0")
    legend = page.locator("#legend").inner_text()
    assert hostile_labels["gender"][0] in legend
    page.evaluate(
        "() => Plotly.Fx.hover(document.getElementById('plot'), [{curveNumber: 0, pointNumber: 0}])"
    )
    hover = page.locator("#plot .hovertext").first.text_content()
    assert "</script><script>window.__pwned=2</script>" in hover
    assert "<u>" in hover
    assert "<script>window.__pwned=3</script>" in hover
    assert page.locator("#plot .hovertext a").count() == 0
    assert page.locator("#plot a[href*=example]").count() == 0
    groups = page.locator(".groups").inner_text()
    for value in hostile_labels["gender"]:
        assert value in groups
    assert "&lt;b&gt;" in groups
    assert "long" * 75 in groups
    page.wait_for_timeout(200)
    assert page.evaluate("() => window.__pwned") is None
    assert seen.left() == []
    assert seen.complaints == []


def test_two_and_three_dimensions_and_colours_switch(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page)
    page = seen.page
    drawn(page, "scatter")
    assert len(page.evaluate(KINDS)) == 4
    page.select_option("#map-colour", label="gender")
    assert page.evaluate(COLOURS) == ["#0072B2", "#E69F00"]
    page.check("input[name=dims][value='3']")
    if page.locator("#plot-note").is_visible():
        assert "no WebGL" in page.locator("#plot-note").inner_text()
    else:
        drawn(page, "scatter3d")
    page.check("input[name=dims][value='2']")
    drawn(page, "scatter")
    assert page.locator("#legend button").count() == 2
    page.locator("#legend button").first.click()
    assert page.locator("#legend button").first.get_attribute("aria-pressed") == "false"
    shown = "() => document.getElementById('plot').data.map(t => t.visible !== false)"
    assert page.evaluate(shown) == [False, True]
    assert seen.complaints == []
    assert seen.left() == []


def test_one_probe_is_shown_at_a_time(visit: Go, plain_page: Path) -> None:
    page = visit(plain_page).page
    assert page.locator(".for-probe:visible").count() == 1
    for name in ("linear", "knn"):
        page.select_option("#transfer-probe", name)
        assert page.locator(f".for-probe[data-probe={name}]").is_visible()
        assert page.locator(".for-probe:visible").count() == 1


def test_a_phone_needs_no_sideways_scrolling(
    visit: Go, plain_page: Path, hostile_page: Path
) -> None:
    for file in (plain_page, hostile_page):
        page = visit(file, width=390).page
        drawn(page, "scatter")
        page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate(WIDE) <= 0


def test_without_scripts_everything_is_there(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page, java_script_enabled=False)
    assert seen.page.locator(".for-probe:visible").count() == 3
    assert seen.page.locator("#explorer").is_hidden()
    assert seen.page.locator("details.static").count() == 2
    assert "needs JavaScript" in seen.page.locator("noscript").first.inner_text()


def test_without_webgl_the_page_says_so(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page)
    page = seen.page
    page.evaluate("() => { HTMLCanvasElement.prototype.getContext = () => null; }")
    page.check("input[name=dims][value='3']")
    assert "draws no WebGL" in page.locator("#plot-note").inner_text()
    assert seen.complaints == []


def test_every_image_can_be_drawn(visit: Go, hostile_page: Path) -> None:
    page = visit(hostile_page).page
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
    sizes = page.evaluate(
        "async () => { const all = [...document.images];"
        " await Promise.all(all.map(i => i.decode())); return all.map(i => i.naturalWidth); }"
    )
    assert len(sizes) == 8
    assert min(sizes) > 100


def test_a_smuggled_script_would_be_refused(visit: Go, plain_page: Path, tmp_path: Path) -> None:
    html = plain_page.read_text(encoding="utf-8")
    attack = "<script>window.__pwned=9</script><img src=x onerror='window.__pwned=9'></main>"
    file = tmp_path / "attacked.html"
    file.write_text(html.replace("</main>", attack), encoding="utf-8")
    seen = visit(file)
    seen.page.wait_for_timeout(100)
    assert seen.page.evaluate("() => window.__pwned") is None
    assert seen.complaints
