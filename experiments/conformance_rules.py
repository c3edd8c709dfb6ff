"""The rules of ``experiments.conformance``: each family, dlcore's default and the variants of others."""

import importlib.util
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dlcore import optimizers
from dlcore.interop.optax import from_optax_schedule
from dlcore.optimizers import apply_updates
from dlcore.schedules import Exponential
from experiments import published_rules as published

STEPS = 100
CURVATURES = np.array([0.01, 1.0, 30.0])  # f = 1/2 sum a x^2
START = np.array([3.0, -2.0, 1.0])
EPS = 1e-3  # large, so that its place shows
RATE = 0.02
DECAY = 0.97  # of the learning rate, in the rules whose forms differ only under a schedule
AT: dict[str, Any] = {"rate": RATE, "eps": EPS}
KERAS = r"$\alpha \sqrt{1 - \beta_2^t} / (1 - \beta_1^t) \; m / (\sqrt v + \epsilon)$"


def falling_by_count(count):
    """For Optax, in float64: of its int32 count its own schedules take float32 powers."""
    return RATE * DECAY ** count.astype(float)


class Variant(NamedTuple):
    """Who has it, where it is after the steps, and the dlcore rule of the same form with its own end, or None."""

    who: str
    form: str
    result: np.ndarray
    rule: str = "none"
    same: np.ndarray | None = None


class Family(NamedTuple):
    """Rules of one name: dlcore's default and where it is after the steps, and the variants."""

    name: str
    default: str
    reference: np.ndarray
    variants: list[Variant]


def run(rule, look=False):
    """The parameters after the steps, or the point where ``rule`` takes its next gradient."""
    a = jnp.asarray(CURVATURES)
    ahead = getattr(rule, "evaluation_point", lambda params, state: params)

    def body(carry, _):
        x, state = carry
        updates, state = rule.update(a * ahead(x, state), state, x)
        return (apply_updates(x, updates), state), None

    start = jnp.asarray(START)
    x, state = jax.jit(lambda: jax.lax.scan(body, (start, rule.init(start)), length=STEPS)[0])()
    return np.asarray(ahead(x, state) if look else x)


def loop(step, **numbers):
    """The parameters after the steps of a published rule."""
    x, memory = START, {}
    for t in range(1, STEPS + 1):
        x = step(x, CURVATURES * x, t, memory, **numbers)
    return x


def torch_itself(name, rule, same, **options):
    """PyTorch's optimizer, if it is here."""
    if not importlib.util.find_spec("torch"):
        return []
    torch = importlib.import_module("torch")
    x = torch.tensor(START, requires_grad=True)
    optimizer = getattr(torch.optim, name)([x], **options)
    for _ in range(STEPS):
        optimizer.zero_grad()
        (torch.tensor(CURVATURES) * x**2 / 2).sum().backward()
        optimizer.step()
    return [Variant(f"PyTorch {torch.__version__}, run here", "", x.detach().numpy(), rule, same)]


def falling(t):
    """The rate of step t = 1, 2, ..., which tells the forms of momentum apart."""
    return RATE * DECAY ** (t - 1)


def momentum():
    schedule = Exponential(RATE, DECAY)
    inside, outside = run(optimizers.Momentum(schedule)), run(optimizers.SGDMomentum(schedule))
    steps, gradients = r"$v = \beta v - \alpha g$; $\theta + v$", r"$v = \beta v + g$; $\theta - \alpha v$"
    plain, printed = published.velocity_of_gradients, published.utrecht_momentum_as_printed
    variants = [
        Variant("Keras; G, S, Y", steps, loop(published.velocity_of_steps, rate=falling), "Momentum", inside),
        Variant("PyTorch; T, U", gradients, loop(plain, rate=falling), "SGDMomentum", outside),
        Variant("Optax", gradients, run(optax.sgd(falling_by_count, 0.9)), "SGDMomentum", outside),
        Variant("U's code as printed", r"$v = \beta v + g$; $\theta + \alpha v$", loop(printed, rate=falling)),
    ]
    return Family("Momentum, under a falling learning rate", "Momentum()", inside, variants)


def nesterov():
    schedule = Exponential(RATE, DECAY)
    ahead = run(optimizers.Nesterov(schedule), look=True)
    plain = run(optimizers.SGDNesterov(schedule))
    steps, gradients = (
        r"$v = \beta v - \alpha g$; $\theta + \beta v - \alpha g$",
        r"$v = \beta v + g$; $\theta - \alpha (g + \beta v)$",
    )
    variants = [
        Variant("Keras", steps, loop(published.keras_nesterov, rate=falling), "Nesterov().evaluation_point", ahead),
        Variant("PyTorch", gradients, loop(published.pytorch_nesterov, rate=falling), "SGDNesterov", plain),
        Variant("Optax", gradients, run(optax.sgd(falling_by_count, 0.9, nesterov=True)), "SGDNesterov", plain),
    ]
    return Family("Nesterov, under a falling learning rate", "Nesterov()", ahead, variants)


