"""First-order rules as others publish them, one plain NumPy step each: ``step(x, g, t, s, ...)`` gives the next ``x``.

``t`` counts from 1; ``s`` is the memory, empty before the first step. Keras and PyTorch are as their documentation and
reference code have them; G, S, T, U, Y are the lectures, as in the atlas.
"""

import numpy as np


def averages(g, s, b1, b2):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["v"] = b2 * s.get("v", 0) + (1 - b2) * g * g
    return s["m"], s["v"]


def velocity_of_steps(x, g, t, s, rate, momentum=0.9):
    """Keras, G, S, Y: the learning rate inside."""
    s["v"] = momentum * s.get("v", 0) - rate(t) * g
    return x + s["v"]


def velocity_of_gradients(x, g, t, s, rate, momentum=0.9):
    """PyTorch, T, U: the learning rate outside."""
    s["v"] = momentum * s.get("v", 0) + g
    return x - rate(t) * s["v"]


def utrecht_momentum_as_printed(x, g, t, s, rate, momentum=0.9):
    """U's code: up the gradient."""
    s["v"] = momentum * s.get("v", 0) + g
    return x + rate(t) * s["v"]


def keras_nesterov(x, g, t, s, rate, momentum=0.9):
    s["v"] = momentum * s.get("v", 0) - rate(t) * g
    return x + momentum * s["v"] - rate(t) * g


def pytorch_nesterov(x, g, t, s, rate, momentum=0.9):
    s["v"] = momentum * s.get("v", 0) + g
    return x - rate(t) * (g + momentum * s["v"])


def adagrad_outside(x, g, t, s, rate, eps, start=0.0):
    """PyTorch, U."""
    s["s"] = s.get("s", start) + g * g
    return x - rate * g / (np.sqrt(s["s"]) + eps)


def keras_adagrad(x, g, t, s, rate, eps, start=0.1):
    s["s"] = s.get("s", start) + g * g
    return x - rate * g / np.sqrt(s["s"] + eps)


def zeiler_adadelta(x, g, t, s, rate, rho, eps):
    """Zeiler 2012, PyTorch and Keras, which have a learning rate."""
    s["g"] = rho * s.get("g", 0) + (1 - rho) * g * g
    u = -np.sqrt(s.get("u", 0) + eps) / np.sqrt(s["g"] + eps) * g
    s["u"] = rho * s.get("u", 0) + (1 - rho) * u * u
    return x + rate * u


def rmsprop_outside(x, g, t, s, rate, decay, eps):
    """PyTorch, G, S, U."""
    s["s"] = decay * s.get("s", 0) + (1 - decay) * g * g
    return x - rate * g / (np.sqrt(s["s"]) + eps)


def rmsprop_inside(x, g, t, s, rate, decay, eps):
    """Keras, T."""
    s["s"] = decay * s.get("s", 0) + (1 - decay) * g * g
    return x - rate * g / np.sqrt(s["s"] + eps)


def adam(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """Kingma & Ba, algorithm 1; PyTorch, U."""
    m, v = averages(g, s, b1, b2)
    return x - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)


def keras_adam(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """The remark before section 2.1 of Kingma & Ba: eps before the bias correction."""
    m, v = averages(g, s, b1, b2)
    return x - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)


def adam_inside(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """T."""
    m, v = averages(g, s, b1, b2)
    return x - rate * (m / (1 - b1**t)) / np.sqrt(v / (1 - b2**t) + eps)


def adam_uncorrected(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """S, first version."""
    m, v = averages(g, s, b1, b2)
    return x - rate * m / (np.sqrt(v) + eps)


def munich_adam_as_printed(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """G: the corrected moments are stored and corrected again, or the moments carry no hat: here they are stored."""
    s["m"] = (b1 * s.get("m", 0) + (1 - b1) * g) / (1 - b1**t)
    s["v"] = (b2 * s.get("v", 0) + (1 - b2) * g * g) / (1 - b2**t)
    return x - rate * s["m"] / (np.sqrt(s["v"]) + eps)


def pytorch_adamw(x, g, t, s, rate, eps, weight_decay, b1=0.9, b2=0.999):
    """Decay first, then Adam's step."""
    return adam(x - rate * weight_decay * x, g, t, s, rate, eps, b1, b2)


def keras_adamw(x, g, t, s, rate, eps, weight_decay, b1=0.9, b2=0.999):
    return keras_adam(x - rate * weight_decay * x, g, t, s, rate, eps, b1, b2)


def adam_with_l2(x, g, t, s, rate, eps, weight_decay, b1=0.9, b2=0.999):
    """``torch.optim.Adam(weight_decay=...)``: the penalty's gradient goes through the moments."""
    return adam(x, g + weight_decay * x, t, s, rate, eps, b1, b2)


def scheduled_nadam(x, g, t, s, rate, eps, psi, b1=0.9, b2=0.999):
    """Dozat's schedule of the momentum: psi = 1 in Keras, 0.004 in PyTorch."""
    now, later = (b1 * (1 - 0.5 * 0.96 ** (psi * k)) for k in (t, t + 1))
    s["p"] = s.get("p", 1.0) * now
    m, v = averages(g, s, b1, b2)
    m_hat = later * m / (1 - s["p"] * later) + (1 - now) * g / (1 - s["p"])
    return x - rate * m_hat / (np.sqrt(v / (1 - b2**t)) + eps)


def pytorch_radam(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """Eps before the bias correction."""
    m, v = averages(g, s, b1, b2)
    rho_inf = 2 / (1 - b2) - 1
    rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
    if rho <= 5:
        return x - rate * m / (1 - b1**t)
    r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
    return x - rate * r * m / (1 - b1**t) * np.sqrt(1 - b2**t) / (np.sqrt(v) + eps)


def pytorch_amsgrad(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """The largest v, corrected afterwards."""
    m, v = averages(g, s, b1, b2)
    s["max"] = np.maximum(s.get("max", 0), v)
    return x - rate * (m / (1 - b1**t)) / (np.sqrt(s["max"] / (1 - b2**t)) + eps)


def keras_amsgrad(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """The largest v, eps before the bias correction."""
    m, v = averages(g, s, b1, b2)
    s["max"] = np.maximum(s.get("max", 0), v)
    return x - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(s["max"]) + eps)


def reddi_amsgrad(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    """Reddi et al. 2018, algorithm 2: no bias correction."""
    m, v = averages(g, s, b1, b2)
    s["max"] = np.maximum(s.get("max", 0), v)
    return x - rate * m / (np.sqrt(s["max"]) + eps)


def pytorch_adamax(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0), np.abs(g) + eps)
    return x - rate / (1 - b1**t) * s["m"] / s["u"]


def keras_adamax(x, g, t, s, rate, eps, b1=0.9, b2=0.999):
    s["m"] = b1 * s.get("m", 0) + (1 - b1) * g
    s["u"] = np.maximum(b2 * s.get("u", 0), np.abs(g))
    return x - rate / (1 - b1**t) * s["m"] / (s["u"] + eps)
