"""Cases of elementary functions, activations, losses and probability."""

import jax.numpy as jnp

from dlcore.numerics.formats import at_least_f32
from dlcore.probability import Normal
from dlcore.probability.kde import gaussian_kernel
from tests.laws.case import (
    ELEMENTWISE,
    POSITIVE,
    ROWS,
    Case,
    as_rows,
    as_share,
    key,
    normal,
    objects,
    params,
    positive,
    quarter,
    shares,
    spd,
)

SQUARES = 1e18  # beyond, the square of an error overflows float32
LAST = 1e38  # beyond, the sum of a few, or one divided by 3/4, does
REGRESSION = Case(normal((2, 3), (2, 3)), line=lambda s: (s[:, None], quarter(s)[:, None]))
CORRELATED = Case(lambda r: (r.normal(size=(2, 3)), r.normal(size=(2, 3)), spd(r)))
YES_NO = Case(lambda r: (r.normal(size=4), r.uniform(size=4)), line=lambda s: (s, quarter(s)))
MARGIN = Case(lambda r: (r.normal(size=4), r.choice([-1, 1], 4)), line=lambda s: (s, jnp.ones_like(s)))
CLASSES = Case(
    lambda r: (r.normal(size=(2, 3)), r.integers(0, 3, 2)), line=lambda s: (as_rows(s), jnp.zeros(s.shape, int))
)
OF_SHARES = Case(
    lambda r: (shares(r, 2, 3), shares(r, 2, 3)),
    line=lambda s: (jnp.stack([as_share(s), 1 - as_share(s)], -1), jnp.stack([quarter(s), 1 - quarter(s)], -1)),
)
IMAGES = Case(lambda r: (shares(r, 2, 4, 3), shares(r, 2, 4, 3)), (0.5,))
LABELS = Case(lambda r: (r.normal(size=(2, 3)), r.integers(0, 3, 2)), differentiable=False)
DENSITY = Case(normal((4,)), (0.25, 0.75), line=lambda s: (s,))
LOG_PROBABILITY = Case(normal((4,)), call=lambda distribution, x: distribution.log_prob(x))
DRAW = Case(lambda r: (key(r),), (0.25, 0.75), lambda f, rng, a, b: f(rng, (3,), a, b, jnp.float32), dtypes=())
POSTERIOR = Case(lambda r: (shares(r, 2, 3), r.uniform(size=(3, 2))))
SAMPLES = Case(normal((5, 2)))

