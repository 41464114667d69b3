"""Layouts are recognised, decoded as documented, and junk is left out and counted."""

from __future__ import annotations

import shutil
from pathlib import Path

import polars as pl
import pytest

from evenface.errors import SourceError
from evenface.faces.source import read_faces
from support import write_picture


def counts(faces: object) -> dict[tuple[str, str], int]:
    frame = faces.frame.group_by("gender", "ethnicity").len()  # type: ignore[attr-defined]
    return {(g, e): n for g, e, n in frame.rows()}


def notes(faces: object) -> dict[str, int]:
    return {n.kind: n.count for n in faces.notes}  # type: ignore[attr-defined]


def test_coded_tree_is_decoded_hombre_mujer(diveface: Path) -> None:
    faces = read_faces(diveface)
    assert faces.layout == "diveface-4K_120"
    assert counts(faces) == {
        (g, e): 12 for g in ("male", "female") for e in ("Asian", "Black", "Caucasian")
    }
    one = faces.frame.filter(pl.col("path").str.contains("HN4K_120/p0"))
    assert set(one.select("gender", "ethnicity").rows()) == {("male", "Black")}
    one = faces.frame.filter(pl.col("path").str.contains("MB4K_120/p0"))
    assert set(one.select("gender", "ethnicity").rows()) == {("female", "Caucasian")}


@pytest.mark.parametrize("below", ["", "4K_120"])
def test_tree_is_found_from_above_and_from_its_own_folder(diveface: Path, below: str) -> None:
    assert len(read_faces(diveface / below)) == 72


def test_the_same_identity_name_in_two_groups_is_two_identities(diveface: Path) -> None:
    assert read_faces(diveface).frame["identity"].n_unique() == 36


def test_named_tree_is_decoded(tmp_path: Path) -> None:
    for k, name in enumerate(["Group1_Male", "Group2_Female", "Group3_Male"]):
        write_picture(tmp_path / name / "someone" / "a.jpg", seed=k)
    assert counts(read_faces(tmp_path)) == {
        ("male", "East Asian"): 1,
        ("female", "Sub-Saharan and South Indian"): 1,
        ("male", "Caucasian"): 1,
    }


def test_junk_is_left_out_and_counted(diveface: Path) -> None:
    person = diveface / "4K_120" / "HA4K_120" / "p0"
    (person / "._0.png").write_bytes(b"junk")
    (person / "Thumbs.db").write_bytes(b"junk")
    (person / "notes.txt").write_text("not a picture")
    (diveface / "4K_120" / "HA4K_120" / "stray.png").write_bytes(b"no identity")
    faces = read_faces(diveface)
    assert len(faces) == 72
    assert notes(faces) == {"junk": 2, "not a picture": 2}


def test_lists_over_a_folder_of_pictures(tmp_path: Path) -> None:
    for k, path in enumerate(["10@N01/1.jpg", "10@N01/2.jpg", "11@N01/1.jpg"]):
        write_picture(tmp_path / "megaface" / path, seed=k)
    (tmp_path / "Group1_Male.txt").write_text("10@N01/1.jpg\n10@N01/2.jpg\n10@N01/1.jpg\n")
    (tmp_path / "Group3_Female.txt").write_text("11@N01/1.jpg\n\n")
    found = read_faces(tmp_path)
    given = read_faces(tmp_path, images_root=tmp_path / "megaface")
    assert found.frame.equals(given.frame)
    assert found.root == tmp_path / "megaface"
    assert counts(found) == {("male", "East Asian"): 2, ("female", "Caucasian"): 1}
    assert notes(found) == {"listed twice": 1}


def test_lists_with_a_broken_line_name_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "Group1_Male.txt").write_text("10@N01/1.jpg\njust-a-file.jpg\n")
    with pytest.raises(SourceError, match=r"Group1_Male\.txt, line 2"):
        read_faces(tmp_path)


def manifest(folder: Path, text: str, pictures: int = 4) -> Path:
    for k in range(pictures):
        write_picture(folder / f"{k}.png", seed=k)
    file = folder / "people.csv"
    file.write_text(text, encoding="utf-8")
    return file


def test_manifest_keeps_text_as_text_and_unknown_labels_as_none(tmp_path: Path) -> None:
    text = "path,identity,gender\n0.png,001,male\n1.png,001,Unknown\n2.png,010, female\n"
    faces = read_faces(manifest(tmp_path, text))
    assert faces.frame["identity"].to_list() == ["001", "001", "010"]
    assert faces.frame["gender"].to_list() == ["male", None, "female"]
    assert notes(faces) == {"no label": 1}


def test_parquet_manifest_equals_csv(tmp_path: Path) -> None:
    file = manifest(tmp_path, "path,identity,gender\n0.png,a,x\n1.png,b,y\n")
    pl.read_csv(file).write_parquet(tmp_path / "people.parquet")
    assert read_faces(tmp_path / "people.parquet").frame.equals(read_faces(file).frame)


def test_row_order_changes_nothing(tmp_path: Path) -> None:
    rows = ["0.png,a,x", "1.png,b,y", "2.png,c,x"]
    first = read_faces(manifest(tmp_path, "path,identity,gender\n" + "\n".join(rows)))
    again = read_faces(manifest(tmp_path, "path,identity,gender\n" + "\n".join(rows[::-1])))
    assert first.frame.equals(again.frame)
    assert first.fingerprint == again.fingerprint


