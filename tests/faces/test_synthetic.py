from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from evenface.errors import ConfigError, StoreError
from evenface.faces import synthetic
from evenface.faces.synthetic import (
    GROUPS,
    TRAITS,
    Capture,
    SyntheticPopulation,
    best_accuracy,
    group_mean,
    render_face,
    separation,
    write_faces,
)
from evenface.faces.traits import draw_capture, draw_identity

SMALL = SyntheticPopulation(identities_per_group=2, images_per_identity=2, seed=3, size=48)
PICTURES = 6 * 2 * 2


def contents(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def hog(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    descriptor = cv2.HOGDescriptor((112, 112), (28, 28), (14, 14), (14, 14), 9)
    return np.ravel(descriptor.compute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)))


class StoppedError(Exception):
    pass


def stop_at(count: int):
    def progress(done: int, total: int) -> None:
        if done >= count:
            raise StoppedError

    return progress


# Rendering


def test_the_same_parameters_render_the_same_bytes():
    first, second = (SMALL.picture("MB", 1, 0) for _ in range(2))
    assert first.shape == (48, 48, 3)
    assert first.dtype == np.uint8
    assert first.tobytes() == second.tobytes()


def test_an_identity_does_not_depend_on_the_counts():
    larger = replace(SMALL, identities_per_group=50, images_per_identity=9)
    for group in GROUPS:
        np.testing.assert_array_equal(SMALL.traits(group, 1), larger.traits(group, 1))
        assert SMALL.capture(group, 1, 1) == larger.capture(group, 1, 1)
    assert SMALL.picture("HN", 0, 1).tobytes() == larger.picture("HN", 0, 1).tobytes()


def test_seed_group_identity_and_image_each_change_the_picture():
    other_seed = replace(SMALL, seed=4)
    pictures = [
        SMALL.picture("HA", 0, 0),
        SMALL.picture("HA", 0, 1),
        SMALL.picture("HA", 1, 0),
        SMALL.picture("HB", 0, 0),
        other_seed.picture("HA", 0, 0),
    ]
    assert len({p.tobytes() for p in pictures}) == len(pictures)


def test_every_trait_shows_in_the_picture():
    middle = np.zeros(len(TRAITS))
    plain = render_face(middle, Capture(), 112).astype(int)
    for i, name in enumerate(TRAITS):
        changed = middle.copy()
        changed[i] = 2.0
        difference = np.abs(render_face(changed, Capture(), 112).astype(int) - plain)
        assert difference.max() > 12, name


