"""Each dataset's layout is recognised as itself alone, and its labels become what is documented."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evenface.errors import SourceError
from evenface.faces.datasets import DATASETS
from evenface.faces.fairface import undated
from evenface.faces.image_folder import labels_in
from evenface.faces.lfw import ETHNICITY_MARGIN, GENDER_MARGIN, labels_of
from evenface.faces.look import Look
from evenface.faces.source import READERS, read_faces
from evenface.faces.table import Faces
from evenface.faces.utkface import ETHNICITIES, GENDERS, NAME

Made = Callable[[str], Path]


def notes(faces: Faces) -> dict[str, int]:
    return {n.kind: n.count for n in faces.notes}


def rows(faces: Faces, *columns: str) -> list[tuple[Any, ...]]:
    return faces.frame.select(columns).rows()


def paths_are_files(faces: Faces) -> bool:
    return all((faces.root / path).is_file() for path in faces.frame["path"])


def test_each_layout_is_recognised_as_itself_and_no_other(made: Made, layout: str) -> None:
    look = Look(made(layout))
    fitting = [reader for reader in READERS if reader.find(look)]
    faces = fitting[0].read(look, fitting[0].find(look), None)
    assert faces.layout == layout
    assert paths_are_files(faces)
    # The last takes what is left; all others see their own alone.
    assert len([reader for reader in fitting if reader is not READERS[-1]]) <= 1
    assert fitting[0] is not READERS[-1] or layout == "image-folder"


def test_each_layout_is_found_from_above_and_survives_junk(made: Made, layout: str) -> None:
    folder = made(layout)
    again = read_faces(folder)
    for place in (folder, *(Path(d) for d, _, _ in os.walk(folder))):
        (place / "._1.jpg").write_bytes(b"junk")
        (place / "Thumbs.db").write_bytes(b"junk")
    assert read_faces(folder).frame.equals(again.frame)
    if layout in ("manifest", "diveface-lists"):
        return  # what a list lies in is what it is about
    above = read_faces(folder.parent)
    assert above.layout == layout
    labels = [c for c in above.frame.columns if c not in ("sample_id", "path", "identity")]
    assert rows(above, *labels) == rows(again, *labels)


def test_a_manifest_beside_a_dataset_says_more_than_its_folders(made: Made, layout: str) -> None:
    if layout == "diveface-lists":
        return  # they name pictures and people themselves
    folder = made(layout)
    picture = sorted(folder.rglob("*.jpg"))[0].relative_to(folder)
    (folder / "manifest.csv").write_text(f"path,identity\n{picture},ann\n")
    assert read_faces(folder).layout == "manifest"


def test_fairface(made: Made) -> None:
    faces = read_faces(made("fairface"))
    assert rows(faces, "path", "gender", "ethnicity", "age", "partition") == [
        ("train/1.jpg", "male", "East Asian", "50-59", "train"),
        ("train/2.jpg", "female", "Latino_Hispanic", "3-9", "train"),
        ("train/3.jpg", "female", "White", "10-19", "train"),
        ("val/1.jpg", "male", "Black", "more than 70", "validation"),
    ]
    assert faces.frame["identity"].n_unique() == 4
    assert notes(faces) == {"no identities": 4, "spreadsheet dates": 2}


def test_fairface_without_one_of_its_folders_or_some_pictures(made: Made) -> None:
    folder = made("fairface")
    (folder / "train" / "2.jpg").unlink()
    assert notes(read_faces(folder))["missing file"] == 1
    (folder / "val" / "1.jpg").unlink()
    (folder / "val").rmdir()
    faces = read_faces(folder)
    assert len(faces) == 3
    assert notes(faces)["missing folder"] == 1
    assert len(read_faces(folder / "train")) == 3
    (folder / "train").rename(folder / "elsewhere")
    with pytest.raises(SourceError, match=r"none of its 4 pictures is there; .*train/1\.jpg"):
        read_faces(folder)


@pytest.mark.parametrize(
    ("age", "was"),
    [("9-Mar", "3-9"), ("03-Sep", "3-9"), ("2024-03-09", "3-9"), ("19-Oct", "10-19"),
     ("Oct-19", "10-19"), ("2019-10-01 00:00:00", "10-19"), ("10/19/2021", "10-19"), ("3-9", None),
     ("20-29", None), ("more than 70", None), ("4-Mar", None), ("", None)],
)  # fmt: skip
def test_dates_that_were_ages(age: str, was: str | None) -> None:
    assert undated(age) == was


def test_utkface(made: Made) -> None:
    faces = read_faces(made("utkface"))
    assert rows(faces, "gender", "ethnicity", "age") == [
        ("male", "Others", "100"),
        ("female", "Asian", "26"),
    ]
    assert notes(faces) == {"malformed name": 1, "no identities": 2}


@given(
    st.integers(0, 116),
    st.sampled_from(sorted(GENDERS)),
    st.sampled_from(sorted(ETHNICITIES)),
    st.datetimes(min_value=datetime(2000, 1, 1)),
    st.sampled_from([".jpg", ".jpg.chip.jpg", " .jpg.chip.jpg", "jpg.chip.jpg"]),
)
def test_names_of_utkface_say_what_was_put_in(
    age: int, gender: str, race: str, when: datetime, ending: str
) -> None:
    tail = f"{when:%Y%m%d%H%M%S}000{ending}"
    match = NAME.match(f"{age}_{gender}_{race}_{tail}")
    assert match is not None
    assert (int(match["age"]), match["gender"], match["race"]) == (age, gender, race)
    # One that lacks a part is never taken for another.
    for parts in ((age, gender), (gender, race), (age, "", race), (age, gender, race, race)):
        assert NAME.match("_".join(map(str, (*parts, tail)))) is None


def test_lfw_takes_an_identitys_mean_scores(made: Made) -> None:
    faces = read_faces(made("lfw"))
    assert rows(faces, "identity", "gender", "ethnicity") == [
        ("Ann_A", "female", "White"),
        ("Ann_A", "female", "White"),
        ("Bob_B", "male", None),
        ("Cem_C", None, None),
    ]
    said = notes(faces)
    assert (said["scores disagree"], said["no labels"]) == (1, 1)


def test_lfw_without_scores_or_beside_them(made: Made) -> None:
    folder = made("lfw")
    assert read_faces(folder / "lfw").attributes == ("gender", "ethnicity")
    (folder / "lfw_attributes.txt").unlink()
    faces = read_faces(folder)
    assert (len(faces), faces.attributes) == (4, ())


scores = st.fixed_dictionaries(
    {k: st.floats(-4, 4) for k in ("Male", "White", "Black", "Asian", "Indian")}
)


@given(scores)
def test_scores_too_close_to_call_are_no_labels(means: dict[str, float]) -> None:
    gender, ethnicity = labels_of(means)
    assert (gender is None) == (abs(means["Male"]) <= GENDER_MARGIN)
    assert gender != "male" or means["Male"] > 0
    if ethnicity is not None:
        others = [v for k, v in means.items() if k not in ("Male", ethnicity)]
        assert means[ethnicity] > 0
        assert means[ethnicity] - max(others) > ETHNICITY_MARGIN
    mirrored = labels_of({**means, "Male": -means["Male"]})[0]
    assert {gender, mirrored} in ({None}, {"male", "female"})


def test_rfw(made: Made) -> None:
    folder = made("rfw")
    faces = read_faces(folder)
    assert rows(faces, "identity", "ethnicity") == [
        ("m.0c", "African"),
        ("m.0c", "African"),
        ("m.0d", "Indian"),
    ]
    assert faces.attributes == ("ethnicity",)
    assert notes(faces) == {"missing person": 1}


def test_aligned_and_unaligned_trees_of_rfw_are_not_read_at_once(made: Made) -> None:
    folder = made("rfw")
    os.symlink(folder / "test", folder / "test_aligned")
    with pytest.raises(SourceError, match=r"test/data, test_aligned/data .*name one"):
        read_faces(folder)
    assert len(read_faces(folder / "test_aligned")) == 3


def test_bupt(made: Made) -> None:
    faces = read_faces(made("bupt-balancedface"))
    assert rows(faces, "identity", "ethnicity") == [("m.0c", "Asian"), ("m.0d", "Caucasian")]


def test_celeba(made: Made) -> None:
    folder = made("celeba")
    faces = read_faces(folder)
    columns = ("path", "identity", "gender", "young", "smiling", "eyeglasses", "partition")
    assert rows(faces, *columns) == [
        ("000001.jpg", "7", "female", "yes", "yes", "no", "train"),
        ("000002.jpg", "9", "male", "no", "no", "yes", "validation"),
        ("000003.jpg", "9", "male", "yes", "no", "no", "test"),
    ]
    assert "ethnicity" not in faces.attributes


def test_celeba_as_kaggle_has_it(make: Any) -> None:
    make.pictures("img_align_celeba/img_align_celeba/000001.png")
    make.text(
        "list_attr_celeba.csv", "image_id,Eyeglasses,Male,Smiling,Young", "000001.jpg,-1,1,1,-1"
    )
    make.text("list_eval_partition.csv", "image_id,partition", "000001.jpg,2")
    faces = read_faces(make.folder)
    assert rows(faces, "path", "gender", "partition") == [("000001.png", "male", "test")]
    assert notes(faces) == {"no identities": 1}
    assert len(read_faces(make.folder / "img_align_celeba")) == 1


def test_london(made: Made) -> None:
    folder = made("london")
    faces = read_faces(folder)
    columns = ("path", "identity", "gender", "ethnicity", "age", "expression", "view")
    assert rows(faces, *columns) == [
        ("neutral_front/001_03.jpg", "001", "female", "East Asian", "24", "neutral", "front"),
        ("neutral_front/002_03.jpg", "002", "male", "east_asian/white", None, "neutral", "front"),
        ("neutral_left_profile/001_01.jpg", "001", "female", "East Asian", "24", "neutral",
         "left profile"),
        ("smiling_front/001_08.jpg", "001", "female", "East Asian", "24", "smiling", "front"),
    ]  # fmt: skip
    assert notes(faces) == {"not a picture": 1, "no label": 1}
    assert len(read_faces(folder / "neutral_front")) == 2
    (folder / "london_faces_info.csv").unlink()
    with pytest.raises(SourceError, match=r"no london_faces_info\.csv"):
        read_faces(folder)


def test_the_london_sets_first_table(make: Any) -> None:
    make.pictures("images/001_03.jpg")
    make.text("london_faces_info.csv", "face_id,face_age,face_sex,face_eth", "X001,24,male,white")
    assert rows(read_faces(make.folder), "gender", "ethnicity") == [("male", "White")]
    make.text("london_faces_info.csv", "face_id,face_age,face_eth", "X001,24,white")
    with pytest.raises(SourceError, match=r"london_faces_info\.csv: no column 'face_gender'"):
        read_faces(make.folder)


def test_a_folder_of_genders(made: Made) -> None:
    faces = read_faces(made("image-folder"))
    assert rows(faces, "path", "identity", "gender") == [
        ("female/a.jpg", "female/a.jpg", "female"),
        ("female/b.jpg", "female/b.jpg", "female"),
        ("male/a.jpg", "male/a.jpg", "male"),
    ]
    assert notes(faces) == {"no identities": 3}


@pytest.mark.parametrize(
    ("pictures", "columns", "expected"),
    [
        (("cat/1.jpg", "dog/1.jpg"), ("identity", "class"),
         [("cat/1.jpg", "cat"), ("dog/1.jpg", "dog")]),
        (("a/p/1.jpg", "b/p/1.jpg"), ("identity", "class"), [("p", "a"), ("p", "b")]),
        (("asian_males/p/1.jpg", "white_females/p/1.jpg"), ("identity", "gender", "ethnicity"),
         [("asian_males/p", "male", "Asian"), ("white_females/p", "female", "White")]),
        (("Train/Men/1.jpg", "Test/Women/1.jpg"), ("class", "gender"),
         [("Test", "female"), ("Train", "male")]),
        (("asian/women/1.jpg", "black/unknown/1.jpg"), ("gender", "ethnicity"),
         [("female", "Asian"), (None, "Black")]),
        (("faces/men/1.jpg", "faces/women/1.jpg"), ("gender",), [("male",), ("female",)]),
    ],
)  # fmt: skip
def test_folders_of_classes(
    make: Any, pictures: tuple[str, ...], columns: tuple[str, ...], expected: list[Any]
) -> None:
    make.pictures(*pictures)
    faces = read_faces(make.folder)
    assert rows(faces, *columns) == expected
    assert set(columns) - {"identity"} == set(faces.attributes)


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (("train/1.jpg", "val/2.jpg"), r"folders train, val say what pictures are for"),
        (tuple(f"{k}/1.jpg" for k in range(101)), r"101 folders of pictures; are they people"),
        (("a/1.jpg", "b/c/2.jpg"), "no known layout"),
        (("a/1.jpg", "2.jpg"), "1 pictures but nothing says who"),
    ],
)
def test_folders_that_are_no_classes(make: Any, pictures: tuple[str, ...], said: str) -> None:
    make.pictures(*pictures)
    with pytest.raises(SourceError, match=said):
        read_faces(make.folder)


def test_labels_in_names() -> None:
    assert labels_in("Latino_Hispanic") == (None, "Latino Hispanic", None)
    assert labels_in("East-Asian men") == ("male", "East Asian", None)
    assert labels_in("male_female") is None
    assert labels_in("people") is None


FAIRFACE = "fairface_label_val.csv"
ATTRIBUTES, ASKED = "Anno/list_attr_celeba.txt", "Male Young Smiling Eyeglasses"
IDENTITIES, PARTS = "Anno/identity_CelebA.txt", "Eval/list_eval_partition.txt"
SCORES, NAMES = "lfw_attributes.txt", "person\timagenum\tMale\tWhite\tBlack\tAsian"
PEOPLE, SAID = "london_faces_info.csv", "face_id,face_age,face_gender,face_eth"
BROKEN = [
    (
        "fairface",
        FAIRFACE,
        ["file,age,gender,race", "val/1.jpg,1,Male"],
        "line 2: 3 fields, but the",
    ),
    ("fairface", FAIRFACE, ["file,age,sex,race"], "no column 'gender'"),
    (
        "celeba",
        ATTRIBUTES,
        ["1", ASKED, "1.jpg 1 1 1"],
        "line 3: 4 fields; a picture and 4 answers",
    ),
    ("celeba", ATTRIBUTES, ["1", ASKED, "1.jpg 1 1 1 2"], "line 3: '2' is none of 1, -1"),
    ("celeba", ATTRIBUTES, ["1", "Male Young"], "line 2: no attribute Smiling, Eyeglasses"),
    ("celeba", IDENTITIES, ["000001.jpg"], "line 1: a picture and a value"),
    ("celeba", IDENTITIES, ["000002.jpg 1"], "lacks 2 pictures, 000001.jpg first"),
    ("celeba", IDENTITIES, ["000002.jpg 1", "000002.jpg 2"], "000002.jpg stands twice"),
    ("celeba", PARTS, ["000001.jpg 3"], "line 1: '3' is none of 0, 1, 2"),
    ("lfw", SCORES, [NAMES, "Ann A\t1\t0.5"], "line 2: 3 fields, but the header has 6"),
    ("lfw", SCORES, [f"#{NAMES}", "A\t1\tx\t1\t1\t1"], "line 2: could not convert"),
    ("lfw", SCORES, [NAMES, "A\t1\tnan\t1\t1\t1"], "line 2: a score is no number"),
    ("lfw", SCORES, ["Ann A\t1\t0.5"], "line 1: 3 fields, but there was no header"),
    ("lfw", SCORES, ["person\timagenum\tMale"], "line 1: no column White, Black"),
    ("london", PEOPLE, [SAID, "1,2,male,x", "001,,,"], "001 stands twice"),
    ("london", PEOPLE, ["face_id,face_age"], "no column 'face_gender'"),
]


@pytest.mark.parametrize(("layout", "file", "lines", "said"), BROKEN)
def test_broken_lists_are_named_with_their_line(
    made: Made, layout: str, file: str, lines: list[str], said: str
) -> None:
    folder = made(layout)
    (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        read_faces(folder)
    assert str(folder / file) in str(caught.value)
    assert said in str(caught.value)


def test_a_list_in_another_encoding_names_its_line(made: Made) -> None:
    folder = made("celeba")
    (folder / "Anno" / "identity_CelebA.txt").write_bytes(b"000001.jpg 1\n000002.jpg J\xfc\n")
    with pytest.raises(SourceError, match=r"identity_CelebA\.txt, line 2: not UTF-8"):
        read_faces(folder)


@pytest.mark.parametrize("name", ["celeba", "fairface"])
def test_lists_without_any_of_their_pictures(made: Made, name: str, tmp_path: Path) -> None:
    folder = made(name)
    for picture in folder.rglob("*.jpg"):
        picture.unlink()
    with pytest.raises(SourceError, match=r"none of its . pictures is there"):
        read_faces(folder)


@pytest.mark.parametrize(
    ("layout", "folder"),
    [("diveface-4K_120", "4K_120/HA4K_120/p"), ("utkface", "UTKFace"), ("lfw", "lfw/Ann_A"),
     ("rfw", "test/data/African/m.0c"), ("image-folder", "male"), ("london", "neutral_front")],
)  # fmt: skip
def test_links_that_lead_to_themselves(made: Made, layout: str, folder: str) -> None:
    source = made(layout)
    before = len(read_faces(source))
    names = {"utkface": "1_0_0_20170116174525125.jpg", "london": "003_03.jpg"}
    name = names.get(layout, "zz.jpg")
    os.symlink(name, source / folder / name)
    os.symlink("no_picture", source / folder / "no_picture")
    os.symlink("..", source / folder / "upwards")
    faces = read_faces(source)
    # What is named as a picture is a row; that it can't be read is recorded when it is embedded.
    assert len(faces) == before + 1
    assert notes(faces)["not a picture"] >= 2


def test_folders_that_cant_be_opened_are_said(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = made("rfw")
    opened = os.scandir

    def scandir(place: Any) -> Any:
        if str(place).endswith("m.0d"):
            raise PermissionError(13, "Permission denied", str(place))
        return opened(place)

    monkeypatch.setattr(os, "scandir", scandir)
    faces = read_faces(folder)
    assert len(faces) == 2
    assert notes(faces)["closed folder"] == 1


def test_empty_folders_of_a_layout_are_no_source(made: Made, layout: str) -> None:
    folder = made(layout)
    for picture in folder.rglob("*.jpg"):
        picture.unlink()
    with pytest.raises(SourceError):
        read_faces(folder)


def test_every_layout_has_a_card() -> None:
    named = {
        "bupt-balancedface",
        "celeba",
        "fairface",
        "image-folder",
        "lfw",
        "london",
        "rfw",
        "utkface",
    }
    assert named <= set(DATASETS)
