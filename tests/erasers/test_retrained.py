"""What people held out still give away after each eraser, to readers that learn anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from evenface.embed.vector_population import VectorPopulation
from evenface.erasers import adversarial
from evenface.erasers.methods import ERASERS, fit_eraser
from evenface.errors import VectorError
from evenface.heads.probes import Task, train_probes
from evenface.heads.problem import balanced_accuracy

MARGIN = 0.08
"""Above chance that a reader may be by luck: two standard errors, on some 300 people or more."""


@dataclass(frozen=True)
class Held:
    """Vectors of made-up people and a deal of them; classes one number an attribute."""

    vectors: np.ndarray
    codes: np.ndarray
    sizes: tuple[int, ...]
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, each: int, dimension: int, attributes: tuple[str, ...]) -> Held:
        people = VectorPopulation(each, 2, dimension).embeddings()
        rows = people.rows
        gender, ethnicity = (
            np.unique(rows[a].to_numpy(), return_inverse=True)[1] for a in ("gender", "ethnicity")
        )
        of = {"gender": (gender, 2), "ethnicity": (ethnicity, 3),
              "group": (2 * ethnicity + gender, 6)}  # fmt: skip
        person = np.unique(rows["identity"].to_numpy(), return_inverse=True)[1]
        side = np.random.default_rng(0).permutation(int(person.max()) + 1)[person] % 10
        sides = (np.flatnonzero(s) for s in (side < 4, (side >= 4) & (side < 6), side >= 6))
        codes = np.stack([of[a][0] for a in attributes], axis=1).astype(np.intp)
        return cls(people.vectors, codes, tuple(of[a][1] for a in attributes), *sides)

    def fitted(self, method: str, **more: Any) -> Any:
        names = [[str(k) for k in range(size)] for size in self.sizes]
        held = self.vectors[self.validation], self.codes[self.validation]
        return fit_eraser(
            method, self.vectors[self.train], self.codes[self.train], held=held,
            attributes=[str(k) for k in range(len(self.sizes))], classes=names, **more,
        )  # fmt: skip

    def read(self, x: np.ndarray, attribute: int) -> dict[str, float]:
        """Return how well a new linear probe and a discriminant read people held out."""
        codes = self.codes[:, attribute]
        task = Task(codes, self.train, self.validation, self.test, self.sizes[attribute], 0)
        probe = train_probes(["linear"], x, [task])[0].predicted["linear"]
        lda = LinearDiscriminantAnalysis().fit(x[self.train].astype(float), codes[self.train])
        truth = codes[self.test]
        return {
            "probe": balanced_accuracy(truth, probe),
            "discriminant": balanced_accuracy(truth, lda.predict(x[self.test].astype(float))),
        }

    def taken(self, method: str) -> None:
        """Fail unless what was read before the eraser is not read after it."""
        x = self.fitted(method)(self.vectors, self.codes)
        for k, size in enumerate(self.sizes):
            assert min(self.read(self.vectors, k).values()) >= 0.85
            after = self.read(x, k)
            assert max(after.values()) <= 1 / size + MARGIN, after


@pytest.mark.parametrize("method", list(ERASERS))
@pytest.mark.parametrize("attributes", [("gender",), ("gender", "ethnicity"), ("group",)])
def test_no_new_reader_reads_people_held_out(method: str, attributes: tuple[str, ...]) -> None:
    Held.of(150, 32, attributes).taken(method)


@pytest.mark.parametrize(("each", "dimension"), [(100, 32), (200, 128), (1000, 64)])
def test_an_adversary_s_map_hides_from_few_and_from_many(each: int, dimension: int) -> None:
    Held.of(each, dimension, ("gender",)).taken("adversarial")


@pytest.mark.parametrize("attributes", [("gender",), ("gender", "ethnicity"), ("group", "gender")])
def test_an_adversary_s_map_changes_hardly_more_than_is_needed(attributes: tuple[str, ...]) -> None:
    held = Held.of(150, 32, attributes)
    before = held.vectors[held.test].astype(np.float64)
    own, least = (held.fitted(m) for m in ("adversarial", "leace"))
    assert own.rank == least.rank
    moved, needed = (np.square(e(before) - before).sum() for e in (own, least))
    assert moved <= 1.1 * needed


def test_an_adversary_s_map_leaves_what_nobody_reads() -> None:
    rng = np.random.default_rng(0)
    x, codes = rng.normal(size=(4000, 4)), np.arange(4000) % 2
    # Half of the rows are taken for the other class: a reader of either half misreads the other.
    x[:2000, 0] += codes[:2000]
    x[2000:, 0] -= codes[2000:]
    eraser = fit_eraser(
        "adversarial", x[:2000], codes[:2000], held=(x[2000:], codes[2000:]), attributes=["z"],
        classes=[("a", "b")],
    )  # fmt: skip
    assert eraser.rank == 0
    np.testing.assert_allclose(eraser(x), x, atol=1e-6)


def test_an_adversary_that_still_reads_at_the_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adversarial, "ROUNDS", 1)
    monkeypatch.setattr(adversarial, "STEPS", 1)
    with pytest.raises(VectorError, match="could not hide what it was to hide within 1 rounds"):
        Held.of(150, 32, ("gender",)).fitted("adversarial")
