"""Optimizers: hyperparameters as data, one formula per rule, Optax's interface."""

from dlcore.optimizers.first_order import SGD, Adam, Moments, Momentum, Velocity
from dlcore.optimizers.rule import Chain, LeafRule, Rule, RuleState, apply_updates, at, chain

__all__ = [
    "SGD",
    "Adam",
    "Chain",
    "LeafRule",
    "Moments",
    "Momentum",
    "Rule",
    "RuleState",
    "Velocity",
    "apply_updates",
    "at",
    "chain",
]
