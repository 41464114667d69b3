"""Weights come whole, with the right hash, or not at all; and are looked for where they lie."""

from __future__ import annotations

import hashlib
import http.client
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evenface.embed.models import place
from evenface.embed.models.cards import ModelCard, WeightFile
from evenface.embed.models.catalogue import MODELS, YUNET
from evenface.embed.models.fetch import fetch_any, fetch_file, fetch_model
from evenface.errors import ModelError

DATA = np.random.default_rng(0).integers(0, 256, 3_000_000, np.uint8).tobytes()
SHA = hashlib.sha256(DATA).hexdigest()


class Server:
    """What the test's server does, and what it was asked."""

    def __init__(self) -> None:
        self.data, self.tag, self.kind = DATA, '"v1"', "application/octet-stream"
        self.stop_after: int | None = None
        self.ranges = True
        self.asked: list[dict[str, str]] = []
        self.url = ""


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append(dict(self.headers))
            if self.path != "/w.bin":
                self.send_error(404)
                return
            start = 0
            wanted = self.headers.get("Range")
            tag = self.headers.get("If-Range")
            if wanted and state.ranges and tag in (None, state.tag):
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(state.data):
                    self.send_error(416)
                    return
                self.send_response(206)
                last = len(state.data) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(state.data)}")
            else:
                self.send_response(200)
            self.send_header("ETag", state.tag)
            self.send_header("Content-Type", state.kind)
            self.send_header("Content-Length", str(len(state.data) - start))
            self.end_headers()
            end = len(state.data) if state.stop_after is None else start + state.stop_after
            self.wfile.write(state.data[start:end])

        def log_message(self, *args: Any) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    state.url = f"http://127.0.0.1:{running.server_port}/w.bin"
    yield state
    running.shutdown()
    running.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EVENFACE_MODELS", raising=False)
    return tmp_path / "cache" / "evenface"


def known(server: Server, sha: str = SHA) -> WeightFile:
    return WeightFile("w.bin", url=server.url, sha256=sha, size=len(DATA))


def test_a_file_is_fetched_once(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch_file(known(server), tmp_path / "m", lambda *there: seen.append(there))
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert [p.name for p in path.parent.iterdir()] == ["w.bin"]


@pytest.mark.parametrize("hashed", [True, False])
def test_a_download_that_broke_goes_on_where_it_was(
    server: Server, tmp_path: Path, hashed: bool
) -> None:
    file = known(server, SHA if hashed else "")
    server.stop_after = 1_000_000
    with pytest.raises(ModelError, match=r"(ended after|can't be reached).*run the same|Run the"):
        fetch_file(file, tmp_path)
    assert not (tmp_path / "w.bin").exists()
    there = (tmp_path / ".w.bin.part").stat().st_size
    assert 0 < there <= 1_000_000
    server.stop_after = None
    assert fetch_file(file, tmp_path).read_bytes() == DATA
    assert server.asked[-1]["Range"] == f"bytes={there}-"
    assert server.asked[-1]["If-Range"] == '"v1"'


def test_pieces_of_two_versions_never_meet(server: Server, tmp_path: Path) -> None:
    file = known(server, "")
    server.stop_after = 1_000_000
    with pytest.raises(ModelError):
        fetch_file(file, tmp_path)
    server.data, server.tag, server.stop_after = DATA[::-1], '"v2"', None
    assert fetch_file(file, tmp_path).read_bytes() == DATA[::-1]


def test_without_ranges_it_starts_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / ".w.bin.part").write_bytes(DATA[:500])
    server.ranges = False
    assert fetch_file(known(server), tmp_path).read_bytes() == DATA


def test_what_had_come_whole_before_it_was_named_is_only_checked(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / ".w.bin.part").write_bytes(DATA)
    assert fetch_file(known(server), tmp_path).read_bytes() == DATA
    assert len(server.asked) == 1


def test_a_wrong_hash_is_refused_and_nothing_kept(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"sha256 {SHA}; {'0' * 64} was expected. They were del"):
        fetch_file(known(server, "0" * 64), tmp_path)
    assert list(tmp_path.glob("*w.bin*")) == []


def test_a_web_page_is_no_file(server: Server, tmp_path: Path) -> None:
    server.kind = "text/html; charset=utf-8"
    with pytest.raises(ModelError, match="web page and no file"):
        fetch_file(known(server, ""), tmp_path)
    assert not (tmp_path / "w.bin").exists()