FUNCTIONS: dict[str, dict[str, Case]] = {
    "numerics.functions": {
        "expm1": ELEMENTWISE._replace(until=88),  # e^89 overflows float32
        "absolute finite tanh sech2": ELEMENTWISE,
        "expm1_below": ELEMENTWISE._replace(until=64),
        "log1p decay root": POSITIVE,
        "log_odds": Case(lambda r: (r.uniform(0.1, 0.9, 4),)),
        "exp_below": POSITIVE._replace(call=lambda f, x: f(-x)),
        "polynomial": ELEMENTWISE._replace(call=lambda f, x: f(x, [1.0, -2.0, 0.5]), until=SQUARES),
    },
    "numerics.exact": {
        "two_product two_sum": Case(normal((4,), (4,)), dtypes=("float32", "float64"), differentiable=False),
        "high_half halves": Case(normal((4,)), dtypes=("float32", "float64"), differentiable=False),
    },
    "numerics.norms": {
        "norm": ROWS._replace(until=LAST, call=lambda f, x: f(x, -1)),
        "global_norm": Case(lambda r: (params(r),), out=at_least_f32),
    },
    "numerics.matrices": {
        "cholesky": Case(lambda r: (spd(r),), out=at_least_f32),
        "solve_lower": Case(lambda r: (spd(r), r.normal(size=(2, 3))), dtypes=("float32", "float64")),
    },
    "numerics.softmax": {
        "softmax": ROWS,
        "log_softmax log_sum_exp": ROWS._replace(until=LAST),
        "behind_largest": ROWS._replace(until=LAST, call=lambda f, s: f(s, -1)),
        "exp_difference": Case(normal((4,), (4,)), call=lambda f, a, b: f(a - abs(b), a)),
    },
    "activations.exponential": {
        "sigmoid sigmoid_grad tanh_grad softplus softplus_grad log_sigmoid log_sigmoid_grad": ELEMENTWISE,
        "silu silu_grad selu_grad": ELEMENTWISE,
        "selu": ELEMENTWISE._replace(until=LAST),
        "elu elu_grad": ELEMENTWISE._replace(numbers=(0.75,)),
    },
    "activations.gaussian": {"gelu gelu_grad": ELEMENTWISE},
    "activations.piecewise": {
        "identity identity_grad relu relu_grad prelu_alpha_grad": ELEMENTWISE,
        "hard_tanh hard_tanh_grad step step_grad sign sign_grad": ELEMENTWISE,
        "leaky_relu leaky_relu_grad prelu prelu_grad": ELEMENTWISE._replace(numbers=(0.25,)),
        "prelu:channels prelu_grad:channels": Case(normal((2, 3), (3,))),
        "maxout maxout_jacobian": Case(normal((2, 3), (2, 3, 4), (2, 4))),
    },
    "activations.simplex": {
        "softmax_jacobian log_softmax_jacobian": ROWS,
    },
    "losses.classification": {
        "binary_cross_entropy": Case(
            lambda r: (r.uniform(0.1, 0.9, 4), r.uniform(size=4)), line=lambda s: (as_share(s), quarter(s))
        ),
        "sigmoid_binary_cross_entropy": YES_NO,
        "focal": YES_NO._replace(numbers=(2.0, 0.25)),
        "hinge perceptron": MARGIN,
        "softmax_cross_entropy multiclass_hinge": CLASSES._replace(until=LAST),
        "categorical_cross_entropy": OF_SHARES,
        "softmax_cross_entropy:soft": Case(
            lambda r: (r.normal(size=(2, 3)), shares(r, 2, 3), r.uniform(size=3)),
            (0.125,),
            line=lambda s: (as_rows(s), jnp.ones_like(as_rows(s)) / 3, jnp.ones(3, s.dtype)),
            until=LAST,
        ),
    },
    "losses.binary": {
        "of_probability": YES_NO._replace(args=lambda r: (r.uniform(0.1, 0.9, 4), r.uniform(size=4)), line=None),
        "of_logit part": YES_NO,
        "of_yes missed": Case(normal((4,), ()), line=lambda s: (s, jnp.full((), 2, s.dtype))),
    },
    "losses.cross_entropy": {
        "of_index": CLASSES._replace(until=LAST),
        "of_distribution": Case(lambda r: (r.normal(size=(2, 3)), shares(r, 2, 3))),
    },
    "losses.labels": {
        "distributions index_mask is_class": LABELS,
        "yes_or_no": Case(lambda r: (r.normal(size=4), r.integers(0, 2, 4)), differentiable=False),
        "side": MARGIN._replace(differentiable=False, line=None),
    },
    "losses.likelihood": {
        "gaussian_nll": REGRESSION._replace(numbers=(0.75,), until=SQUARES),
        "laplace_nll": REGRESSION._replace(numbers=(0.75,), until=LAST),
        "multivariate_gaussian_nll": CORRELATED,
        "categorical_nll": OF_SHARES,
    },
    "losses.reductions": {
        "mean total": Case(normal((4,))),
        "weighted_mean": Case(positive((4,), (4,))),
        "masked_mean": Case(lambda r: (r.normal(size=4), r.integers(0, 2, 4) == 1)),
    },
    "losses.regression": {
        "squared_error": REGRESSION._replace(until=SQUARES),
        "absolute_error log_cosh": REGRESSION,
        "huber": REGRESSION._replace(numbers=(0.75,)),
        "squared_error_over": REGRESSION._replace(numbers=(0.75,), until=SQUARES),
        "mahalanobis_error": CORRELATED,
        "factored_error": CORRELATED,
    },
    "losses.segmentation": {
        "soft_jaccard soft_dice": IMAGES,
        "pixelwise_cross_entropy": Case(
            lambda r: (r.normal(size=(2, 4, 3)), r.integers(0, 3, (2, 4)), r.uniform(size=3))
        ),
    },
    "probability.normal": {
        "normal_pdf normal_cdf": DENSITY,
        "normal_logpdf normal_logcdf": DENSITY._replace(until=SQUARES),
        "half_square": Case(normal((4,)), line=lambda s: (s,), until=SQUARES),
        "standardize": Case(lambda r: (r.normal(size=4), r.normal(size=4), r.uniform(1, 2, 4))),
        "normal_sample": DRAW,
    },
    "probability.continuous": {
        "laplace_pdf laplace_cdf": DENSITY,
        "laplace_logpdf laplace_logcdf": DENSITY._replace(until=LAST),
        "uniform_pdf uniform_logpdf uniform_cdf": DENSITY._replace(line=None, args=lambda r: (r.uniform(0.3, 0.7, 4),)),
        "laplace_sample uniform_sample": DRAW,
    },
    "probability.discrete": {
        "bernoulli_pmf bernoulli_logpmf bernoulli_cdf": Case(
            lambda r: (r.uniform(0.2, 0.8, 4), r.integers(0, 2, 4)),
            call=lambda f, p, x: f(x, p),
            line=lambda s: (as_share(s), jnp.ones(s.shape, int)),
        ),
        "categorical_pmf categorical_logpmf": Case(lambda r: (r.permutation([1, 0, 0]), shares(r, 3))),
        "bernoulli_sample": Case(
            lambda r: (key(r), r.uniform(size=3)), call=lambda f, rng, p: f(rng, (3,), p), differentiable=False
        ),
        "categorical_sample": Case(
            lambda r: (key(r), shares(r, 3)), call=lambda f, rng, p: f(rng, (4,), p), differentiable=False
        ),
    },
    "probability.multivariate": {
        "mvn_logpdf mvn_pdf": Case(lambda r: (r.normal(size=(2, 3)), r.normal(size=3), spd(r))),
        "mvn_sample": Case(
            lambda r: (key(r), r.normal(size=3), spd(r)), call=lambda f, rng, mean, C: f(rng, (2,), mean, C)
        ),
    },
    "probability.norms": {
        "l0_norm l1_norm l2_norm": ROWS._replace(until=LAST),
        "unit_contour": Case(positive((4,)), call=lambda f, angles: f(3.0, angles)),
    },
    "numerics.series": {
        "exp_minus_line": ELEMENTWISE._replace(until=88),  # e^89 overflows float32
        "ratio_gap": Case(positive((4,), (4,))),
    },
    "probability.distributions": {
        "Normal Laplace": objects(LOG_PROBABILITY, 0.25, 0.75),
        "Uniform": objects(LOG_PROBABILITY._replace(args=lambda r: (r.uniform(0.4, 0.7, 4),)), 0.25, 0.75),
        "Bernoulli": Case(
            lambda r: (r.integers(0, 2, 4), r.uniform(0.2, 0.8, 4)), call=lambda cls, x, p: cls(p).log_prob(x)
        ),
        "Categorical": Case(
            lambda r: (r.permutation([1, 0, 0]), shares(r, 3)), call=lambda cls, x, p: cls(p).log_prob(x)
        ),
        "MultivariateNormal": Case(
            lambda r: (r.normal(size=(2, 3)), r.normal(size=3), spd(r)),
            call=lambda cls, x, mean, C: cls(mean, C).log_prob(x),
        ),
        "Mixture": Case(
            lambda r: (r.normal(size=4), shares(r, 2), r.normal(size=2), r.uniform(1, 2, 2)),
            call=lambda cls, x, p, mean, std: cls(p, Normal(mean, std)).log_prob(x),
        ),
    },
    "probability.divergence": {
        "discrete_entropy": Case(lambda r: (shares(r, 2, 3),)),
        "discrete_cross_entropy discrete_kl": Case(lambda r: (shares(r, 2, 3), shares(r, 2, 3))),
        "normal_entropy laplace_entropy": Case(positive((4,))),
        "uniform_entropy": Case(lambda r: (r.uniform(0, 1, 4), r.uniform(2, 3, 4))),
        "bernoulli_entropy": Case(lambda r: (r.uniform(0.2, 0.8, 4),)),
        "mvn_entropy": Case(lambda r: (spd(r),)),
        "normal_kl laplace_kl normal_laplace_kl laplace_normal_kl": Case(positive((4,), (4,), (4,), (4,))),
        "mvn_kl": Case(lambda r: (r.normal(size=3), spd(r), r.normal(size=3), spd(r))),
    },
    "probability.relations": {
        "kl_divergence cross_entropy": Case(
            positive((4,), (4,), (4,), (4,)), call=lambda f, a, b, c, d: f(Normal(a, b), Normal(c, d))
        ),
        "kl_monte_carlo": Case(
            lambda r: (key(r), *positive((), (), (), ())(r)),
            call=lambda f, rng, a, b, c, d: f(rng, Normal(a, b), Normal(c, d), 4),
        ),
        "forward_normal_fit forward_laplace_fit backward_laplace_fit": Case(
            positive((4,), (4,)), call=lambda f, mean, std: f(Normal(mean, std))
        ),
        "backward_normal_fit": Case(
            positive((), ()), call=lambda f, mean, std: f(Normal(mean, std), Normal(mean, std), steps=3)
        ),
    },
    "probability.decision": {
        "posterior": Case(lambda r: (shares(r, 3), r.uniform(0.1, 1, size=(2, 3)))),
        "log_posterior": Case(normal((3,), (2, 3))),
        "map_decision": Case(lambda r: (shares(r, 2, 3),), differentiable=False),
        "bayes_risk": POSTERIOR,
        "minimum_risk_decision": POSTERIOR._replace(differentiable=False),
    },
    "probability.kde": {
        "gaussian_kernel": Case(normal((4, 2))),
        "box_kernel": Case(lambda r: (r.uniform(-0.4, 0.4, (4, 2)),)),
        "kde_logpdf kde_pdf": Case(normal((3, 2), (5, 2)), (0.75,)),
        "kde_sample": Case(lambda r: (key(r), r.normal(size=(5, 2))), (0.75,), lambda f, rng, x, h: f(rng, (3,), x, h)),
        "empirical_sample": Case(lambda r: (key(r), r.normal(size=(5, 2))), call=lambda f, rng, x: f(rng, (3,), x)),
        "scott_bandwidth": SAMPLES,
        "empirical_cdf": Case(normal((3,), (5,))),
    },
    "probability.moments": {
        "sample_moments estimate": SAMPLES,
        "expectation": Case(
            lambda r: (r.normal(size=3), shares(r, 3)), call=lambda f, x, p: f(gaussian_kernel, x[:, None], p)
        ),
        "expectation_normal": Case(normal(()), (0.75,), lambda f, mean, std: f(jnp.cos, mean, std)),
    },
}
