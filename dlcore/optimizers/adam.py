r"""Adam and its relatives, each for one array; ``m`` and ``v`` are running averages of $g$ and $g^2$.

Letters as in ``first_order``; $\hat m = m / (1 - \beta_1^t)$ and $\hat v = v / (1 - \beta_2^t)$ take out the bias
toward the start at 0.
"""

from typing import NamedTuple

import jax.numpy as jnp

from dlcore.numerics.formats import Array, Scalar
from dlcore.numerics.functions import root
from dlcore.optimizers.first_order import RunningMoments, Velocity
from dlcore.optimizers.rule import AdaptiveRule, LeafRule, with_params
from dlcore.tree.fields import hyperparams, number, static


class MaxMoments(NamedTuple):
    """Running averages of the gradient and of its square, and the largest value of the latter so far."""

    m: Array
    v: Array
    v_max: Array


class MomentProduct(NamedTuple):
    """Running averages of the gradient and of its square, and the product [] of all momenta so far."""

    m: Array
    v: Array
    product: Array


@hyperparams
class Adam(AdaptiveRule):
    r"""$\theta \leftarrow \theta - \alpha \hat m / (\sqrt{\hat v + \epsilon_r} + \epsilon)$. Kingma & Ba 2015, alg. 1.

    ``bias_correction=False`` takes $m$ and $v$ for $\hat m$ and $\hat v$: its first steps are
    $(1 - \beta_1) / \sqrt{1 - \beta_2}$ times too long.

    >>> import jax.numpy as jnp
    >>> from dlcore.optimizers import Adam
    >>> rule, params = Adam(0.1), jnp.array([1.0, 2.0])
    >>> updates, state = rule.update(jnp.array([1000.0, -0.001]), rule.init(params))
    >>> print(updates.round(3))  # the first step is as long as the learning rate, whatever the gradient
    [-0.1  0.1]
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    bias_correction: bool = static(default=True, kw_only=True)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t) if self.bias_correction else m
        v_hat = v / (1 - self.b2**t) if self.bias_correction else v
        return -self.learning_rate * m_hat / (root(v_hat + self.eps_root) + self.eps), RunningMoments(m, v)


@hyperparams
class AdamW(AdaptiveRule):
    r"""$\theta \leftarrow \theta - \alpha (\hat m / (\sqrt{\hat v + \epsilon_r} + \epsilon) + \lambda \theta)$.

    $\lambda$ ``weight_decay`` acts on the parameters and never enters the moments; ``OnLeaves(1e-4)`` for it spares
    biases and scales. Loshchilov & Hutter 2019, algorithm 2, the schedule multiplier being $\alpha$ itself.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    weight_decay: Scalar = number(1e-4, low=0, log=True)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t)
        v_hat = v / (1 - self.b2**t)
        direction = m_hat / (root(v_hat + self.eps_root) + self.eps)
        return -self.learning_rate * (direction + self.weight_decay * with_params(x)), RunningMoments(m, v)


