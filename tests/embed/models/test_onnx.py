"""ONNX files: what is read from them, what is assumed, and what is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from evenface.embed.models import Embedder, OnnxOptions, load_embedder
from evenface.errors import ModelError

Make = Callable[..., Path]
FLOAT16, UINT8, DOUBLE = 10, 2, 11


def load(path: Path, **options: Any) -> Embedder:
    return load_embedder(f"onnx:{path}", options=OnnxOptions(**options))


def colour(r: int, g: int, b: int, side: int = 112) -> np.ndarray:
    return np.full((1, side, side, 3), (r, g, b), np.uint8)


def test_without_a_card_rgb_0_to_255_is_assumed_and_recorded(make_onnx: Make) -> None:
    embedder = load(make_onnx(shape=("n", 3, 64, 48)))
    card = embedder.card
    assert (card.size, card.layout, card.dimension) == ((48, 64), "NCHW", 3)
    assert card.assumed == ("color", "mean", "scale", "alignment")
    found = embedder(np.full((2, 64, 48, 3), (10, 20, 30), np.uint8))
    assert np.allclose(found, [[10, 20, 30]] * 2)


def test_free_axes_make_the_size_and_layout_assumed(make_onnx: Make) -> None:
    card = load(make_onnx(shape=("n", "c", "h", "w"))).card
    assert (card.size, card.layout) == ((112, 112), "NCHW")
    assert {"size", "layout"} <= set(card.assumed)


def test_the_card_has_the_files_name_and_hash(make_onnx: Make) -> None:
    path = make_onnx()
    card = load(path).card
    assert card.name == "onnx:net.onnx"
    assert card.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_channels_last_is_read_from_the_shape(make_onnx: Make) -> None:
    embedder = load(make_onnx(shape=("n", 32, 32, 3), channels_last=True))
    assert embedder.card.layout == "NHWC"
    assert np.allclose(embedder(colour(1, 2, 3, 32)), [[1, 2, 3]])


@pytest.mark.parametrize("by", ["options", "card", "other card"])
def test_stated_preprocessing_is_applied(make_onnx: Make, by: str) -> None:
    path = make_onnx()
    said = {"size": [112, 112], "color": "BGR", "mean": [100, 50, 0], "scale": [1, 2, 0.5]}
    if by == "options":
        embedder = load(
            path, size=(112, 112), color="BGR", mean=(100, 50, 0), scale=(1.0, 2.0, 0.5)
        )
    else:
        beside = path.with_name("net.onnx.json" if by == "card" else "net.json")
        beside.write_text(json.dumps({**said, "licence": "MIT", "commercial_use": None}))
        embedder = load(path)
        assert embedder.card.licence == "MIT"
    # BGR: the mean of 100 is blue's.
    assert np.allclose(embedder(colour(10, 60, 130)), [[30, 20, 5]])
    assert embedder.card.assumed == ("alignment",)


def test_options_go_before_the_card(make_onnx: Make) -> None:
    path = make_onnx()
    path.with_name("net.onnx.json").write_text('{"mean": 5, "scale": 2, "alignment": "none"}')
    embedder = load(path, mean=1.0)
    assert np.allclose(embedder(colour(3, 3, 3)), 4)
    assert embedder.card.alignment == "none"


def test_every_fault_of_a_card_is_listed(make_onnx: Make) -> None:
    path = make_onnx()
    wrong = {
        "size": [0, 5],
        "color": "GRB",
        "mean": [1, 2],
        "scale": 0,
        "layout": "CHW",
        "colour": "RGB",
        "commercial_use": "no",
        "sha256": "abc",
        "dimension": True,
    }
    path.with_name("net.onnx.json").write_text(json.dumps(wrong))
    with pytest.raises(ModelError) as caught:
        load(path)
    text = str(caught.value)
    assert "net.onnx.json" in text
    assert "unknown key 'colour'" in text
    assert all(f"{key} must be" in text for key in wrong if key != "colour")


@pytest.mark.parametrize(
    ("text", "says"), [("{", "JSON"), ("[1]", "object"), ('{"mean": NaN}', "mean")]
)
def test_a_card_that_is_no_card_is_refused(make_onnx: Make, text: str, says: str) -> None:
    path = make_onnx()
    path.with_name("net.onnx.json").write_text(text)
    with pytest.raises(ModelError, match=says):
        load(path)


def test_options_that_make_no_sense_are_refused(make_onnx: Make) -> None:
    with pytest.raises(ModelError, match=r"scale must be.*layout must be|layout must be.*"):
        load(make_onnx(), scale=0.0, layout="HWC")


def test_a_card_for_another_file_is_refused_before_it_is_opened(
    make_onnx: Make, monkeypatch: Any
) -> None:
    path = make_onnx()
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: pytest.fail("opened"))
    path.with_name("net.onnx.json").write_text(json.dumps({"sha256": "0" * 64}))
    with pytest.raises(ModelError, match=r"net\.onnx has sha256 .* its card says 000"):
        load(path)


def test_a_wrong_dimension_in_the_card_is_refused(make_onnx: Make) -> None:
    path = make_onnx()
    path.with_name("net.onnx.json").write_text('{"dimension": 512}')
    with pytest.raises(ModelError, match=r"says dimension 512.* has 3"):
        load(path)


@pytest.mark.parametrize("content", [b"", b"garbage" * 50])
def test_what_is_no_onnx_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"bad\.onnx can't be loaded"):
        load(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.onnx doesn't exist"):
        load(tmp_path / "none.onnx")
    with pytest.raises(ModelError, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("made", "says"),
    [
        ({"inputs": 2}, "one input was expected; there are 2"),
        ({"shape": ("n", 1, 112, 112)}, "has 1 channels; 3 were expected"),
        ({"kind": UINT8}, r"is tensor\(uint8\); floating-point"),
        ({"tail": "scalar"}, r"shape \(2, d\) was expected"),
        ({"outputs": 2}, r"several outputs could be.*out0.*out1.*say it"),
        ({"shape": ("n", 3, 112, "w")}, "fixes one side only"),
    ],
)
def test_networks_of_another_kind_are_refused(make_onnx: Make, made: dict, says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        load(make_onnx(**made))
    assert "net.onnx" in str(caught.value)


def test_an_input_of_another_rank_is_refused(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    helper = onnx.helper
    x, y = (helper.make_tensor_value_info(n, 1, ["n", 512]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    path = tmp_path / "flat.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="four axes were expected"):
        load(path)


def test_a_size_that_the_file_forbids_is_refused(make_onnx: Make) -> None:
    with pytest.raises(ModelError, match="width is fixed at 48, but size says 112"):
        load(make_onnx(shape=("n", 3, 48, 48)), size=(112, 112))


def test_a_layout_that_the_file_forbids_is_refused(make_onnx: Make) -> None:
    with pytest.raises(ModelError, match="as NHWC has 48 channels"):
        load(make_onnx(shape=("n", 3, 48, 48)), layout="NHWC")


def test_one_of_several_outputs_can_be_chosen(make_onnx: Make) -> None:
    path = make_onnx(outputs=2)
    assert load(path, output="out1").card.output == "out1"
    with pytest.raises(ModelError, match="no output 'out9'; there are out0, out1"):
        load(path, output="out9")


def test_maps_of_one_pixel_are_flattened(make_onnx: Make) -> None:
    embedder = load(make_onnx(tail="maps"))
    assert embedder.card.dimension == 3
    assert embedder(colour(1, 2, 3)).shape == (1, 3)


@pytest.mark.parametrize("fixed", [1, 4])
def test_a_fixed_batch_is_filled_up_and_cut(make_onnx: Make, fixed: int) -> None:
    embedder = load(make_onnx(shape=(fixed, 3, 16, 16)))
    crops = np.concatenate([colour(i, 0, 0, 16) for i in range(6)])
    assert np.allclose(embedder(crops)[:, 0], range(6))


@pytest.mark.parametrize("kind", [FLOAT16, DOUBLE])
def test_other_floats_are_fed_as_they_are(make_onnx: Make, kind: int) -> None:
    embedder = load(make_onnx(kind=kind))
    found = embedder(colour(10, 20, 30))
    assert found.dtype == np.float32
    assert np.allclose(found, [[10, 20, 30]])


def test_crops_of_another_size_are_refused(make_onnx: Make) -> None:
    with pytest.raises(ModelError, match=r"\(n, 112, 112, 3\)"):
        load(make_onnx())(colour(1, 2, 3, 50))


def test_no_crops_give_no_vectors(make_onnx: Make) -> None:
    assert load(make_onnx())(colour(1, 2, 3)[:0]).shape == (0, 3)


def test_cuda_that_is_not_there_is_said(make_onnx: Make, monkeypatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(ModelError, match=r"cuda was asked for.*CPUExecutionProvider.*or use cpu"):
        load_embedder(f"onnx:{make_onnx()}", device="cuda")
    with pytest.raises(ModelError, match="cpu or cuda, not 'tpu'"):
        load_embedder(f"onnx:{make_onnx()}", device="tpu")


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        (("n", 3, 200000, 200000), "fixes a side above 4096"),
        (("n", 200000, 200000, 3), "fixes a side above 4096"),
        ((10**6, 3, 112, 112), "asks for 1000000 pictures at a time"),
    ],
)
def test_an_input_that_no_memory_holds_is_refused(make_onnx: Make, shape: Any, says: str) -> None:
    with pytest.raises(ModelError, match=says) as caught:
        load(make_onnx(shape=shape))
    assert "net.onnx" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[" * 100_000, "can't be read as JSON"),
        ('{"name": "a\\ud800b"}', r"name must be text, not 'a\\ud800b'"),
        ('{"licence": "\\udfff"}', "licence must be text"),
        ('{"mean": 1' + "0" * 400 + "}", "mean must be a finite number"),
    ],
)
def test_a_card_that_breaks_readers_is_refused(make_onnx: Make, text: str, says: str) -> None:
    path = make_onnx()
    path.with_name("net.onnx.json").write_text(text)
    with pytest.raises(ModelError, match=says) as caught:
        load(path)
    assert str(caught.value).encode()


def test_a_card_that_starts_with_a_byte_order_mark_is_read(make_onnx: Make) -> None:
    path = make_onnx()
    path.with_name("net.onnx.json").write_text('{"name": "mine"}', "utf-8-sig")
    assert load(path).card.name == "mine"
