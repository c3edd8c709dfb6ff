r"""Gradient descent, momentum and the first adaptive rules, each for one array.

Letters: gradient $g$, parameter $\theta$ ``x``, slots ``s``, step $t$ from 1, learning rate $\alpha$. In all rules that
divide by a root, $\epsilon$ ``eps`` stands outside it and $\epsilon_r$ ``eps_root`` inside.
"""

from typing import NamedTuple

import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.functions import root
from dlcore.optimizers.rule import AdaptiveRule, LeafRule
from dlcore.tree.fields import hyperparams, number


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


class RunningMoments(NamedTuple):
    """Running averages of the gradient and of its square."""

    m: Array
    v: Array


@hyperparams
class SGD(LeafRule):
    r"""$\theta \leftarrow \theta - \alpha g$; batch, mini-batch or stochastic by batch size. Robbins & Monro 1951.

    >>> import jax.numpy as jnp
    >>> from dlcore.optimizers import SGD
    >>> params, grads = {"w": jnp.array([1.0, 2.0])}, {"w": jnp.array([10.0, 0.0])}
    >>> updates, state = SGD(0.1).update(grads, SGD(0.1).init(params))
    >>> print(params["w"] + updates["w"])
    [0. 2.]
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)

    def step(self, g, s, x, t):
        return -self.learning_rate * g, s


@hyperparams
class Momentum(LeafRule):
    r"""$v \leftarrow \beta v - \alpha g$; $\theta \leftarrow \theta + v$. Polyak 1964; Sutskever et al. 2013, eq. 1-2.

    The velocity is a step and holds the learning rate: after a change of it, old gradients keep their old weight.
    ``SGDMomentum`` is the other form.
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)
    momentum: Scalar = number(0.9, low=0, high=1)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        v = self.momentum * s.v - self.learning_rate * g
        return v, Velocity(v)


@hyperparams
class SGDMomentum(LeafRule):
    r"""$v \leftarrow \beta v + g$; $\theta \leftarrow \theta - \alpha v$: the form of PyTorch and Optax.

    The velocity is a sum of gradients: a change of the learning rate acts on old gradients too. Equal to ``Momentum``
    as long as the learning rate is constant.
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)
    momentum: Scalar = number(0.9, low=0, high=1)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        v = self.momentum * s.v + g
        return -self.learning_rate * v, Velocity(v)


@hyperparams
class Nesterov(LeafRule):
    r"""$v \leftarrow \beta v - \alpha \nabla f(\theta + \beta v)$; $\theta \leftarrow \theta + v$.

    The gradient has to be taken at ``evaluation_point(params, state)``. Sutskever et al. 2013, eq. 3-4.
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)
    momentum: Scalar = number(0.9, low=0, high=1)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def look_ahead(self, x, s, t):
        return x + self.momentum * s.v

    def step(self, g, s, x, t):
        v = self.momentum * s.v - self.learning_rate * g
        return v, Velocity(v)


@hyperparams
class SGDNesterov(LeafRule):
    r"""$v \leftarrow \beta v + g$; $\theta \leftarrow \theta - \alpha (g + \beta v)$. Bengio et al. 2013, eq. 7.

    The form of PyTorch and Optax: the parameters are the look-ahead points of ``Nesterov``, so the gradient is taken
    where they are. The same iterates, seen from there, as long as learning rate and momentum are constant.
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)
    momentum: Scalar = number(0.9, low=0, high=1)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        v = self.momentum * s.v + g
        return -self.learning_rate * (g + self.momentum * v), Velocity(v)


@hyperparams
class AdaGrad(AdaptiveRule):
    r"""$s \leftarrow s + g^2$; $\theta \leftarrow \theta - \alpha g / (\sqrt{s + \epsilon_r} + \epsilon)$.

    The sum starts at ``initial_accumulator``. Duchi et al. 2011, section 1.2, the diagonal form.
    """

    learning_rate: Scalar = number(1e-2, low=0, log=True)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    initial_accumulator: Scalar = number(0.0, low=0, log=True)

    def start(self, x):
        return SquareSum(s=jnp.full_like(x, self.initial_accumulator))

    def step(self, g, s, x, t):
        total = s.s + g**2
        return -self.learning_rate * g / (root(total + self.eps_root) + self.eps), SquareSum(total)


@hyperparams
class AdaDelta(AdaptiveRule):
    r"""$u = -\frac{\sqrt{E[u^2] + \epsilon}}{\sqrt{E[g^2] + \epsilon}} g$; $\theta \leftarrow \theta + \alpha u$.

    Both averages decay with $\rho$ ``rho``: of $g^2$ before the step, of $u^2$ after it. Zeiler 2012, algorithm 1,
    which has no learning rate: $\alpha = 1$.
    """

    learning_rate: Scalar = number(1.0, low=0, log=True)
    rho: Scalar = number(0.9, low=0, below=1)
    eps: Scalar = number(1e-6, low=0, log=True)

    def start(self, x):
        return SquareAverages(g2=jnp.zeros_like(x), u2=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        g2 = self.rho * s.g2 + (1 - self.rho) * g**2
        u = -root(s.u2 + self.eps) / root(g2 + self.eps) * g
        u2 = self.rho * s.u2 + (1 - self.rho) * u**2
        return self.learning_rate * u, SquareAverages(g2, u2)


@hyperparams
class RMSProp(AdaptiveRule):
    r"""$\theta \leftarrow \theta - \alpha g / (\sqrt s + \epsilon)$ with $s \leftarrow \beta s + (1 - \beta) g^2$.

    Tieleman & Hinton 2012, lecture 6e. The root is of $s + \epsilon_r$. ``chain(RMSProp(rate), Trace(momentum))`` adds
    momentum.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    decay: Scalar = number(0.9, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)

    def start(self, x):
        return SquareSum(s=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        mean = self.decay * s.s + (1 - self.decay) * g**2
        return -self.learning_rate * g / (root(mean + self.eps_root) + self.eps), SquareSum(mean)


@hyperparams
class CenteredRMSProp(AdaptiveRule):
    r"""``RMSProp`` with the variance $v - |m|^2$ in place of the mean square $v$.

    $\theta \leftarrow \theta - \alpha g / (\sqrt{v - |m|^2 + \epsilon_r} + \epsilon)$ with the running averages $m$ and
    $v$ of $g$ and $|g|^2$. Graves 2013, eq. 38-41.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    decay: Scalar = number(0.9, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.decay * s.m + (1 - self.decay) * g
        v = self.decay * s.v + (1 - self.decay) * g**2
        variance = jnp.where(v > m**2, v - m**2, 0)  # rounding takes it below 0 for a steady gradient
        return -self.learning_rate * g / (root(variance + self.eps_root) + self.eps), RunningMoments(m, v)
