"""Which names a network's layers have in which published file, and what comes with that file.

The same training can be published in several files, converted with other edges, another epsilon
or another order of colours. Vectors are right only where all of these belong together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evenface.embed.networks.inception import InceptionResNetV1
from evenface.embed.networks.iresnet import IResNet
from evenface.embed.networks.mobilefacenet import MobileFaceNet
from evenface.embed.networks.resnet50 import ResNet50
from evenface.embed.networks.vgg16 import SIDE, VGG16

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Layout:
    """How one family of files holds a network.

    Attributes
    ----------
    name : str
        For messages.
    kinds : tuple of str
        Kinds of files, as `open_weights` has them.
    mark : str
        A tensor that files of this layout have.
    named : callable
        From a tensor's name in the network to its name in the file.
    build : mapping
        What the network must be built with.
    contract : str
        Preprocessing that belongs to the file, where it isn't the card's.
    reorder : mapping
        From a tensor's name in the network to a function that puts its numbers in order.
    """

    name: str
    kinds: tuple[str, ...]
    mark: str
    named: Callable[[str], str] = str
    build: Mapping[str, Any] = field(default_factory=dict)
    contract: str = ""
    reorder: Mapping[str, Callable[[Tensor], Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Architecture:
    """A network and the files it can be filled from.

    Attributes
    ----------
    build : callable
        Makes it; takes `top`, `layer` and what a layout says.
    layouts : tuple of Layout
    layers : mapping of str to int
        Outputs that can be asked for, and their lengths.
    top : str
        A tensor that files without their last layers lack; empty where there are no such files.
    without_top : tuple of str
        Layers that such files suffice for.
    """

    build: Callable[..., nn.Module]
    layouts: tuple[Layout, ...]
    layers: Mapping[str, int]
    top: str = ""
    without_top: tuple[str, ...] = ()


TORCH = ("torch", "safetensors")


def _dag(name: str) -> str:
    return name.replace("/", "_")


_BLOCK = re.compile(r"conv(\d)_(\d+)_(1x1_reduce|3x3|1x1_increase|1x1_proj|1x1_down|1x1_up)(/bn)?")
_INNER = {
    "1x1_reduce": ("conv1", "bn1"),
    "3x3": ("conv2", "bn2"),
    "1x1_increase": ("conv3", "bn3"),
    "1x1_proj": ("downsample.0", "downsample.1"),
    "1x1_down": ("conv4", ""),
    "1x1_up": ("conv5", ""),
}


def _numbered(name: str) -> str:
    """Return torchvision's name of a layer of `ResNet50`: stages and blocks are numbered."""
    layer, _, kind = name.rpartition(".")
    found = _BLOCK.fullmatch(layer)
    if found:
        stage, block = int(found[1]) - 1, int(found[2]) - 1
        return f"layer{stage}.{block}.{_INNER[found[3]][bool(found[4])]}.{kind}"
    plain = {"conv1/7x7_s2": "conv1", "conv1/7x7_s2/bn": "bn1", "classifier": "fc"}
    return f"{plain[layer]}.{kind}"


def _channels_first(weight: Tensor) -> Tensor:
    """Reorder inputs that were flattened from (7, 7, channels), as from (channels, 7, 7)."""
    out = weight.shape[0]
    return weight.reshape(out, SIDE, SIDE, -1).permute(0, 3, 1, 2).reshape(out, -1)


def _resnet50(squeeze: bool) -> Architecture:
    caffe = {"squeeze": squeeze, "edges": "caffe", "eps": 1e-5}
    # keras-vggface gives its SE-ResNet another epsilon than its ResNet.
    same = {"squeeze": squeeze, "edges": "same", "eps": 1e-4 if squeeze else 1e-3}
    first = "conv1/7x7_s2.weight"
    return Architecture(
        build=ResNet50,
        layouts=(
            Layout("keras-vggface", ("keras",), first, build=same),
            Layout("Oxford's PyTorch files (..._dag)", TORCH, _dag(first), _dag, caffe,
                   contract="vggface2-rgb/1"),
            Layout("VGGFace2-pytorch", TORCH, "layer1.0.conv1.weight", _numbered, caffe),
        ),
        layers=ResNet50.layers,
        top="classifier.weight",
        without_top=("avg_pool",),
    )  # fmt: skip


ARCHITECTURES: dict[str, Architecture] = {
    "vgg16": Architecture(
        build=VGG16,
        layouts=(
            Layout("keras-vggface", ("keras",), "conv1_1.weight",
                   reorder={"fc6.weight": _channels_first}),
            Layout("Oxford's PyTorch files (..._dag)", TORCH, "conv1_1.weight",
                   contract="vggface-rgb/1"),
        ),
        layers=VGG16.layers,
        top="fc8.weight",
        without_top=("pool5",),
    ),
    "resnet50": _resnet50(False),
    "senet50": _resnet50(True),
    "inception-resnet-v1": Architecture(
        build=InceptionResNetV1,
        layouts=(Layout("facenet-pytorch", TORCH, "conv2d_1a.conv.weight"),),
        layers=InceptionResNetV1.layers,
        top="logits.weight",
        without_top=("embedding",),
    ),
    "mobilefacenet": Architecture(
        build=MobileFaceNet,
        layouts=(Layout("InsightFace_Pytorch", TORCH, "conv2_dw.conv.weight"),),
        layers=MobileFaceNet.layers,
    ),
    **{
        f"iresnet{depth}": Architecture(
            build=lambda depth=depth, **options: IResNet(depth, **options),
            layouts=(Layout("InsightFace's arcface_torch", TORCH, "layer1.0.prelu.weight"),),
            layers=IResNet.layers,
        )
        for depth in (18, 34, 50, 100)
    },
}  # fmt: skip
"""Networks by the name that cards have for them."""
