"""The London Set comes whole and checked, or not at all; what a zip file hides stays in it."""

from __future__ import annotations

import hashlib
import io
import json
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from evenface.cli import main
from evenface.errors import SourceError
from evenface.faces import fetch, unpack
from evenface.faces.fetch import fetch_london
from evenface.faces.source import read_faces
from evenface.faces.unpack import unpack_pictures
from support import write_picture

TABLE = b"face_id,face_age,face_gender,face_eth\n001,24,female,white\n002,31,male,black\n"


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        for name, data in members.items():
            packed.writestr(name, data)
    return buffer.getvalue()


class Figshare:
    """What the test's figshare has, and what it was asked."""

    def __init__(self, picture: bytes) -> None:
        junk = {"__MACOSX/neutral_front/._001_03.jpg": b"junk", "neutral_front/001_03.tem": b"1"}
        self.files = {
            "neutral_front.zip": zipped(
                {"neutral_front/001_03.jpg": picture, "neutral_front/002_03.jpg": picture} | junk
            ),
            "smiling_front.zip": zipped({"smiling_front/001_08.jpg": picture}),
            "london_faces_info.csv": TABLE,
        }
        self.md5 = {name: hashlib.md5(data).hexdigest() for name, data in self.files.items()}
        self.licence = "CC BY 4.0"
        self.stop_after: int | None = None
        self.asked: list[tuple[str, str | None]] = []
        self.url = ""

    @property
    def article(self) -> str:
        return f"{self.url}/article"

    def described(self) -> Any:
        files = [
            {"name": name, "size": len(data), "computed_md5": self.md5[name],
             "download_url": f"{self.url}/{name}"}
            for name, data in self.files.items()
        ]  # fmt: skip
        return {"files": files, "license": {"name": self.licence}}


