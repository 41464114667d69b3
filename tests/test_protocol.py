"""The careless protocol does what it is said to do, and every flaw of it is accounted for."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from evenface.faces.split import make_splits
from evenface.heads import sampling
from evenface.heads.contrastive import Contrastive
from evenface.heads.losses import Batch, Criterion, LossOptions, Triplet
from populations import Gaussian
from support import ROOT

STUDY = ROOT / "studies" / "careless.toml"

# The design's list, in its words and in the study file's.
LISTED = {
    "training and test rows share identities": "shared_identities",
    "scatter plots from training rows": "training_plots",
    "one seed, no intervals": "one_seed",
    "the All model sees three times the data": "all_sees_more",
    "losses on other data, epochs, batches, rates": "unequal_losses",
    "the contrastive distance is squared twice": "squared_twice",
    "the triplet is the unsquared one with margin 1": "unsquared_triplet",
    "a pair may be an image with itself": "self_pairs",
    "softmax over the batch axis": "batch_softmax",
    "the network's own preprocessing is skipped": "raw_pixels",
    "no code for the biased runs": "no_biased_code",
    "means over unequal batches": "batch_means",
    "embeddings in pickles": "pickles",
    "one image at a time": "one_at_a_time",
}


@pytest.fixture(scope="module")
def load() -> Callable[[str], ModuleType]:
    """Import a script from benchmarks/, which is no package."""
    from importlib import import_module

    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield import_module
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def flaws(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("protocol_flaws")


def batch_of(z: torch.Tensor, ties: list[list[int]], y: list[int], rows: list[int]) -> Batch:
    """One network's batch."""
    index = torch.tensor([ties])
    return Batch(z[None], torch.tensor([y]), torch.tensor([rows]), torch.ones(1, len(y)), index)


def loss_and_slope(kind: type[Criterion], batch: Batch) -> tuple[float, np.ndarray]:
    found = kind([0], 2, 2, LossOptions(), "cpu").slopes(batch)
    return float(found.losses[0]), found.slope[0].numpy()


# Rows 0 and 1 are of one class, 0.3 apart; row 2 is of another, 0.4 from row 0 and 0.5 from row 1.
PLACES = torch.tensor([[0.0, 0.0], [0.3, 0.0], [0.0, 0.4]])


def test_the_squared_distance_is_squared_again(flaws: ModuleType) -> None:
    batch = batch_of(PLACES, [[0, 1], [0, 2]], [0, 0, 1], [0, 1, 2])
    careless, slope = loss_and_slope(flaws.SquaredTwice, batch)
    assert careless == pytest.approx((0.5 * 0.3**4 + 0.5 * (0.5 - 0.4**2) ** 2) / 2)
    careful, _ = loss_and_slope(Contrastive, batch)
    assert careful == pytest.approx((0.5 * 0.3**2 + 0.5 * (0.5 - 0.4) ** 2) / 2)
    # d/dz1 of 1/2 D^4, shared by two pairs.
    assert slope[1] == pytest.approx([2 * 0.3**3 / 2, 0.0])


def test_the_triplet_takes_plain_distances_and_a_margin_of_one(flaws: ModuleType) -> None:
    batch = batch_of(PLACES, [[0, 1, 2]], [0, 0, 1], [0, 1, 2])
    careless, slope = loss_and_slope(flaws.Unsquared, batch)
    assert careless == pytest.approx(0.3 - 0.4 + 1)
    careful, _ = loss_and_slope(Triplet, batch)
    assert careful == pytest.approx(0.3**2 - 0.4**2 + 0.2)
    assert slope == pytest.approx(np.array([[-1.0, 1.0], [1.0, 0.0], [0.0, -1.0]]))


def test_two_rows_in_one_place_have_a_slope_all_the_same(flaws: ModuleType) -> None:
    z = torch.zeros(3, 2)
    for kind, ties in ((flaws.SquaredTwice, [[0, 1], [0, 2]]), (flaws.Unsquared, [[0, 1, 2]])):
        loss, slope = loss_and_slope(kind, batch_of(z, ties, [0, 0, 1], [0, 1, 2]))
        assert np.isfinite([loss, *slope.ravel()]).all()


