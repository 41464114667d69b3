"""The table of remedies: which fits what, and what each sets in a job."""

from __future__ import annotations

import numpy as np
import pytest

from evenface.errors import ConfigError
from evenface.heads.objectives import LOSSES
from evenface.studies.remedies import REMEDIES, fitting


def test_remedies_say_which_losses_they_fit() -> None:
    said = {name: {loss for loss in LOSSES if one.fits(LOSSES[loss])}
            for name, one in REMEDIES.items()}  # fmt: skip
    weighed = {"softmax", "contrastive", "triplet"}
    assert said == {
        "none": set(LOSSES), "sampling": set(LOSSES), "weights": weighed, "logits": {"softmax"},
        "dro": weighed, "adversarial": set(LOSSES),
    }  # fmt: skip


def test_remedies_number_the_groups_that_are_there() -> None:
    y, g = np.array([0, 1, 0, 1, 0]), np.array([5, 2, 2, 5, 5])
    dro = REMEDIES["dro"].changes(y, g, 2)
    assert dro["robust"].codes.tolist() == [1, 0, 0, 1, 1]
    assert dro["robust"].count == 2
    assert dro["strata"] is g
    hidden = REMEDIES["adversarial"].changes(y, g, 2)["hidden"]
    assert (hidden.count, hidden.within) == (2, True)


def test_what_classes_tell_can_not_be_hidden() -> None:
    y, g = np.array([0, 0, 1, 1, -1]), np.array([0, 1, 2, 3, 3])
    asked = ["weights", "adversarial"]
    assert fitting(asked, y, g) == asked
    # Groups and classes are the same, or several classes make up a group.
    assert fitting(asked, g[:4], g[:4]) == ["weights"]
    assert fitting(asked, g[:4], y[:4]) == ["weights"]
    assert fitting([], g, g) == []
    with pytest.raises(ConfigError, match="each class here is one group"):
        fitting(["adversarial"], g, g)
