from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Go = Callable[..., Any]
Labels = dict[str, tuple[str, str]]

WIDE = "() => document.documentElement.scrollWidth - window.innerWidth"
PLACE = """([plot, point]) => {
  const p = evenface.explorer.plots()[plot];
  p.scatter.project();
  const box = p.canvas.getBoundingClientRect(), at = p.scatter.screen;
  return [box.left + at[2 * point], box.top + at[2 * point + 1]];
}"""
# The page scrolls smoothly, and places are wanted when it has.
IN_VIEW = "() => document.getElementById('plot').scrollIntoView({behavior: 'instant'})"
STATES = "() => Array.from(evenface.explorer.plots()[0].scatter.states)"
# How much of the canvas is not of its ground's colour, from one frame.
INKED = """() => {
  const p = evenface.explorer.plots()[0], c = p.picture(''), pen = c.getContext('2d');
  const d = pen.getImageData(0, 0, c.width, c.height).data;
  let n = 0;
  for (let k = 0; k < d.length; k += 4) if (d[k] + d[k + 1] + d[k + 2] < 740) n += 1;
  return n / (d.length / 4);
}"""


def drawn(page: Any, dims: int = 2) -> None:
    page.wait_for_function("() => Number(document.getElementById('plot').dataset.frames) > 0")
    assert page.evaluate("() => evenface.explorer.plots()[0].scatter.dims") == dims
    assert 0.0005 < page.evaluate(INKED) < 0.5


def point_at(page: Any, point: int, plot: int = 0) -> None:
    page.evaluate(IN_VIEW)
    page.mouse.move(*page.evaluate(PLACE, [plot, point]))


def test_hostile_labels_do_nothing_and_are_shown(
    visit: Go, hostile_page: Path, hostile_labels: Labels
) -> None:
    seen = visit(hostile_page)
    page = seen.page
    drawn(page)
    for colour in range(page.locator("#map-colour option").count()):
        page.select_option("#map-colour", str(colour))
    page.select_option("#map-colour", "0")
    legend = page.locator("#legend").inner_text()
    assert hostile_labels["gender"][0] in legend
    tips = set()
    for point in range(12):
        point_at(page, point)
        tips.add(page.locator("#tip").text_content())
    hover = "\n".join(tips)
    assert "</script><script>window.__pwned=2</script>" in hover
    assert "<u>" in hover
    assert "<script>window.__pwned=3</script>" in hover
    assert page.locator("#tip a").count() == 0
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
    drawn(page)
    assert page.locator("#legend button").count() == 4
    page.select_option("#map-colour", label="gender")
    page.check("input[name=dims][value='3']")
    drawn(page, 3)
    page.check("input[name=dims][value='2']")
    drawn(page)
    assert page.locator("#legend button").count() == 2
    page.locator("#legend button").first.click()
    assert page.locator("#legend button").first.get_attribute("aria-pressed") == "false"
    assert sorted(page.evaluate(STATES)) == [0] * 20 + [2] * 20
    # What gender hides stays hidden when another label colours: groups intersect.
    page.select_option("#map-colour", label="ethnicity")
    page.locator("#legend button").last.click()
    assert sorted(page.evaluate(STATES)) == [0] * 30 + [2] * 10
    page.locator("#filters button").first.click()
    assert sorted(page.evaluate(STATES)) == [0] * 20 + [2] * 20
    assert seen.complaints == []
    assert seen.left() == []


