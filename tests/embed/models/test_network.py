"""Networks with their weights: the right vectors, whatever runs them, and nothing else opened."""

from __future__ import annotations

import importlib.util
import json
import shutil
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import reference_networks as reference
from evenface import load_embedder
from evenface.embed.models import engines, network, speed
from evenface.embed.models.catalogue import MODELS
from evenface.embed.models.contracts import network_input
from evenface.embed.models.engines import ENGINES, Runtime, build_engine, folded
from evenface.embed.weights.layouts import ARCHITECTURES
from evenface.errors import ModelError
from weight_files import crops, near, renamed, weights_of, write_torch

NAME = "mobilefacenet"
FILE = "model_mobilefacenet.pth"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_torch(tmp_path_factory.mktemp("weights") / FILE, weights_of(NAME))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("EVENFACE_MODELS", raising=False)
    return tmp_path / "cache" / "evenface"


def load(weights: Path | None, name: str = NAME, **said: Any) -> Any:
    return load_embedder(name, weights=weights, **{"runtime": "eager", "dtype": "float32", **said})


def truth(pictures: np.ndarray, card: Any = MODELS[NAME]) -> np.ndarray:
    x = network_input(pictures, card).transpose(0, 2, 3, 1)
    return reference.mobilefacenet(x, reference.kernels(weights_of(NAME)))


# The right vectors


def test_vectors_are_those_of_the_network_on_the_cards_pixels(weights: Path) -> None:
    pictures = crops(3, 112)
    embedder = load(weights)
    assert near(embedder(pictures), truth(pictures)) < 1e-4
    assert embedder.card.dimension == 512
    assert embedder(pictures[:0]).shape == (0, 512)


def test_raw_pixels_give_other_vectors_and_say_so(weights: Path) -> None:
    pictures = crops(2, 112)
    raw = load(weights, preprocessing="raw-pixels")
    assert raw.card.contract == "raw-pixels/1"
    assert near(raw(pictures), truth(pictures, raw.card)) < 1e-4
    assert near(raw(pictures), truth(pictures)) > 0.05


def test_the_files_family_decides_colours_and_edges(tmp_path: Path) -> None:
    pictures = crops(1, 224)
    found = {}
    for layout, contract in ((1, "vggface2-rgb/1"), (2, "vggface2/1")):
        path = write_torch(tmp_path / "w.pth", renamed(weights_of("resnet50"), "resnet50", layout))
        embedder = load(path, "vggface2-resnet50")
        assert embedder.card.contract == contract
        found[contract] = embedder(pictures)
    assert near(*found.values()) > 1e-3


def test_another_layer_can_be_asked_for_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    weights = weights_of("inception-resnet-v1", top=True)
    path = write_torch(tmp_path / "20180402-114759-vggface2.pt", weights)
    assert load(path, "facenet-vggface2")(crops(1, 160)).shape == (1, 512)
    logits = load(path, "facenet-vggface2", layer="logits")
    assert (logits.card.output, logits.card.dimension) == ("logits", 8631)
    with pytest.raises(ModelError, match=r"no layer 'fc7'; embedding, logits were expected"):
        load(path, "facenet-vggface2", layer="fc7")


def test_crops_of_another_size_are_refused(weights: Path) -> None:
    with pytest.raises(ModelError, match=r"\(n, 112, 112, 3\), not uint8 of \(1, 50, 50, 3\)"):
        load(weights)(crops(1, 50))


# Whatever runs them


@pytest.mark.parametrize("architecture", ["resnet50", "senet50", "iresnet18"])
def test_folding_changes_no_vector(architecture: str) -> None:
    known = ARCHITECTURES[architecture]
    build = {**known.layouts[0].build, **({"top": False} if known.top else {})}
    plain = known.build(layer=next(iter(known.layers)), **build)
    state = {k: torch.from_numpy(v.copy()) for k, v in weights_of(architecture).items()}
    plain.load_state_dict(state, strict=False)
    plain.eval()
    small = folded(plain)
    left = [m for m in small.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    # What comes before a product can't be folded into it: IResNet's first of each block.
    assert len(left) == (9 if architecture == "iresnet18" else 0)
    x = torch.randn(2, 3, 112, 112) * (60 if architecture != "iresnet18" else 1)
    with torch.inference_mode():
        assert near(small(x).numpy(), plain(x).numpy()) < 1e-5
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in plain.modules())


