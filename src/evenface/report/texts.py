"""The fixed words of a report: what each study asks, what it can't say, what metrics mean."""

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
            "A face that one detector misses another may find; a picture of whose person nobody "
            "knows how it was taken says nothing about the person.",
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

GLOSSARY = {
    "checks": (
        (
            "no face found (failure to enrol)",
            "Share of the pictures that could be read on which the detector found no face, or none "
            "that could be aligned. ISO/IEC 19795-1 counts people instead: “no face found on any "
            "picture” does. In [0,\u00a01].",
        ),
        (
            "small faces",
            "By the shorter side of the box around the face that was taken, in pixels of the "
            "picture. Below the network's input a face was enlarged: its detail is made up.",
        ),
    ),
    "map": (
        (
            "kNN purity",
            "Share of a face's 10 nearest faces of other people that carry the same label, "
            "averaged over faces. In [0,\u00a01]; depends on how common labels are.",
        ),
        (
            "kNN purity above chance",
            "(purity − chance) / (1 − chance), where chance is the purity if labels were dealt "
            "at random. 0 is chance; 1 is out of reach for groups with fewer than 11 people. Its "
            "interval leaves people out as faces and as neighbours.",
        ),
        (
            "silhouette",
            "How much nearer a face is to its own label's faces than to the next label's. In "
            "[−1,\u00a01]; near 0 where labels overlap. Distances are Euclidean, in the embeddings "
            "between vectors of length 1 where the map's metric is cosine.",
        ),
        (
            "trustworthiness",
            "How far the neighbours seen in a map are neighbours in the embeddings too "
            "(Venna and Kaski 2001). In [0,\u00a01].",
        ),
        (
            "kNN preservation",
            "Share of a face's 10 nearest neighbours in the embeddings that are among its 10 "
            "nearest in the map. In [0,\u00a01].",
        ),
    ),
    "probe": (
        (
            "accuracy",
            "Share of held-out pictures whose label was predicted rightly. In [0,\u00a01].",
        ),
        (
            "balanced accuracy",
            "Mean of the classes' recalls: every class counts the same however many people it "
            "has. In [0,\u00a01].",
        ),
        ("chance", "1 / number of classes: the balanced accuracy of a guess."),
        (
            "strongest probe",
            "On each split, the probe that was best on that split's validation rows. Choosing "
            "once over all splits would be choosing on rows that are tested in another.",
        ),
    ),
    "transfer": (
        (
            "transfer gap",
            "Balanced accuracy on a group of the model trained on that group, minus that of a "
            "model trained elsewhere; the interval is paired over the same people. "
            "In [−1,\u00a01]; above zero something is lost.",
        ),
        (
            "p after Holm",
            "How often swapping both models’ results of people at random makes a gap as large; "
            "weakened for training, adjusted for the number of gaps (Holm 1979). In (0,\u00a01].",
        ),
        (
            "all, size-matched",
            "A model of all groups that learned from as many people as a single group's model.",
        ),
        ("all", "A model of every training row of every group, so of more people."),
    ),
    "spaces": (
        (
            "kNN accuracy",
            "Test people classified by their 10 nearest validation people in the learned space; "
            "over everybody the mean of the groups' accuracies. In [0,\u00a01].",
        ),
        ("worst-group accuracy", "The least of the groups' kNN accuracies. In [0,\u00a01]."),
        (
            "intra- and inter-class distance",
            "Mean Euclidean distance in the learned space to other people of the same class, and "
            "of other classes.",
        ),
        (
            "likeness",
            "Linear CKA (Kornblith et al. 2019), Procrustes similarity and the share of common "
            "neighbours of two losses' spaces. In [0,\u00a01]; 1 is the same space.",
        ),
    ),
    "bias": (
        (
            "drop from balanced",
            "Accuracy learned from balanced groups minus accuracy learned at the share, on the "
            "same people. In [−1,\u00a01].",
        ),
        (
            "p after Holm",
            "Corrected resampled t-test over splits (Nadeau and Bengio 2003) of whether two "
            "losses lose the same over the sweep, adjusted for the number of tests (Holm 1979).",
        ),
    ),
    "verify": (
        (
            "genuine and impostor pairs",
            "Two different pictures of one identity; pictures of two persons. Copies of a file "
            "and pictures that several identities have take no part.",
        ),
        (
            "FMR, FNMR, EER",
            "False match rate: share of impostor pairs with a score of at least the threshold. "
            "False non-match rate: share of genuine pairs below it. Equal error rate: their mean "
            "where they differ least. In [0,\u00a01]; ISO/IEC 19795-1.",
        ),
        (
            "matches the nearest other",
            "Share of pictures whose most similar picture of another person reaches the "
            "threshold: how often somebody among these people could pass for them. It grows with "
            "the number of people.",
        ),
        (
            "FDR, inequity rate, GARBE",
            "Fairness discrepancy rate (Pereira and Marcel 2021; 1 if equal), inequity rate "
            "(Grother 2021; 1 if equal) and the Gini aggregation rate (Howard et al. 2022; 0 if "
            "equal) of the groups’ FMR and FNMR at one threshold.",
        ),
        (
            "equal groups would show",
            "Median of the measure if all groups had the same rates and only numbers of pairs "
            "differed: small groups look unequal though nobody is.",
        ),
        (
            "effect size d",
            "WEAT’s (Caliskan et al. 2017): difference of two groups’ mean association with two "
            "attributes, in standard deviations over people.",
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
