"""Opening what an embedding folder keeps: all of it in memory, or as much as is asked for.

`open_store` reads the manifest and nothing else, whatever the number of pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evenface.embed.choosing import chosen_parts, columns_of
from evenface.embed.embeddings import Embeddings, embeddings_from_arrays
from evenface.embed.loading import fingerprint_of, load_folder, read_failures
from evenface.embed.manifest import read_manifest
from evenface.embed.parts import Part, PartVectors, refuse_damaged, row_schema
from evenface.embed.streams import Batch, in_sequence, pieces_of, shuffled
from evenface.embed.where import Where
from evenface.errors import StoreError, VectorError
from evenface.faces.places import as_place

if TYPE_CHECKING:
    from evenface.embed.moments import Moments

__all__ = ["Embeddings", "Store", "embeddings_from_arrays", "open_embeddings", "open_store"]


@dataclass(frozen=True, eq=False, repr=False)
class Store:
    """An embedding folder that is read as far as it is asked for.

    Attributes
    ----------
    folder : path
    manifest : dict
        What `open_store` read; the folder may go on growing, this view of it doesn't.
    """

    folder: Path
    manifest: dict[str, Any]

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts, in the order of their rows."""
        return tuple(Part.of(entry) for entry in self.manifest["parts"])

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return int(self.manifest["dimension"])

    @property
    def dtype(self) -> str:
        """What vectors are kept as: ``float32`` or ``float16``."""
        return str(self.manifest["dtype"])

    @property
    def attributes(self) -> tuple[str, ...]:
        """Names of the attribute columns."""
        return tuple(self.manifest["source"]["attributes"])

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the manifest and its parts' hashes."""
        return fingerprint_of(self.manifest)

    def __len__(self) -> int:
        return sum(part.rows for part in self.parts)

    def __repr__(self) -> str:
        kind = "synthetic " if self.manifest["source"].get("synthetic") else ""
        counts = self.manifest["counts"]
        return (
            f"Store: {len(self)} {kind}pictures, {self.dimension} numbers each as {self.dtype} "
            f"({self.manifest['model'].get('name', 'unknown model')}), {len(self.parts)} parts\n"
            f"attributes: {', '.join(self.attributes) or 'none'}; "
            f"{counts['failures']} pictures failed"
        )

    def rows(
        self, columns: Sequence[str] | None = None, where: Where | None = None
    ) -> pl.DataFrame:
        """Read rows without vectors.

        Parameters
        ----------
        columns : sequence of str, optional
            Only these are read from disk; all by default.
        where : mapping or polars.Expr, optional
            ``{"gender": "male", "ethnicity": ["Asian", "Black"]}``, or an expression of polars
            that says yes or no to each row by itself. Rows without a label are not chosen.

        Returns
        -------
        polars.DataFrame
            In the folder's order.

        Raises
        ------
        VectorError
            Where a column is asked for that there isn't.
        StoreError
            Where a part is missing or damaged.
        """
        frames = [frame for _, frame in chosen_parts(self.folder, self.manifest, columns, where)]
        return (
            pl.concat(frames)
            if frames
            else pl.DataFrame(schema=columns_of(self.folder, self.manifest, columns))
        )

    def batches(
        self,
        size: int = 8192,
        *,
        columns: Sequence[str] = ("sample_id", "identity"),
        where: Where | None = None,
    ) -> Iterator[Batch]:
        """Read rows and vectors in sequence, a batch at a time.

        Parameters
        ----------
        size : int
            Rows of a batch, at most; batches end where parts do.
        columns : sequence of str
            Columns of the rows.
        where : mapping or polars.Expr, optional
            As in `rows`.

        Yields
        ------
        Batch
            ``rows``, and ``vectors`` as float32, shape (m, d).
        """
        return in_sequence(self._files(columns, where), size)

    def random_batches(
        self,
        size: int,
        *,
        seed: int = 0,
        columns: Sequence[str] = ("sample_id", "identity"),
        where: Where | None = None,
        window: int = 2**28,
    ) -> Iterator[Batch]:
        """Read every row once, in an order that `seed` decides; for training.

        Blocks of 256 rows from all over the folder are read together and mixed, as a disk reads
        single rows a hundred times slower.

        Parameters
        ----------
        size : int
            Rows of a batch; only the last may have fewer.
        seed : int
            Another for each epoch.
        columns, where
            As in `batches`.
        window : int
            Bytes of vectors that are mixed at a time.

        Yields
        ------
        Batch
            ``rows``, and ``vectors`` as float32, shape (m, d).
        """
        return shuffled(self._files(columns, where), size, seed=seed, window=window)

    def moments(self, where: Where | None = None, *, precision: str = "float32") -> Moments:
        """Compute the mean and covariance of vectors in one pass.

        Parameters
        ----------
        where : mapping or polars.Expr, optional
        precision : {"float32", "float64"}
            Of the products within a block of 8192 rows; sums over blocks are float64. float32
            agrees with float64 to about six digits.

        Returns
        -------
        Moments
            ``n``, ``mean`` (d,) and ``covariance`` (d, d), which divides by n - 1.
        """
        from evenface.embed.moments import moments_of_pieces

        pieces = list(pieces_of(self._files((), where), 8192))
        return moments_of_pieces(pieces, self.dimension, precision)

    def failures(self) -> pl.DataFrame:
        """Return the pictures without a vector, and why."""
        return read_failures(self.folder, self.manifest)

    def load(self, where: Where | None = None, *, verify: bool = True) -> Embeddings:
        """Read it into memory, or some rows of it.

        Parameters
        ----------
        where : mapping or polars.Expr, optional
            As in `rows`; all of them by default.
        verify : bool
            Whether every part is compared with its hash.

        Returns
        -------
        Embeddings

        Raises
        ------
        StoreError
            Where a part is missing or damaged.
        VectorError
            Where no row is chosen.
        """
        if where is None:
            return load_folder(self.folder, self.manifest, verify=verify)
        if verify:
            for part in self.parts:
                refuse_damaged(self.folder, part)
        found = list(in_sequence(self._files(tuple(row_schema(self.manifest)), where), 8192))
        if not found:
            raise VectorError(f"no row of {self.folder} is chosen by {where!r}")
        manifest = self.manifest
        return embeddings_from_arrays(
            np.concatenate([batch.vectors for batch in found]),
            pl.concat([batch.rows for batch in found]),
            card=manifest["model"],
            source=manifest["source"],
            failures=self.failures(),
            preprocessing=manifest["preprocessing"],
        )

    def _files(
        self, columns: Sequence[str], where: Where | None
    ) -> Iterator[tuple[PartVectors, NDArray[np.intp] | None, pl.DataFrame | None]]:
        """Yield each part's vectors, which of them are wanted, and their rows."""
        shape = (self.dimension, self.dtype)
        if not columns and where is None:
            yield from ((PartVectors(self.folder, p, *shape), None, None) for p in self.parts)
            return
        for part, (at, frame) in zip(
            self.parts, chosen_parts(self.folder, self.manifest, columns, where), strict=True
        ):
            yield PartVectors(self.folder, part, *shape), at, frame


def open_store(folder: str | Path) -> Store:
    """Open a finished embedding folder without reading more than its manifest.

    Parameters
    ----------
    folder : path or address
        Such as ``s3://bucket/embeddings``.

    Returns
    -------
    Store

    Raises
    ------
    StoreError
        Where the folder is something else, unfinished, or its manifest is damaged.
    """
    place = as_place(folder)
    store = Store(place, read_manifest(place))
    counted = store.manifest["counts"]["rows"]
    if len(store) != counted:
        raise StoreError(f"{place} has {len(store)} rows; its manifest says {counted}")
    return store


def open_embeddings(folder: str | Path, *, verify: bool = True) -> Embeddings:
    """Open a finished embedding folder, all of it in memory and vectors as float32.

    Parameters
    ----------
    folder : path
        Where `embed_faces` or `import_vectors` wrote.
    verify : bool
        Compare every part with the hash in the manifest too.

    Returns
    -------
    Embeddings

    Raises
    ------
    StoreError
        Where the folder is something else, unfinished or damaged.
    VectorError
        Where vectors hold NaN or infinity.
    """
    return open_store(folder).load(verify=verify)
