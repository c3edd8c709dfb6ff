"""Numbers that nobody gave: those of Optax where it has the same, else those of the papers."""

import dataclasses
import inspect

import optax
import pytest

from dlcore.optimizers import (
    EMA,
    SGD,
    AdaDelta,
    AdaGrad,
    Adam,
    AdaMax,
    AdamW,
    AMSGrad,
    CenteredRMSProp,
    DozatNAdam,
    Lion,
    NAdam,
    RAdam,
    RMSProp,
)

RULES = [
    (Adam, optax.adam, {"b1", "b2", "eps", "eps_root"}),
    (AdamW, optax.adamw, {"b1", "b2", "eps", "eps_root", "weight_decay"}),
    (NAdam, optax.nadam, {"b1", "b2", "eps", "eps_root"}),
    (RAdam, optax.radam, {"b1", "b2", "eps", "eps_root", "threshold"}),
    (AMSGrad, optax.amsgrad, {"b1", "b2", "eps", "eps_root"}),
    (AdaMax, optax.adamax, {"b1", "b2", "eps"}),
    (AdaDelta, optax.adadelta, {"rho", "eps"}),
    (RMSProp, optax.rmsprop, {"decay", "eps"}),
    (CenteredRMSProp, optax.rmsprop, {"decay", "eps"}),
    (Lion, optax.lion, {"b1", "b2"}),
]


@pytest.mark.parametrize(("rule", "theirs", "names"), RULES, ids=lambda v: getattr(v, "__name__", ""))
def test_defaults_are_those_of_optax(rule, theirs, names):
    ours = {field.name: field.default for field in dataclasses.fields(rule)}
    given = {name: parameter.default for name, parameter in inspect.signature(theirs).parameters.items()}
    assert {name: ours[name] for name in names} == {name: given[name] for name in names}


def test_defaults_of_the_papers():
    assert (Adam().learning_rate, AdaMax().learning_rate) == (1e-3, 2e-3)  # Kingma & Ba 2015, algorithms 1 and 2
    assert DozatNAdam().momentum_decay == 4e-3  # Dozat 2016, section 4: 0.96 to the power of t / 250
    assert AdaGrad().initial_accumulator == 0  # Duchi et al. 2011, figure 1
    assert RMSProp().learning_rate == 1e-3  # Hinton 2012, lecture 6e
    assert Lion().learning_rate == 1e-4  # Chen et al. 2023: a tenth of Adam's, or less
    assert EMA(SGD()).decay == 0.999  # Tarvainen & Valpola 2017, section 3.4
