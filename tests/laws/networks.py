"""Cases of layers and of linear models and the classics."""

import jax

from dlcore.activations import tanh
from dlcore.classics.components import PrincipalComponents
from dlcore.classics.perceptrons import ThresholdUnit
from dlcore.layers import Dense, random_crop, random_flip
from dlcore.solvers import BFGS
from tests.laws.case import Case, key, normal, objects, params, shares


def trained(layer, rng, x):
    """What a layer makes of x [n, ...] in training, its parameters in the dtype of ``x``."""
    start, state = jax.tree.map(lambda a: a.astype(x.dtype), layer.init(rng, x.shape[1:]))
    return layer.apply(start, state, x, key=rng, train=True)


def normalized(r):
    return {"scale": r.normal(size=3), "bias": r.normal(size=3)}


def line(r):
    return {"kernel": r.normal(size=3), "bias": r.normal(size=())}


def signs(r):
    return r.permutation([-1, -1, 1, 1, 1])


ROWS = Case(lambda r: (key(r), r.normal(size=(3, 4))), call=trained)
PIXELS = Case(lambda r: (key(r), r.normal(size=(2, 4, 4, 2))), call=trained)
PICTURE = Case(normal((4, 4, 2)))
DRAWN = Case(lambda r: (key(r), r.normal(size=(4, 4, 2))))
IMAGES = Case(normal((2, 4, 4, 2)))
KERNEL = Case(
    lambda r: ({"kernel": r.normal(size=(2, 2, 2, 3)), "bias": r.normal(size=3)}, r.normal(size=(2, 4, 4, 2)))
)
ONE_SCORE = Case(lambda r: (line(r), r.normal(size=(4, 3))))
LOOP = {"dtypes": ("float32", "float64"), "differentiable": False}  # a loop until done has no reverse mode
SIDES = Case(lambda r: (r.normal(size=(5, 3)), signs(r)), **LOOP)
POINTS = Case(normal((2, 3), (5, 3)))


def layer(*numbers, on=ROWS, **made):
    return objects(on, *numbers, **made)


