"""What an operation of a graph is called: its mathematical sign where it has one, else its name in JAX."""

from typing import Any

CUSTOM = frozenset({"custom_jvp_call", "custom_vjp_call"})

SYMBOLS = {
    "add": "+",
    "add_any": "+",
    "sub": "-",
    "neg": "-",
    "mul": "*",
    "div": "/",
    "dot_general": "@",
    "logistic": "sigmoid",
    "reduce_sum": "Σ",
    "reduce_prod": "Π",
    "reduce_max": "max",
    "reduce_min": "min",
    "pow": "^",
    "square": "^2",
    "sqrt": "√",
    "rsqrt": "1/√",
    "abs": "|·|",
    "gt": ">",
    "ge": "≥",
    "lt": "<",
    "le": "≤",
    "eq": "=",
    "ne": "≠",
    "select_n": "where",
    "broadcast_in_dim": "broadcast",
}


def operation_label(equation: Any) -> str:
    """The sign of a primitive, or the name of the function whose derivative rule is its own."""
    name, params = equation.primitive.name, equation.params
    if name in CUSTOM and hasattr(params.get("call_jaxpr"), "jaxpr"):
        return params["call_jaxpr"].jaxpr.debug_info.func_name.strip("_")
    if name == "integer_pow":
        return f"^{params['y']}"
    if name == "convert_element_type":
        return str(params["new_dtype"])
    if name == "name":  # jax.ad_checkpoint.checkpoint_name
        return params["name"]
    return SYMBOLS.get(name) or str(name).replace("_", " ")
