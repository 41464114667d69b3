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


_MS_CELEB = "research only, on request; the pictures are MS-Celeb-1M's, which was withdrawn"
_ETHNICITY_ALONE = (
    "the folder is the ethnicity (from nationalities in Freebase and a network's estimates); "
    "no gender"
)

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
            "fairface",
            "fairface_label_train.csv, fairface_label_val.csv over train/ and val/",
            "by crowd workers: Male male, Female female; race, of seven values, is the ethnicity "
            "in its own spelling; age in bands; no identities",
            "CC BY 4.0",
            "https://github.com/joojs/fairface",
            "Kärkkäinen and Joo, FairFace, WACV 2021",
        ),
        DatasetCard(
            "utkface",
            "[age]_[gender]_[race]_[date&time].jpg or .jpg.chip.jpg, in one folder or several",
            "by a network, checked by people: gender 0 male, 1 female; race 0 White, 1 Black, "
            "2 Asian, 3 Indian, 4 Others; age in years; no identities",
            "research only, not commercial; the pictures are their owners'",
            "https://susanqq.github.io/UTKFace/",
            "Zhang, Song and Qi, Conditional Adversarial Autoencoder, CVPR 2017",
        ),
        DatasetCard(
            "lfw",
            "lfw/<Name>/<Name>_0001.jpg; lfw_attributes.txt of Kumar et al. beside it or none",
            "by classifiers, unchecked: an identity's mean score for Male, beyond 0.25 from 0; the "
            "largest of White, Black, Asian and Indian, above 0 and 0.25 ahead; else unknown",
            "none stated; pictures from the news",
            "http://vis-www.cs.umass.edu/lfw/",
            "Huang et al., UMass TR 07-49, 2007; scores: Kumar et al., ICCV 2009",
        ),
        DatasetCard(
            "rfw",
            "data/{African,Asian,Caucasian,Indian}/<identity>/<identity>_0001.jpg, txts/ or none",
            _ETHNICITY_ALONE,
            _MS_CELEB,
            "http://www.whdeng.cn/RFW/index.html",
            "Wang et al., Racial Faces in the Wild, ICCV 2019",
        ),
        DatasetCard(
            "bupt-balancedface",
            "race_per_7000/{African,Asian,Caucasian,Indian}/<identity>/<image>",
            _ETHNICITY_ALONE,
            _MS_CELEB,
            "http://www.whdeng.cn/RFW/Trainingdataste.html",
            "Wang and Deng, Skewness-Aware Reinforcement Learning, CVPR 2020",
        ),
        DatasetCard(
            "celeba",
            "list_attr_celeba.txt or .csv, identity_CelebA.txt, list_eval_partition, "
            "img_align_celeba/ or img_celeba/",
            "by a labelling company: Male 1 male, -1 female; no ethnicity; Young, "
            "Smiling and Eyeglasses are kept",
            "research only, not commercial",
            "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
            "Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015",
        ),
        DatasetCard(
            "london",
            "london_faces_info.csv, neutral_front/001_03.jpg, smiling_front/001_08.jpg ...",
            "by the people themselves: gender as recorded; white, black, east_asian and west_asian "
            "become White, Black, East Asian and West Asian; two at once stay as recorded",
            "CC BY 4.0",
            "https://doi.org/10.6084/m9.figshare.5047666",
            "DeBruine and Jones, Face Research Lab London Set, figshare 2017",
        ),
        DatasetCard(
            "image-folder",
            "<class>/<image> or <class>/<identity>/<image>",
            "classes named by gender, ethnicity or both are these; all others are the attribute "
            "class",
            "the pictures' own",
            "",
            "",
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
