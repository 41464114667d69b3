"""Beta calibration: against densities that are known, and where it has little to go by."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from evenface.stats.beta import fit_beta


def test_beta_calibration_finds_the_densities_it_assumes() -> None:
    x = (np.arange(2000) + 0.5) / 2000
    genuine, impostor = (1e6 * stats.beta.pdf(x, *ab) / 2000 for ab in ((7, 2), (3, 4)))
    ((a, b, c),) = fit_beta(genuine[None], 50 * impostor[None], x)
    wanted = stats.beta.logpdf(x, 7, 2) - stats.beta.logpdf(x, 3, 4)
    assert (a, b) == pytest.approx((4, 2), abs=0.02)
    assert_allclose(a * np.log(x) - b * np.log1p(-x) + c, wanted, atol=0.1)


def test_beta_calibration_never_falls_and_never_ends() -> None:
    x = (np.arange(20) + 0.5) / 20
    low, high = np.where(x < 0.3, 5.0, 0), np.where(x > 0.7, 5.0, 0)
    narrow = np.exp(-0.5 * ((x - 0.5) / 0.05) ** 2)
    wide = np.ones(20)
    found = fit_beta(
        np.stack([high, low, 100 * wide, 0 * low]), np.stack([low, high, 100 * narrow, high]), x
    )
    apart, turned, bent, none = found
    assert np.isfinite(apart).all()
    assert np.isnan(turned).all()
    assert np.isnan(none).all()
    assert np.isnan(bent).all() or (bent[:2] >= 0).all()
