"""Bytes of a picture to an upright RGB array."""

from __future__ import annotations

import io
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evenface.errors import ImageError, SourceError
from evenface.faces.places import is_local, joined

if TYPE_CHECKING:
    from PIL import Image as PILImage

MAX_PIXELS = 64_000_000
"""Pictures that declare more are not decoded. Above 178 million Pillow's own limit holds."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
"""What is decoded. Not all that Pillow knows: EPS, for one, starts Ghostscript."""

MAX_BYTES = 2**30
"""Files with more are not read: no picture within `MAX_PIXELS` needs as many."""

ORIENTATION = 0x0112


def located(root: Path, path: str) -> Path:
    """Return where a row's picture lies; one at an address nobody can read is an `ImageError`."""
    try:
        return joined(root, path)
    except SourceError as error:
        raise ImageError("read", str(error)) from error


def read_image(path: Path) -> bytes:
    """Read a picture's bytes.

    Raises
    ------
    ImageError
        At stage ``read``, where there is no such file, it is no plain file, has more than
        `MAX_BYTES` or can't be read.
    """
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError
        # Opening a pipe waits for a writer, and a device such as /dev/zero has no end.
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("read", "a pipe, socket or device stands where the file should be")
        if status.st_size > MAX_BYTES:
            raise ImageError(
                "read", f"too large: {status.st_size} bytes is more than the limit of {MAX_BYTES}"
            )
        with path.open("rb") as file:
            # As many as were counted, whatever is appended meanwhile.
            return file.read(status.st_size)
    except FileNotFoundError as error:
        raise ImageError("read", "the file doesn't exist") from error
    except IsADirectoryError as error:
        raise ImageError("read", "a folder stands where the file should be") from error
    except PermissionError as error:
        raise ImageError("read", "no permission to read the file") from error
    except ImageError:
        raise
    # What object stores raise has no common base below Exception.
    except Exception as error:
        if is_local(path) and not isinstance(error, OSError | ValueError):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError("read", f"the file can't be read: {reason}") from error


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture.

    The EXIF orientation is applied. 16-bit grey is scaled to 8 bits, not clipped. What is
    transparent is laid on black, which is what `align` puts outside a picture too. Of several
    frames the first is taken. Colour profiles are not applied.

    Parameters
    ----------
    data : bytes
        The file's content: one of `FORMATS`.
    max_pixels : int
        Limit on width x height, read from the header before anything is decoded.

    Returns
    -------
    uint8 array, shape (h, w, 3)
        RGB, 0 to 255, C-contiguous.

    Raises
    ------
    ImageError
        At stage ``decode``, where the bytes are no picture, a damaged one, or one too large.
    """
    from PIL import Image, UnidentifiedImageError

    if not data:
        raise ImageError("decode", "the file is empty")
    with _quiet_pillow():
        try:
            with Image.open(io.BytesIO(data), formats=_formats()) as image:
                width, height = image.size
                if width * height > max_pixels:
                    raise _too_large(f"{width} x {height}", max_pixels)
                image.load()
                # After load: PNG may keep EXIF behind the pixels, and TIFF turns itself.
                turned = _orient(_to_rgb(image), _orientation(image))
        except ImageError:
            raise
        except Image.DecompressionBombError as error:
            limit = min(max_pixels, 2 * (Image.MAX_IMAGE_PIXELS or max_pixels))
            raise _too_large("its size", limit) from error
        except UnidentifiedImageError as error:
            raise ImageError("decode", f"no picture in a known format ({_known()})") from error
        # Pillow's plugins raise nearly every kind of exception on damaged files.
        except Exception as error:
            reason = str(error).strip() or type(error).__name__
            raise ImageError("decode", f"damaged or unsupported picture: {reason}") from error
    return np.ascontiguousarray(turned)


def _too_large(what: str, limit: int) -> ImageError:
    return ImageError("decode", f"too large: {what} is more than the limit of {limit} pixels")


def _known() -> str:
    return ", ".join(_formats())


_INIT_LOCK = threading.Lock()


def _formats() -> tuple[str, ...]:
    from PIL import Image

    # Plugins register one by one: a second thread must not look before the last has.
    with _INIT_LOCK:
        Image.init()
    return tuple(f for f in FORMATS if f in Image.OPEN)


def _to_rgb(image: PILImage.Image) -> NDArray[np.uint8]:
    from PIL import Image

    mode = image.mode
    if mode.startswith("I;16") or mode == "I":
        # 65535 is white whether or not a picture uses the whole range; `I` is 16-bit grey in PGM.
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535)
        eight = ((grey * 255 + 32767) // 65535).astype(np.uint8)
        return np.repeat(eight[:, :, None], 3, axis=2)
    if mode == "F":
        raise ImageError("decode", "a floating-point picture has no defined white; use 8 bits")
    if mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow undoes Adobe's inversion even in files that Adobe's marker is missing from.
        image = Image.fromarray(255 - np.asarray(image), mode="CMYK")
    if mode in ("LA", "PA", "La", "RGBA", "RGBa") or "transparency" in image.info:
        flat = Image.new("RGBA", image.size, (0, 0, 0, 255))
        flat.alpha_composite(image.convert("RGBA"))
        image = flat
    return np.asarray(image.convert("RGB"))


def _orientation(image: PILImage.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF takes nothing from the pixels
        return 1


def _orient(a: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    match orientation:
        case 2:
            return a[:, ::-1]
        case 3:
            return a[::-1, ::-1]
        case 4:
            return a[::-1]
        case 5:
            return a.swapaxes(0, 1)
        case 6:
            return np.rot90(a, -1)
        case 7:
            return a[::-1, ::-1].swapaxes(0, 1)
        case 8:
            return np.rot90(a)
        case _:
            return a


class _Quiet:
    """Warning filters that several threads share: set by the first in, unset by the last out."""

    lock = threading.Lock()
    users = 0
    stack = ExitStack()


@contextmanager
def _quiet_pillow() -> Iterator[None]:
    """Silence what Pillow warns about while it decodes; what matters is raised or recorded.

    `warnings.catch_warnings` alone isn't safe in threads: the last to leave would put back
    filters that another had set.
    """
    if getattr(sys.flags, "context_aware_warnings", False):
        with warnings.catch_warnings():
            _ignore()
            yield
        return
    with _Quiet.lock:
        if _Quiet.users == 0:
            _Quiet.stack.enter_context(warnings.catch_warnings())
            _ignore()
        _Quiet.users += 1
    try:
        yield
    finally:
        with _Quiet.lock:
            _Quiet.users -= 1
            if _Quiet.users == 0:
                _Quiet.stack.close()


def _ignore() -> None:
    warnings.filterwarnings("ignore", module=r"(PIL|evenface\.embed\.decode)(\.|$)")
