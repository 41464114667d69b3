"""The numbers of `verify` in the terms of ISO/IEC 19795-10, for those who must report in them.

A translation of names: it doesn't say that an evaluation conforms. What the standard asks for
beyond numbers (how people were recruited, what was disclosed to them, the purpose of the system)
no program can know from embeddings; the file says that it is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from evenface.studies.partitions import ALL
from evenface.studies.verify_view import attributes

if TYPE_CHECKING:
    from evenface.studies.verify import VerifyResult

FOLDER = "iso-19795-10"

NOTICE = (
    "Maps evenface's numbers to terms of ISO/IEC 19795-10 and 19795-1; it states no conformance. "
    "Demographic labels are what the dataset recorded. Not known here: recruitment, consent, "
    "capture conditions, purpose of the system."
)
TERMS = {
    "fmr": "false match rate", "fnmr": "false non-match rate", "eer": "equal error rate",
    "fdr": "fairness discrepancy rate", "inequity_rate": "inequity rate",
    "garbe": "Gini aggregation rate for biometric equitability",
    "fmr_max_min": "ratio of largest to smallest false match rate",
    "fmr_max_geomean": "ratio of largest false match rate to geometric mean",
    "fnmr_max_min": "ratio of largest to smallest false non-match rate",
    "fnmr_max_geomean": "ratio of largest false non-match rate to geometric mean",
}  # fmt: skip
RATES = ("fmr", "fnmr", "eer")


def in_terms(result: VerifyResult) -> dict[str, Any]:
    """Return the numbers under the standard's names, JSON-ready."""
    counts, context = result.tables["counts"], result.context
    return {
        "notice": NOTICE,
        "biometric_characteristic_type": "face",
        "evaluation_type": "technology evaluation, comparison of stored samples (verification)",
        "biometric_recognition_algorithm": dict(context.get("card", {})),
        "comparison_score": f"{result.config['similarity']}, larger is more similar",
        "test_subjects": context["identities"],
        "biometric_samples": context["rows"],
        "mated_comparison_trials": context["pairs"]["genuine"],
        "non_mated_comparison_trials": context["pairs"]["impostor"],
        "synthetic_samples": bool(context.get("synthetic")),
        "confidence_level": result.config["level"],
        "demographic_variables": list(context["group_by"]),
        "decision_thresholds": [
            {"threshold": p["threshold"], "target_false_match_rate": p["fmr_target"],
             "determined_on": p["source"], "not_determined_because": p["reason"]}
            for p in result.tables["points"].rows(named=True)
        ],
        "demographic_groups": [
            {
                "demographic_variable": a,
                "demographic_group": row["group"],
                "test_subjects": row["identities"],
                "biometric_samples": row["images"],
                "mated_comparison_trials": row["genuine_pairs"],
                "non_mated_comparison_trials": row["impostor_pairs"],
            }
            for a in attributes(result)
            for row in counts.filter(attribute=a).rows(named=True)
        ],
        "performance": [_rate(r) for r in _rows(result, RATES)],
        "differential_performance": [
            _rate(r) for r in _rows(result, tuple(t for t in TERMS if t not in RATES))
        ],
    }  # fmt: skip


def _rows(result: VerifyResult, metrics: tuple[str, ...]) -> list[dict[str, Any]]:
    return result.numbers.filter(pl.col("metric").is_in(list(metrics))).rows(named=True)


def _rate(row: dict[str, Any]) -> dict[str, Any]:
    a, b = row["group_a"], row["group_b"]
    return {
        "measure": TERMS[row["metric"]],
        "demographic_variable": row["attribute"],
        "demographic_group": None if a == ALL else a,
        "other_demographic_group": b if b not in (a, ALL) else None,
        "threshold": row["threshold"],
        "value": row["value"],
        "confidence_interval": None if row["value"] is None else [row["low"], row["high"]],
        "comparison_trials": row["n"],
        "test_subjects": row["n_identities"],
        "method": row["method"],
    }
