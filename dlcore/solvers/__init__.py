"""Solvers: minimization, least squares and linear systems, compiled as one loop, with typed results."""

from dlcore.solvers.conjugate_gradient import NonlinearCG
from dlcore.solvers.iterative import CG, PCG, GaussSeidel, Jacobi
from dlcore.solvers.jacobian import PerExample
from dlcore.solvers.least_squares import GaussNewton, least_squares
from dlcore.solvers.levenberg import Levenberg, LevenbergMarquardt
from dlcore.solvers.line_search import Backtracking, Exact, StrongWolfe, line_search
from dlcore.solvers.linear import LU, QR, Cholesky, LinearSolution, NormalEquations, solve
from dlcore.solvers.loop import raveled, start, step
from dlcore.solvers.minimize import GradientDescent, minimize
from dlcore.solvers.newton import Newton, NewtonCG
from dlcore.solvers.preconditioners import diagonal, given, incomplete_cholesky
from dlcore.solvers.quasi_newton import BFGS, LBFGS
from dlcore.solvers.solution import Evaluations, History, Solution, Status
from dlcore.solvers.uncertainty import covariance, standard_deviations, standard_errors

__all__ = [
    "BFGS",
    "CG",
    "LBFGS",
    "LU",
    "PCG",
    "QR",
    "Backtracking",
    "Cholesky",
    "Evaluations",
    "Exact",
    "GaussNewton",
    "GaussSeidel",
    "GradientDescent",
    "History",
    "Jacobi",
    "Levenberg",
    "LevenbergMarquardt",
    "LinearSolution",
    "Newton",
    "NewtonCG",
    "NonlinearCG",
    "NormalEquations",
    "PerExample",
    "Solution",
    "Status",
    "StrongWolfe",
    "covariance",
    "diagonal",
    "given",
    "incomplete_cholesky",
    "least_squares",
    "line_search",
    "minimize",
    "raveled",
    "solve",
    "standard_deviations",
    "standard_errors",
    "start",
    "step",
]
