"""Named networks on the command line: listed, fetched, used, gone on with, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import reference_networks as reference
from evenface.cli import main
from evenface.embed.align import center_crop
from evenface.embed.models.catalogue import MODELS
from evenface.embed.models.contracts import network_input
from evenface.embed.seal import sealed
from evenface.embed.store import open_embeddings
from weight_files import near, weights_of, write_keras, write_pooling, write_torch

NAME, FILE = "mobilefacenet", "model_mobilefacenet.pth"
# Where a processor multiplies bfloat16, the faster one would be taken.
PLAIN = ("--runtime", "eager", "--dtype", "float32")
Refused = Callable[..., str]


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EVENFACE_MODELS", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    return write_torch(tmp_path / "models" / FILE, weights_of(NAME))


def ok(*argv: object) -> None:
    assert main([str(a) for a in argv]) == 0


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def test_models_lists_every_card_with_what_it_may_be_used_for(
    weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ok("models")
    said = capsys.readouterr().out
    for card in MODELS.values():
        assert f"\n{card.name}\n" in f"\n{said}"
        assert card.licence in said
        assert all(file.name in said for file in card.files)
    assert "BGR, mean 91.4953, 103.8827, 131.0912, scale 1" in said
    assert str(weights) in said
    ok("models", "sface")
    said = capsys.readouterr().out
    assert "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79" in said
    assert "vggface" not in said


def test_unknown_models_are_refused(refused: Refused, weights: Path) -> None:
    assert "no model 'vgg'" in refused("models", "vgg")
    assert "no model 'vgg'" in refused("models", "fetch", "vgg")
    assert "none given" in refused("models", "fetch")
    assert "nothing to fetch" in refused("models", "fetch", "hog")


def test_what_is_there_is_not_fetched(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ok("models", "fetch", NAME)
    assert capsys.readouterr().out.strip() == str(weights)


def test_a_network_without_its_weights_is_one_clear_message(
    refused: Refused, diveface: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EVENFACE_MODELS", raising=False)
    said = refused("run", diveface, "--model", "vggface2-resnet50", "--out", tmp_path / "out")
    for part in (
        "rcmalli_vggface_tf_resnet50.h5",
        "https://github.com/rcmalli/keras-vggface/releases/download",
        str(tmp_path / "cache" / "evenface" / "models"),
        "--weights FILE",
    ):
        assert part in said


def test_pictures_become_the_networks_vectors(
    weights: Path, diveface: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    ok("embed", diveface, "--model", NAME, *PLAIN, "--out", tmp_path / "emb")
    assert "no public source states the hash" in capsys.readouterr().err
    made = open_embeddings(tmp_path / "emb")
    said = manifest(tmp_path / "emb")
    assert said["runtime"] == {"engine": "eager", "dtype": "float32", "device": "cpu"}
    assert said["model"]["contract"] == said["preprocessing"]["contract"] == "arcface-bgr/1"
    assert said["preprocessing"]["crop"] == "centre"
    pictures = [np.asarray(Image.open(diveface / p)) for p in made.rows["path"][:3]]
    crops = np.stack([center_crop(p, (112, 112)) for p in pictures])
    x = network_input(crops, MODELS[NAME]).transpose(0, 2, 3, 1)
    wanted = reference.mobilefacenet(x, reference.kernels(weights_of(NAME)))
    assert near(made.vectors[:3], wanted) < 1e-4


def test_weights_of_ones_own_and_raw_pixels_are_recorded_and_never_mixed(
    refused: Refused, weights: Path, diveface: Path, tmp_path: Path
) -> None:
    common = ("embed", diveface, "--model", NAME, *PLAIN)
    own = weights.rename(tmp_path / "mine.pth")
    ok(*common, "--weights", own, "--out", tmp_path / "card")
    ok(*common, "--weights", own, "--preprocessing", "raw-pixels", "--out", tmp_path / "raw")
    card, raw = manifest(tmp_path / "card"), manifest(tmp_path / "raw")
    assert card["model"]["sha256"] == raw["model"]["sha256"]
    assert raw["model"]["contract"] == "raw-pixels/1"
    said = refused("join", tmp_path / "card", tmp_path / "raw", "--out", tmp_path / "both")
    assert "different contracts" in said
    assert "model.contract is 'arcface-bgr/1'" in said
    # A folder that was begun under one contract takes no other.
    said = refused(*common, "--weights", own, "--preprocessing", "raw-pixels", "--out",
                   tmp_path / "card")  # fmt: skip
    assert "model.color is 'BGR' there and 'RGB' now" in said


def test_what_was_assumed_of_a_network_is_told(
    diveface: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pooling(tmp_path / "net.onnx")
    common = ("embed", diveface, "--model", f"onnx:{tmp_path / 'net.onnx'}", "--align", "none")
    ok(*common, "--out", tmp_path / "a", "--mean", "127.5")
    said = capsys.readouterr()
    assert "assumed: color = RGB, scale = 1.0, alignment = arcface5. Say it in a card" in said.err
    assert "or with --color, --scale, and embed anew" in said.err
    (tmp_path / "net.onnx.json").write_text('{"color": "RGB", "scale": 1, "alignment": "none"}')
    ok(*common, "--out", tmp_path / "b", "--mean", "127.5")
    assert "note:" not in capsys.readouterr().err


def test_a_study_file_holds_all_that_was_said(
    weights: Path, diveface: Path, tmp_path: Path
) -> None:
    ok("run", diveface, "--model", NAME, *PLAIN, "--preprocessing", "raw-pixels",
       "--only", "map", "--seeds", "1", "--resamples", "100",
       "--out", tmp_path / "out")  # fmt: skip
    text = (tmp_path / "out" / "study.toml").read_text()
    for line in ('model = "mobilefacenet"', 'preprocessing = "raw-pixels"', 'runtime = "eager"'):
        assert line in text
    report = (tmp_path / "out" / "report.html").read_text()
    assert "Pixels went in untouched" in report
    assert "raw-pixels/1" in report


def test_a_killed_run_goes_on_with_what_it_began_with(weights: Path, tmp_path: Path) -> None:
    from support import write_picture

    rows = ["path,identity,gender"]
    for i in range(400):
        write_picture(tmp_path / f"{i}.png", seed=i)
        rows.append(f"{i}.png,p{i},{'male' if i % 2 else 'female'}")
    (tmp_path / "m.csv").write_text("\n".join(rows))
    out = tmp_path / "emb"
    command = [sys.executable, "-m", "evenface", "embed", tmp_path / "m.csv", "--model", NAME,
               "--batch", "4", *PLAIN, "--out", out]  # fmt: skip
    running = subprocess.Popen([str(c) for c in command], stderr=subprocess.DEVNULL)
    while not (out / "unfinished.json").exists():
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert not (out / "manifest.json").exists()
    # Nothing is said of an engine now; another one than before would give other bits.
    ok(*[c for c in command[3:] if c not in PLAIN])
    assert manifest(out)["runtime"]["engine"] == "eager"
    assert len(open_embeddings(out)) == 400


def test_another_engine_is_refused_in_a_folder_that_was_begun(
    refused: Refused, weights: Path, diveface: Path, tmp_path: Path
) -> None:
    common = ("embed", diveface, "--model", NAME, "--out", tmp_path / "emb")
    ok(*common, *PLAIN)
    begun = sealed({**manifest(tmp_path / "emb"), "parts": []})
    (tmp_path / "emb" / "manifest.json").unlink()
    (tmp_path / "emb" / "unfinished.json").write_text(json.dumps(begun))
    said = refused(*common, "--runtime", "onnxruntime")
    assert "was begun by eager float32 cpu and would go on by onnxruntime float32 cpu" in said
    assert "--runtime eager --dtype float32" in said
    ok(*common)


def test_a_wrong_file_is_refused_before_anything_is_written(
    refused: Refused, weights: Path, diveface: Path, tmp_path: Path
) -> None:
    wrong = write_keras(tmp_path / "wrong.h5", weights_of("resnet50"))
    said = refused("embed", diveface, "--model", "vggface2-senet50", "--weights", wrong, "--out",
                   tmp_path / "emb")  # fmt: skip
    assert "wrong.h5 lacks 'conv2_1_1x1_down.weight'" in said
    assert not (tmp_path / "emb").exists()


def test_faces_are_cut_as_the_card_says(real: Path, tmp_path: Path, weights: Path) -> None:
    from evenface import embed_faces, load_embedder, read_faces
    from evenface.faces.select import select_faces

    path = write_torch(tmp_path / "facenet.pt", weights_of("inception-resnet-v1"))
    embedder = load_embedder("facenet-vggface2", weights=path, runtime="eager", dtype="float32")
    faces = select_faces(read_faces(real / "london" / "manifest.csv"), per_group=1, images=1)
    made = embed_faces(faces, embedder, tmp_path / "emb",
                       detector=real / "models" / "face_detection_yunet.onnx")  # fmt: skip
    assert made.preprocessing["crop"] == "box"
    assert made.preprocessing["aligned"]
    assert made.failures.height == 0
    cut = embed_faces(faces, embedder, tmp_path / "whole")
    assert "a square around each detected face" in cut.preprocessing["reason"]
    assert near(made.vectors, cut.vectors) > 1e-3


def test_a_detector_that_was_fetched_is_found_and_checked(
    real: Path, tmp_path: Path, weights: Path, refused: Refused
) -> None:
    place = tmp_path / "models" / "face_detection_yunet_2026may.onnx"
    place.write_bytes((real / "models" / "face_detection_yunet.onnx").read_bytes())
    common = ("embed", real / "london" / "manifest.csv", "--per-group", "1", "--images", "1",
              "--model", NAME, *PLAIN, "--align", "yunet", "--out")  # fmt: skip
    ok(*common, tmp_path / "emb")
    assert manifest(tmp_path / "emb")["preprocessing"]["crop"] == "arcface5"
    place.write_bytes(b"something else")
    assert "was expected. It was not opened" in refused(*common, tmp_path / "other")
