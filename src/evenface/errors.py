"""What can go wrong, as one tree.

::

    EvenfaceError              anything evenface says no to; the command line exits with 2
    ├── SourceError            the faces: a folder, manifest or label that can't be used
    ├── SelectionError         fewer identities or groups than were asked for
    ├── LeakError              training and test rows would share an identity or an image
    ├── ModelError             a model file or its card doesn't fit
    ├── StoreError             an embedding folder is damaged, unfinished or something else
    ├── VectorError            vectors that can't be used: shape, NaN, labels that don't match
    ├── ConfigError            a study file or an option that makes no sense
    ├── TrainingError          a head's training diverged
    └── ImageError             one picture can't be used; recorded, never fatal to a run

A message names the file or row, what was expected, and what to do.

`GateFailed` stands beside the tree: nothing was wrong with what was given, a gate of a pipeline
did not let the numbers pass, and the command line exits with 3.
"""


class EvenfaceError(Exception):
    """Base of every error that evenface raises on purpose."""


class SourceError(EvenfaceError):
    """The faces can't be read from where they were said to be."""


class SelectionError(EvenfaceError):
    """There are fewer identities, images or groups than were asked for."""


class LeakError(EvenfaceError):
    """Those who are judged are among those learned from: they share an identity or an image."""


class ModelError(EvenfaceError):
    """A model file, or what was said about it, doesn't fit."""


class StoreError(EvenfaceError):
    """A folder isn't the embedding or output folder that it should be."""


class VectorError(EvenfaceError):
    """Vectors, or the labels beside them, can't be used."""


class ConfigError(EvenfaceError):
    """A study file or an option makes no sense."""


class TrainingError(EvenfaceError):
    """The training of a head diverged."""


class ImageError(EvenfaceError):
    """One picture can't be used.

    Attributes
    ----------
    stage : str
        Where it failed: ``read``, ``decode`` or ``detect``.
    """

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(reason)
        self.stage = stage


def install_extra(name: str) -> str:
    """Return the command that gets what an extra of evenface brings.

    Parameters
    ----------
    name : str
        An extra of pyproject.toml, such as ``umap``.
    """
    return f'pip install "evenface[{name}]"'


class GateFailed(Exception):  # noqa: N818
    """A gate (``--fail-on``, ``--fail-unless``) did not let the numbers of a run pass."""
