"""``evenface erase`` asks what erasing does; ``fit-eraser`` and ``apply-eraser`` do it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from evenface.cli.console import say
from evenface.cli.options import COMMON, GATES, CommonArgs, GateArgs, OutDir, numbers, words
from evenface.cli.studies import ask_study
from evenface.cli.whole import Whole
from evenface.errors import ConfigError


def erase(
    emb: Path,
    /,
    *,
    out: OutDir = None,
    attributes: str | None = None,
    alone: Annotated[bool, Parameter(negative=())] = False,
    erasers: str | None = None,
    strengths: str | None = None,
    training: str | None = None,
    hiding: str | None = None,
    probes: str | None = None,
    fmr: float | None = None,
    similarity: Literal["cosine", "euclidean"] | None = None,
    splits: Whole | None = None,
    common: CommonArgs = COMMON,
    gates: GateArgs = GATES,
) -> None:
    """Take attributes out of the vectors, and say what is left and what it costs.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        Output folder. [default: only print the reading]
    attributes
        What to take out, with commas. [default: those of the groups]
    alone
        Take none out together.
    erasers
        leace, mean-projection, inlp, adversarial, oracle-leace, recentre, coral, with commas.
        [default: leace,mean-projection,recentre, which are fitted at once]
    strengths
        Partial strengths for the curve, with commas. [default: 0.5,0.8]
    training
        What is done while spaces of people are learned, beside one without: sampling, weights,
        dro, adversarial, with commas; none to learn no space. [default: adversarial]
    hiding
        Strengths (lambda) of adversarial, with commas. [default: 1,10]
    probes
        linear, mlp, knn, rbf, with commas; linear learns once more from people whom the eraser
        was not fitted to. [default: linear,mlp,knn]
    fmr
        FMR at which FNMR is counted, on training people; for learned spaces on validation people.
        [default: 0.01]
    similarity
        cosine, or euclidean: minus the distance. [default: cosine]
    splits
        Splits that are examined; with 5 everybody is tested. [default: 2]
    """
    options = {
        "attributes": words(attributes),
        "together": False if alone else None,
        "erasers": words(erasers),
        "strengths": numbers(strengths, "--strengths"),
        "training": words(training),
        "hiding": numbers(hiding, "--hiding"),
        "probes": words(probes),
        "fmr": fmr,
        "similarity": similarity,
        "splits": splits,
    }
    ask_study("erase", emb, out, common, gates, options)


def fit_eraser(
    emb: Path,
    /,
    *,
    out: Path,
    attributes: str,
    eraser: str = "leace",
    share: float = 1.0,
    seed: Whole = 0,
    missing: str | None = None,
) -> None:
    """Fit an eraser to everybody in a folder, or to some of the people, and save it.

    Its card says what it is and, by salted hashes, on whom it was fitted.

    Parameters
    ----------
    emb
        Embedding folder.
    out
        File for the eraser (.safetensors).
    attributes
        What to take out, with commas: all of it together.
    eraser
        leace, mean-projection, inlp, adversarial, oracle-leace, recentre or coral.
    share
        Of the people, by person; the others can be judged on the vectors that it changes.
    seed
        Of who is drawn, and of the adversarial one.
    missing
        Recorded values that count as none, with commas: their rows aren't learned from.
    """
    from evenface.embed.store import open_store
    from evenface.erasers.folder import fit_to
    from evenface.erasers.saved import save_eraser
    from evenface.faces.unrecorded import taken_as_missing

    names = words(attributes)
    if not names:
        raise ConfigError("--attributes wants names of attributes, with commas")
    store, taken = open_store(emb), words(missing) or ()
    if taken:
        own = [n for n in names if n in store.attributes]
        for note in taken_as_missing(store.rows(own), own, taken):
            say(note.text)
    fitted = fit_to(store, names, eraser, share=share, seed=seed, missing=taken)
    save_eraser(fitted, out, model=store.manifest["model"])
    say(f"{fitted!r}\nsaved as {out}")


def apply_eraser(eraser: Path, emb: Path, /, *, out: Path, strength: float | None = None) -> None:
    """Change the vectors of an embedding folder by a saved eraser, into a new folder.

    Parameters
    ----------
    eraser
        File that ``evenface fit-eraser`` wrote.
    emb
        Embedding folder; it stays as it is.
    out
        New embedding folder.
    strength
        From 0, nothing, to 1. [default: the saved eraser's]
    """
    from evenface.embed.folder import refuse_used
    from evenface.embed.store import open_store
    from evenface.erasers.folder import apply_to
    from evenface.erasers.rows import codes_of
    from evenface.erasers.saved import load_eraser
    from evenface.erasers.seen import SEEN, YES

    refuse_used(out)
    loaded, card = load_eraser(eraser)
    used = loaded if strength is None else loaded.at(strength)
    apply_to(open_store(emb), used, out, card=card)
    labels = used.attributes if used.needs_labels else ()
    rows = open_store(out).rows(["identity", SEEN, *labels])
    seen, count = (f["identity"].n_unique() for f in (rows.filter(**{SEEN: YES}), rows))
    left = int((codes_of(rows, labels, used.classes) < 0).any(axis=1).sum()) if labels else 0
    say(f"{used!r}\n{rows.height - left} vectors changed, in {out}")
    if left:
        say(f"{left} have no recorded {' and '.join(labels)} that it knows: they stay as they were")
    if seen:
        say(f"it was fitted to {seen} of the {count} identities here: studies leave these out")