@pytest.fixture
def figshare(tmp_path: Path) -> Iterator[Figshare]:
    state = Figshare(write_picture(tmp_path / "any.jpg", size=8).read_bytes())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name, wanted = self.path.removeprefix("/"), self.headers.get("Range")
            state.asked.append((name, wanted))
            article = json.dumps(state.described()).encode()
            data = article if name == "article" else state.files[name]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            stopped = state.stop_after is not None and name.endswith(".zip")
            self.wfile.write(data[start : start + state.stop_after] if stopped else data[start:])

        def log_message(self, *args: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{running.server_port}"
    yield state
    running.shutdown()
    running.server_close()


def test_the_set_is_fetched_read_and_its_hashes_written_down(
    figshare: Figshare, tmp_path: Path
) -> None:
    seen: list[tuple[str, int, int]] = []
    out = tmp_path / "london"
    fetch_london(out, lambda *there: seen.append(there), article=figshare.article)
    faces = read_faces(out)
    assert (faces.layout, len(faces)) == ("london", 3)
    assert set(faces.frame["ethnicity"]) == {"White", "Black"}
    record = json.loads((out / "fetched.json").read_text())
    assert {f["name"]: f["sha256"] for f in record["files"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in figshare.files.items()
    }
    assert sorted(p.name for p in out.iterdir()) == [
        "fetched.json", "london_faces_info.csv", "neutral_front", "smiling_front",
    ]  # fmt: skip
    assert sorted(p.name for p in (out / "neutral_front").iterdir()) == ["001_03.jpg", "002_03.jpg"]
    assert {name for name, _, _ in seen} == set(figshare.files)
    asked = len(figshare.asked)
    assert fetch_london(out, article=figshare.article) == out
    assert len(figshare.asked) == asked


def test_a_try_that_broke_goes_on_and_is_no_source_until_it_is_whole(
    figshare: Figshare, tmp_path: Path
) -> None:
    out = tmp_path / "london"
    figshare.stop_after = 100
    with pytest.raises(SourceError, match=r"(ended after|can't be reached).*(run|Run) the same"):
        fetch_london(out, article=figshare.article)
    with pytest.raises(SourceError):
        read_faces(out)
    figshare.stop_after = None
    assert len(read_faces(fetch_london(out, article=figshare.article))) == 3
    assert ("neutral_front.zip", "bytes=100-") in figshare.asked


def test_what_is_not_what_figshare_says_is_never_kept(figshare: Figshare, tmp_path: Path) -> None:
    figshare.files["smiling_front.zip"] = figshare.files["smiling_front.zip"][::-1]
    with pytest.raises(
        SourceError, match=r"smiling_front\.zip gave \d+ bytes with md5 .* expected"
    ):
        fetch_london(tmp_path / "london", article=figshare.article)
    assert not list((tmp_path / "london").rglob("*smiling*"))
    with pytest.raises(SourceError, match="the folder is empty"):
        read_faces(tmp_path / "london")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"licence": "All rights reserved"}, "states the licence 'All rights reserved'"),
        ({"files": {}}, r"lists no neutral_front\.zip"),
        ({"md5": {"neutral_front.zip": "", "smiling_front.zip": "", "london_faces_info.csv": ""}},
         r"no address, size and MD5 of neutral_front\.zip"),
        ({"url": "file:///etc"}, "no address, size and MD5"),
        ({"described": lambda: ["another API"]}, "gives another answer than figshare did"),
    ],
)  # fmt: skip
def test_another_answer_than_expected_is_refused(
    figshare: Figshare, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    article = figshare.article
    for name, value in change.items():
        setattr(figshare, name, value)
    with pytest.raises(SourceError, match=said):
        fetch_london(tmp_path / "london", article=article)
    assert not (tmp_path / "london").exists()


def test_a_folder_of_something_else_is_left_alone(figshare: Figshare, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(SourceError, match="isn't empty"):
        fetch_london(tmp_path, article=figshare.article)


def test_the_command(
    figshare: Figshare,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refused: Callable[..., str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "ARTICLE", "http://127.0.0.1:9/article")
    said = refused("datasets", "fetch", "london")
    assert "can't be reached" in said
    assert "10.6084/m9.figshare.5047666" in said
    monkeypatch.setattr(fetch, "ARTICLE", figshare.article)
    assert main(["datasets", "fetch", "london", "--out", "here"]) == 0
    assert "CC BY 4.0: DeBruine and Jones" in capsys.readouterr().out
    assert len(read_faces(tmp_path / "here")) == 3
    assert "rfw isn't fetched: research only" in refused("datasets", "fetch", "rfw")
    assert "no dataset 'x'; can be fetched: london" in refused("datasets", "fetch", "x")


def test_datasets_are_shown_one_or_all(
    refused: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["datasets", "fairface"]) == 0
    said = capsys.readouterr().out
    assert "CC BY 4.0" in said
    assert "utkface" not in said
    assert "there is no dataset 'x'; known: diveface-4k120" in refused("datasets", "x")


def archive(folder: Path, name: str, data: bytes = b"x", **how: Any) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr = how.get("mode", 0o100644) << 16
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(folder / "a.zip", "w") as packed:
        packed.writestr(member, data)
        packed.writestr("fine.jpg", b"x")
    return folder / "a.zip"


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("../out.jpg", {}, "leads out of it"),
        ("/etc/out.jpg", {}, "leads out of it"),
        ("a/..\\..\\out.jpg", {}, "leads out of it"),
        ("C:/out.jpg", {}, "leads out of it"),
        ("link.jpg", {"mode": stat.S_IFLNK | 0o777}, "is a link"),
        ("bomb.jpg", {"data": bytes(2**20)}, "would grow to 1048576 bytes"),
        ("b/fine.jpg", {}, "two pictures of one name"),
    ],
)
def test_traps_are_refused_before_anything_is_unpacked(
    tmp_path: Path, name: str, how: dict[str, Any], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        unpack_pictures(archive(tmp_path, name, **how), tmp_path / "into")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip"]


def test_too_much_or_nothing_or_damage_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = archive(tmp_path, "b.jpg")
    monkeypatch.setattr(unpack, "MOST_FILES", 1)
    with pytest.raises(SourceError, match="2 files of 2 bytes; 1 and"):
        unpack_pictures(packed, tmp_path / "into")
    packed.write_bytes(packed.read_bytes()[:-10])
    with pytest.raises(SourceError, match="can't be unpacked"):
        unpack_pictures(packed, tmp_path / "into")
    packed.write_bytes(zipped({"notes.txt": b"none"}))
    with pytest.raises(SourceError, match="no picture"):
        unpack_pictures(packed, tmp_path / "into")
