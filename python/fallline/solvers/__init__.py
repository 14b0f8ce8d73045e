"""Solvers: Python loops around C++ passes over all the data."""

from fallline.solvers.nesterov import Solution, minimize

__all__ = ["Solution", "minimize"]