@pytest.mark.parametrize("name", ["eager", "onnxruntime", "openvino"])
@pytest.mark.parametrize("count", [1, 5])
def test_every_engine_gives_the_same_vectors(weights: Path, name: str, count: int) -> None:
    if name == "openvino" and not importlib.util.find_spec("openvino"):
        pytest.skip("openvino is an extra and is not installed")
    pictures = crops(count, 112)
    embedder = load(weights, runtime=name)
    assert embedder.runtime == {"engine": name, "dtype": "float32", "device": "cpu"}
    assert speed.cosine(embedder(pictures), truth(pictures)) > 0.999999
    assert near(embedder(pictures), truth(pictures)) < 1e-3


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_network_gives_the_same_vectors_for_any_number_of_crops(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(engines, "COMPILED_BATCH", 4)
    small = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten())
    card = MODELS["sface"].with_fields(size=(9, 9))
    run, plain = (
        build_engine(small, card, (9, 9), Runtime(name, "float32", "cpu"))
        for name in ("compile", "eager")
    )
    for count in (1, 4, 7):
        assert near(run(crops(count, 9)), plain(crops(count, 9))) < 1e-5


def test_bfloat16_keeps_within_the_tolerance(weights: Path) -> None:
    embedder = load(weights, dtype="bfloat16")
    pictures = crops(4, 112)
    near_ones = speed.cosine(embedder(pictures), truth(pictures))
    assert speed.TOLERANCE <= near_ones < 1 - 1e-9