def test_points_are_selected_counted_and_linked(visit: Go, plain_page: Path) -> None:
    page = visit(plain_page).page
    drawn(page)
    page.select_option("#map-colour", label="gender")
    page.select_option("#beside", label="map in 3-D, everybody")
    assert page.locator("#plot-beside").is_visible()
    page.check("input[name=mode][value=box]")
    page.evaluate(IN_VIEW)
    box = page.locator("#plot canvas").bounding_box()
    # Corners are round.
    page.mouse.move(box["x"] + 6, box["y"] + 6)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 6, box["y"] + box["height"] - 6, steps=4)
    page.mouse.up()
    said = page.locator("#selection").inner_text()
    assert "40 of 40 points selected. Purity: 50.0\u00a0%" in said
    states = "() => evenface.explorer.plots().map(p => new Set(p.scatter.states).size)"
    assert page.evaluate(states) == [1, 1]
    page.check("input[name=mode][value=lasso]")
    x, y = page.evaluate(PLACE, [0, 7])
    page.mouse.move(x - 3, y - 3)
    page.mouse.down()
    for dx, dy in ((3, -3), (3, 3), (-3, 3)):
        page.mouse.move(x + dx, y + dy)
    page.mouse.up()
    chosen = page.evaluate("() => [...evenface.explorer.selected]")
    rows = page.evaluate("() => evenface.explorer.plots().map(p => p.shown.rows.indexOf("
                         "[...evenface.explorer.selected][0]))")  # fmt: skip
    assert 1 <= len(chosen) <= 3
    assert page.evaluate("() => evenface.explorer.plots()[0].shown.rows[7]") in chosen
    # The same rows stand out in the other plot.
    assert page.evaluate("k => evenface.explorer.plots()[1].scatter.states[k]", rows[1]) == 3
    page.click("#clear")
    assert page.locator("#selection").is_hidden()


def test_ids_are_found_and_keys_do_what_the_pointer_does(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page)
    page = seen.page
    drawn(page)
    first = page.evaluate("() => evenface.explorer.data.ids[5]")
    page.fill("#find", first)
    assert page.locator("#tip strong").inner_text() == first
    assert page.evaluate(STATES).count(3) == 1
    page.fill("#find", "")
    canvas = page.locator("#plot canvas")
    canvas.focus()
    before = page.evaluate("() => ({...evenface.explorer.plots()[0].scatter.camera})")
    for key in ("ArrowLeft", "ArrowUp", "+", "+", "-"):
        page.keyboard.press(key)
    after = page.evaluate("() => ({...evenface.explorer.plots()[0].scatter.camera})")
    assert after["zoom"] > before["zoom"]
    assert after["x"] < before["x"]
    page.keyboard.press("0")
    assert page.evaluate("() => ({...evenface.explorer.plots()[0].scatter.camera})") == before
    page.keyboard.press(".")
    assert page.locator("#tip").is_visible()
    page.keyboard.press("Enter")
    assert page.evaluate(STATES).count(3) == 1
    page.keyboard.press("a")
    assert page.evaluate(STATES).count(3) == 40
    page.keyboard.press("Escape")
    assert page.evaluate(STATES).count(3) == 0
    assert "nothing selected" in page.locator("#explorer-said").inner_text()
    assert seen.complaints == []


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
        drawn(page)
        page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
        assert page.evaluate(WIDE) <= 0


def test_without_scripts_everything_is_there(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page, java_script_enabled=False)
    assert seen.page.locator(".for-probe:visible").count() == 3
    assert seen.page.locator("#explorer").is_hidden()
    assert seen.page.locator("details.static").count() == 2
    assert "needs JavaScript" in seen.page.locator("noscript").first.inner_text()


def test_without_webgl_the_page_says_so(visit: Go, plain_page: Path) -> None:
    seen = visit(plain_page, init="HTMLCanvasElement.prototype.getContext = () => null;")
    page = seen.page
    assert "draws no WebGL" in page.locator("#plot-note").inner_text()
    assert page.locator("#plots canvas:visible").count() == 0
    assert page.locator("#legend button").count() == 4
    assert seen.complaints == []


def test_every_image_can_be_drawn(visit: Go, hostile_page: Path) -> None:
    page = visit(hostile_page).page
    page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true; })")
    sizes = page.evaluate(
        "async () => { const all = [...document.images];"
        " await Promise.all(all.map(i => i.decode())); return all.map(i => i.naturalWidth); }"
    )
    assert len(sizes) == 9
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
