"""Maximum-likelihood fits certified to 30 digits: Newton, L-BFGS and standard errors."""

import jax.numpy as jnp
import numpy as np

from dlcore.solvers import LBFGS, Newton, minimize, standard_errors
from experiments.nist_problems import digits, negative_log_likelihood, read_logistic


def test_certified_logistic_regressions(data_dir):
    """Newton to 12 digits on the data as they are, L-BFGS to 6 on columns of length 1, standard errors to 8."""
    for problem in read_logistic(data_dir):
        X, y, zero = jnp.asarray(problem.X), jnp.asarray(problem.y), jnp.zeros(problem.params.shape)
        newton = minimize(Newton(), negative_log_likelihood, zero, args=(X, y))
        lengths = jnp.linalg.norm(X, axis=0)
        lbfgs = minimize(LBFGS(gradient_tolerance=1e-9), negative_log_likelihood, zero, args=(X / lengths[None, :], y))
        certified = problem.params.ravel()
        assert newton.converged
        assert digits(np.ravel(newton.params), certified) > 12
        unscaled = np.asarray(lbfgs.params) / np.asarray(lengths).reshape((-1,) + (1,) * (zero.ndim - 1))
        assert digits(unscaled.ravel(), certified) > 6
        if problem.errors is not None:
            errors = standard_errors(negative_log_likelihood, newton.params, args=(X, y))
            assert digits(errors, problem.errors) > 8
