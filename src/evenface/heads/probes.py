"""The probes, in a table: what reads an attribute out of a vector."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evenface.errors import ConfigError
from evenface.heads.fit import fit_mlp
from evenface.heads.kernel import fit_kernel
from evenface.heads.linear import fit_linear
from evenface.heads.neighbours import fit_neighbours
from evenface.heads.problem import Fitted, Labels, Problem, Trained, pose
from evenface.heads.scaling import Vectors
from evenface.heads.threads import one_thread_below


@dataclass(frozen=True)
class Probe:
    """A way to read an attribute out of vectors.

    Attributes
    ----------
    fit : callable
        Takes a `Problem`, returns a `Fitted`.
    title : str
        What figures call it.
    """

    fit: Callable[[Problem], Fitted]
    title: str


PROBES = {
    "linear": Probe(fit_linear, "linear"),
    "mlp": Probe(fit_mlp, "MLP"),
    "rbf": Probe(fit_kernel, "RBF kernel"),
    "knn": Probe(fit_neighbours, "nearest neighbours"),
}


def check_probes(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names, or raise a ConfigError for one that is not in the table."""
    unknown = [n for n in names if n not in PROBES]
    if unknown or not names:
        raise ConfigError(
            f"no probe named {', '.join(unknown) or '(none given)'}; there are {', '.join(PROBES)}"
        )
    return tuple(dict.fromkeys(names))


def train_probes(
    names: Sequence[str],
    train: Vectors,
    y: Labels,
    validation: Vectors,
    y_validation: Labels,
    *,
    n_classes: int,
    seed: int,
) -> dict[str, Trained]:
    """Train several probes on the same rows.

    Parameters
    ----------
    names : sequence of str
        Keys of `PROBES`.
    train, validation : ndarray of float32, shapes (n, d) and (m, d)
    y, y_validation : ndarray of intp
        Classes 0 ... n_classes-1; training rows of at least two classes.
    n_classes, seed : int

    Returns
    -------
    dict
        Name to trained probe, which takes raw vectors.
    """
    with one_thread_below(len(y)):
        problem, scaling = pose(train, y, validation, y_validation, n_classes=n_classes, seed=seed)
        return {name: Trained(PROBES[name].fit(problem), scaling) for name in names}
