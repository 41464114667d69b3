"""Preprocessing is a contract: golden numbers for every name and version."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.embed.align import box_crop
from evenface.embed.models.cards import ModelCard
from evenface.embed.models.catalogue import MODELS
from evenface.embed.models.contracts import (
    CONTRACTS,
    network_input,
    with_contract,
    with_preprocessing,
)
from evenface.embed.models.engines import torch_input
from evenface.errors import ModelError

PIXEL = (10, 20, 200)
"""Red, green, blue."""

GOLDEN = {
    "hog/1": (10, 20, 200),
    "vggface/1": (200 - 93.5940, 20 - 104.7624, 10 - 129.1863),
    "vggface-rgb/1": (10 - 129.1863, 20 - 104.7624, 200 - 93.5940),
    "vggface2/1": (200 - 91.4953, 20 - 103.8827, 10 - 131.0912),
    "vggface2-rgb/1": (10 - 131.0912, 20 - 103.8827, 200 - 91.4953),
    "facenet/1": (-117.5 / 128, -107.5 / 128, 72.5 / 128),
    "arcface/1": (-117.5 / 127.5, -107.5 / 127.5, 72.5 / 127.5),
    "arcface-bgr/1": (72.5 / 127.5, -107.5 / 127.5, -117.5 / 127.5),
    "sface/1": (10, 20, 200),
}


def card(contract: str) -> ModelCard:
    return ModelCard(name="x", size=(4, 4), dimension=1, contract=contract, **CONTRACTS[contract])


def picture() -> np.ndarray:
    crop = np.zeros((1, 2, 3, 3), np.uint8)
    crop[0, 1, 2] = PIXEL
    return crop


@pytest.mark.parametrize("contract", CONTRACTS)
def test_a_contract_gives_its_golden_numbers(contract: str) -> None:
    how = card(contract)
    found = network_input(picture(), how)
    if how.layout == "NCHW":
        assert found.shape == (1, 3, 2, 3)
        found = found.transpose(0, 2, 3, 1)
    assert found[0, 1, 2] == pytest.approx(GOLDEN[contract], abs=1e-4)
    black = np.broadcast_to(-np.asarray(how.mean) * how.scale, 3)
    assert found[0, 0, 0] == pytest.approx(black, abs=1e-4)


@pytest.mark.parametrize("contract", [c for c in CONTRACTS if "hog" not in c])
def test_tensors_hold_the_same_numbers_to_the_bit(contract: str) -> None:
    crops = np.random.default_rng(0).integers(0, 256, (3, 8, 9, 3), np.uint8)
    ours = network_input(crops, card(contract))
    assert ours.flags.c_contiguous
    assert np.array_equal(torch_input(crops, card(contract), "cpu").numpy(), ours)


def test_every_card_keeps_a_contract_and_says_which() -> None:
    for model in MODELS.values():
        assert model.contract in CONTRACTS, model.name
        assert all(getattr(model, k) == v for k, v in CONTRACTS[model.contract].items())


def test_raw_pixels_are_rgb_and_nothing_is_subtracted() -> None:
    raw = with_preprocessing(MODELS["vggface2-resnet50"], "raw-pixels")
    assert raw.contract == "raw-pixels/1"
    assert network_input(picture(), raw)[0, :, 1, 2].tolist() == list(PIXEL)
    # What is cut out of the picture stays what the network was trained on.
    assert raw.box == MODELS["vggface2-resnet50"].box
    assert with_preprocessing(raw, "card") is raw
    with pytest.raises(ModelError, match=r"card or raw-pixels, not 'rgb'"):
        with_preprocessing(raw, "rgb")


def test_another_contract_changes_pixels_and_name() -> None:
    changed = with_contract(MODELS["vggface2-resnet50"], "vggface2-rgb/1")
    assert (changed.color, changed.mean) == ("RGB", (131.0912, 103.8827, 91.4953))


# What is cut out


def gradient(height: int = 200, width: int = 300) -> np.ndarray:
    """A picture whose red is its column and whose green is its row."""
    image = np.zeros((height, width, 3), np.float32)
    image[..., 0] = np.arange(width)[None, :] / 2
    image[..., 1] = np.arange(height)[:, None] / 2
    return image.round().astype(np.uint8)


@pytest.mark.parametrize(
    ("side", "spans"), [("short", (48, 48)), ("mean", (60, 60)), ("each", (48, 72))]
)
def test_a_box_is_cut_where_it_lies_and_as_large_as_asked(side: str, spans: tuple) -> None:
    # 40 x 60 pixels with centre (120, 90); 1.2 times as large.
    crop = box_crop(gradient(), (100, 60, 40, 60), (112, 112), 1.2, side)
    middle = crop[55:57, 55:57].reshape(-1, 3).mean(axis=0) * 2
    assert middle[:2] == pytest.approx((119.5, 89.5), abs=1.5)
    wide = (int(crop[56, 111, 0]) - int(crop[56, 0, 0])) * 2
    high = (int(crop[111, 56, 1]) - int(crop[0, 56, 1])) * 2
    assert (wide, high) == pytest.approx(spans, abs=3)


def test_a_box_beyond_the_picture_is_black_there_and_a_flat_one_refused() -> None:
    crop = box_crop(np.full((50, 50, 3), 255, np.uint8), (-30, 10, 60, 30), (64, 64), 1.0, "each")
    assert crop[:, :28].max() == 0
    assert crop[8:56, 36:].min() == 255
    with pytest.raises(ValueError, match="no area"):
        box_crop(gradient(), (5, 5, 0, 10), (64, 64), 1.0, "short")


def test_a_large_face_is_averaged_before_it_is_cut() -> None:
    noise = np.random.default_rng(0).integers(0, 2, (800, 800, 1), np.uint8) * 255
    crop = box_crop(np.repeat(noise, 3, 2), (100, 100, 600, 600), (60, 60), 1.0, "short")
    assert crop.astype(float).std() < 40