def test_what_cant_be_reached_says_where_to_put_it(server: Server, tmp_path: Path) -> None:
    missing = WeightFile("w.bin", url=server.url + "x", sha256=SHA)
    with pytest.raises(ModelError, match=rf"can't be reached: .*put w\.bin into {tmp_path}"):
        fetch_file(missing, tmp_path)
    nobody = WeightFile("w.bin", url="http://127.0.0.1:9/w.bin", sha256=SHA)
    with pytest.raises(ModelError, match=r"can't be reached: .*refused"):
        fetch_file(nobody, tmp_path)


def test_a_connection_that_is_reset_is_no_full_disk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reset(*_: Any) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")

    monkeypatch.setattr(http.client.HTTPResponse, "read", reset)
    with pytest.raises(ModelError, match=r"can't be reached: .*reset by peer.*again to go on"):
        fetch_file(known(server), tmp_path)


def test_a_folder_that_cant_be_written_is_named(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match=r"file.* can't be written"):
        fetch_file(known(server), tmp_path / "file")


def card(*files: WeightFile) -> ModelCard:
    return ModelCard(name="net", size=(4, 4), dimension=1, licence="MIT", files=files)


def test_a_card_is_fetched_to_the_cache_and_found_there(server: Server, cache: Path) -> None:
    network = card(WeightFile("other.bin", page="https://example.org"), known(server))
    assert fetch_model(network) == cache / "models" / "w.bin"
    assert fetch_model(network) == cache / "models" / "w.bin"
    assert len(server.asked) == 1
    assert place.find(network) == (cache / "models" / "w.bin", network.files[1])


def test_what_no_program_can_fetch_names_its_page() -> None:
    with pytest.raises(ModelError, match=r"can't be fetched by a program; see https://example"):
        fetch_any((WeightFile("w.pth", page="https://example.org"),))
    with pytest.raises(ModelError, match="nothing to fetch"):
        fetch_model(MODELS["hog"])


def test_a_folder_of_ones_own_comes_first(tmp_path: Path, monkeypatch: Any, cache: Path) -> None:
    own = tmp_path / "own"
    for folder in (own, cache / "models"):
        folder.mkdir(parents=True)
        (folder / "w.bin").write_bytes(DATA)
    monkeypatch.setenv("EVENFACE_MODELS", str(own))
    assert place.find(card(WeightFile("w.bin", url="x")))[0] == own / "w.bin"


def test_missing_weights_say_which_where_from_and_where_to(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        place.find(MODELS["vggface2-resnet50"])
    text = str(caught.value)
    for part in (
        "rcmalli_vggface_tf_resnet50.h5",
        "https://github.com/rcmalli/keras-vggface/releases",
        "evenface models fetch vggface2-resnet50",
        str(cache / "models"),
        "EVENFACE_MODELS",
        "--weights FILE",
        "resnet50_ft_dag.pth",
    ):
        assert part in text
    with pytest.raises(ModelError, match=r"ms1mv3_arcface_r50_fp16\.pth, as https"):
        place.find(MODELS["arcface-iresnet50"])


def test_a_hash_that_nobody_states_is_pinned_at_first_use(tmp_path: Path, cache: Path) -> None:
    file, path = WeightFile("w.bin"), tmp_path / "w.bin"
    path.write_bytes(b"first")
    digest, note = place.checked(path, file)
    assert "no public source states the hash" in note
    place.pin(file, digest)
    assert place.pinned(file) == digest
    assert "as at its first use" in place.checked(path, file)[1]
    path.write_bytes(b"second")
    with pytest.raises(ModelError, match=rf"when it was first used it had {digest}.*not opened"):
        place.checked(path, file)
    place.pin(file, "other")
    assert json.loads((cache / "pins.json").read_text()) == {"w.bin": digest}


def test_a_damaged_list_of_pins_is_named(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "w.bin").write_bytes(b"x")
    cache.mkdir(parents=True)
    for text in ("{", "[1]", '{"a": 1}'):
        (cache / "pins.json").write_text(text)
        with pytest.raises(ModelError, match=r"pins\.json"):
            place.checked(tmp_path / "w.bin", WeightFile("w.bin"))


def test_known_hashes_are_hashes_and_yunet_is_the_zoos() -> None:
    files = [f for m in MODELS.values() for f in m.files] + list(YUNET)
    assert all(f.url or f.page for f in files)
    assert {len(f.sha256) for f in files} == {0, 64}
    assert all(f.url.startswith("https://") for f in files if f.url)


def test_the_detector_at_hand_is_one_of_the_zoos(real: Path) -> None:
    found = place.file_sha256(real / "models" / "face_detection_yunet.onnx")
    assert found in {f.sha256 for f in YUNET}
