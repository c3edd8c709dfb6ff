"""Cases of hyperparameters that act: schedules, initializers, penalties, optimizers; and what stands beside."""

import numpy as np

from dlcore.numerics.formats import at_least_f32
from dlcore.optimizers import SGD, Masked, apply_updates
from dlcore.schedules import Cosine, Exponential
from tests.laws.case import Case, key, normal, objects, params


def two_steps(rule, grads, x):
    """The updates of the second step."""
    updates, state = rule.update(grads, rule.init(x), x)
    return rule.update(grads, state, apply_updates(x, updates))[0]


TIME = Case(lambda r: (r.uniform(1.1, 9.9),))
INITIAL = Case(lambda r: (key(r), np.zeros((3, 4))), call=lambda init, rng, x: init(rng, x.shape, x.dtype))
PENALTY = Case(lambda r: (params(r),), (0.5,), out=at_least_f32)
PARTS = Case(lambda r: (params(r), params(r)), call=two_steps)
STEPS = Case(normal((3, 2), (3, 2)), call=two_steps)
ADAM = (0.5, 0.75, 0.875, 1e-3, 1e-3)


def schedule(*numbers, **made):
    return objects(TIME, *numbers, **made)


def rule(*numbers, on=STEPS, **made):
    return objects(on, *numbers, **made)


OBJECTS: dict[str, dict[str, Case]] = {
    "schedules.clock": {"at": TIME._replace(numbers=(0.5, 0.875), call=lambda at, t, a, k: at([Exponential(a, k)], t))},
    "schedules.decay": {
        "Constant": schedule(0.5),
        "InverseTime NaturalExponential InverseSqrt Exponential": schedule(0.5, 0.75),
        "StepDecay": schedule(0.5, 0.75, 4.0),
        "Piecewise": schedule(0.5, 0.25, 5.0, made=lambda cls, a, b, n: cls((a, b), (n,))),
        "Cosine": schedule(0.5, 16.0, 0.25),
        "Linear": schedule(0.5, 0.25, 16.0),
        "Polynomial": schedule(0.5, 0.25, 2.0, 16.0),
    },
    "schedules.phases": {
        "OneCycle": schedule(0.5, 16.0, 0.25, 0.75, 25.0, 100.0),
        "CosineOneCycle": schedule(0.5, 16.0, 0.25, 25.0, 100.0),
        "Warmup": schedule(0.5, 16.0, 4.0, 0.25, made=lambda cls, a, n, m, s: cls(Cosine(a, n), m, s)),
        "Joined": schedule(0.5, 0.75, 4.0, made=lambda cls, a, k, n: cls((Cosine(a, n), Exponential(a, k)), (n,))),
    },
    "initializers": {
        "Zeros": objects(INITIAL),
        "Constant Normal Uniform Orthogonal VarianceScaling": objects(INITIAL, 0.5),
        "VarianceScaling:truncated": objects(INITIAL, 0.5, made=lambda cls, s: cls(s, "fan_avg", "truncated_normal")),
    },
    "regularizers": {
        "L1 L2": objects(PENALTY, 0.5),
        "ElasticNet": objects(PENALTY, 0.5, 0.25),
        "max_norm": Case(normal((3, 2)), (0.75,)),
        "MaxNorm": objects(PENALTY, 0.75)._replace(out=lambda dtype: dtype),
    },
    "optimizers.rule": {
        "apply_updates": PARTS._replace(call=lambda f, *args: f(*args)),
        "Chain": rule(0.5, 0.25, made=lambda cls, a, b: cls((SGD(a), SGD(b)))),
        "chain": rule(0.5, 0.25, made=lambda chain, a, b: chain(SGD(a), SGD(b))),
    },
    "tree.leaves": {"OnLeaves": rule(0.5, 0.25, made=lambda cls, a, b: SGD(cls(a, b)), on=PARTS)},
    "optimizers.first_order": {
        "SGD": rule(0.5),
        "Momentum SGDMomentum Nesterov SGDNesterov": rule(0.5, 0.75),
        "AdaGrad": rule(0.5, 1e-3, 1e-3, 0.25),
        "AdaDelta": rule(0.5, 0.75, 1e-3),
        "RMSProp CenteredRMSProp": rule(0.5, 0.75, 1e-3, 1e-3),
    },
    "optimizers.adam": {
        "Adam NAdam RAdam AMSGrad DozatNAdam": rule(*ADAM),
        "AdamW": rule(*ADAM, 0.125),
        "AdaMax Lion": rule(*ADAM[:4]),
    },
    "optimizers.transforms": {
        "ClipByValue ClipByGlobalNorm AddDecayedWeights Scale Trace": rule(0.75),
    },
    "optimizers.wrappers": {
        "MultiSteps": rule(0.5, 2.0, made=lambda cls, a, n: cls(SGD(a), n)),
        "EMA": rule(0.5, 0.75, made=lambda cls, a, b: cls(SGD(a), b)),
        "Masked Frozen": rule(0.5, made=lambda cls, a: cls(SGD(a), ("kernel",)), on=PARTS),
        "Partition": rule(
            0.5, 0.25, on=PARTS, made=lambda cls, a, b: cls((Masked(SGD(a), ("kernel",)), Masked(SGD(b), ("bias",))))
        ),
    },
}
