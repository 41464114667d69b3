"""Datasets that evenface reads, with their licence and where to get them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetCard:
    """What is known about a dataset.

    Attributes
    ----------
    name : str
    layout : str
        What `read_faces` expects on disk.
    labels : str
        What its authors recorded, and how it becomes ``gender`` and ``ethnicity``.
    licence : str
    url : str
        Where to ask for it.
    paper : str
    """

    name: str
    layout: str
    labels: str
    licence: str
    url: str
    paper: str


_DIVEFACE = {
    "licence": "research only, on request; the pictures are MegaFace's, which was withdrawn",
    "url": "https://github.com/BiDAlab/DiveFace",
    "paper": "Morales et al., SensitiveNets, IEEE TPAMI 2021",
}

DATASETS: dict[str, DatasetCard] = {
    card.name: card
    for card in (
        DatasetCard(
            "diveface-4k120",
            "4K_120/{HA,HB,HN,MA,MB,MN}4K_120/<identity>/<image>",
            "H male, M female; A Asian, B Caucasian, N Black (assigned by the authors)",
            **_DIVEFACE,
        ),
        DatasetCard(
            "diveface-groups",
            "Group{1,2,3}_{Male,Female}/<identity>/<image>",
            "Group1 East Asian, Group2 Sub-Saharan and South Indian, Group3 Caucasian",
            **_DIVEFACE,
        ),
        DatasetCard(
            "diveface-lists",
            "Group1_Male.txt ... (lines identity/file) over a folder of MegaFace pictures",
            "as diveface-groups",
            **_DIVEFACE,
        ),
        DatasetCard(
            "manifest",
            ".csv, .tsv or .parquet with columns path, identity and any attributes",
            "as its columns say; gender and ethnicity make the groups unless told otherwise",
            "the pictures' own",
            "",
            "",
        ),
        DatasetCard(
            "synthetic",
            "rendered by evenface demo as a DiveFace tree",
            "two gender-like and three ethnicity-like factors; nobody is shown",
            "MIT, as evenface",
            "",
            "",
        ),
    )
}
