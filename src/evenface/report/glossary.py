"""What a report's measures mean, study by study."""

from __future__ import annotations

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
    "erase": (
        (
            "LEACE",
            "The affine map of least change after which an attribute and the vectors are "
            "uncorrelated, so that no linear reader does better than a constant (Belrose et al. "
            "2023). Its oracle form knows each picture's label.",
        ),
        (
            "INLP, mean projection",
            "Projections off what linear readers read by, one after another (Ravfogel et al. "
            "2020), and off the differences of class means (Bolukbasi et al. 2016).",
        ),
        (
            "adversarial map",
            "A projection learned against one linear reader after another, which leaves new ones "
            "nothing while it changes little, in the way of SensitiveNets (Morales et al. 2021).",
        ),
        (
            "CORAL",
            "Gives all groups one mean and one covariance (Sun et al. 2016).",
        ),
        (
            "strength",
            "Part of the way from a vector as it is to what the eraser makes of it.",
        ),
        (
            "learned space",
            "A linear map learned from training people so that pictures of one person lie together "
            "(Sohn 2016); with groups sampled or weighted alike, with the groups that lose most "
            "counting most (group DRO, Sagawa et al. 2020), or with the gradient of a branch that "
            "reads the attribute reversed (adversarial, Ganin and Lempitsky 2015), lambda times.",
        ),
        (
            "EER and FNMR after erasing",
            "Of people held out, at thresholds set on the people learned from; of learned spaces "
            "on validation people, for those learned from are told apart too well in them.",
        ),
        (
            "cosine shift",
            "Mean of 1 less the cosine between a picture\u2019s vectors before and after.",
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
