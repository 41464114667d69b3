"""Small pictures of faces for the page's explorer: only where somebody asks for them."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evenface.embed.decode import decode_image, located, read_image
from evenface.errors import ConfigError, ImageError
from evenface.heads.threads import cores

Kind = Literal["none", "blurred", "full"]
KINDS: tuple[Kind, ...] = ("none", "blurred", "full")

SIDE, COARSE, QUALITY = 64, 8, 60
"""Pixels of a side, those that blurring leaves, and JPEG's quality: about 1.5 kB each."""

NOTICE = {
    "blurred": (
        "This report shows blurred faces",
        "Small blurred pictures of people stand in the explorer, because that was asked for. Those "
        "who know them may still recognise them. Treat the page as personal data.",
    ),
    "full": (
        "This report shows faces",
        "Small pictures of people stand in the explorer, because that was asked for. Treat the "
        "page as personal and biometric data, and don't publish it without their consent.",
    ),
}


@dataclass(frozen=True)
class Thumbnails:
    """What was asked for.

    Attributes
    ----------
    kind : {"none", "blurred", "full"}
    root : Path
        What paths are relative to.
    """

    kind: Kind
    root: Path

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"no thumbnails of kind {self.kind!r}; there are {', '.join(KINDS)}")

    def of(self, names: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
        """Return pictures as data URIs by sample_id; those that can't be read are left out.

        Parameters
        ----------
        names : mapping
            ``path`` by sample_id.

        Raises
        ------
        ConfigError
            If none can be read.
        """
        if self.kind == "none":
            return {}
        paths = {i: n["path"] for i, n in names.items() if n.get("path")}
        with ThreadPoolExecutor(cores()) as pool:
            made = dict(zip(paths, pool.map(self._one, paths.values()), strict=True))
        found = {i: uri for i, uri in made.items() if uri is not None}
        if not found:
            first = next(iter(paths.values()), None)
            why = f"{self.root / first} can't be read" if first else "no paths are kept here"
            raise ConfigError(
                f"no thumbnails: {why}; say with --images-root what pictures' paths are relative to"
            )
        return found

    def _one(self, path: str) -> str | None:
        from PIL import Image

        try:
            pixels = decode_image(read_image(located(self.root, path)))
        except ImageError:
            return None
        image = Image.fromarray(pixels)
        width, height = image.size
        side = min(width, height)
        left, top = (width - side) // 2, (height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        if self.kind == "blurred":
            square = square.resize((COARSE, COARSE), Image.Resampling.BOX)
        square = square.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        held = io.BytesIO()
        # No metadata goes along.
        square.save(held, "JPEG", quality=QUALITY)
        return "data:image/jpeg;base64," + base64.b64encode(held.getvalue()).decode("ascii")