@hyperparams
class NAdam(AdaptiveRule):
    r"""``Adam`` with $\hat m = \beta_1 m / (1 - \beta_1^{t+1}) + (1 - \beta_1) g / (1 - \beta_1^t)$.

    Nesterov's momentum in Adam. Dozat 2016, algorithm 2 with a constant $\mu = \beta_1$, as in Optax, and without its
    extra factor $\beta_2$ on $\hat v$, as in all implementations.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = self.b1 * m / (1 - self.b1 ** (t + 1)) + (1 - self.b1) * g / (1 - self.b1**t)
        v_hat = v / (1 - self.b2**t)
        return -self.learning_rate * m_hat / (root(v_hat + self.eps_root) + self.eps), RunningMoments(m, v)


@hyperparams
class DozatNAdam(AdaptiveRule):
    r"""``NAdam`` with a momentum that grows to $\beta_1$: $\mu_t = \beta_1 (1 - 0.96^{\psi t} / 2)$.

    $\hat m = \mu_{t+1} m / (1 - \prod_1^{t+1} \mu) + (1 - \mu_t) g / (1 - \prod_1^t \mu)$. Dozat 2016, section 3, with
    $\psi$ ``momentum_decay`` 0.004 in PyTorch and 1 in Keras.
    """

    learning_rate: Scalar = number(2e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    momentum_decay: Scalar = number(4e-3, low=0, log=True)

    def start(self, x):
        return MomentProduct(m=jnp.zeros_like(x), v=jnp.zeros_like(x), product=jnp.ones((), x.dtype))

    def step(self, g, s, x, t):
        now, later = (self.b1 * (1 - 0.96 ** (self.momentum_decay * k) / 2) for k in (t, t + 1))
        product = s.product * now
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = later * m / (1 - product * later) + (1 - now) * g / (1 - product)
        v_hat = v / (1 - self.b2**t)
        update = -self.learning_rate * m_hat / (root(v_hat + self.eps_root) + self.eps)
        return update, MomentProduct(m, v, product)


@hyperparams
class RAdam(AdaptiveRule):
    r"""``Adam`` times $r$ once the variance of its rate is tractable ($\rho > 5$), $\alpha \hat m$ before.

    $\rho = \rho_\infty - 2 t \beta_2^t / (1 - \beta_2^t)$, $\rho_\infty = 2 / (1 - \beta_2) - 1$,
    $r^2 = \frac{(\rho - 4)(\rho - 2)\rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\rho}$.
    Liu et al. 2020, algorithm 2, which has 4 for the ``threshold`` 5 of its authors' code.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    threshold: Scalar = number(5.0, low=4)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t)
        v_hat = v / (1 - self.b2**t)
        rho_inf = 2 / (1 - self.b2) - 1
        rho = rho_inf - 2 * t * self.b2**t / (1 - self.b2**t)
        tractable = rho >= self.threshold
        rho, rho_inf = (jnp.where(tractable, x, 6) for x in (rho, rho_inf))  # r = 1 where it is not used
        r = jnp.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
        rectified = r * m_hat / (root(v_hat + self.eps_root) + self.eps)
        return -self.learning_rate * jnp.where(tractable, rectified, m_hat), RunningMoments(m, v)


@hyperparams
class AMSGrad(AdaptiveRule):
    r"""``Adam`` with the largest $\hat v$ so far in place of $\hat v$: no coordinate's rate ever grows.

    Reddi et al. 2018, algorithm 2, there without bias correction and $\epsilon$: ``bias_correction=False``.
    """

    learning_rate: Scalar = number(1e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, below=1)
    eps: Scalar = number(1e-8, low=0, log=True)
    eps_root: Scalar = number(0.0, low=0, log=True)
    bias_correction: bool = static(default=True, kw_only=True)

    def start(self, x):
        return MaxMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x), v_max=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        v = self.b2 * s.v + (1 - self.b2) * g**2
        m_hat = m / (1 - self.b1**t) if self.bias_correction else m
        v_hat = v / (1 - self.b2**t) if self.bias_correction else v
        v_max = jnp.maximum(s.v_max, v_hat)
        return -self.learning_rate * m_hat / (root(v_max + self.eps_root) + self.eps), MaxMoments(m, v, v_max)


@hyperparams
class AdaMax(LeafRule):
    r"""$u \leftarrow \max(\beta_2 u, |g| + \epsilon)$; $\theta \leftarrow \theta - \alpha \hat m / u$.

    Kingma & Ba 2015, algorithm 2, with $\epsilon$ against a division by 0.
    """

    learning_rate: Scalar = number(2e-3, low=0, log=True)
    b1: Scalar = number(0.9, low=0, below=1)
    b2: Scalar = number(0.999, low=0, high=1)
    eps: Scalar = number(1e-8, low=0, log=True)

    def start(self, x):
        return RunningMoments(m=jnp.zeros_like(x), v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        m = self.b1 * s.m + (1 - self.b1) * g
        u = jnp.maximum(self.b2 * s.v, jnp.abs(g) + self.eps)
        m_hat = m / (1 - self.b1**t)
        return -self.learning_rate * m_hat / u, RunningMoments(m, u)


@hyperparams
class Lion(LeafRule):
    r"""$\theta \leftarrow \theta - \alpha (\mathrm{sign}(\beta_1 m + (1 - \beta_1) g) + \lambda \theta)$.

    $m \leftarrow \beta_2 m + (1 - \beta_2) g$ after the step. Chen et al. 2023, program 1.
    """

    learning_rate: Scalar = number(1e-4, low=0, log=True)
    b1: Scalar = number(0.9, low=0, high=1)
    b2: Scalar = number(0.99, low=0, high=1)
    weight_decay: Scalar = number(0.0, low=0, log=True)

    def start(self, x):
        return Velocity(v=jnp.zeros_like(x))

    def step(self, g, s, x, t):
        direction = jnp.sign(self.b1 * s.v + (1 - self.b1) * g)
        m = self.b2 * s.v + (1 - self.b2) * g
        return -self.learning_rate * (direction + self.weight_decay * with_params(x)), Velocity(m)
