"""Uncertainty, on NumPy and SciPy alone."""
