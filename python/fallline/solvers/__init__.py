"""Solvers: Python loops around C++ passes over all the data."""

from fallline.solvers.automatic import solve
from fallline.solvers.problem import Optimum, Problem

__all__ = ["Optimum", "Problem", "solve"]
