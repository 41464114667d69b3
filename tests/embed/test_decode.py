"""Bytes to upright RGB, for every kind of picture that folders hold."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from evenface.embed.decode import decode_image, read_image
from evenface.errors import ImageError


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def huge_png(side: int) -> bytes:
    """Return a 1-bit PNG of zeros, whose size costs nothing but its rows' deflate."""
    row = bytes(1 + (side + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


PEAK = """
import resource, sys
from pathlib import Path
from evenface.embed.decode import decode_image, _formats
from evenface.errors import ImageError
_formats()
data = Path(sys.argv[1]).read_bytes()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decode_image(data)
except ImageError as error:
    print(error.stage, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""

# Corners red, green / blue, white: no two orientations look alike.
CORNERS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]], np.uint8)


def blocks(height: int = 24, width: int = 40) -> np.ndarray:
    return CORNERS.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


# What a viewer has to do to a stored picture, by the EXIF standard.
UPRIGHT = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.fliplr(np.rot90(a, -1)),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.fliplr(np.rot90(a, 1)),
    8: lambda a: np.rot90(a, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"lossless": True} if kind == "WEBP" else {}
    data = encode(Image.fromarray(blocks()), kind, exif=exif, **lossless)
    wanted = UPRIGHT[orientation](blocks())
    found = decode_image(data)
    assert found.shape == wanted.shape
    assert found.flags.c_contiguous
    # JPEG blurs the edges between blocks; their inner pixels tell.
    inner = np.abs(found.astype(int) - wanted)
    assert np.quantile(inner, 0.7) <= (0 if kind != "JPEG" else 6)


def test_rgb_is_returned_as_it_was_stored(noise) -> None:
    assert (decode_image(encode(Image.fromarray(noise(7, 13)))) == noise(7, 13)).all()


def test_grey_becomes_three_equal_channels(noise) -> None:
    grey = noise()[:, :, 0]
    found = decode_image(encode(Image.fromarray(grey)))
    assert (found == grey[:, :, None]).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_sixteen_bit_grey_is_scaled_and_not_clipped(kind: str) -> None:
    deep = np.array([[0, 257, 32768, 65535]], np.uint16)
    # Pillow writes such a PPM only since 11.
    written = b"P5 4 1 65535\n" + deep.astype(">u2").tobytes()
    found = decode_image(written if kind == "PPM" else encode(Image.fromarray(deep), kind))
    assert found[0, :, 0].tolist() == [0, 1, 128, 255]


def test_one_bit_is_black_and_white() -> None:
    bits = np.array([[True, False, True]])
    assert decode_image(encode(Image.fromarray(bits)))[0, :, 1].tolist() == [255, 0, 255]


def test_palette_is_looked_up(noise) -> None:
    picture = Image.fromarray(blocks()).quantize(4)
    assert picture.mode == "P"
    assert (decode_image(encode(picture)) == np.asarray(picture.convert("RGB"))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_is_laid_on_black(mode: str) -> None:
    colour = (200, 200, 200, 128) if mode == "RGBA" else (200, 128)
    half = decode_image(encode(Image.new(mode, (3, 2), colour)))
    assert np.abs(half.astype(int) - 100).max() <= 1
    clear = (200, 200, 200, 0) if mode == "RGBA" else (200, 0)
    assert decode_image(encode(Image.new(mode, (3, 2), clear))).max() == 0


def test_a_transparent_palette_entry_is_black_without_a_warning() -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 210, 220])
    picture.putpixel((1, 0), 1)
    data = encode(picture, transparency=bytes([0, 255]))
    assert decode_image(data)[0].tolist() == [[0, 0, 0], [200, 210, 220]]


def test_cmyk_jpeg_by_adobe_is_not_inverted_twice() -> None:
    data = encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert b"Adobe" in data
    assert np.abs(decode_image(data).astype(int) - [255, 0, 0]).max() < 8


def test_cmyk_jpeg_without_adobes_marker_is_not_inverted() -> None:
    ink = (0, 255, 255, 0)
    data = encode(Image.new("CMYK", (16, 16), tuple(255 - v for v in ink)), "JPEG", quality=95)
    start = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[start + 2 : start + 4])[0]
    plain = data[:start] + data[start + 2 + length :]
    assert b"Adobe" not in plain
    assert np.abs(decode_image(plain).astype(int) - [255, 0, 0]).max() < 8


def test_cmyk_tiff_is_ink() -> None:
    data = encode(Image.new("CMYK", (4, 4), (255, 0, 255, 0)), "TIFF")
    assert decode_image(data)[0, 0].tolist() == [0, 255, 0]


def test_of_several_frames_the_first_is_taken() -> None:
    frames = [Image.new("RGB", (5, 4), c) for c in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert decode_image(data)[0, 0].tolist() == [255, 0, 0]


def test_a_floating_point_picture_is_refused() -> None:
    data = encode(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF")
    with pytest.raises(ImageError, match="floating-point"):
        decode_image(data)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30000), (30000, 1), (2, 3)])
def test_extreme_shapes_decode(shape: tuple[int, int]) -> None:
    assert decode_image(encode(Image.new("L", shape[::-1], 7))).shape == (*shape, 3)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"not a picture at all", "known format"),
        (b"\x89PNG\r\n\x1a\n", "known format|damaged"),
        (b"\xff\xd8\xff\xe0", "known format|damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "known format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "known format"),
    ],
)
def test_what_is_no_picture_says_so(data: bytes, says: str) -> None:
    with pytest.raises(ImageError, match=says) as caught:
        decode_image(data)
    assert caught.value.stage == "decode"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.8])
def test_a_truncated_picture_fails_at_decode(kind: str, share: float, noise) -> None:
    data = encode(Image.fromarray(noise(60, 60)), kind)
    with pytest.raises(ImageError) as caught:
        decode_image(data[: int(len(data) * share)])
    assert caught.value.stage == "decode"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
def test_flipped_bytes_never_raise_anything_else(kind: str, noise) -> None:
    data = encode(Image.fromarray(noise(20, 20)), kind)
    rng = np.random.default_rng(0)
    stages = set()
    for _ in range(60):
        damaged = bytearray(data)
        for at in rng.integers(0, min(len(data), 200), 4):
            damaged[at] = rng.integers(256)
        try:
            decoded = decode_image(bytes(damaged))
        except ImageError as error:
            stages.add(error.stage)
        else:
            assert decoded.shape[2] == 3
    assert stages == {"decode"}


def test_damaged_exif_takes_nothing_from_the_pixels(noise) -> None:
    exif = Image.Exif()
    exif[0x0112] = 1
    data = bytearray(encode(Image.fromarray(noise()), exif=exif))
    at = data.index(b"eXIf")
    length = struct.unpack(">I", data[at - 4 : at])[0]
    data[at + 4 : at + 4 + length] = os.urandom(length)
    data[at + 4 + length : at + 8 + length] = struct.pack(
        ">I", zlib.crc32(data[at : at + 4 + length])
    )
    assert (decode_image(bytes(data)) == noise()).all()


def test_a_30000_pixel_square_is_refused_quickly_and_in_little_memory(tmp_path) -> None:
    data = huge_png(30_000)
    assert len(data) < 2_000_000
    start = time.perf_counter()
    with pytest.raises(ImageError, match="too large") as caught:
        decode_image(data)
    assert time.perf_counter() - start < 1
    assert caught.value.stage == "decode"
    path = tmp_path / "huge.png"
    path.write_bytes(data)
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True)
    assert done.stdout.split()[0] == "decode", done.stderr
    assert int(done.stdout.split()[1]) < 50_000, "kilobytes"


@pytest.mark.parametrize("side", [10_000, 12_000])
def test_between_our_limit_and_pillows_nothing_leaks(side: int) -> None:
    with pytest.raises(ImageError, match=f"{side} x {side} is more than the limit of 64000000"):
        decode_image(huge_png(side))


def test_above_pillows_warning_a_raised_limit_decodes() -> None:
    assert decode_image(huge_png(9_600), max_pixels=100_000_000).shape == (9_600, 9_600, 3)


def test_the_limit_is_inclusive() -> None:
    data = encode(Image.new("L", (10, 10)))
    assert decode_image(data, max_pixels=100).shape == (10, 10, 3)
    with pytest.raises(ImageError, match="10 x 10"):
        decode_image(data, max_pixels=99)


def test_threads_leave_the_callers_warning_filters_alone() -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 210, 220])
    data = encode(palette, transparency=bytes([0, 255]))
    before = list(warnings.filters)
    gate = threading.Barrier(4)

    def work(_: int) -> int:
        gate.wait(10)
        return sum(decode_image(data).shape[1] for _ in range(50))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [100] * 4
    assert warnings.filters == before


FIRST = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
from evenface.embed.decode import decode_image
data, gate = Path(sys.argv[1]).read_bytes(), threading.Barrier(16)
def work(i):
    gate.wait(20)
    time.sleep(i * 0.002)
    return decode_image(data).shape
with ThreadPoolExecutor(16) as pool:
    print(set(pool.map(work, range(16))))
"""


def test_the_first_pictures_of_a_process_decode_in_every_thread(tmp_path, noise) -> None:
    path = tmp_path / "a.webp"
    Image.fromarray(noise(9, 8)).save(path)
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", FIRST, path], capture_output=True, text=True)
        assert done.stdout == "{(9, 8, 3)}\n", done.stderr[-500:]


def test_reading_says_why_a_file_cannot_be_read(tmp_path) -> None:
    cases = {tmp_path / "none.jpg": "doesn't exist", tmp_path: "folder"}
    (tmp_path / "file").write_bytes(b"x")
    cases[tmp_path / "file" / "inside.jpg"] = "can't be read"
    cases[tmp_path / ("a" * 5000)] = "can't be read"
    cases[tmp_path / "nul\x00byte"] = "can't be read"
    for path, says in cases.items():
        with pytest.raises(ImageError, match=says) as caught:
            read_image(path)
        assert caught.value.stage == "read"
    assert read_image(tmp_path / "file") == b"x"


def test_a_file_without_permission_fails_at_read(tmp_path, monkeypatch) -> None:
    path = tmp_path / "locked.jpg"
    path.write_bytes(b"x")

    def refuse(self: object, mode: str) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(ImageError, match="permission") as caught:
        read_image(path)
    assert caught.value.stage == "read"


def test_pipes_and_devices_are_refused_without_being_opened(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for name in ("pipe.jpg", "zero.jpg"):
        with pytest.raises(ImageError, match="pipe, socket or device") as caught:
            read_image(tmp_path / name)
        assert caught.value.stage == "read"


def test_links_are_followed_to_plain_files_and_not_in_circles(tmp_path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    assert read_image(tmp_path / "link") == b"x"
    with pytest.raises(ImageError, match="can't be read"):
        read_image(tmp_path / "loop")


def test_a_file_of_gibibytes_is_not_read(tmp_path) -> None:
    with (tmp_path / "big.jpg").open("wb") as file:
        file.truncate(2**30 + 1)
    with pytest.raises(ImageError, match="1073741825 bytes is more than the limit") as caught:
        read_image(tmp_path / "big.jpg")
    assert caught.value.stage == "read"


def test_a_file_name_that_is_too_long_fails_at_read(tmp_path) -> None:
    with pytest.raises(ImageError, match="File name too long") as caught:
        read_image(tmp_path / ("a" * 300 + ".jpg"))
    assert caught.value.stage == "read"
