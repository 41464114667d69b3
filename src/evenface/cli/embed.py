"""Commands about embedding folders: ``embed``, ``import``, ``export``, ``join``, ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evenface.cli.console import Console, say
from evenface.cli.options import (
    COMMON,
    EMBED,
    SELECT,
    EmbedArgs,
    Flag,
    SelectArgs,
    configure,
    embed_values,
    select_values,
    words,
)
from evenface.cli.remarks import remark
from evenface.cli.whole import Whole
from evenface.errors import StoreError


def embed_command(
    source: Path,
    /,
    *,
    out: Path,
    embed: EmbedArgs = EMBED,
    select: SelectArgs = SELECT,
    seed: Whole = 0,
    group_by: str | None = None,
    missing: str | None = None,
    prune: Flag = False,
    repair: Flag = False,
) -> None:
    """Turn pictures into an embedding folder, or bring one up to date.

    Pictures that are there already, by the hash of their bytes, are not embedded again; new and
    changed ones join as new parts.

    Parameters
    ----------
    source
        A DiveFace tree, its annotation lists, or a manifest.
    out
        Embedding folder. A run that was stopped goes on there.
    seed
        Decides which identities and pictures a selection takes.
    group_by
        Attributes that make the groups of a selection, with commas.
    missing
        Recorded values that count as none in a selection, with commas; labels stay as they are.
    prune
        Let pictures go that the folder has and the source lacks.
    repair
        Compare parts with their hashes, and embed again what damaged ones held.
    """
    from evenface.embed.resume import Held
    from evenface.extraction import embed as make_embeddings
    from evenface.faces.select import select_faces
    from evenface.faces.source import read_faces

    config = configure(embed=embed_values(embed), select=select_values(select, COMMON))
    faces = read_faces(source, images_root=embed.images_root)
    chosen = {
        **config.select.model_dump(), "seed": seed, "by": words(group_by),
        "missing": words(missing) or (),
    }  # fmt: skip
    with Console() as console:
        held = Held(prune=prune, repair=repair)
        made = make_embeddings(select_faces(faces, **chosen), out, config, console, held=held)
    remark({"card": made.manifest["model"]})
    say(made)


def import_command(
    file: Path,
    /,
    *,
    out: Path,
    vectors: str | None = None,
    identity: str = "identity",
    attributes: str | None = None,
    labels: Path | None = None,
) -> None:
    """Make an embedding folder of vectors computed elsewhere.

    Parameters
    ----------
    file
        .npy, .npz, .csv, .parquet or .pkl (plain arrays and values; nothing in it is run), or a
        folder: a dataset of Hugging Face saved with save_to_disk, or Parquet as on its Hub.
    out
        Embedding folder; must not exist, or be empty.
    vectors
        Which array, or which columns, hold the vectors.
    identity
        Column that says who is on a picture.
    attributes
        Columns to keep, with commas. [default: all]
    labels
        A .csv or .parquet of labels, row by row, if they are not inside.
    """
    from evenface.embed.exchange import import_vectors

    say(
        import_vectors(
            file,
            out,
            vectors=vectors,
            identity=identity,
            attributes=words(attributes),
            labels=labels,
        )
    )


def export(
    emb: Path,
    file: Path,
    /,
    *,
    to: Literal["npz", "csv", "parquet", "datasets"] | None = None,
) -> None:
    """Write an embedding folder for other programs.

    Parameters
    ----------
    emb
        Embedding folder.
    file
        File to write, in place of one that is there; a new folder for datasets.
    to
        Its format; datasets is a folder for load_from_disk of Hugging Face's datasets.
        [default: by its extension]
    """
    from evenface.embed.exchange import export_embeddings
    from evenface.embed.store import open_embeddings

    say(export_embeddings(open_embeddings(emb), file, to=to))


def join(*emb: Path, out: Path) -> None:
    """Join embedding folders of the same contract: network, weights and preprocessing.

    Parameters
    ----------
    emb
        Embedding folders, two or more.
    out
        Embedding folder; must not exist, or be empty.
    """
    from evenface.embed.join import join_embeddings

    say(join_embeddings(emb, out))


def check(emb: Path, /) -> None:
    """Check an embedding folder's hashes and counts; name the parts that are damaged.

    Parameters
    ----------
    emb
        Embedding folder.
    """
    from evenface.embed.folder import check_embeddings
    from evenface.faces.places import as_place

    place = as_place(emb)
    faults = check_embeddings(place)
    if faults:
        way = (
            ""
            if "unfinished" in faults[0]
            else (". The command that made it, with --repair, embeds again what damaged parts held")
        )
        raise StoreError(f"{place}: {'; '.join(faults)}{way}")
    say(f"{place}: every part is whole")