@pytest.mark.parametrize(
    "change",
    [
        {"yaw": 0.2},
        {"pitch": 0.15},
        {"roll": 0.1},
        {"scale": 1.2},
        {"shift_x": 0.05},
        {"shift_y": 0.05},
        {"smile": 1.2},
        {"mouth_open": 0.8},
        {"brow_raise": 1.0},
        {"eye_open": -1.0},
        {"light_x": 0.3},
        {"light_y": 0.2},
        {"gamma": 1.3},
        {"warmth": 0.1},
        {"blur": 0.8},
        {"noise": 4.0},
        {"background": (20.0, 60.0, 40.0)},
        {"background_end": (20.0, 60.0, 40.0)},
        {"clothes": (200.0, 60.0, 40.0)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_of_a_capture_shows_in_the_picture(change):
    face = np.zeros(len(TRAITS))
    plain = render_face(face, Capture(), 112).astype(int)
    difference = np.abs(render_face(face, replace(Capture(), **change), 112).astype(int) - plain)
    assert difference.max() > 10


def test_opposite_yaws_are_near_mirror_images():
    face, grey = np.zeros(len(TRAITS)), (150.0, 150.0, 150.0)
    left, right = (
        render_face(face, Capture(yaw=yaw, background=grey, background_end=grey), 112).astype(int)
        for yaw in (-0.3, 0.3)
    )
    assert np.abs(left - right).mean() > 3 * np.abs(left[:, ::-1] - right).mean()


@pytest.mark.parametrize("size", [32, 33, 64, 200])
def test_any_size_renders_and_shows_the_same_face(size):
    traits, capture = SMALL.traits("HB", 0), replace(SMALL.capture("HB", 0, 0), noise=0.0)
    picture = render_face(traits, capture, size)
    assert picture.shape == (size, size, 3)
    reference = cv2.resize(
        render_face(traits, capture, 112), (32, 32), interpolation=cv2.INTER_AREA
    )
    small = cv2.resize(picture, (32, 32), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - reference).mean() < 8


def test_far_out_traits_still_render():
    rng = np.random.default_rng(0)
    for _ in range(20):
        traits = rng.choice([-8.0, 8.0], len(TRAITS))
        capture = draw_capture(rng)
        picture = render_face(traits, capture, 64)
        assert picture.std() > 5


# Groups


def test_full_overlap_makes_all_groups_one():
    for group in GROUPS:
        np.testing.assert_array_equal(group_mean(group, 1.0), 0)
    assert best_accuracy("HA", "MA", 1.0) == 0.5


def test_separation_falls_linearly_with_overlap():
    for a, b in (("HA", "MA"), ("HA", "HN"), ("MB", "HN")):
        assert separation(a, b, 0.0) > 8
        assert separation(a, b, 0.25) == pytest.approx(0.75 * separation(a, b, 0.0))
        assert separation(a, b, 0.3) == pytest.approx(separation(b, a, 0.3))


def test_best_accuracy_is_that_of_the_best_classifier():
    overlap, n = 0.8, 4000
    means = group_mean("HA", overlap), group_mean("MA", overlap)
    rng = np.random.default_rng(1)
    right = 0
    for sign, group in ((1, "HA"), (-1, "MA")):
        z = np.array([draw_identity(group, overlap, rng) for _ in range(n)])
        side = (z - (means[0] + means[1]) / 2) @ (means[0] - means[1])
        right += int((sign * side > 0).sum())
    expected = best_accuracy("HA", "MA", overlap)
    assert 0.7 < expected < 0.9
    assert right / (2 * n) == pytest.approx(expected, abs=0.02)


def test_within_a_group_every_trait_has_spread_one_and_the_groups_mean():
    population = SyntheticPopulation(identities_per_group=1500, overlap=0.5)
    z = np.array([population.traits("MN", i) for i in range(1500)])
    np.testing.assert_allclose(z.mean(axis=0), group_mean("MN", 0.5), atol=0.12)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.08)


def test_no_single_trait_settles_a_group_at_the_default_overlap():
    overlap = SyntheticPopulation().overlap
    means = np.array([group_mean(g, overlap) for g in GROUPS])
    widest = np.ptp(means, axis=0).max()
    assert 0.5 < widest < 3.3  # two normals this far apart still share a tenth of their mass


def test_gender_is_carried_partly_by_other_traits_in_each_ethnicity_like_factor():
    ways = np.array([group_mean(f"H{e}", 0.5) - group_mean(f"M{e}", 0.5) for e in "ABN"])
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    cosines = (ways @ ways.T)[np.triu_indices(3, 1)]
    assert np.all((cosines > 0.4) & (cosines < 0.8))


def test_gender_fades_from_latent_traits_as_overlap_grows():
    def accuracy(overlap: float) -> float:
        population = SyntheticPopulation(identities_per_group=120, overlap=overlap, seed=5)
        members = list(population.members())
        z = np.array([population.traits(*m) for m in members])
        man = np.array([m[0][0] == "H" for m in members])
        test = np.array([m[1] >= 60 for m in members])
        probe = LogisticRegression(C=0.1, max_iter=500).fit(z[~test], man[~test])
        return float(probe.score(z[test], man[test]))

    scores = [accuracy(o) for o in (0.0, 0.6, 0.8, 0.9, 1.0)]
    assert scores[0] > 0.98
    assert 0.4 < scores[-1] < 0.6
    assert scores == sorted(scores, reverse=True)


# Pixels


def test_pictures_of_one_identity_differ_but_less_than_those_of_two():
    population = SyntheticPopulation(identities_per_group=8, images_per_identity=3)
    members = list(population.members())
    vectors = np.array([hog(population.picture(*m, k)) for m in members for k in range(3)])
    vectors -= vectors.mean(axis=0)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    identity = np.repeat(np.arange(len(members)), 3)
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    genuine = (identity[:, None] == identity)[np.triu_indices(len(vectors), 1)]
    assert cosines[genuine].max() < 0.98
    assert cosines[genuine].mean() > cosines[~genuine].mean() + 0.25


def test_hog_of_unseen_identities_tells_gender_but_not_perfectly():
    population = SyntheticPopulation(identities_per_group=36, images_per_identity=2)
    members = [m for m in population.members() for _ in range(2)]
    vectors = np.array([hog(population.picture(*m, i % 2)) for i, m in enumerate(members)])
    man = np.array([m[0][0] == "H" for m in members])
    test = np.array([m[1] >= 24 for m in members])
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
    score = probe.fit(vectors[~test], man[~test]).score(vectors[test], man[test])
    assert 0.7 < score < 0.97


# Parameters


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"identities_per_group": 0}, "identities_per_group must be"),
        ({"images_per_identity": 0}, "images_per_identity must be"),
        ({"images_per_identity": 2.5}, "images_per_identity must be"),
        ({"overlap": -0.01}, "overlap must be"),
        ({"overlap": 1.01}, "overlap must be"),
        ({"overlap": float("nan")}, "overlap must be"),
        ({"overlap": "half"}, "overlap must be"),
        ({"seed": -1}, "seed must be"),
        ({"size": 31}, "size must be"),
        ({"size": 4000}, "size must be at most"),
        ({"size": True}, "size must be"),
    ],
)
def test_parameters_out_of_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        SyntheticPopulation(**change)


