"""How a map is made: t-SNE, UMAP or principal components."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from evenface.errors import ConfigError, install_extra
from evenface.studies.tsne import principal, tsne

if TYPE_CHECKING:
    from evenface.studies.map_rows import RowSet

Method = Literal["tsne", "umap", "pca"]
Placed = npt.NDArray[np.float64]
Tell = Callable[[int, int], None]

NAMES: dict[str, str] = {"tsne": "t-SNE", "umap": "UMAP", "pca": "principal components"}
AXES: dict[str, str] = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PC"}

NEIGHBOURS = 15
"""Of UMAP, its default: what it keeps together."""


def require(method: str) -> None:
    """Check that what makes such maps is installed.

    Raises
    ------
    ConfigError
    """
    if method == "umap":
        _umap()


def make_map(rows: RowSet, dims: int, on_step: Tell | None = None) -> Placed:
    """Place the rows by their method.

    Parameters
    ----------
    rows : RowSet
    dims : int
    on_step : callable, optional
        Called with (steps done, steps in all), now and then.

    Returns
    -------
    ndarray of float64, shape (n, dims)
        For a seed, the same bytes on every run on one machine.
    """
    if rows.method == "pca":
        return project(rows.space, rows.space, dims, seed=rows.common.seed)
    if rows.method == "umap":
        return _by_umap(rows, dims, rows.common.seed)
    return tsne(rows.graph, rows.begin[:, :dims], on_step=on_step)


def project(space: npt.NDArray[Any], points: npt.NDArray[Any], dims: int, *, seed: int) -> Placed:
    """Return points along the axes on which the rows of `space` vary most, about their centre.

    Parameters
    ----------
    space : ndarray, shape (n, d)
    points : ndarray, shape (m, d)
    dims : int
        Where n or d is less, the rest is 0.
    seed : int

    Returns
    -------
    ndarray of float64, shape (m, dims)
    """
    some = min(dims, *space.shape)
    middle, axes = principal(space, some, seed)
    found: Placed = np.zeros((len(points), dims))
    found[:, :some] = (points - middle) @ axes.T
    return found


def _by_umap(rows: RowSet, dims: int, seed: int) -> Placed:
    """Place the rows by UMAP (McInnes et al. 2018) from their exact neighbours."""
    umap = _umap()
    n = len(rows.space)
    k = min(NEIGHBOURS, n - 1)
    # It counts a row as its own first neighbour.
    itself = np.arange(n)[:, None]
    around, squared = rows.nearest(k - 1)
    known = np.hstack([itself, around]), np.hstack([0.0 * itself, np.sqrt(squared)])
    with warnings.catch_warnings():
        # It says that a seed costs it its threads, and that such neighbours can't place new rows.
        warnings.simplefilter("ignore")
        fitted = umap.UMAP(
            n_neighbors=k,
            n_components=dims,
            precomputed_knn=(known[0], known[1].astype(np.float32), None),
            random_state=seed,
            n_jobs=1,
        ).fit_transform(rows.space.astype(np.float32))
    return np.asarray(fitted, dtype=np.float64)


def _umap() -> Any:
    try:
        with warnings.catch_warnings():
            # It warns of TensorFlow, which another part of it would want.
            warnings.simplefilter("ignore")
            return import_module("umap")
    except ImportError:
        raise ConfigError(f"maps by UMAP need umap-learn: {install_extra('umap')}") from None