def test_a_row_and_itself_count_as_a_pair(flaws: ModuleType) -> None:
    # Places 0 and 1 hold the same row; 2 is of another class.
    z = torch.tensor([[0.0, 0.0], [0.0, 0.0], [0.0, 0.4]])
    batch = batch_of(z, [[0, 1], [0, 2]], [0, 0, 1], [7, 7, 8])
    other = 0.5 * (0.5 - 0.4) ** 2
    assert loss_and_slope(Contrastive, batch)[0] == pytest.approx(other)
    assert loss_and_slope(flaws.WithItself, batch)[0] == pytest.approx(other / 2)


def test_images_are_paired_with_themselves_as_often_as_chance_has_it(flaws: ModuleType) -> None:
    y = np.repeat([0, 1], 4)

    def share_alone(plan: sampling.Plan) -> tuple[float, float]:
        assert plan.ties is not None
        first, second = (np.take_along_axis(plan.rows, plan.ties[..., k], axis=1) for k in (0, 1))
        alike = y[first] == y[second]
        return float((first == second)[alike].mean()), float(alike.mean())

    rng = np.random.default_rng(0)
    drawn = [share_alone(flaws.pairs_with_itself(y, 1, 8, rng)) for _ in range(500)]
    alone, alike = np.mean(drawn, axis=0)
    # Of 2000 pairs a fourth: 5 standard errors are 0.05.
    assert alone == pytest.approx(1 / 4, abs=0.05)
    assert alike == 0.5
    assert share_alone(sampling.pairs(y, 1, 8, rng))[0] == 0


def test_softmax_over_the_batch_changes_the_largest(flaws: ModuleType) -> None:
    logits = np.array([[2.0, 1.0], [3.0, 1.0]])
    found = flaws.softmax_over_batch(logits)
    assert found.sum(axis=0) == pytest.approx([1, 1])
    e = np.e
    assert found == pytest.approx(np.array([[1 / (1 + e), 1 / 2], [e / (1 + e), 1 / 2]]))
    assert logits.argmax(axis=1).tolist() == [0, 0]
    # The first row's largest is 1, as the second row is even surer of class 0.
    assert flaws.said_over_batch(logits, np.arange(2), 2).tolist() == [1, 0]
    # Alone in its batch a row has a share of 1 of every class.
    assert flaws.said_over_batch(logits, np.arange(2), 1).tolist() == [0, 0]


def test_rows_of_a_short_last_batch_count_more(flaws: ModuleType) -> None:
    values = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    assert values.mean() == pytest.approx(0.8)
    assert flaws.mean_of_batches(values, np.arange(5), 4) == pytest.approx((1 + 0) / 2)
    assert flaws.mean_of_batches(values, np.arange(5), 5) == pytest.approx(0.8)


def test_the_loss_of_curves_is_cross_entropy(flaws: ModuleType) -> None:
    logits = np.array([[0.0, np.log(3.0)], [50.0, -50.0]])
    assert flaws.cross_entropies(logits, np.array([0, 0])) == pytest.approx([np.log(4), 0])


def test_only_the_flawed_split_shares_people(flaws: ModuleType) -> None:
    made = Gaussian(identities=10, images=2).embeddings()
    person = np.unique(made.rows["identity"], return_inverse=True)[1]
    (split,) = make_splits(made.rows, made.rows["gender"].to_list(), seeds=1)
    rng = np.random.default_rng(0)
    test = flaws.one_picture_each(split.test, person, rng)
    assert sorted(person[test]) == sorted(set(person[split.test]))
    dealt = flaws.with_tested_people(split.train, test, person, rng)
    assert len(dealt) == len(split.train)
    assert len(set(dealt)) == len(dealt)
    assert not set(dealt) & set(test)
    assert not set(person[split.train]) & set(person[test])
    shared = np.isin(person[test], person[dealt]).mean()
    assert 0.2 < shared < 1