def test_all_faults_are_named_at_once():
    with pytest.raises(ConfigError, match=r"identities_per_group.*seed.*overlap"):
        SyntheticPopulation(identities_per_group=0, seed=-1, overlap=2)


# Writing


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    return write_faces(SMALL, tmp_path_factory.mktemp("faces") / "deep" / "faces")


def test_the_tree_is_divefaces(written):
    assert sorted(p.name for p in written.iterdir()) == ["4K_120", "SYNTHETIC.json"]
    groups = sorted(p.name for p in (written / "4K_120").iterdir())
    assert groups == [f"{g}4K_120" for g in GROUPS]
    for group in groups:
        identities = sorted((written / "4K_120" / group).iterdir())
        assert len(identities) == 2
        for identity in identities:
            assert sorted(p.name for p in identity.iterdir()) == ["0.jpg", "1.jpg"]
    assert len({p.parent.name for p in written.rglob("*.jpg")}) == 12


def test_a_file_holds_the_picture_that_was_rendered(written):
    path = written / "4K_120" / "MN4K_120" / "MN00001" / "1.jpg"
    read = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
    assert np.abs(read.astype(int) - SMALL.picture("MN", 1, 1)).mean() < 5


def test_the_marker_holds_every_parameter_and_says_what_this_is(written):
    marker = json.loads((written / "SYNTHETIC.json").read_text(encoding="utf-8"))
    assert marker["schema"] == "evenface.synthetic/1"
    assert marker["generator"] == synthetic.GENERATOR
    assert SyntheticPopulation(**marker["parameters"]) == SMALL
    assert "show nobody" in marker["notice"]
    assert "nothing about real populations follows" in marker["notice"]


def test_a_finished_folder_is_not_rendered_again(written, monkeypatch):
    before = {p: p.stat().st_mtime_ns for p in written.rglob("*")}
    monkeypatch.setattr(synthetic, "render_face", None)
    calls: list[tuple[int, int]] = []
    assert write_faces(SMALL, written, progress=lambda *c: calls.append(c)) == written
    assert calls == [(PICTURES, PICTURES)]
    assert {p: p.stat().st_mtime_ns for p in written.rglob("*")} == before


def test_progress_counts_every_picture(tmp_path):
    one = replace(SMALL, identities_per_group=1, images_per_identity=1)
    calls: list[tuple[int, int]] = []
    write_faces(one, tmp_path, progress=lambda *c: calls.append(c))
    assert calls == [(n, 6) for n in range(7)]


