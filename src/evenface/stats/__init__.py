"""Uncertainty, on NumPy and SciPy alone.

What stands in `PUBLIC` may be used from outside and stays as docs/deprecation.md says; the rest
serves it and may change.
"""

PUBLIC = {
    "association": ("Association", "association"),
    "comparisons": ("Comparison", "benjamini_hochberg", "corrected_t", "holm"),
    "differential_intervals": ("DifferentialEstimate", "differential_intervals"),
    "differentials": (
        "Bounded",
        "fairness_discrepancy",
        "garbe",
        "inequity_rate",
        "max_geomean_ratio",
        "max_min_ratio",
    ),
    "equality": ("Equality", "equal_rates"),
    "group_rates": ("GroupRates",),
    "intervals": (
        "Estimate",
        "all_right_bound",
        "clopper_pearson",
        "rule_of_three",
        "wilson",
        "wilson_interval",
    ),
    "jackknife": ("jackknife",),
    "pair_counts": ("PairCounts",),
    "pairs": ("pair_difference", "pair_rate"),
    "permutation": ("independent", "paired", "sign_flips"),
    "permuted": ("Permutation",),
    "power": ("deviation_of_difference", "identities_needed", "resolvable"),
    "rates": (
        "EqualError",
        "Scores",
        "det_curve",
        "equal_error",
        "fmr",
        "fnmr",
        "threshold_at",
    ),
    "shares": ("quantile",),
}
"""The public names of each module."""
