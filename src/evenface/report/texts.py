"""The fixed words of a report: what each study asks, and what it can't say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Chapter:
    """The words around one study.

    Attributes
    ----------
    title, question : str
    limits : tuple of str
        What the study can't say.
    """

    title: str
    question: str
    limits: tuple[str, ...]


LABELS = (
    "Labels are what the dataset recorded about a face, often somebody's guess from a picture; "
    "they are not what a person is or says of themselves."
)
CLOSED = (
    "The people measured are a closed set: intervals say how far the numbers would vary with "
    "other people drawn the same way, not how they would in another dataset."
)

CHAPTERS = {
    "checks": Chapter(
        "Checks of the input",
        "Is everybody's face found, is every picture there once, and do labels agree?",
        (
            "A face that one detector misses another may find; where nobody knows how "
            "pictures were taken, a missed face says nothing about the person.",
            "Nearly the same vector under two names can be one picture saved anew or two pictures "
            "of one person; two alike people are not excluded. Copies that look different to the "
            "network are not found.",
            "Which of two labels is right can't be seen from here, nor whether labels that agree "
            "are right.",
            LABELS,
            CLOSED,
        ),
    ),
    "map": Chapter(
        "Maps",
        "Do faces of one group lie together in the space of the embeddings, and how much of that "
        "does a picture in two or three dimensions keep?",
        (
            "A map keeps some of each face's nearest neighbours and little else: distances "
            "between clusters, their sizes and their number mean nothing by themselves.",
            "A neighbourhood that shares a label can come from lighting, pose or source as well "
            "as from the face.",
            LABELS,
            CLOSED,
        ),
    ),
    "probe": Chapter(
        "Probe",
        "Can the recorded attributes be read from the vectors of people whom the reader never saw?",
        (
            "A probe measures what these probes can read with this many examples. What it fails "
            "to read may still be there, and what it reads need not be used by any system.",
            "The strongest probe is chosen anew on each split's validation rows, so the choice "
            "does not flatter it; accuracies of small groups still have wide intervals.",
            LABELS,
            CLOSED,
        ),
    ),
    "transfer": Chapter(
        "Transfer",
        "Does what is learned on one group hold for another?",
        (
            "The largest of many gaps is overstated on average, because it was picked for being "
            "the largest; the intervals are not corrected for that.",
            "Models of single groups are matched in size to the smallest one. With few "
            "identities they learn little, and a gap that is not shown is not shown to be zero.",
            "A gap says that the reading differs between groups, not why.",
            LABELS,
            CLOSED,
        ),
    ),
    "spaces": Chapter(
        "Learned spaces",
        "What do losses make of the groups, trained on the same people with the same budget?",
        (
            "A space of two dimensions is a narrow door: what is lost in it need not be missing "
            "from the embedding.",
            "Distances have the unit of each loss's own margin; between losses only their order "
            "and ratios can be compared.",
            "Intervals of distances cover who was tested, not who was learned from.",
            LABELS,
            CLOSED,
        ),
    ),
    "bias": Chapter(
        "Biased training",
        "One group's share of the people learned from is raised, their total fixed: who loses, "
        "and does one loss lose less than another?",
        (
            "Validation people, on whom training stops, stay balanced; so do those who vote. A "
            "system that is biased throughout loses more.",
            "Learning rates are chosen on balanced training sets and kept for every share.",
            "Not showing a difference between losses does not show that there is none.",
            LABELS,
            CLOSED,
        ),
    ),
    "erase": Chapter(
        "Erasure",
        "Can recorded attributes be taken out of the vectors, and what does that cost "
        "verification and what else is read?",
        (
            "What these probes don't read, others may: not being read is not being gone. No "
            "linear probe doing better than a constant is all that linear erasure promises, and "
            "that on the people it was fitted to.",
            "Erasers and probes know as many people as were learned from here; with more, both "
            "do better.",
            "An attribute that is not read does not make decisions about people fair: errors can "
            "still differ between groups, and what stands for the attribute elsewhere stays.",
            "Spaces learned here are linear maps of these vectors: what a network does that was "
            "trained with such a remedy from the start is not known from them.",
            "The curve's points are compared by their values; none is tested against another.",
            LABELS,
            CLOSED,
        ),
    ),
    "verify": Chapter(
        "Verification",
        "When pictures are compared, who is taken for somebody else, and who is not recognised?",
        (
            "Impostors here are the other people of the data, who don't try to be taken for "
            "somebody. Whether pictures are of one session or years apart is not known here, and "
            "FNMR hangs on it.",
            "Intervals hold for the thresholds as they were set; another sample would set others.",
            "A difference between groups can come from pictures (light, pose, age, how pictures "
            "were chosen) as well as from the network.",
            "Not showing a difference does not show that there is none; with few people there "
            "hardly could be one shown.",
            LABELS,
            CLOSED,
        ),
    ),
}

INTERVALS = (
    "Intervals rest on identities, not pictures: two pictures of one person are no independent "
    "evidence. Shares have Wilson’s interval at the effective number of trials (Fogliato, Patil "
    "and Perona 2024), means of several classes and differences the combination of their parts’ "
    "intervals (Zou and Donner 2008); worst groups a percentile bootstrap over identities.",
    "Where models were trained on several splits, what their scores vary by beyond the people "
    "tested is in the intervals of accuracies, gaps and drops; results/*.parquet has its part of "
    "the variance as training_share.",
    "† Fewer than five identities err in a class: its exact Clopper–Pearson interval at the "
    "effective number of identities (Korn and Graubard 1998) takes part, which is rather too wide; "
    "a worst group without an error has its exact bound.",
    "‡ Nothing varied at all: the exact bound for that many identities stands alone.",
    "Intervals are for one number each; none is corrected for looking at many.",
)
