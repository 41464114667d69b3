"""Networks are the published ones: counts, names, shapes and every number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import reference_networks as reference
from evenface.embed.models.catalogue import LAYERS, MODELS
from evenface.embed.weights.layouts import ARCHITECTURES
from weight_files import near, weights_of

COUNTS = {
    ("vgg16", True): 145_002_878,
    ("vgg16", False): 14_714_688,
    ("resnet50", True): 41_192_951,
    ("resnet50", False): 23_508_032,
    ("senet50", True): 43_723_943,
    ("inception-resnet-v1", False): 23_482_624,
    ("inception-resnet-v1", 8631): 27_910_327,
    ("mobilefacenet", None): 1_200_512,
    ("iresnet18", None): 24_025_600,
    ("iresnet50", None): 43_590_848,
    ("iresnet100", None): 65_156_160,
}
"""Trainable parameters, as the authors or their files have them."""


TORCH = {
    "kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


@pytest.mark.parametrize(("name", "top"), COUNTS)
def test_the_number_of_parameters_is_the_published_one(name: str, top: bool | int | None) -> None:
    known = ARCHITECTURES[name]
    options = {} if top is None else {"top": top}
    with torch.device("meta"):
        network = known.build(layer=next(iter(known.layers)), **known.layouts[0].build, **options)
    assert sum(p.numel() for p in network.parameters()) == COUNTS[name, top]


@pytest.mark.parametrize("name", ["vgg16", "resnet50", "senet50"])
def test_layers_and_shapes_are_those_of_the_keras_files(real: Path, name: str) -> None:
    layouts = json.loads((real / "models" / "keras_vggface_layouts.json").read_text())
    published = {}
    for layer, tensors in layouts[name].items():
        for full, shape in tensors.items():
            kind = full.rpartition("/")[2].removesuffix(":0")
            axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[len(shape)]
            published[f"{layer}.{TORCH.get(kind, kind)}"] = tuple(shape[a] for a in axes)
    with torch.device("meta"):
        known = ARCHITECTURES[name]
        network = known.build(layer=next(iter(known.layers)), **known.layouts[0].build, top=True)
    ours = {k: tuple(v.shape) for k, v in network.state_dict().items() if "num_batches" not in k}
    assert ours == published


def built(name: str, **options: object) -> tuple[torch.nn.Module, reference.Weights]:
    weights = weights_of(name)
    known = ARCHITECTURES[name]
    build = {**known.layouts[0].build, **options}
    network = known.build(layer=next(iter(known.layers)), **build)
    state = {k: torch.from_numpy(v.copy()) for k, v in weights.items()}
    network.load_state_dict(state, strict=False)
    return network.eval(), reference.kernels(weights)


CASES: dict[str, tuple[str, int, dict, Callable]] = {
    "resnet50": (
        "resnet50",
        64,
        {"top": False},
        lambda x, w: reference.resnet50(x, w, eps=1e-3, squeeze=False),
    ),
    "resnet50, Caffe's edges": (
        "resnet50",
        64,
        {"top": False, "edges": "caffe", "eps": 1e-5},
        lambda x, w: reference.resnet50(x, w, eps=1e-5, squeeze=False, caffe=True),
    ),
    "senet50": (
        "senet50",
        64,
        {"top": False},
        lambda x, w: reference.resnet50(x, w, eps=1e-4, squeeze=True),
    ),
    "inception-resnet-v1": ("inception-resnet-v1", 96, {}, reference.inception),
    "iresnet18": ("iresnet18", 112, {}, reference.iresnet),
    "mobilefacenet": ("mobilefacenet", 112, {}, reference.mobilefacenet),
}


@pytest.mark.parametrize("case", CASES)
def test_a_recomputation_in_numpy_agrees(case: str) -> None:
    name, side, options, recompute = CASES[case]
    network, weights = built(name, **options)
    x = np.random.default_rng(1).normal(0, 60, (2, side, side, 3)).astype(np.float32)
    with torch.inference_mode():
        found = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    wanted = recompute(x, weights)
    assert found.shape == wanted.shape
    assert np.std(wanted) > 1e-3 * np.abs(wanted).max(), "nothing is told apart: no test"
    assert near(found, wanted) < 1e-4
    # What the two pictures differ by is right too, not only what they share.
    assert near(found[0] - found[1], wanted[0] - wanted[1]) < 1e-3


def test_edges_and_epsilon_make_other_vectors() -> None:
    x = torch.from_numpy(np.random.default_rng(1).normal(0, 60, (1, 3, 64, 64)).astype(np.float32))
    with torch.inference_mode():
        same = built("resnet50", top=False)[0](x).numpy()
        caffe = built("resnet50", top=False, edges="caffe", eps=1e-5)[0](x).numpy()
        eps = built("resnet50", top=False, eps=1e-5)[0](x).numpy()
    assert near(caffe, same) > 0.01
    assert near(eps, same) > 1e-4


def test_the_table_of_layers_is_the_networks_own() -> None:
    several = {n: dict(a.layers) for n, a in ARCHITECTURES.items() if len(a.layers) > 1}
    assert {n: several[n] for n in LAYERS} == LAYERS
    assert set(several) == set(LAYERS)


def test_every_card_names_a_network_and_its_length() -> None:
    for card in MODELS.values():
        if card.architecture not in ("", "onnx"):
            assert ARCHITECTURES[card.architecture].layers[card.output] == card.dimension, card.name
