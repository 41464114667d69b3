"""Embedding: one picture at a time, as tutorials do, against evenface's loop.

python benchmarks/embed.py                                        rendered faces, HOG
python benchmarks/embed.py SOURCE --model onnx:FILE --detector FILE
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from timing import compare, machine

from evenface.embed.align import align_face, center_crop
from evenface.embed.decode import decode_image, read_image
from evenface.embed.detect import Detector
from evenface.embed.extract import embed_faces
from evenface.embed.models import load_embedder
from evenface.faces.source import read_faces
from evenface.faces.synthetic import SyntheticPopulation, write_faces


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source", nargs="?")
    parser.add_argument("--model", default="hog")
    parser.add_argument("--detector")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        source = args.source or write_faces(SyntheticPopulation(40, 4), Path(place) / "faces")
        faces = read_faces(source)
        model = load_embedder(args.model)
        detector = Detector(Path(args.detector)) if args.detector else None
        files = [faces.root / p for p in faces.frame["path"]]
        size = model.card.size
        runs = iter(range(10_000))

        def one_at_a_time() -> np.ndarray:
            vectors = []
            for file in files:
                picture = np.asarray(Image.open(file).convert("RGB"))
                if detector:
                    found = detector.detect(picture)
                    crop = align_face(picture, found[0].landmarks, size)
                else:
                    crop = center_crop(picture, size)
                vectors.append(model(crop[None])[0])
            return np.array(vectors)

        def ours() -> object:
            out = Path(place) / f"emb{next(runs)}"
            return embed_faces(faces, model, out, detector=args.detector)

        print(f"{len(files)} pictures, {args.model}, {machine()}")
        compare(one_at_a_time, ours, rounds=args.rounds)
        data = [read_image(f) for f in files]
        start = time.perf_counter()
        for picture in data:
            decode_image(picture)
        decode = len(files) / (time.perf_counter() - start)
        crops = np.zeros((32, size[1], size[0], 3), np.uint8)
        start = time.perf_counter()
        for _ in range(max(len(files) // 32, 1)):
            model(crops)
        network = max(len(files) // 32, 1) * 32 / (time.perf_counter() - start)
        print(f"limits: decoding {decode:.0f}/s a core ({os.cpu_count()} cores), "
              f"network alone {network:.0f}/s")  # fmt: skip


if __name__ == "__main__":
    main()
