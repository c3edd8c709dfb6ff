r"""First-order rules: the textbook formula of each for one array: gradient $g$, parameter $\theta$, ``x``, step $t$."""

from typing import NamedTuple

import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.optimizers.rule import LeafRule
from dlcore.pytrees import hyperparams


class Velocity(NamedTuple):
    """The slot of the momentum methods."""

    v: Array


class Moments(NamedTuple):
    """Running averages of the gradient and of its square."""

    m: Array
    v: Array


@hyperparams
class SGD(LeafRule):
    r"""$\theta \leftarrow \theta - \alpha g$; batch, mini-batch or stochastic by batch size. Robbins & Monro 1951."""

    learning_rate: Scalar = 1e-2

    def step(self, g, s, x, t):
        """Down the gradient."""
        del x, t
        return -self.learning_rate * g, s


@hyperparams
class Momentum(LeafRule):
    r"""$v \leftarrow \beta v - \alpha g$; $\theta \leftarrow \theta + v$. Polyak 1964; Sutskever et al. 2013, eq. 1-2.

    The learning rate is inside the velocity: after a change of it, old gradients keep their old weight.
    """

    learning_rate: Scalar = 1e-2
    momentum: Scalar = 0.9

    def start(self, x):
        """At rest."""
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        """One step of the heavy ball."""
        del x, t
        v = self.momentum * s.v - self.learning_rate * g
        return v, Velocity(v)


@hyperparams
class Adam(LeafRule):
    r"""$\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat v} + \epsilon)$. Kingma & Ba 2015, algorithm 1."""

    learning_rate: Scalar = 1e-3
    b1: Scalar = 0.9
    b2: Scalar = 0.999
    eps: Scalar = 1e-8

    def start(self, x):
        """No gradient seen."""
        return Moments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        """Algorithm 1, its loop body."""
        del x
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t)
        v_hat = v / (1 - self.b2**t)
        return -self.learning_rate * m_hat / (jnp.sqrt(v_hat) + self.eps), Moments(m, v)