def test_numbers_too_coarse_are_refused(weights: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(speed, "TOLERANCE", 0.9999999)
    with pytest.raises(ModelError, match=r"eager in bfloat16 .*cosine similarity of 0\.9\d+ to"):
        load(weights, dtype="bfloat16")


def test_the_fastest_engine_is_measured_once_and_remembered(
    weights: Path, cache: Path, monkeypatch: Any
) -> None:
    rates = {"eager": 5.0, "onnxruntime": 9.0, "openvino": 7.0}
    asked: list[str] = []

    def rate(run: Any, pictures: Any) -> float:
        name = next(n for n in rates if n in run.__qualname__)
        asked.append(name)
        return rates[name]

    monkeypatch.setattr(speed, "_rate", rate)
    monkeypatch.setattr(speed, "has_bfloat16", lambda device: False)
    first = load(weights, runtime="auto", dtype="auto")
    assert first.runtime["engine"] == "onnxruntime"
    assert asked
    asked.clear()
    assert load(weights, runtime="auto", dtype="auto").runtime == first.runtime
    assert not asked
    (entry,) = json.loads((cache / "speeds.json").read_text()).values()
    assert entry["pictures_per_second"]["onnxruntime float32"] == 9.0
    # A damaged memory is measured again, not an error.
    (cache / "speeds.json").write_text("[1")
    assert load(weights, runtime="auto", dtype="auto").runtime == first.runtime
    assert asked


def test_what_was_remembered_is_tried_on_the_weights_at_hand(
    weights: Path, monkeypatch: Any
) -> None:
    kinds = [Runtime("eager", d, "cpu") for d in ("float32", "bfloat16")]
    monkeypatch.setattr(speed, "candidates", lambda *_: kinds)
    rates = cycle([1.0, 2.0])
    monkeypatch.setattr(speed, "_rate", lambda *_: next(rates))
    assert load(weights).runtime["dtype"] == "bfloat16"
    monkeypatch.setattr(speed, "_rate", lambda *_: pytest.fail("it was measured again"))
    assert load(weights).runtime["dtype"] == "bfloat16"
    # Weights that suffer more from coarse numbers than those it was measured with.
    monkeypatch.setattr(speed, "TOLERANCE", 0.9999999)
    monkeypatch.setattr(speed, "_rate", lambda *_: 1.0)
    assert load(weights).runtime["dtype"] == "float32"


def test_an_engine_that_fails_says_so_and_what_to_do(weights: Path, monkeypatch: Any) -> None:
    embedder = load(weights)

    def full(*_: Any) -> Any:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(engines, "torch_input", full)
    with pytest.raises(ModelError, match=r"eager fails on 3 pictures .*out of memory.*--batch"):
        embedder(crops(3, 112))


def test_an_engine_with_other_vectors_is_never_chosen(weights: Path, monkeypatch: Any) -> None:
    built = network.build_engine

    def spoiled(net: Any, how: Any, size: Any, runtime: Runtime) -> Any:
        run = built(net, how, size, runtime)
        if runtime.engine == "eager":
            return run
        return lambda pictures: run(pictures)[:, ::-1]

    monkeypatch.setattr(network, "build_engine", spoiled)
    assert load(weights, runtime="auto").runtime["engine"] == "eager"


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"runtime": "tensorrt"}, r"runtime must be auto, eager, .*; not 'tensorrt'"),
        ({"dtype": "int8"}, r"dtype must be auto, float32, .*; not 'int8'"),
        ({"runtime": "onnxruntime", "dtype": "bfloat16"}, "onnxruntime has no dtype bfloat16"),
        ({"device": "tpu"}, "device must be cpu or cuda, not 'tpu'"),
        ({"preprocessing": "rgb"}, "preprocessing must be card or raw-pixels"),
    ],
)
def test_what_cant_be_run_is_named(weights: Path, said: dict, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load(weights, **said)


def test_a_gpu_that_is_not_there_is_said(weights: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelError, match=r"cuda was asked for, but PyTorch .* finds no GPU"):
        load(weights, device="cuda")


def test_an_engine_that_is_not_installed_says_what_to_install(monkeypatch: Any) -> None:
    def absent(*_: Any) -> Any:
        raise ImportError("no")

    monkeypatch.setitem(
        ENGINES, "openvino", engines.Engine(absent, ("float32",), ("cpu",), extra="x")
    )
    with pytest.raises(ModelError, match=r'openvino is not installed: pip install "evenface\[x\]"'):
        build_engine(
            torch.nn.ReLU(), MODELS["sface"], (4, 4), Runtime("openvino", "float32", "cpu")
        )


# Weights are the right ones, or not opened


def test_weights_in_a_folder_of_ones_own_are_found_and_pinned(
    weights: Path, cache: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("EVENFACE_MODELS", str(weights.parent))
    embedder = load(None)
    digest = json.loads((cache / "pins.json").read_text())[FILE]
    assert embedder.card.sha256 == digest
    assert "no public source states the hash" in embedder.notes[0]
    assert near(embedder(crops(1, 112)), truth(crops(1, 112))) < 1e-4


def test_a_file_that_fails_its_hash_is_not_opened(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "20180402-114759-vggface2.pt").write_bytes(b"something else")
    monkeypatch.setenv("EVENFACE_MODELS", str(tmp_path))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(ModelError, match=r"281cebca.* was expected. It was not opened"):
        load(None, "facenet-vggface2")


def test_a_file_that_proved_wrong_is_not_pinned(
    tmp_path: Path, cache: Path, monkeypatch: Any
) -> None:
    (tmp_path / FILE).write_bytes(b"something else")
    monkeypatch.setenv("EVENFACE_MODELS", str(tmp_path))
    with pytest.raises(ModelError, match="can't be read as PyTorch"):
        load(None)
    assert not (cache / "pins.json").exists()


def test_weights_of_ones_own_are_used_and_named_by_their_hash(weights: Path) -> None:
    embedder = load(weights)
    assert len(embedder.card.sha256) == 64
    assert "weights of your own" in embedder.notes[0]
    with pytest.raises(ModelError, match=r"none\.pth doesn't exist"):
        load(weights.parent / "none.pth")


def test_an_onnx_network_of_the_table_has_its_card(make_onnx: Any, monkeypatch: Any) -> None:
    path = make_onnx(shape=("n", 3, 112, 112))
    mine = MODELS["sface"].with_fields(dimension=3)
    monkeypatch.setitem(MODELS, "sface", mine)
    embedder = load_embedder("sface", weights=path)
    assert (embedder.card.name, embedder.card.contract) == ("sface", "sface/1")
    assert embedder.card.assumed == ()
    assert np.allclose(embedder(np.full((1, 112, 112, 3), (1, 2, 3), np.uint8)), [[1, 2, 3]])
    monkeypatch.setitem(MODELS, "sface", mine.with_fields(dimension=128))
    with pytest.raises(ModelError, match=r"says dimension 128.* has 3"):
        load_embedder("sface", weights=path)
    with pytest.raises(ModelError, match=r"sface needs its weights, face_recognition_sface"):
        load_embedder("sface")


@pytest.mark.parametrize(
    ("model", "said", "says"),
    [
        ("hog", {"weights": "w.h5"}, "--weights w.h5 says nothing to hog"),
        ("hog", {"dtype": "bfloat16"}, "--dtype bfloat16 says nothing to hog"),
        ("sface", {"layer": "fc7"}, "--layer fc7 says nothing to sface"),
        ("onnx:net.onnx", {"runtime": "compile"}, "--runtime compile says nothing to onnx:net"),
    ],
)
def test_what_says_nothing_to_a_model_is_refused(model: str, said: dict, says: str) -> None:
    with pytest.raises(ModelError, match=says):
        load_embedder(model, **said)