def test_one_picture_a_person_leaves_nobody_to_share(flaws: ModuleType) -> None:
    person = np.arange(20)
    train, test = np.arange(12), np.arange(16, 20)
    found = flaws.with_tested_people(train, test, person, np.random.default_rng(0))
    assert found.tolist() == train.tolist()


def test_a_gap_moves_by_what_its_ends_move(load: Callable[[str], ModuleType]) -> None:
    marks_of = load("protocol_marks").Marks
    from evenface.stats.asked import Asked
    from evenface.studies.judged import Repeats

    rng = np.random.default_rng(0)
    n = 60
    marks = marks_of(np.arange(n) % 2, np.arange(n))
    for split, rows in enumerate(np.arange(n).reshape(5, -1)):
        for run, p in (("a", 0.9), ("b", 0.7), ("c", 0.8), ("d", 0.5)):
            marks.add(split, run, rows, rng.random(len(rows)) < p)
    repeats = Repeats(np.zeros(5, dtype=np.intp), 0.5, same_rows=False)
    moved = marks.gap_moved(("a", "b"), ("c", "d"), Asked(), repeats)
    a, b, c, d = (marks.moved(run, Asked(), repeats, by="a").flawed for run in "abcd")
    assert moved.flawed == pytest.approx(a - b)
    assert moved.careful == pytest.approx(c - d)
    assert moved.apart.value == pytest.approx((a - b) - (c - d))
    with pytest.raises(ValueError, match="other rows"):
        marks.add(0, "e", np.arange(3), np.ones(3))


def test_the_spread_of_splits_leaves_out_what_deals_differ_by(
    load: Callable[[str], ModuleType],
) -> None:
    spread = load("protocol_marks").spread
    away, low, high = spread(np.array([1.0, 3.0, 11.0, 13.0]), 2, 0.95)
    assert away == pytest.approx(np.sqrt(2))
    assert low < away < high


def test_every_flaw_of_the_list_is_a_switch(load: Callable[[str], ModuleType]) -> None:
    names = load("protocol_file").FLAWS
    assert list(LISTED.values()) == list(names)
    assert tuple(load("protocol_table").FLAWS) == names
    assert load("protocol_file").read_study(STUDY).on == names


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("shared_identities", "shard_identities", "did you mean 'shared_identities'?"),
        ("pickles = true", "pickles = 3", "flaws.pickles: "),
        ("[unequal.triplet]", "[unequal.arcface]", "unequal.arcface"),
        ("[careful]", "[careful]\nfolds = 3", "careful.folds: Extra inputs are not permitted"),
        ("seeds = 10", "seeds = 7", "careful.seeds: "),
        ("careless/1", "study/1", "schema: "),
    ],
)
def test_a_study_file_that_makes_no_sense_is_refused(
    before: str, after: str, message: str, tmp_path: Path,
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    text = STUDY.read_text()
    assert before in text
    (tmp_path / "wrong.toml").write_text(text.replace(before, after, 1))
    assert load("protocol").main(["--study", str(tmp_path / "wrong.toml"), "--quick"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert message in said


def test_unknown_flaws_and_data_are_refused(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    main = load("protocol").main
    assert main(["--only", "nonsense"]) == 2
    assert "there are shared_identities" in capsys.readouterr().err
    assert main(["--quick", "--data", "vggface"]) == 2
    assert "there are synthetic, london, fairface360" in capsys.readouterr().err
    assert main(["--quick", "--data", "london", "--real", str(tmp_path)]) == 2
    assert "manifest.csv is missing" in capsys.readouterr().err


def test_every_flaw_has_a_row_of_the_table(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    assert load("protocol").main(["--quick"]) == 0
    said = capsys.readouterr().out
    for name in LISTED.values():
        assert f"| `{name}` |" in said
    assert "| all of them together |" in said
    assert "these numbers mean nothing" in said
