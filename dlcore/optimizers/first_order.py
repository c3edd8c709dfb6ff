r"""Gradient descent, momentum and the first adaptive rules, each for one array.

Letters: gradient $g$, parameter $\theta$ ``x``, slots ``s``, step $t$ from 1, learning rate $\alpha$. In all rules that
divide by a root, $\epsilon$ ``eps`` stands outside it and $\epsilon_r$ ``eps_root`` inside.
"""

from typing import NamedTuple

import jax.numpy as jnp

from dlcore.contracts import Array, Scalar
from dlcore.optimizers.rule import LeafRule
from dlcore.pytrees import hyperparams


class Velocity(NamedTuple):
    """The slot of the momentum methods."""

    v: Array


class SquareSum(NamedTuple):
    """The sum, or a running average, of squared gradients."""

    s: Array


class SquareAverages(NamedTuple):
    """Running averages of the squared gradients and of the squared updates."""

    g2: Array
    u2: Array


class Moments(NamedTuple):
    """Running averages of the gradient and of its square."""

    m: Array
    v: Array


def _square(g: Array) -> Array:
    r"""$|g|^2$, a real array [...] also for complex ``g`` [...]."""
    return g.real**2 + g.imag**2 if jnp.iscomplexobj(g) else g**2


def _root(v: Array) -> Array:
    r"""$\sqrt v$ with the derivative 0 at 0: a training can be differentiated though a unit never had a gradient."""
    dead = v == 0
    return jnp.where(dead, 0, jnp.sqrt(jnp.where(dead, 1, v)))


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

    The velocity is a step and holds the learning rate: after a change of it, old gradients keep their old weight.
    ``GradientMomentum`` is the other form.
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
class GradientMomentum(LeafRule):
    r"""$v \leftarrow \beta v + g$; $\theta \leftarrow \theta - \alpha v$: the form of PyTorch and Optax.

    The velocity is a sum of gradients: a change of the learning rate acts on old gradients too. Equal to ``Momentum``
    as long as the learning rate is constant.
    """

    learning_rate: Scalar = 1e-2
    momentum: Scalar = 0.9

    def start(self, x):
        """At rest."""
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        """Down the sum of gradients."""
        del x, t
        v = self.momentum * s.v + g
        return -self.learning_rate * v, Velocity(v)


@hyperparams
class Nesterov(LeafRule):
    r"""$v \leftarrow \beta v - \alpha \nabla f(\theta + \beta v)$; $\theta \leftarrow \theta + v$.

    The gradient has to be taken at ``evaluation_point(params, state)``. Sutskever et al. 2013, eq. 3-4.
    """

    learning_rate: Scalar = 1e-2
    momentum: Scalar = 0.9

    def start(self, x):
        """At rest."""
        return Velocity(v=jnp.zeros_like(x))

    def look_ahead(self, x, s, t):
        r"""$\theta + \beta v$."""
        del t
        return x + self.momentum * s.v

    def step(self, g, s, x, t):
        """Jump ahead and correct, in one."""
        del x, t
        v = self.momentum * s.v - self.learning_rate * g
        return v, Velocity(v)


@hyperparams
class GradientNesterov(LeafRule):
    r"""$v \leftarrow \beta v + g$; $\theta \leftarrow \theta - \alpha (g + \beta v)$. Bengio et al. 2013, eq. 7.

    The form of PyTorch and Optax: the parameters are the look-ahead points of ``Nesterov``, so the gradient is taken
    where they are. The same iterates, seen from there, as long as learning rate and momentum are constant.
    """

    learning_rate: Scalar = 1e-2
    momentum: Scalar = 0.9

    def start(self, x):
        """At rest."""
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        """From look-ahead point to look-ahead point."""
        del x, t
        v = self.momentum * s.v + g
        return -self.learning_rate * (g + self.momentum * v), Velocity(v)


