"""Trees of hyperparameters and parameters: what a leaf is, what it is called, which leaves, and how trees are saved."""

from dlcore.tree.declared import check_ranges
from dlcore.tree.fields import Range, StandIn, hyperparams, is_code, number, short, stand_in, static
from dlcore.tree.leaves import AllBut, OnLeaves, everything, weights_only
from dlcore.tree.names import children, get, leaf_names, nearest, paths, replace
from dlcore.tree.saved import configured, differences, from_config, public_name, to_config

__all__ = [
    "AllBut",
    "OnLeaves",
    "Range",
    "StandIn",
    "check_ranges",
    "children",
    "configured",
    "differences",
    "everything",
    "from_config",
    "get",
    "hyperparams",
    "is_code",
    "leaf_names",
    "nearest",
    "number",
    "paths",
    "public_name",
    "replace",
    "short",
    "stand_in",
    "static",
    "to_config",
    "weights_only",
]