NETWORKS: dict[str, dict[str, Case]] = {
    "layers.base": {
        "dense": Case(lambda r: (params(r), r.normal(size=(4, 3)))),
        "dense:vector": ONE_SCORE,
        "add_bias": Case(lambda r: (params(r), r.normal(size=(4, 2)))),
        "per_feature": Case(normal((3,), (4, 3))),
        "dropout": Case(
            lambda r: (key(r), r.normal(size=4)), (0.25,), lambda f, rng, x, rate: f(rng, x, rate, train=True)
        ),
        "Dense Maxout": layer(made=lambda cls: cls(3)),
        "Activation": layer(made=lambda cls: cls(tanh)),
        "Dropout": layer(0.25),
        "Flatten": layer(on=PIXELS),
        "Reshape": layer(made=lambda cls: cls((2, 2))),
    },
    "layers.augmentation": {
        "flip": PICTURE,
        "shift": PICTURE._replace(call=lambda f, x: f(x, 1, -1)),
        "rotate": PICTURE._replace(numbers=(10.0,)),
        "cutout": PICTURE._replace(call=lambda f, x, size: f(x, 2, 1, size), numbers=(2.0,)),
        "random_flip random_noise": DRAWN._replace(numbers=(0.5,)),
        "random_crop random_cutout": DRAWN._replace(numbers=(2.0,)),
        "random_rotation": DRAWN._replace(numbers=(15.0,)),
        "augment": Case(lambda r: (key(r), r.normal(size=(2, 4, 4, 2))), call=lambda f, rng, x: f(rng, x, random_crop)),
        "mixup": Case(lambda r: (key(r), r.normal(size=(4, 3)), shares(r, 4, 2))),
        "Augment": layer(on=PIXELS, made=lambda cls: cls(random_flip)),
    },
    "layers.composition": {
        "Sequential": layer(made=lambda cls: cls((Dense(2), Dense(3)))),
        "sequential": layer(made=lambda f: f(Dense(2), tanh)),
        "mlp": layer(made=lambda f: f((2, 3), tanh)),
        "Residual": layer(made=lambda cls: cls(Dense(4))),
        "residual": layer(made=lambda f: f(Dense(4), tanh)),
    },
    "layers.normalization": {
        "batch_norm": Case(
            lambda r: (normalized(r), r.normal(size=3), r.uniform(0.5, 2, 3), r.normal(size=(4, 3))), (1e-3,)
        ),
        "batch_moments": Case(normal((4, 3))),
        "layer_norm": Case(lambda r: (normalized(r), r.normal(size=(4, 3))), (1e-3,)),
        "BatchNorm": layer(0.75, 1e-3),
        "LayerNorm": layer(1e-3),
    },
    "layers.convolution": {
        "conv2d conv2d_by_patches": KERNEL,
        "Conv": layer(on=PIXELS, made=lambda cls: cls(3)),
    },
    "layers.pooling": {
        "max_pool avg_pool": IMAGES,
        "MaxPool AvgPool": layer(on=PIXELS),
    },
    "classics.linear": {
        "linear_classifier": ONE_SCORE,
        "squared_norm": Case(normal((3, 2)), (0.5,)),
    },
    "classics.regression": {
        "linear_regression": ONE_SCORE,
        "linear_regression_loss": Case(lambda r: (line(r), r.normal(size=(4, 3)), r.normal(size=4)), (0.5,)),
        "linear_regression_fit": Case(lambda r: (r.normal(size=(5, 3)), r.normal(size=5)), (0.5,), **LOOP),
    },
    "classics.logistic": {
        "logistic_regression": ONE_SCORE,
        "logistic_regression_loss": Case(lambda r: (line(r), r.normal(size=(4, 3)), r.uniform(size=4)), (0.5,)),
        "logistic_regression_fit": Case(
            lambda r: (r.normal(size=(5, 3)), (signs(r) + 1) // 2),
            (0.5,),
            lambda f, x, y, l2: f(x, y, l2, BFGS(max_steps=3)),
            **LOOP,
        ),
        "softmax_regression": Case(lambda r: (params(r), r.normal(size=(4, 3)))),
        "softmax_regression_loss": Case(lambda r: (params(r), r.normal(size=(4, 3)), shares(r, 4, 2)), (0.5,)),
        "softmax_regression_fit": Case(
            lambda r: (r.normal(size=(5, 3)), r.permutation([0, 0, 1, 1, 2])),
            (0.5,),
            lambda f, x, y, l2: f(x, y, 3, l2, BFGS(max_steps=3)),
            **LOOP,
        ),
    },
    "classics.margins": {
        "svm_loss": Case(lambda r: (line(r), r.normal(size=(5, 3)), signs(r)), (0.5,)),
        "svm_fit": SIDES._replace(numbers=(0.5,)),
    },
    "classics.perceptrons": {
        "mcculloch_pitts": Case(
            lambda r: (r.normal(size=3), r.normal(size=()), r.normal(size=(4, 3))),
            call=lambda f, weights, threshold, x: f(ThresholdUnit(weights, threshold), x),
        ),
        "perceptron_fit adaline_fit": SIDES._replace(numbers=(0.25, 3.0)),
    },
    "classics.clusters": {
        "k_means": POINTS._replace(differentiable=False),
        "inertia": POINTS,
        "lloyd": POINTS._replace(**LOOP),
        "k_means_fit k_means_plus_plus": Case(
            lambda r: (key(r), r.normal(size=(5, 3))), call=lambda f, rng, x: f(rng, x, 2), **LOOP
        ),
    },
    "classics.components": {
        "pca_fit": Case(normal((5, 3)), call=lambda f, x: f(x, 2), **LOOP),
        "pca": Case(normal((3,), (2, 3), (4, 3)), call=lambda f, mean, V, x: f(PrincipalComponents(mean, V, x, x), x)),
        "pca_inverse": Case(
            normal((3,), (2, 3), (4, 2)), call=lambda f, mean, V, z: f(PrincipalComponents(mean, V, z, z), z)
        ),
    },
}
