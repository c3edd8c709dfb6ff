"""Solvers: minimization, least squares and linear systems, compiled as one loop, with typed results."""

from dlcore.solvers.descent.method import GradientDescent, minimize
from dlcore.solvers.descent.newton import Newton, NewtonCG
from dlcore.solvers.descent.nonlinear_cg import NonlinearCG
from dlcore.solvers.descent.quasi_newton import BFGS, LBFGS
from dlcore.solvers.descent.search import Backtracking, Exact, StrongWolfe, line_search
from dlcore.solvers.linear.conjugate import CG, PCG
from dlcore.solvers.linear.direct import LU, QR, Cholesky, NormalEquations
from dlcore.solvers.linear.preconditioners import diagonal, given, incomplete_cholesky
from dlcore.solvers.linear.stationary import GaussSeidel, Jacobi
from dlcore.solvers.linear.system import LinearSolution, solve
from dlcore.solvers.loop import init_state, next_state
from dlcore.solvers.problem import ravel
from dlcore.solvers.residuals.factors import by_cholesky, by_qr, by_shape
from dlcore.solvers.residuals.gauss_newton import GaussNewton
from dlcore.solvers.residuals.jacobian import PerExample
from dlcore.solvers.residuals.levenberg import Levenberg, LevenbergMarquardt
from dlcore.solvers.residuals.linearization import Factored, MatrixFree
from dlcore.solvers.residuals.method import least_squares
from dlcore.solvers.residuals.uncertainty import covariance, standard_deviations, standard_errors
from dlcore.solvers.status import Evaluations, Solution, Status, StepHistory

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
    "Factored",
    "GaussNewton",
    "GaussSeidel",
    "GradientDescent",
    "Jacobi",
    "Levenberg",
    "LevenbergMarquardt",
    "LinearSolution",
    "MatrixFree",
    "Newton",
    "NewtonCG",
    "NonlinearCG",
    "NormalEquations",
    "PerExample",
    "Solution",
    "Status",
    "StepHistory",
    "StrongWolfe",
    "by_cholesky",
    "by_qr",
    "by_shape",
    "covariance",
    "diagonal",
    "given",
    "incomplete_cholesky",
    "init_state",
    "least_squares",
    "line_search",
    "minimize",
    "next_state",
    "ravel",
    "solve",
    "standard_deviations",
    "standard_errors",
]
