"""Small pictures of faces: none unless asked for, and then with a notice."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from evenface.cli import main
from evenface.errors import ConfigError
from evenface.report.thumbnails import SIDE, Thumbnails


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))), dtype=float)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A picture of fine stripes, a broken one."""
    stripes = np.zeros((90, 120, 3), dtype=np.uint8)
    stripes[:, ::4] = 255
    Image.fromarray(stripes).save(tmp_path / "a.png", exif=b"Exif\0\0secret")
    (tmp_path / "b.png").write_bytes(b"no picture")
    return tmp_path


def test_pictures_are_small_square_and_without_metadata(pictures: Path) -> None:
    names = {"a": {"path": "a.png"}, "b": {"path": "b.png"}, "c": {"identity": "x"}}
    found = Thumbnails("full", pictures).of(names)
    assert set(found) == {"a"}
    assert pixels(found["a"]).shape == (SIDE, SIDE, 3)
    assert b"secret" not in base64.b64decode(found["a"].split(",")[1])


def test_blurring_leaves_no_detail(pictures: Path) -> None:
    names = {"a": {"path": "a.png"}}
    full, blurred = (pixels(Thumbnails(k, pictures).of(names)["a"]) for k in ("full", "blurred"))
    assert full.std() > 3 * blurred.std()


def test_none_is_none_and_unreadable_ones_are_an_error(pictures: Path) -> None:
    assert Thumbnails("none", pictures).of({"a": {"path": "a.png"}}) == {}
    with pytest.raises(ConfigError, match="--images-root"):
        Thumbnails("full", pictures / "elsewhere").of({"a": {"path": "a.png"}})
    with pytest.raises(ConfigError, match="no paths are kept here"):
        Thumbnails("full", pictures).of({})
    with pytest.raises(ConfigError, match="there are none, blurred, full"):
        Thumbnails("huge", pictures)  # type: ignore[arg-type]


def test_a_report_has_faces_only_where_asked_and_says_so(
    save: Any, plain: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = save(plain, tmp_path, "map")
    ids = plain["map"].tables["rows"].select("sample_id")
    (folder / "embeddings").mkdir()
    paths = [f"{k}.png" for k in range(ids.height)]
    for k, path in enumerate(paths):
        Image.fromarray(np.full((20, 20, 3), k, dtype=np.uint8)).save(tmp_path / path)
    rows = ids.with_columns(path=np.array(paths), identity=np.array(paths))
    rows.write_parquet(folder / "embeddings" / "part-00000.parquet")
    page = folder / "report.html"
    assert main(["report", str(folder)]) == 0
    assert "data:image/jpeg" not in page.read_text()
    with_root = ["report", str(folder), "--images-root", str(tmp_path)]
    assert main([*with_root, "--thumbnails", "blurred"]) == 0
    html = page.read_text()
    assert html.count("data:image/jpeg") == ids.height
    assert "This report shows blurred faces" in html
    assert main(["report", str(folder), "--thumbnails", "full"]) == 2
    assert "--images-root" in capsys.readouterr().err
    assert page.read_text() == html