def adagrad():
    outside = run(optimizers.AdaGrad(RATE, EPS))
    inside = run(optimizers.AdaGrad(RATE, 0.0, EPS, 0.1))
    plain, keras = loop(published.adagrad_outside, **AT), loop(published.keras_adagrad, **AT)
    rule = "AdaGrad(eps=0, eps_root=eps, initial_accumulator=0.1)"
    variants = [
        Variant("PyTorch; U", r"$\alpha g / (\sqrt s + \epsilon)$, $s$ from 0", plain, "AdaGrad", outside),
        *torch_itself("Adagrad", "AdaGrad", outside, lr=RATE, eps=EPS),
        Variant(
            "Optax", r"$\alpha g / \sqrt{s + \epsilon}$, $s$ from 0.1", run(optax.adagrad(RATE, eps=EPS)), rule, inside
        ),
        Variant("Keras", r"$\alpha g / \sqrt{s + \epsilon}$, $s$ from 0.1", keras, rule, inside),
    ]
    return Family("AdaGrad", "AdaGrad()", outside, variants)


def adadelta():
    ours = run(optimizers.AdaDelta(1.0, 0.9, EPS))
    plain = loop(published.zeiler_adadelta, rate=1.0, rho=0.9, eps=EPS)
    form = r"$\sqrt{E[u^2] + \epsilon} / \sqrt{E[g^2] + \epsilon}\, g$"
    variants = [
        Variant("Zeiler; PyTorch; Keras", form, plain, "AdaDelta", ours),
        *torch_itself("Adadelta", "AdaDelta", ours, lr=1.0, rho=0.9, eps=EPS),
        Variant("Optax", form, run(optax.adadelta(1.0, 0.9, EPS)), "AdaDelta", ours),
    ]
    return Family("AdaDelta", "AdaDelta()", ours, variants)


def rmsprop():
    outside, inside = run(optimizers.RMSProp(RATE, 0.9, EPS)), run(optimizers.RMSProp(RATE, 0.9, 0.0, EPS))
    rule = "RMSProp(eps=0, eps_root=eps)"
    plain, root = loop(published.rmsprop_outside, decay=0.9, **AT), loop(published.rmsprop_inside, decay=0.9, **AT)
    variants = [
        Variant("PyTorch; G, S, U", r"$\alpha g / (\sqrt s + \epsilon)$", plain, "RMSProp", outside),
        *torch_itself("RMSprop", "RMSProp", outside, lr=RATE, alpha=0.9, eps=EPS),
        Variant("Optax", r"$\alpha g / \sqrt{s + \epsilon}$", run(optax.rmsprop(RATE, 0.9, EPS)), rule, inside),
        Variant("Keras; T", r"$\alpha g / \sqrt{s + \epsilon}$", root, rule, inside),
    ]
    return Family("RMSProp", "RMSProp()", outside, variants)


def adam():
    ours, inside = run(optimizers.Adam(RATE, eps=EPS)), run(optimizers.Adam(RATE, eps=0.0, eps_root=EPS))
    uncorrected = run(optimizers.Adam(RATE, eps=EPS, bias_correction=False))
    early = run(optimizers.Adam(RATE, eps=from_optax_schedule(lambda t: EPS / jnp.sqrt(1 - 0.999 ** (t + 1)))))
    first, printed = published.adam_uncorrected, published.munich_adam_as_printed
    variants = [
        Variant(
            "Kingma & Ba, algorithm 1; PyTorch; U",
            r"$\alpha \hat m / (\sqrt{\hat v} + \epsilon)$",
            loop(published.adam, **AT),
            "Adam",
            ours,
        ),
        *torch_itself("Adam", "Adam", ours, lr=RATE, eps=EPS),
        Variant("Optax", r"$\alpha \hat m / (\sqrt{\hat v} + \epsilon)$", run(optax.adam(RATE, eps=EPS)), "Adam", ours),
        Variant("Keras", KERAS, loop(published.keras_adam, **AT), "Adam(eps=eps / sqrt(1 - b2**t)), a schedule", early),
        Variant(
            "T",
            r"$\alpha \hat m / \sqrt{\hat v + \epsilon}$",
            loop(published.adam_inside, **AT),
            "Adam(eps=0, eps_root=eps)",
            inside,
        ),
        Variant(
            "S, first",
            r"$\alpha m / (\sqrt v + \epsilon)$",
            loop(first, **AT),
            "Adam(bias_correction=False)",
            uncorrected,
        ),
        Variant("G as printed", r"$\hat m$, $\hat v$ stored and corrected again at every step", loop(printed, **AT)),
    ]
    return Family("Adam", "Adam()", ours, variants)


