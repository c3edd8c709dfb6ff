"""Nonlinear least squares: what its steps need of the Jacobian, its methods, and how well the data determine a fit."""
