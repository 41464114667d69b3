"""Every network that is known by name: one table."""

from __future__ import annotations

from typing import Any, Final

from evenface.embed.models.cards import ModelCard, WeightFile
from evenface.embed.models.contracts import CONTRACTS

_KERAS = "https://github.com/rcmalli/keras-vggface/releases/download/v2.0/"
_OXFORD = "https://www.robots.ox.ac.uk/~albanie/pytorch-models.html"
_FACENET = "https://github.com/timesler/facenet-pytorch/releases/download/v2.2.9/"
_ZOO = "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
_ARCFACE = "https://github.com/deepinsight/insightface/tree/master/recognition/arcface_torch"
_UNIFACE = "https://github.com/yakhyo/uniface/releases/download/weights/"

_VGGFACE2 = "Cao et al., VGGFace2: a dataset for recognising faces across pose and age, FG 2018"
_ARCFACE_PAPER = "Deng et al., ArcFace: additive angular margin loss, CVPR 2019"
_UNSTATED = "not stated by VGGFace2's authors; converted by R. C. Malli (code: MIT)"
_INSIGHTFACE = "non-commercial research only (InsightFace)"


def _card(name: str, contract: str, **fields: Any) -> ModelCard:
    return ModelCard(name=name, contract=contract, **{**CONTRACTS[contract], **fields})


def _keras(which: str, *also: WeightFile) -> tuple[WeightFile, ...]:
    whole, part = f"rcmalli_vggface_tf_{which}.h5", f"rcmalli_vggface_tf_notop_{which}.h5"
    files = (WeightFile(whole, _KERAS + whole), WeightFile(part, _KERAS + part, top=False))
    return (*files, *also)


HOG: Final = _card(
    "hog",
    "hog/1",
    size=(112, 112),
    dimension=1764,
    licence="none needed: there are no weights",
    commercial_use=True,
    paper="Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005",
    url="https://doi.org/10.1109/CVPR.2005.177",
)

YUNET: Final = (
    WeightFile(
        "face_detection_yunet_2023mar.onnx",
        url=_ZOO + "face_detection_yunet/face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size=232_589,
    ),
    WeightFile(
        "face_detection_yunet_2026may.onnx",
        url=_ZOO + "face_detection_yunet/face_detection_yunet_2026may.onnx",
        sha256="ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
        size=229_738,
    ),
)
"""The face detector (Wu et al. 2023), MIT."""

