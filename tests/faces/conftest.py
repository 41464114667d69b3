"""Small copies of datasets' layouts, with noise for pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support import write_picture

SCORES = "person\timagenum\tMale\tAsian\tWhite\tBlack\tIndian"


class Maker:
    """Writes pictures and files below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._seed = folder, 0

    def pictures(self, *paths: str) -> None:
        for path in paths:
            self._seed += 1
            write_picture(self.folder / path, seed=self._seed, size=8)

    def text(self, path: str, *lines: str) -> Path:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file


def diveface_tree(make: Maker) -> None:
    make.pictures("4K_120/HA4K_120/p/1.jpg", "4K_120/MB4K_120/p/1.jpg")


def diveface_lists(make: Maker) -> None:
    make.pictures("10@N01/1.jpg")
    make.text("Group1_Male.txt", "10@N01/1.jpg")


def manifest(make: Maker) -> None:
    make.pictures("ann/1.jpg", "bob/1.jpg")
    make.text("manifest.csv", "path,identity,gender", "ann/1.jpg,ann,female", "bob/1.jpg,bob,male")


def fairface(make: Maker) -> None:
    header = "file,age,gender,race,service_test"
    make.pictures("train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg")
    make.text(
        "fairface_label_train.csv", header, "train/1.jpg,50-59,Male,East Asian,True",
        "train/2.jpg,09-Mar,Female,Latino_Hispanic,False", "train/3.jpg,Oct-19,Female,White,False",
    )  # fmt: skip
    make.text("fairface_label_val.csv", header, "val/1.jpg,more than 70,Male,Black,True")


def celeba(make: Maker) -> None:
    names = ("5_o_Clock_Shadow", "Eyeglasses", "Male", "Pale_Skin", "Smiling", "Young")
    make.pictures(*(f"img_align_celeba/00000{k}.jpg" for k in (1, 2, 3)))
    make.text(
        "Anno/list_attr_celeba.txt", "3", " ".join(names), "000001.jpg -1 -1 -1  1  1  1",
        "000002.jpg -1  1  1 -1 -1 -1", "000003.jpg  1 -1  1 -1 -1  1",
    )  # fmt: skip
    make.text(
        "Anno/identity_CelebA.txt", *(f"00000{k}.jpg {n}" for k, n in ((1, 7), (2, 9), (3, 9)))
    )
    make.text("Eval/list_eval_partition.txt", *(f"00000{k}.jpg {k - 1}" for k in (1, 2, 3)))


def london(make: Maker) -> None:
    make.pictures("neutral_front/001_03.jpg", "neutral_front/002_03.jpg")
    make.pictures("smiling_front/001_08.jpg", "neutral_left_profile/001_01.jpg")
    make.text("neutral_front/001_03.tem", "189")
    make.text(
        "london_faces_info.csv", "face_id,face_age,face_gender,face_eth",
        "001,24,female,east_asian", "002,NA,male,east_asian/white",
    )  # fmt: skip


def utkface(make: Maker) -> None:
    make.pictures("UTKFace/26_1_2_20170116174525125.jpg.chip.jpg")
    make.pictures("UTKFace/100_0_4_20170112213500903.jpg")
    make.pictures("UTKFace/39_1_20170116174525125.jpg.chip.jpg")


def lfw(make: Maker) -> None:
    make.pictures("lfw/Ann_A/Ann_A_0001.jpg", "lfw/Ann_A/Ann_A_0002.jpg")
    make.pictures("lfw/Bob_B/Bob_B_0001.jpg", "lfw/Cem_C/Cem_C_0001.jpg")
    make.text(
        "lfw_attributes.txt", "# lfw_attributes.txt - scores", f"#\t{SCORES}",
        "Ann A\t1\t0.5\t-1\t1.5\t-1\t-1", "Ann A\t2\t-2.5\t-1\t0.5\t-1\t-1",
        "Bob B\t1\t1.0\t0.2\t0.3\t-1\t-1",
    )  # fmt: skip


def rfw(make: Maker) -> None:
    make.pictures("test/data/African/m.0c/m.0c_0001.jpg", "test/data/African/m.0c/m.0c_0002.jpg")
    make.pictures("test/data/Indian/m.0d/m.0d_0001.jpg")
    make.text("test/txts/African/African_people.txt", "m.0c\t2", "m.0e\t4")


def bupt(make: Maker) -> None:
    make.pictures("race_per_7000/Asian/m.0c/10-FaceId-0_align.jpg")
    make.pictures("race_per_7000/Caucasian/m.0d/7-FaceId-0_align.jpg")


def image_folder(make: Maker) -> None:
    make.pictures("female/a.jpg", "female/b.jpg", "male/a.jpg")


LAYOUTS: dict[str, Callable[[Maker], None]] = {
    "diveface-4K_120": diveface_tree,
    "diveface-lists": diveface_lists,
    "manifest": manifest,
    "fairface": fairface,
    "celeba": celeba,
    "london": london,
    "utkface": utkface,
    "lfw": lfw,
    "rfw": rfw,
    "bupt-balancedface": bupt,
    "image-folder": image_folder,
}


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Write pictures and lists by hand."""
    return Maker(tmp_path / "source")


@pytest.fixture
def made(make: Maker) -> Callable[[str], Path]:
    """Make the small copy of a layout; return its folder."""

    def copy(name: str) -> Path:
        LAYOUTS[name](make)
        return make.folder

    return copy


@pytest.fixture(params=sorted(LAYOUTS))
def layout(request: pytest.FixtureRequest) -> str:
    """Each layout's name in turn."""
    return str(request.param)