@hyperparams
class AdaGrad(LeafRule):
    r"""$s \leftarrow s + g^2$; $\theta \leftarrow \theta - \alpha g / (\sqrt{s + \epsilon_r} + \epsilon)$.

    The sum starts at ``initial_accumulator``. Duchi et al. 2011, section 1.2, the diagonal form.
    """

    learning_rate: Scalar = 1e-2
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0
    initial_accumulator: Scalar = 0.0

    def start(self, x):
        """The accumulator's start."""
        return SquareSum(s=jnp.full_like(x.real, self.initial_accumulator))

    def step(self, g, s, x, t):
        """Each coordinate at its own rate."""
        del x, t
        total = s.s + _square(g)
        return -self.learning_rate * g / (_root(total + self.eps_root) + self.eps), SquareSum(total)


@hyperparams
class AdaDelta(LeafRule):
    r"""$u = -\frac{\sqrt{E[u^2] + \epsilon}}{\sqrt{E[g^2] + \epsilon}} g$; $\theta \leftarrow \theta + \alpha u$.

    Both averages decay with $\rho$ ``rho``: of $g^2$ before the step, of $u^2$ after it. Zeiler 2012, algorithm 1,
    which has no learning rate: $\alpha = 1$.
    """

    learning_rate: Scalar = 1.0
    rho: Scalar = 0.9
    eps: Scalar = 1e-6

    def start(self, x):
        """Nothing seen."""
        return SquareAverages(g2=jnp.zeros_like(x.real), u2=jnp.zeros_like(x.real))

    def step(self, g, s, x, t):
        """Algorithm 1, its loop body."""
        del x, t
        g2 = self.rho * s.g2 + (1 - self.rho) * _square(g)
        u = -_root(s.u2 + self.eps) / _root(g2 + self.eps) * g
        u2 = self.rho * s.u2 + (1 - self.rho) * _square(u)
        return self.learning_rate * u, SquareAverages(g2, u2)


@hyperparams
class RMSProp(LeafRule):
    r"""$\theta \leftarrow \theta - \alpha g / (\sqrt s + \epsilon)$ with $s \leftarrow \beta s + (1 - \beta) g^2$.

    Tieleman & Hinton 2012, lecture 6e. The root is of $s + \epsilon_r$. ``chain(RMSProp(rate), Trace(momentum))`` adds
    momentum.
    """

    learning_rate: Scalar = 1e-3
    decay: Scalar = 0.9
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0

    def start(self, x):
        """No gradient seen."""
        return SquareSum(s=jnp.zeros_like(x.real))

    def step(self, g, s, x, t):
        """Divide by the root of the mean square."""
        del x, t
        mean = self.decay * s.s + (1 - self.decay) * _square(g)
        return -self.learning_rate * g / (_root(mean + self.eps_root) + self.eps), SquareSum(mean)


@hyperparams
class CenteredRMSProp(LeafRule):
    r"""``RMSProp`` with the variance $v - |m|^2$ in place of the mean square $v$.

    $\theta \leftarrow \theta - \alpha g / (\sqrt{v - |m|^2 + \epsilon_r} + \epsilon)$ with the running averages $m$ and
    $v$ of $g$ and $|g|^2$. Graves 2013, eq. 38-41.
    """

    learning_rate: Scalar = 1e-3
    decay: Scalar = 0.9
    eps: Scalar = 1e-8
    eps_root: Scalar = 0.0

    def start(self, x):
        """No gradient seen."""
        return Moments(m=jnp.zeros_like(x), v=jnp.zeros_like(x.real))

    def step(self, g, s, x, t):
        """Divide by the standard deviation."""
        del x, t
        m = self.decay * s.m + (1 - self.decay) * g
        v = self.decay * s.v + (1 - self.decay) * _square(g)
        variance = jnp.where(v > _square(m), v - _square(m), 0)  # rounding takes it below 0 for a steady gradient
        return -self.learning_rate * g / (_root(variance + self.eps_root) + self.eps), Moments(m, v)
