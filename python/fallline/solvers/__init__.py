"""Solvers: Python loops around C++ passes over all the data."""

from fallline.solvers.automatic import Optimum, solve

__all__ = ["Optimum", "solve"]
