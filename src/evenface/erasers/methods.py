"""The erasers there are, in a table."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from evenface.erasers.adversarial import adversarial
from evenface.erasers.by_group import coral, oracle_leace, recentre
from evenface.erasers.eraser import Codes, Eraser, Maps, hashed, joint
from evenface.erasers.groups import Groups, groups_of
from evenface.erasers.leace import fit_leace
from evenface.erasers.projections import inlp, mean_projection
from evenface.erasers.rows import SAME, Block, Rows, labelled, refuse_unscaled
from evenface.erasers.span import Span
from evenface.erasers.streaming import stream_leace
from evenface.errors import ConfigError, VectorError


@dataclass(frozen=True)
class Method:
    """An entry of the table.

    Attributes
    ----------
    title : str
        What figures call it.
    fit : callable
        Of rows in memory.
    source : str
        Where it was published.
    stream : callable, optional
        Of blocks of rows that are seen once, and of the attributes' numbers of classes; none
        where rows are looked at again and again.
    by_label : bool
        Whether a row's own labels must be known to change it.
    """

    title: str
    fit: Callable[[Rows], Maps]
    source: str
    stream: Callable[[Iterable[Block], Sequence[int]], Maps] | None = None
    by_label: bool = False


def _by_groups(
    title: str,
    fit: Callable[[Groups], Maps],
    source: str,
    *,
    by_label: bool = False,
    spread: bool = False,
) -> Method:
    """Return the entry of a method that needs groups' moments alone; with covariances if spread."""

    def stream(blocks: Iterable[Block], sizes: Sequence[int]) -> Maps:
        return fit(groups_of(blocks, sizes, spread=spread))

    return Method(
        title, lambda rows: stream([(rows.vectors, rows.codes)], rows.sizes), source, stream,
        by_label,
    )  # fmt: skip


ERASERS: dict[str, Method] = {
    "leace": Method(
        "LEACE",
        lambda rows: fit_leace([(rows.vectors, rows.codes)], rows.sizes, "float64"),
        "Belrose et al. 2023",
        stream_leace,
    ),
    "mean-projection": _by_groups("mean projection", mean_projection, "Bolukbasi et al. 2016"),
    "inlp": Method("INLP", inlp, "Ravfogel et al. 2020"),
    "adversarial": Method("adversarial map", adversarial, "in the way of Morales et al. 2021"),
    "oracle-leace": _by_groups("oracle LEACE", oracle_leace, "Belrose et al. 2023", by_label=True),
    "recentre": _by_groups("group-wise centring", recentre, "by definition", by_label=True),
    "coral": _by_groups("CORAL", coral, "Sun et al. 2016", by_label=True, spread=True),
}


def check_erasers(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or raise a ConfigError for one that is not in the table."""
    unknown = [n for n in names if n not in ERASERS]
    if unknown or not names:
        said = ", ".join(map(repr, unknown)) or "(none given)"
        raise ConfigError(f"no eraser named {said}; there are {', '.join(ERASERS)}")
    return tuple(dict.fromkeys(names))


def fit_eraser(
    method: str,
    vectors: npt.ArrayLike,
    codes: npt.ArrayLike,
    *,
    attributes: Sequence[str],
    classes: Sequence[Sequence[str]],
    identities: Sequence[str] = (),
    held: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    seed: int = 0,
    span: Span | None = None,
) -> Eraser:
    """Fit an eraser to training rows.

    Parameters
    ----------
    method : str
        A name from `ERASERS`.
    vectors : array-like, shape (n, d)
        Finite.
    codes : array-like of int, shape (n,) or (n, attributes)
        Class of each row; rows of which one is unknown, -1, are left out.
    attributes : sequence of str
        What the columns of `codes` are.
    classes : sequence of sequences of str
        Names of each attribute's classes.
    identities : sequence of str, optional
        Who is on each row, by which the eraser knows whom it must not be judged on.
    held : (vectors, codes), optional
        Rows of further training people, by which INLP and the adversary know when to stop. They
        aren't in `identities`, so the eraser can't refuse to be judged on them: judge on others.
    seed : int
    span : Span, optional
        Of `vectors`, where it is known already.

    Returns
    -------
    Eraser

    Raises
    ------
    ConfigError
        If there is no such method.
    VectorError
        If shapes don't fit, a value is not finite, an attribute has one class only, or an
        adversarial map could not hide what it was to.
    """
    check_erasers([method])
    sizes = tuple(len(c) for c in classes)
    x, y = _checked(vectors, codes, sizes)
    names = list(identities)
    if names and len(names) != len(x):
        raise VectorError(f"{len(names)} identities for {len(x)} vectors: expected one a row")
    known = labelled(y, sizes, attributes)
    who = {n for n, k in zip(names, known, strict=True) if k} if names else set()
    own = Span.of(x[known]) if span is None else span
    if not own.axes.shape[1]:
        raise VectorError(SAME)
    other, labels = _checked(*held, sizes) if held is not None else (x[:0], y[:0])
    every = np.asarray((labels >= 0).all(axis=1))
    rows = Rows(
        own.within(x[known]), y[known], sizes, (own.within(other[every]), labels[every]), seed
    )
    maps = own.lifted(ERASERS[method].fit(rows))
    return eraser_of(method, attributes, classes, maps, len(rows.vectors), who)


def eraser_of(
    method: str,
    attributes: Sequence[str],
    classes: Sequence[Sequence[str]],
    maps: Maps,
    rows: int,
    identities: Iterable[str],
) -> Eraser:
    """Return an eraser that knows, by salted hashes, the identities it was fitted on."""
    salt, known = secrets.token_hex(8), set(identities)
    return Eraser(
        method, tuple(attributes), tuple(tuple(c) for c in classes), maps, rows=rows,
        identities=len(known), salt=salt, fitted_on=frozenset(hashed(salt, n) for n in known),
    )  # fmt: skip


def _checked(
    vectors: npt.ArrayLike, codes: npt.ArrayLike, sizes: tuple[int, ...]
) -> tuple[npt.NDArray[Any], Codes]:
    x, y = np.asarray(vectors), np.asarray(codes)
    if x.ndim != 2 or x.dtype.kind not in "fiu":
        raise VectorError(f"vectors of shape {x.shape}: expected numbers, a vector a row")
    if not np.isfinite(x).all():
        raise VectorError("vectors must be finite numbers: some are NaN or infinite")
    refuse_unscaled(float(np.abs(x).max(initial=0)))
    joint(y, sizes, len(x))
    return x, (y[:, None] if y.ndim == 1 else y).astype(np.intp)
