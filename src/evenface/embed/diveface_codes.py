"""The ``embeddings.pkl`` of published code for the source report: labels as numbers, by name.

That code keeps a dict of ``embeddings`` (n, 2048), ``labels`` (0 to 5: HA, HB, HN, MA, MB, MN),
``eth_labels`` (the same modulo 3), ``gen_labels`` (0 for the first three) and ``ids``, the names of
the identities' folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from evenface.faces.diveface import ETHNICITIES, GENDERS

VECTORS, GROUP, ETHNICITY, GENDER, IDENTITY = KEYS = (
    "embeddings", "labels", "eth_labels", "gen_labels", "ids",
)  # fmt: skip
GENDER_CODES = [GENDERS[letter] for letter in "HM"]
ETHNICITY_CODES = [ETHNICITIES[letter] for letter in "ABN"]
SAID = (
    "{n} rows' gender and ethnicity were numbers, read as the published code has them: "
    f"{', '.join(f'{i} {name}' for i, name in enumerate(GENDER_CODES))}; "
    f"{', '.join(f'{i} {name}' for i, name in enumerate(ETHNICITY_CODES))}."
)


def decoded(value: Any) -> Mapping[str, Any] | None:
    """Return the labels as ``identity, gender, ethnicity``, and the vectors; None where unsure.

    The numbers are only read where all of them agree with each other.
    """
    if not isinstance(value, dict) or not set(KEYS) <= set(value):
        return None
    group, ethnicity, gender = (_codes(value[key]) for key in (GROUP, ETHNICITY, GENDER))
    if group is None or ethnicity is None or gender is None or not len(group):
        return None
    if not len(group) == len(ethnicity) == len(gender):
        return None
    if (ethnicity < 0).any() or (ethnicity > 2).any() or not np.isin(gender, (0, 1)).all():
        return None
    if (group != ethnicity + 3 * gender).any():
        return None
    names = {
        "identity": value[IDENTITY],
        "gender": [GENDER_CODES[i] for i in gender],
        "ethnicity": [ETHNICITY_CODES[i] for i in ethnicity],
    }
    return {VECTORS: value[VECTORS], **names}


def _codes(values: Any) -> np.ndarray[Any, Any] | None:
    array = np.asarray(values) if isinstance(values, np.ndarray | list | tuple) else None
    return array.ravel() if array is not None and array.dtype.kind in "iu" else None
