"""Solvers: Python loops around C++ passes over all the data."""

from fallline.solvers.automatic import solve
from fallline.solvers.narrow.second_order import KINKED, LARGEST_HESSIAN
from fallline.solvers.problem import Optimum, Problem

__all__ = ["KINKED", "LARGEST_HESSIAN", "Optimum", "Problem", "solve"]