def test_a_stopped_rendering_shows_no_faces_and_is_finished_by_the_next_call(written, tmp_path):
    with pytest.raises(StoppedError):
        write_faces(SMALL, tmp_path / "f", progress=stop_at(7))
    assert [p.name for p in (tmp_path / "f").iterdir()] == [synthetic.UNFINISHED]
    calls: list[tuple[int, int]] = []
    write_faces(SMALL, tmp_path / "f", progress=lambda *c: calls.append(c))
    assert calls[0] == (7, PICTURES)
    assert contents(tmp_path / "f") == contents(written)


def test_a_rendering_stopped_between_its_last_two_steps_is_finished(written, tmp_path, monkeypatch):
    def refuse(source, target):
        if Path(target).name == synthetic.TREE:
            raise StoppedError
        rename(source, target)

    rename = synthetic.os.replace
    with monkeypatch.context() as patch:
        patch.setattr(synthetic.os, "replace", refuse)
        with pytest.raises(StoppedError):
            write_faces(SMALL, tmp_path / "f")
    assert not (tmp_path / "f" / synthetic.TREE).exists()
    write_faces(SMALL, tmp_path / "f")
    assert contents(tmp_path / "f") == contents(written)


def test_missing_and_empty_files_are_rendered_again(written, tmp_path):
    folder = write_faces(SMALL, tmp_path / "f")
    files = sorted(folder.rglob("*.jpg"))
    files[0].unlink()
    files[5].write_bytes(b"")
    (files[9].parent / ".1.jpg.partial").write_bytes(b"half a picture")
    for path in files[20].parent.iterdir():
        path.unlink()
    files[20].parent.rmdir()
    write_faces(SMALL, folder)
    (files[9].parent / ".1.jpg.partial").unlink()
    assert contents(folder) == contents(written)


def test_another_population_is_refused_with_what_differs(written, tmp_path):
    before = contents(written)
    with pytest.raises(StoreError, match="seed is 3 there, 4 here"):
        write_faces(replace(SMALL, seed=4), written)
    assert contents(written) == before
    with pytest.raises(StoppedError):
        write_faces(SMALL, tmp_path / "f", progress=stop_at(2))
    with pytest.raises(StoreError, match=r"overlap is 0\.5 there, 0\.6 here"):
        write_faces(replace(SMALL, overlap=0.6), tmp_path / "f")


def test_pictures_of_another_generator_are_refused(written, monkeypatch):
    monkeypatch.setattr(synthetic, "GENERATOR", synthetic.GENERATOR + 1)
    with pytest.raises(StoreError, match="generator is 1 there, 2 here"):
        write_faces(SMALL, written)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("notes.txt", "holds something else"),
        ("4K_120/HA4K_120/17/0.jpg", "no SYNTHETIC.json"),
        (".4K_120.partial/HA4K_120/17/0.jpg", "no SYNTHETIC.json"),
        ("SYNTHETIC.json", "can't be read"),
        ("4K_120", "holds something else"),
    ],
)
def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path, name, message):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    with pytest.raises(StoreError, match=message):
        write_faces(SMALL, tmp_path)
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text() == "mine"


def test_a_photograph_put_among_the_pictures_is_noticed(tmp_path):
    folder = write_faces(replace(SMALL, identities_per_group=1, images_per_identity=1), tmp_path)
    (folder / "4K_120" / "HA4K_120" / "HA00000" / "holiday.jpg").write_bytes(b"photograph")
    with pytest.raises(StoreError, match=r"not rendered here.*holiday\.jpg"):
        write_faces(replace(SMALL, identities_per_group=1, images_per_identity=1), folder)


def test_a_file_in_the_folders_place_is_refused(tmp_path):
    (tmp_path / "f").write_text("mine")
    with pytest.raises(StoreError, match="not a folder"):
        write_faces(SMALL, tmp_path / "f")


def test_what_an_operating_system_leaves_behind_is_no_obstacle(tmp_path):
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    write_faces(replace(SMALL, identities_per_group=1, images_per_identity=1), tmp_path)
    assert len(list(tmp_path.rglob("*.jpg"))) == 6
