"""ResNet-50 at 224 x 224, from JPEG files to stored vectors: pictures a second.

    python benchmarks/extract.py [--pictures 128] [--rounds 3] [--device cpu] [--model NAME]

Against one picture at a time in eager float32, the textbook way, and against the bare network on
ready tensors with the fastest engine here. Weights are random: speed doesn't depend on them.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timing import machine

from evenface.embed.extract import embed_faces
from evenface.embed.models import Embedder, load_embedder
from evenface.embed.models.catalogue import MODELS
from evenface.embed.models.contracts import network_input
from evenface.embed.models.engines import ENGINES
from evenface.embed.models.speed import candidates, cosine, probe_crops
from evenface.embed.weights.layouts import ARCHITECTURES
from evenface.errors import ModelError
from evenface.faces.table import build_faces


def random_file(name: str, place: Path) -> tuple[torch.nn.Module, Path]:
    """Write random weights as Oxford's PyTorch files have them, and return the plain network."""
    known = ARCHITECTURES[MODELS[name].architecture]
    layout = next(x for x in known.layouts if "torch" in x.kinds)
    torch.manual_seed(0)
    network = known.build(layer=MODELS[name].output, top=False, **layout.build).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.5, 0.9)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
    state = {layout.named(k): v for k, v in network.state_dict().items()}
    torch.save(state, place / "weights.pth")
    return network, place / "weights.pth"


def pictures(count: int, place: Path, side: int = 256) -> list[str]:
    """Write smooth pictures with some grain as JPEG files, about as large as photographs are."""
    shown = probe_crops((side, side), count)
    for i, picture in enumerate(shown):
        Image.fromarray(picture).save(place / f"{i:05d}.jpg", quality=90)
    return [f"{i:05d}.jpg" for i in range(count)]


def rate(count: int, work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return count / (time.perf_counter() - start)


def repeat(engine: Embedder, ready: np.ndarray, times: int) -> None:
    for _ in range(times):
        engine(ready)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pictures", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", default="vggface2-resnet50")
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        network, weights = random_file(args.model, place)
        files = pictures(args.pictures, place)
        faces = build_faces(
            {"path": files, "identity": files, "gender": ["male"] * len(files)}, place, "benchmark"
        )
        ours = load_embedder(args.model, weights=weights, device=args.device)
        card, size = ours.card, ours.card.size
        print(f"{len(files)} pictures, {args.model}, {machine()}, torch {torch.__version__}")
        print(f"chosen: {ours.runtime}", flush=True)
        some = files[: max(len(files) // 4, 8)]
        network.to(args.device)

        def textbook() -> list[np.ndarray]:
            vectors = []
            for file in some:
                picture = Image.open(place / file).convert("RGB").resize(size)
                x = torch.from_numpy(network_input(np.asarray(picture)[None], card))
                with torch.no_grad():
                    vectors.append(network(x.to(args.device)).cpu().numpy()[0])
            return vectors

        runs = iter(range(10_000))

        def loop() -> None:
            embed_faces(faces, ours, place / f"emb{next(runs)}", batch=args.batch)

        ready = probe_crops(size, args.batch)
        bare = {}
        for option in candidates("auto", "auto", args.device):
            try:
                engine = load_embedder(
                    args.model, weights=weights, device=args.device,
                    runtime=option.engine, dtype=option.dtype,
                )  # fmt: skip
                engine(ready)
                bare[f"{option.engine} {option.dtype}"] = engine
            except ModelError as error:
                print(f"{option.engine} {option.dtype}: left out ({error})")
        times: dict[str, list[float]] = {k: [] for k in ("textbook", "loop", *bare)}
        textbook()
        loop()
        for _ in range(args.rounds):
            times["textbook"].append(rate(len(some), textbook))
            times["loop"].append(rate(len(files), loop))
            for key, engine in bare.items():
                repeats = max(1, len(files) // (2 * args.batch))
                work = partial(repeat, engine, ready, repeats)
                times[key].append(rate(repeats * args.batch, work))
        for key, found in times.items():
            print(f"{key:24s} {np.median(found):7.1f}/s  ({min(found):.1f} to {max(found):.1f})")
        fastest = max(bare, key=lambda k: float(np.median(times[k])))
        for label, other in (("textbook", "textbook"), (f"bare, {fastest}", fastest)):
            ratios = np.array(times["loop"]) / np.array(times[other])
            print(f"loop / {label}: {np.median(ratios):.2f} ({ratios.min():.2f} to "
                  f"{ratios.max():.2f})")  # fmt: skip
        truth = network.cpu()(torch.from_numpy(network_input(ready, card))).detach().numpy()
        print(f"least cosine similarity to eager float32: {cosine(ours(ready), truth):.6f}")
        decoded = rate(len(files), lambda: [np.asarray(Image.open(place / f)) for f in files])
        print(f"decoding alone: {decoded:.0f}/s a core; engines there are: {', '.join(ENGINES)}")


if __name__ == "__main__":
    main()