def test_single_missing_pictures_are_counted(tmp_path: Path) -> None:
    faces = read_faces(manifest(tmp_path, "path,identity,gender\n0.png,a,x\nlost.png,b,y\n"))
    assert len(faces) == 2
    assert notes(faces) == {"missing file": 1}


def test_an_identity_with_two_genders_is_said(tmp_path: Path) -> None:
    faces = read_faces(manifest(tmp_path, "path,identity,gender\n0.png,a,x\n1.png,a,y\n"))
    assert notes(faces) == {"two labels": 1}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("path,gender\n0.png,x\n", "no column 'identity'"),
        ("file,who\n0.png,x\n", "no column 'path' and no column 'identity'"),
        ("path,identity\n0.png,a\n0.png,b\n", r"'0\.png' \(rows 1, 2 below the header"),
        ("path,identity\n0.png,\n", "rows without identity: 1"),
        ("path,identity\nno.png,a\nnot.png,b\n", "none of its 2 pictures"),
        ("path,identity\n", "no rows"),
        ("", "can't be read as a table"),
        ("path,identity,embedding\n0.png,a,b\n", "evenface's own"),
        ("path,identity,gender\n0.png,a\n", "line 2: 2 fields, but the header has 3"),
        ("path,identity,gender, gender\n0.png,a,x,y\n", "stand more than once: gender"),
        ("path,identity,\n0.png,a,x\n", "column 3 has no name"),
        ("path,identity,gender\n0.png,a,x\0y\n", "NUL characters in 'gender'"),
        ("path,identity\n0.png,a,x,y\n", "line 2: 4 fields, but the header has 2"),
    ],
)
def test_bad_manifests_say_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        read_faces(manifest(tmp_path, text))
    assert "people.csv" in str(caught.value) or str(tmp_path) in str(caught.value)


def test_a_broken_encoding_names_the_line(tmp_path: Path) -> None:
    file = manifest(tmp_path, "")
    file.write_bytes("path,identity\n0.png,a\n1.png,J\xfcrgen\n".encode("latin-1"))
    with pytest.raises(SourceError, match=r"people\.csv, line 3: not UTF-8"):
        read_faces(file)


def test_an_unknown_extension_is_refused(tmp_path: Path) -> None:
    (tmp_path / "people.xlsx").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"must end in \.csv, \.tsv, \.parquet"):
        read_faces(tmp_path / "people.xlsx")


def test_folders_that_fit_nothing(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file or folder"):
        read_faces(tmp_path / "nowhere")
    with pytest.raises(SourceError, match="empty"):
        read_faces(tmp_path)
    write_picture(tmp_path / "a.png")
    with pytest.raises(SourceError, match="1 pictures but nothing says who"):
        read_faces(tmp_path)
    (tmp_path / "HA4K_120").mkdir()
    with pytest.raises(SourceError, match="hold no picture"):
        read_faces(tmp_path)


def test_a_folder_with_one_manifest_is_read_through_it(tmp_path: Path) -> None:
    file = manifest(tmp_path, "path,identity,gender\n0.png,a,x\n1.png,b,y\n")
    shutil.move(file, tmp_path / "manifest.csv")
    assert read_faces(tmp_path).layout == "manifest"


def test_real_manifests_are_read(real: Path) -> None:
    london = read_faces(real / "london" / "manifest.csv")
    assert (len(london), london.frame["identity"].n_unique()) == (204, 102)
    assert len(read_faces(real / "fairface360")) == 360


def test_blank_lines_are_no_rows_and_overlong_paths_are_missing(tmp_path: Path) -> None:
    text = f"path,identity,gender\n\n0.png,a,x\n\n{'n' * 300}.png,b,y\n"
    faces = read_faces(manifest(tmp_path, text))
    assert len(faces) == 2
    assert notes(faces) == {"missing file": 1}


def test_columns_that_are_no_labels_are_left_out_and_said(tmp_path: Path) -> None:
    write_picture(tmp_path / "0.png")
    frame = pl.DataFrame({"path": ["0.png"], "identity": ["a"], "gender": ["x"], "box": [[1, 2]],
                          "sha256": ["00"]})  # fmt: skip
    frame.write_parquet(tmp_path / "people.parquet")
    faces = read_faces(tmp_path / "people.parquet")
    assert faces.attributes == ("gender",)
    assert notes(faces) == {"columns": 2}
    frame.with_columns(gender=pl.col("box")).write_parquet(tmp_path / "people.parquet")
    with pytest.raises(SourceError, match="column 'gender' is of type List"):
        read_faces(tmp_path / "people.parquet")


def test_names_that_are_no_text_are_left_out(diveface: Path) -> None:
    person = diveface / "4K_120" / "HA4K_120" / "p0"
    strange = bytes(person) + b"/b\xff.png"
    with open(strange, "wb") as file:
        file.write(b"x")
    faces = read_faces(diveface)
    assert len(faces) == 72
    assert notes(faces) == {"not a picture": 1}