def adamw():
    ours = run(optimizers.AdamW(RATE, eps=EPS, weight_decay=0.1))
    coupled = run(optimizers.chain(optimizers.AddDecayedWeights(0.1), optimizers.Adam(RATE, eps=EPS)))
    first, keras = (
        loop(published.pytorch_adamw, weight_decay=0.1, **AT),
        loop(published.keras_adamw, weight_decay=0.1, **AT),
    )
    l2, theirs = loop(published.adam_with_l2, weight_decay=0.1, **AT), run(optax.adamw(RATE, eps=EPS, weight_decay=0.1))
    rule = "chain(AddDecayedWeights(rate), Adam())"
    variants = [
        Variant("PyTorch", r"$\theta (1 - \alpha \lambda)$, then Adam", first, "AdamW", ours),
        *torch_itself("AdamW", "AdamW", ours, lr=RATE, eps=EPS, weight_decay=0.1),
        Variant("Optax", r"$\alpha (\hat m / (\sqrt{\hat v} + \epsilon) + \lambda \theta)$", theirs, "AdamW", ours),
        Variant("Keras", r"$\theta (1 - \alpha \lambda)$, then Keras's Adam", keras),
        Variant("PyTorch, `Adam(weight_decay=...)`", r"$g + \lambda \theta$ in the moments", l2, rule, coupled),
    ]
    return Family("AdamW", "AdamW()", ours, variants)


def nadam():
    ours = run(optimizers.NAdam(RATE, eps=EPS))
    slowly, quickly = (run(optimizers.DozatNAdam(RATE, eps=EPS, momentum_decay=psi)) for psi in (0.004, 1.0))
    torch_form, keras = loop(published.scheduled_nadam, psi=0.004, **AT), loop(published.scheduled_nadam, psi=1.0, **AT)
    variants = [
        Variant("Optax", r"$\mu = \beta_1$", run(optax.nadam(RATE, eps=EPS)), "NAdam", ours),
        Variant("PyTorch", r"$\mu_t = \beta_1 (1 - 0.96^{0.004 t} / 2)$", torch_form, "DozatNAdam", slowly),
        *torch_itself("NAdam", "DozatNAdam", slowly, lr=RATE, eps=EPS),
        Variant("Keras; Dozat", r"$\mu_t = \beta_1 (1 - 0.96^t / 2)$", keras, "DozatNAdam(momentum_decay=1)", quickly),
    ]
    return Family("NAdam", "NAdam()", ours, variants)


def radam():
    ours = run(optimizers.RAdam(RATE, eps=EPS))
    variants = [
        Variant(
            "Optax",
            r"$r \alpha \hat m / (\sqrt{\hat v} + \epsilon)$ for $\rho \ge 5$",
            run(optax.radam(RATE, eps=EPS)),
            "RAdam",
            ours,
        ),
        Variant(
            "PyTorch",
            r"$r \alpha \hat m \sqrt{1 - \beta_2^t} / (\sqrt v + \epsilon)$ for $\rho > 5$",
            loop(published.pytorch_radam, **AT),
        ),
        *torch_itself("RAdam", "none", None, lr=RATE, eps=EPS),
    ]
    return Family("RAdam", "RAdam()", ours, variants)


def amsgrad():
    ours = run(optimizers.AMSGrad(RATE, eps=EPS))
    plain = run(optimizers.AMSGrad(RATE, eps=EPS, bias_correction=False))
    torch_form, keras = loop(published.pytorch_amsgrad, **AT), loop(published.keras_amsgrad, **AT)
    reddi = loop(published.reddi_amsgrad, **AT)
    variants = [
        Variant(
            "Optax",
            r"$\alpha \hat m / (\sqrt{\max \hat v} + \epsilon)$",
            run(optax.amsgrad(RATE, eps=EPS)),
            "AMSGrad",
            ours,
        ),
        Variant("PyTorch", r"$\alpha \hat m / (\sqrt{\max v / (1 - \beta_2^t)} + \epsilon)$", torch_form),
        *torch_itself("Adam", "none", None, lr=RATE, eps=EPS, amsgrad=True),
        Variant("Keras", r"$\alpha \sqrt{1 - \beta_2^t} / (1 - \beta_1^t) \; m / (\sqrt{\max v} + \epsilon)$", keras),
        Variant(
            "Reddi et al.", r"$\alpha m / (\sqrt{\max v} + \epsilon)$", reddi, "AMSGrad(bias_correction=False)", plain
        ),
    ]
    return Family("AMSGrad", "AMSGrad()", ours, variants)


def adamax():
    ours = run(optimizers.AdaMax(RATE, eps=EPS))
    plain, keras = loop(published.pytorch_adamax, **AT), loop(published.keras_adamax, **AT)
    variants = [
        Variant(
            "PyTorch", r"$u = \max(\beta u, \lvert g \rvert + \epsilon)$; $\alpha \hat m / u$", plain, "AdaMax", ours
        ),
        *torch_itself("Adamax", "AdaMax", ours, lr=RATE, eps=EPS),
        Variant(
            "Optax",
            r"$u = \max(\beta u, \lvert g \rvert + \epsilon)$; $\alpha \hat m / u$",
            run(optax.adamax(RATE, eps=EPS)),
            "AdaMax",
            ours,
        ),
        Variant("Keras", r"$u = \max(\beta u, \lvert g \rvert)$; $\alpha \hat m / (u + \epsilon)$", keras),
    ]
    return Family("AdaMax", "AdaMax()", ours, variants)


FAMILIES = (momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw, nadam, radam, amsgrad, adamax)
