"""Weight files from the network: those of a card, into the cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evenface.embed.files import sync_folder
from evenface.embed.models.cards import ModelCard, WeightFile
from evenface.embed.models.place import checked, first_present, models_folder
from evenface.errors import ModelError
from evenface.faces.download import Download, DownloadError, Tell, download


def fetch_model(card: ModelCard, on_progress: Tell | None = None) -> Path:
    """Fetch the first file of a network that can be had by its address.

    Parameters
    ----------
    card : ModelCard
    on_progress : callable, optional
        Called with (bytes there, bytes in all).

    Returns
    -------
    Path
        Of the file; where it was there already, nothing is fetched.

    Raises
    ------
    ModelError
        Where there is nothing to fetch, the network fails or the hash is another one.
    """
    if not card.files:
        raise ModelError(f"{card.name} has no weights; there is nothing to fetch")
    return fetch_any(card.files, on_progress)


def fetch_any(files: Sequence[WeightFile], on_progress: Tell | None = None) -> Path:
    """Return the first file that is there, or fetch the first that can be; as `fetch_model`."""
    found = first_present(files)
    if found is not None:
        checked(*found)
        return found[0]
    for file in files:
        if file.url:
            return fetch_file(file, models_folder(), on_progress)
    raise ModelError(
        f"{files[0].name} can't be fetched by a program; see {files[0].page}, and put it into "
        f"{models_folder()}"
    )


def fetch_file(file: WeightFile, folder: Path, on_progress: Tell | None = None) -> Path:
    """Fetch one file into a folder, whole or not at all, as `download` does.

    Raises
    ------
    ModelError
        As `fetch_model`.
    """
    wanted = Download(file.name, file.url, sha256=file.sha256, size=file.size)
    try:
        target = download(wanted, folder, on_progress)
    except DownloadError as error:
        raise ModelError(str(error)) from error
    sync_folder(folder)
    return target