_CARDS: Final = (
    HOG,
    _card(
        "vggface-vgg16",
        "vggface/1",
        size=(224, 224),
        dimension=4096,
        output="fc7",
        licence="non-commercial research only (VGG-Face); converted by R. C. Malli",
        commercial_use=False,
        paper="Parkhi et al., Deep face recognition, BMVC 2015",
        url="https://www.robots.ox.ac.uk/~vgg/software/vgg_face/",
        accuracy="LFW 98.95 % (the paper, with an embedding learned on top)",
        architecture="vgg16",
        files=_keras("vgg16", WeightFile("vgg_face_dag.pth", page=_OXFORD)),
    ),
    *(
        _card(
            f"vggface2-{which}",
            "vggface2/1",
            size=(224, 224),
            dimension=2048,
            output="avg_pool",
            licence=_UNSTATED,
            commercial_use=None,
            paper=_VGGFACE2,
            url="https://github.com/ox-vgg/vgg_face2",
            accuracy=f"IJB-B TAR {tar} at FAR 1e-3 (the authors' original file)",
            architecture=which,
            files=_keras(which, WeightFile(f"{which}_ft_dag.pth", page=_OXFORD)),
        )
        for which, tar in (("resnet50", "0.891"), ("senet50", "0.908"))
    ),
    *(
        _card(
            f"facenet-{data}",
            "facenet/1",
            size=(160, 160),
            dimension=512,
            output="embedding",
            licence=f"MIT (facenet-pytorch); {terms}",
            commercial_use=None,
            paper="Schroff et al., FaceNet: a unified embedding, CVPR 2015; file of D. Sandberg's "
            "network by T. Esler",
            url="https://github.com/timesler/facenet-pytorch",
            accuracy=f"LFW {lfw} % (its README)",
            architecture="inception-resnet-v1",
            files=(WeightFile(file, _FACENET + file, sha256=sha256, size=size),),
        )
        for data, terms, lfw, file, sha256, size in (
            (
                "vggface2",
                "VGGFace2 pictures may have terms of their own",
                "99.65",
                "20180402-114759-vggface2.pt",
                "281cebca8662831adb987a874bdcb36e73f5b1c6dc5ee5878f305e985625d99b",
                111_898_327,
            ),
            (
                "casia",
                "CASIA-WebFace pictures: non-commercial research",
                "99.05",
                "20180408-102900-casia-webface.pt",
                "",
                0,
            ),
        )
    ),
    _card(
        "mobilefacenet",
        # Trained and tested on pictures that were read as BGR and never turned (its data_pipe).
        "arcface-bgr/1",
        size=(112, 112),
        dimension=512,
        output="embedding",
        licence="MIT (code); of the weights nothing is said",
        commercial_use=None,
        paper="Chen et al., MobileFaceNets, CCBR 2018",
        url="https://github.com/TreB1eN/InsightFace_Pytorch",
        accuracy="LFW 99.18 % (its README)",
        architecture="mobilefacenet",
        files=(
            WeightFile(
                "model_mobilefacenet.pth", page="https://github.com/TreB1eN/InsightFace_Pytorch"
            ),
        ),
    ),
    *(
        _card(
            f"arcface-iresnet{depth}",
            "arcface/1",
            size=(112, 112),
            dimension=512,
            output="features",
            licence=_INSIGHTFACE,
            commercial_use=False,
            paper=_ARCFACE_PAPER,
            url=_ARCFACE,
            accuracy=accuracy,
            architecture=f"iresnet{depth}",
            files=(WeightFile(f"ms1mv3_arcface_r{depth}_fp16.pth", page=_ARCFACE),),
        )
        for depth, accuracy in (
            (18, ""),
            (34, ""),
            (50, "IJB-C TAR 0.9637 at FAR 1e-4 (its README, MS1MV3)"),
            (100, "IJB-C TAR 0.9685 at FAR 1e-4 (its README, MS1MV3)"),
        )
    ),
    _card(
        "sface",
        "sface/1",
        size=(112, 112),
        dimension=128,
        licence="Apache-2.0 (OpenCV Zoo)",
        commercial_use=True,
        paper="Zhong et al., SFace: sigmoid-constrained hypersphere loss, IEEE TIP 2021",
        url="https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface",
        accuracy="LFW 99.40 % (OpenCV Zoo)",
        architecture="onnx",
        files=(
            WeightFile(
                "face_recognition_sface_2021dec.onnx",
                url=_ZOO + "face_recognition_sface/face_recognition_sface_2021dec.onnx",
                sha256="0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
                size=38_696_353,
            ),
        ),
    ),
    *(
        _card(
            f"arcface-w600k-{which}",
            "arcface/1",
            size=(112, 112),
            dimension=512,
            licence=_INSIGHTFACE,
            commercial_use=False,
            paper=_ARCFACE_PAPER,
            url="https://github.com/deepinsight/insightface/tree/master/model_zoo",
            accuracy=f"IJB-C TAR {tar} at FAR 1e-4 (InsightFace's model zoo)",
            architecture="onnx",
            files=(
                WeightFile(f"w600k_{which}.onnx", _UNIFACE + f"w600k_{which}.onnx", sha256=sha256),
            ),
        )
        for which, tar, sha256 in (
            ("r50", "0.9725", "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43"),
            ("mbf", "0.9502", "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f"),
        )
    ),
    _card(
        "adaface-ir101",
        "arcface-bgr/1",
        size=(112, 112),
        dimension=512,
        licence="MIT (code); WebFace12M pictures: non-commercial research",
        commercial_use=False,
        paper="Kim et al., AdaFace: quality adaptive margin for face recognition, CVPR 2022",
        url="https://github.com/mk-minchul/AdaFace",
        accuracy="IJB-C TAR 0.9766 at FAR 1e-4 (AdaFace's README)",
        architecture="onnx",
        files=(
            WeightFile(
                "adaface_ir_101.onnx",
                url="https://github.com/yakhyo/adaface-onnx/releases/download/weights/"
                "adaface_ir_101.onnx",
                sha256="f2eb07d03de0af560a82e1214df799fec5e09375d43521e2868f9dc387e5a43e",
            ),
        ),
    ),
)

LAYERS: Final[dict[str, dict[str, int]]] = {
    "vgg16": {
        "pool5": 512,
        "fc6": 4096,
        "fc6-linear": 4096,
        "fc7": 4096,
        "fc7-linear": 4096,
        "descriptor": 4096,
        "fc8": 2622,
    },
    "resnet50": {"avg_pool": 2048, "classifier": 8631},
    "senet50": {"avg_pool": 2048, "classifier": 8631},
    "inception-resnet-v1": {"embedding": 512, "logits": 8631},
}
"""Outputs of networks that have several, and their lengths; a test holds them to the networks."""

MODELS: Final[dict[str, ModelCard]] = {card.name: card for card in _CARDS}
"""Every network that `load_embedder` knows by name."""
