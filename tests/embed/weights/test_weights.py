"""Weight files fill networks layer by layer; what doesn't fit is named, and nothing is run."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

import reference_networks as reference
from evenface.embed.weights import load_network
from evenface.errors import ModelError
from weight_files import near, renamed, weights_of, without, write_keras, write_torch


def filled(network: torch.nn.Module) -> dict[str, np.ndarray]:
    state = network.state_dict()
    return {k: v.numpy() for k, v in state.items() if not k.endswith("num_batches_tracked")}


def same(found: dict[str, np.ndarray], wanted: dict[str, np.ndarray]) -> bool:
    return found.keys() == wanted.keys() and all(np.array_equal(found[k], wanted[k]) for k in found)


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keras")
    return write_keras(folder / "resnet50.h5", weights_of("resnet50"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    return write_torch(folder / "mobilefacenet.pth", weights_of("mobilefacenet"))


# What files hold


def test_every_parameter_is_filled_from_a_keras_file(resnet: Path) -> None:
    network, layout = load_network("resnet50", resnet, "avg_pool")
    assert layout.name == "keras-vggface"
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    assert same(filled(network), weights_of("resnet50"))


def test_a_file_with_the_classifier_fills_it_too(tmp_path: Path) -> None:
    weights = weights_of("resnet50", top=True)
    network, _ = load_network("resnet50", write_keras(tmp_path / "w.h5", weights), "classifier")
    assert same(filled(network), weights)
    x = torch.randn(1, 3, 64, 64)
    assert network(x).shape == (1, 8631)


@pytest.mark.parametrize("how", [{"listed": False}, {"root": "model_weights"}])
def test_keras_files_without_a_list_and_of_whole_models_are_read(tmp_path: Path, how: Any) -> None:
    path = write_keras(tmp_path / "w.h5", weights_of("senet50"), **how)
    assert same(filled(load_network("senet50", path, "avg_pool")[0]), weights_of("senet50"))


def test_vgg16_reads_the_places_of_its_first_dense_layer_in_tensorflows_order(
    tmp_path: Path,
) -> None:
    weights = dict(weights_of("vgg16"))
    rng = np.random.default_rng(3)
    # A few of a dense layer's 100 million numbers tell their order.
    kernel = np.zeros((25088, 4096), np.float32)
    chosen = rng.integers(0, 25088, 4096)
    kernel[chosen, np.arange(4096)] = rng.normal(0, 1, 4096)
    weights["fc6.weight"] = kernel.T
    weights["fc7.weight"] = rng.normal(0, 0.02, (4096, 4096)).astype(np.float32)
    weights["fc8.weight"] = np.zeros((2622, 4096), np.float32)
    for name, length in (("fc6", 4096), ("fc7", 4096), ("fc8", 2622)):
        weights[f"{name}.bias"] = rng.normal(0, 0.05, length).astype(np.float32)
    path = write_keras(tmp_path / "vgg16.h5", weights)
    network, _ = load_network("vgg16", path, "fc7")
    x = rng.normal(0, 60, (1, 224, 224, 3)).astype(np.float32)
    with torch.inference_mode():
        found = network(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    wanted = reference.vgg16(x, reference.kernels(weights))
    assert found.shape == (1, 4096)
    assert near(found, wanted) < 1e-4


def test_vgg16_without_top_gives_its_last_pool(tmp_path: Path) -> None:
    path = write_keras(tmp_path / "notop.h5", weights_of("vgg16"))
    network, _ = load_network("vgg16", path, "pool5")
    assert network(torch.randn(1, 3, 64, 64)).shape == (1, 512)
    with pytest.raises(ModelError, match=r"notop\.h5 lacks the last layers.*'fc7'.*--layer pool5"):
        load_network("vgg16", path, "fc7")


@pytest.mark.parametrize("name", ["resnet50", "senet50"])
@pytest.mark.parametrize("layout", [1, 2])
def test_pytorch_files_of_both_namings_are_read(tmp_path: Path, name: str, layout: int) -> None:
    weights = renamed(weights_of(name), name, layout)
    network, found = load_network(name, write_torch(tmp_path / "w.pth", weights), "avg_pool")
    assert same(filled(network), weights_of(name))
    assert network.edges == "caffe"
    assert network.eps == 1e-5
    # Oxford's files see red first, the others blue.
    assert found.contract == ("vggface2-rgb/1" if layout == 1 else "")


def test_published_names_are_those_of_oxfords_and_torchvisions_files() -> None:
    oxford = renamed(weights_of("senet50"), "senet50", 1)
    assert {"conv1_7x7_s2.weight", "conv1_7x7_s2_bn.running_var", "conv2_1_1x1_down.bias",
            "conv5_3_1x1_increase_bn.weight"} <= oxford.keys()  # fmt: skip
    numbered = renamed(weights_of("resnet50"), "resnet50", 2)
    some = {"conv1.weight", "bn1.bias", "layer1.0.conv1.weight", "layer4.2.bn3.running_mean"}
    some |= {"layer2.0.downsample.0.weight", "layer2.0.downsample.1.bias"}
    assert some <= numbered.keys()


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("mobilefacenet", "conv_34.conv_dw.prelu.weight conv_4.model.5.project.bn.bias"),
        ("inception-resnet-v1", "repeat_2.9.branch1.2.conv.weight mixed_7a.branch0.1.bn.bias "
         "mixed_6a.branch0.conv.weight block8.conv2d.bias last_bn.running_mean"),
        ("iresnet18", "layer3.0.downsample.1.weight layer1.1.prelu.weight fc.bias features.weight"),
    ],
)  # fmt: skip
def test_published_names_of_pytorch_networks(tmp_path: Path, name: str, some: str) -> None:
    weights = weights_of(name)
    assert set(some.split()) <= weights.keys()
    counters = {f"{k.removesuffix('.running_var')}.num_batches_tracked": torch.tensor(7)
                for k in weights if k.endswith("running_var")}  # fmt: skip
    path = write_torch(tmp_path / "w.pt", weights, **counters)
    layer = next(iter(load_layers(name)))
    assert same(filled(load_network(name, path, layer)[0]), weights)


def load_layers(name: str) -> Any:
    from evenface.embed.weights.layouts import ARCHITECTURES

    return ARCHITECTURES[name].layers


def test_safetensors_and_wrapped_state_dicts_are_read(tmp_path: Path) -> None:
    weights = weights_of("mobilefacenet")
    save_file({k: np.ascontiguousarray(v) for k, v in weights.items()}, tmp_path / "w.safetensors")
    wrapped = {f"module.{k}": torch.from_numpy(v.copy()) for k, v in weights.items()}
    torch.save({"state_dict": wrapped, "epoch": 3}, tmp_path / "w.pkl")
    for file in ("w.safetensors", "w.pkl"):
        network, _ = load_network("mobilefacenet", tmp_path / file, "embedding")
        assert same(filled(network), weights)


def test_half_precision_is_widened(tmp_path: Path) -> None:
    weights = weights_of("mobilefacenet")
    halves = {k: torch.from_numpy(v.copy()).half() for k, v in weights.items()}
    torch.save(halves, tmp_path / "half.pth")
    found = filled(load_network("mobilefacenet", tmp_path / "half.pth", "embedding")[0])
    assert {v.dtype for v in found.values()} == {np.dtype(np.float32)}
    assert all(np.allclose(found[k], weights[k], rtol=2e-3, atol=1e-4) for k in found)


# What doesn't fit


def test_the_file_of_another_network_is_named(resnet: Path, small: Path) -> None:
    with pytest.raises(ModelError, match=r"holds more|lacks|another network|was expected"):
        load_network("senet50", resnet, "avg_pool")
    with pytest.raises(
        ModelError, match=r"mobilefacenet\.pth is no torch file of resnet50.*it has"
    ):
        load_network("resnet50", small, "avg_pool")
    with pytest.raises(ModelError, match=r"is no keras file of iresnet18.*arcface_torch"):
        load_network("iresnet18", resnet, "features")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda w: without(w, "conv_4.model.2.project.bn"),
            r"lacks 'conv_4\.model\.2\.project\.bn",
        ),
        (lambda w: {**w, "extra.weight": np.ones(3, np.float32)}, r"holds 'extra\.weight'.*lacks"),
        (
            lambda w: {**w, "conv_4.model.0.conv.conv.weight": np.ones((9, 9, 1, 1), np.float32)},
            r"conv_4\.model\.0\.conv\.conv\.weight has shape \(9, 9, 1, 1\), layer "
            r"conv_4\.model\.0\.conv\.conv of MobileFaceNet needs \(256, 128, 1, 1\)",
        ),
        (
            lambda w: {**w, "linear.weight": np.full((512, 512), np.nan, np.float32)},
            r"linear\.weight holds NaN",
        ),
    ],
)
def test_a_mismatch_names_the_layer(tmp_path: Path, change: Any, says: str) -> None:
    path = write_torch(tmp_path / "w.pth", change(dict(weights_of("mobilefacenet"))))
    with pytest.raises(ModelError, match=says) as caught:
        load_network("mobilefacenet", path, "embedding")
    assert str(path) in str(caught.value)


def test_a_keras_kernel_of_another_shape_names_its_layer(tmp_path: Path, resnet: Path) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(resnet.read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["conv3_2_3x3"]["conv3_2_3x3"]
        del group["kernel:0"]
        group["kernel:0"] = np.ones((3, 3, 128, 127), np.float32)
    with pytest.raises(ModelError, match=r"conv3_2_3x3.*\(127, 128, 3, 3\).*\(128, 128, 3, 3\)"):
        load_network("resnet50", path, "avg_pool")


def test_an_unknown_layer_lists_the_known(small: Path) -> None:
    with pytest.raises(ModelError, match=r"no layer 'fc9'; embedding were expected"):
        load_network("mobilefacenet", small, "fc9")


# What is no file of weights


def test_truncated_files_are_refused(tmp_path: Path, resnet: Path, small: Path) -> None:
    for source, name in ((resnet, "resnet50"), (small, "mobilefacenet")):
        data = source.read_bytes()
        for share in (0.01, 0.5, 0.999):
            cut = tmp_path / f"cut{source.suffix}"
            cut.write_bytes(data[: int(len(data) * share)])
            with pytest.raises(ModelError, match=r"cut\.\w+ can't be read as .*get it again"):
                load_network(name, cut, next(iter(load_layers(name))))


@pytest.mark.parametrize("suffix", [".h5", ".pth", ".pt", ".pkl", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\x00" * 5000])
def test_garbage_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"w{suffix}"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"w\.\w+ can't be read as"):
        load_network("mobilefacenet", path, "embedding")


def test_missing_files_folders_and_other_endings_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.h5 doesn't exist"):
        load_network("resnet50", tmp_path / "none.h5", "avg_pool")
    (tmp_path / "folder.h5").mkdir()
    with pytest.raises(ModelError, match="is a folder"):
        load_network("resnet50", tmp_path / "folder.h5", "avg_pool")
    (tmp_path / "w.caffemodel").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"ends in \.caffemodel; \.h5, .* were expected"):
        load_network("resnet50", tmp_path / "w.caffemodel", "avg_pool")
    write_torch(tmp_path / "empty.pth", {})
    with pytest.raises(ModelError, match="holds no tensors"):
        load_network("mobilefacenet", tmp_path / "empty.pth", "embedding")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ModelError, match="holds a list; a state dict was expected"):
        load_network("mobilefacenet", tmp_path / "list.pth", "embedding")


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> Any:
        return Path.touch, (self.place,)


@pytest.mark.parametrize("form", ["torch", "bare pickle", "legacy torch", "zip of a pickle"])
def test_code_in_a_pickle_is_never_run(tmp_path: Path, form: str) -> None:
    seen, path = tmp_path / "was-run", tmp_path / "w.pth"
    trapped = {"conv1.conv.weight": Trap(seen)}
    if form == "bare pickle":
        path.write_bytes(pickle.dumps(trapped))
    elif form == "zip of a pickle":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w/data.pkl", pickle.dumps(trapped))
            archive.writestr("w/version", "3")
    else:
        torch.save(trapped, path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(ModelError, match=r"w\.pth .*(could run code|can't be read)"):
        load_network("mobilefacenet", path, "embedding")
    assert not seen.exists()
    pickle.loads(pickle.dumps(Trap(seen)))  # noqa: S301 - to see that the trap works
    assert seen.exists()


def test_a_whole_pickled_network_is_refused_with_what_to_do(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "whole.pth")
    with pytest.raises(ModelError, match=r"torch\.nn\.modules\.linear\.Linear.*state_dict"):
        load_network("mobilefacenet", tmp_path / "whole.pth", "embedding")


def test_a_keras_file_leads_to_no_other_file(tmp_path: Path, resnet: Path) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["conv1/7x7_s2/kernel:0"] = np.ones((7, 7, 3, 64), np.float32)
    path = tmp_path / "w.h5"
    path.write_bytes(resnet.read_bytes())
    with h5py.File(path, "r+") as file:
        del file["conv1/7x7_s2"]["conv1"]["7x7_s2"]["kernel:0"]
        file["conv1/7x7_s2"]["conv1"]["7x7_s2"]["kernel:0"] = h5py.ExternalLink(
            str(secret), "conv1/7x7_s2/kernel:0"
        )
    with pytest.raises(ModelError, match=r"conv1/7x7_s2\.weight"):
        load_network("resnet50", path, "avg_pool")


def test_data_kept_outside_a_keras_file_are_refused(tmp_path: Path, resnet: Path) -> None:
    raw = tmp_path / "raw.bin"
    raw.write_bytes(np.ones(7 * 7 * 3 * 64, np.float32).tobytes())
    path = tmp_path / "w.h5"
    path.write_bytes(resnet.read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["conv1/7x7_s2"]["conv1"]["7x7_s2"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", (7, 7, 3, 64), "f4", external=[(str(raw), 0, 37632)])
    with pytest.raises(ModelError, match="lies in another file, which is not opened"):
        load_network("resnet50", path, "avg_pool")


def test_keras_3s_own_layout_and_unknown_kinds_are_named(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "new.h5", "w") as file:
        file["layers/conv2d/vars/0"] = np.ones(3)
    with pytest.raises(ModelError, match=r"layout of Keras 3.*tf_keras"):
        load_network("resnet50", tmp_path / "new.h5", "avg_pool")
    with h5py.File(tmp_path / "odd.h5", "w") as file:
        file["conv/conv/scale:0"] = np.ones(3)
    with pytest.raises(ModelError, match=r"conv/conv/scale:0 is no weight of a known kind"):
        load_network("resnet50", tmp_path / "odd.h5", "avg_pool")


def test_a_promise_of_terabytes_is_refused_before_it_is_read(tmp_path: Path, resnet: Path) -> None:
    path = tmp_path / "w.h5"
    path.write_bytes(resnet.read_bytes())
    with h5py.File(path, "r+") as file:
        group = file["conv3_2_3x3"]["conv3_2_3x3"]
        del group["kernel:0"]
        group.create_dataset("kernel:0", (10**6, 10**6, 2, 2), "f4", chunks=(64, 64, 1, 1))
    with pytest.raises(ModelError, match=r"conv3_2_3x3.*has shape"):
        load_network("resnet50", path, "avg_pool")
