"""The embedding without weights, and the table of names."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evenface.embed.models import MODELS, OnnxOptions, load_embedder
from evenface.errors import ModelError


def test_hog_gives_what_its_card_says(noise) -> None:
    embedder = load_embedder("hog")
    vectors = embedder(np.stack([noise(112, 112, i) for i in range(3)]))
    assert vectors.shape == (3, embedder.card.dimension)
    assert vectors.dtype == np.float32
    assert np.isfinite(vectors).all()
    # Each block of 36 is normalised to length one.
    assert np.allclose(np.linalg.norm(vectors.reshape(3, -1, 36), axis=2), 1, atol=0.02)


def test_hog_does_not_depend_on_the_batch(noise) -> None:
    embedder = load_embedder("hog")
    crops = np.stack([noise(112, 112, i) for i in range(3)])
    assert (embedder(crops) == np.concatenate([embedder(c[None]) for c in crops])).all()


def test_hog_tells_edges_apart_and_not_colours() -> None:
    stripes = np.zeros((112, 112, 3), np.uint8)
    stripes[:, ::8] = stripes[:, 1::8] = 200
    turned = np.ascontiguousarray(stripes.swapaxes(0, 1))
    a, b = load_embedder("hog")(np.stack([stripes, turned]))
    assert a @ b / np.linalg.norm(a) / np.linalg.norm(b) < 0.5


def test_cards_are_json() -> None:
    for name, card in MODELS.items():
        assert card.name == name
        assert json.loads(json.dumps(card.to_dict())) == card.to_dict()


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(ModelError, match=r"'resnet'; known: hog, vggface-vgg16, .*onnx:FILE"):
        load_embedder("resnet")
    with pytest.raises(ModelError, match=r"did you mean onnx:net\.onnx"):
        load_embedder("net.onnx")


def test_options_for_a_named_network_are_refused() -> None:
    with pytest.raises(ModelError, match="hog is no ONNX file, so color"):
        load_embedder("hog", options=OnnxOptions(color="BGR"))
    assert load_embedder("hog", options=OnnxOptions()).card.name == "hog"
