"""The command that draws vectors of made-up people: ``vectors``."""

from __future__ import annotations

from pathlib import Path

from evenface.cli.console import say
from evenface.cli.whole import Whole


def vectors(
    *,
    out: Path,
    identities: Whole = 500,
    images: Whole = 2,
    dimension: Whole = 128,
    seed: Whole = 0,
) -> None:
    """Draw vectors of made-up people whose truth is known, and print it.

    What is printed are the best accuracies of gender, rows: learned on, columns: tested on.

    Parameters
    ----------
    out
        Embedding folder; must not exist, or be empty.
    identities
        Identities of each of the six groups.
    images
        Vectors of each identity.
    dimension
        Numbers of each vector, 8 to 4096.
    seed
        Another seed, other people of the same groups.
    """
    from evenface.embed.folder import refuse_used, write_embeddings
    from evenface.embed.vector_population import ETHNICITIES, VectorPopulation

    population = VectorPopulation(identities, images, dimension, seed)
    refuse_used(out)
    say(write_embeddings(population.embeddings(), out))
    truth = population.truth()
    say(" ".join(f"{name:>9}" for name in ("", *ETHNICITIES)))
    for (row,), here in truth.group_by("train_on", maintain_order=True):
        say(" ".join([f"{row!s:>9}", *(f"{v:9.3f}" for v in here["balanced_accuracy"])]))
