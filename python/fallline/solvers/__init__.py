"""Solvers: Python loops around C++ passes over all the data."""

from fallline.solvers.automatic import solve
from fallline.solvers.problem import Optimum, Problem
from fallline.solvers.second_order import KINKED

__all__ = ["KINKED", "Optimum", "Problem", "solve"]
