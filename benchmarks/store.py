"""A store of millions of vectors: opened, its covariance, a probe by streaming, memory.

Against it: the rate at which the disk gives the same files in sequence, by plain reads. Files are
dropped from the page cache before each cold reading where the system allows it.

    python benchmarks/store.py --rows 2000000 --out FOLDER
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from timing import machine, seconds

from evenface.embed.chunks import Done
from evenface.embed.contract import unknown_card, unknown_preprocessing
from evenface.embed.files import UNFINISHED, part_name
from evenface.embed.folder import finish_folder
from evenface.embed.manifest import new_manifest, write_manifest
from evenface.embed.parts import row_schema, write_part
from evenface.embed.store import Store, open_store
from evenface.heads.streamed import fit_streamed

PART_ROWS, PEOPLE = 8192, 10


def make(out: Path, rows: int, width: int) -> None:
    """Write synthetic float16 vectors of which a label can be read with some errors."""
    source = {"layout": "benchmark", "fingerprint": "0", "order": "0", "synthetic": True,
              "attributes": ["gender"], "notes": []}  # fmt: skip
    card = unknown_card("benchmark", width)
    chunks = {"part_rows": PART_ROWS}
    manifest = new_manifest(card, unknown_preprocessing(), source, chunks, rows, dtype="float16")
    out.mkdir(parents=True)
    write_manifest(out, manifest, UNFINISHED)
    rng = np.random.default_rng(0)
    schema, done = row_schema(manifest), []
    direction = rng.standard_normal(width).astype(np.float32) / np.sqrt(width)
    for k, start in enumerate(range(0, rows, PART_ROWS)):
        n = min(PART_ROWS, rows - start)
        number = np.arange(start, start + n)
        gender = (number // PEOPLE) % 2
        vectors = rng.standard_normal((n, width), dtype=np.float32)
        vectors += np.outer(3.0 * gender - 1.5, direction)
        frame = pl.DataFrame(
            {
                "sample_id": [f"{i:016x}" for i in number],
                "path": [f"{i:09d}.jpg" for i in number],
                "sha256": [f"{i:064x}" for i in number],
                "identity": [f"p{i // PEOPLE}" for i in number],
                "faces_found": None,
                "face_size": None,
                "gender": [("female", "male")[g] for g in gender],
            },
            schema=schema,
        )
        done.append(Done(write_part(out, part_name(k), frame, vectors.astype(np.float16)), []))
    finish_folder(out, manifest, done)


def forget(folder: Path) -> None:
    """Drop a folder's files from the page cache."""
    os.sync()
    for path in folder.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def read_all(folder: Path) -> None:
    buffer = bytearray(2**22)
    for path in sorted(folder.glob("part-*")):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def probe(store: Store) -> str:
    """Learn gender from eight of ten people and test on the others, a pass at a time."""
    moments = store.moments(pl.col("identity").str.ends_with("0"))

    def blocks(test: bool) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for batch in store.batches(8192, columns=("identity", "gender")):
            person = batch.rows["identity"].str.slice(1).cast(pl.Int64).to_numpy()
            chosen = (person % 10 >= 8) == test
            labels = (batch.rows["gender"] == "male").to_numpy().astype(np.int64)
            yield batch.vectors, np.where(chosen, labels, -1)

    found = fit_streamed(lambda: blocks(False), 2, moments.mean, moments.covariance)
    hits = rows = 0
    for vectors, labels in blocks(True):
        known = labels >= 0
        hits += int((found.predict(vectors[known]) == labels[known]).sum())
        rows += int(known.sum())
    return f"{found.passes} passes over {found.rows} rows; held-out accuracy {hits / rows:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--width", type=int, default=512)
    parser.add_argument("--out", type=Path, default=Path("out/store"))
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    print(machine())
    if not args.out.exists():
        print(f"written in {seconds(lambda: make(args.out, args.rows, args.width)):.0f} s")
    size = sum(p.stat().st_size for p in args.out.glob("part-*")) / 1e6
    forget(args.out)
    print(f"opened in {seconds(lambda: open_store(args.out)):.3f} s, {size:.0f} MB")
    store = open_store(args.out)
    shares = []
    for _ in range(args.rounds):
        forget(args.out)
        disk = seconds(lambda: read_all(args.out))
        forget(args.out)
        ours = seconds(store.moments)
        shares.append(disk / ours)
        print(f"read at {size / disk:.0f} MB/s; covariance at {size / ours:.0f} MB/s")
    spread = f"{min(shares):.2f} to {max(shares):.2f}"
    print(f"covariance at {statistics.median(shares):.2f} of the disk's rate ({spread})")
    before = peak()
    said: list[str] = []
    taken = seconds(lambda: said.append(probe(store)))
    print(f"linear probe in {taken:.0f} s: {said[0]}")
    print(f"peak memory {before:.2f} GiB before, {peak():.2f} GiB with the probe")


if __name__ == "__main__":
    main()
