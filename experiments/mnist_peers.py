"""The networks of ``experiments.mnist`` in scikit-learn and PyTorch: what gives the test accuracy after every epoch."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from dlcore.layers import BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool, Reshape
from dlcore.optimizers import Adam, RMSProp
from dlcore.schedules import Cosine
from experiments.benchmarks.race import peer


def logistic_regression(split: Any) -> Iterator[float]:
    """scikit-learn's linear classifier by its own solver, L-BFGS on all examples: one number, after its last step."""
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a hundred steps, its default, do not bring it to its tolerance
        yield float(LogisticRegression().fit(*split.train).score(*split.validation))


def scikit_learn(widths: tuple[int, ...], rate: float, batch_size: int, epochs: int, split: Any, seed: int) -> Any:
    """``MLPClassifier`` with hidden layers of ``widths``, by Adam and without a penalty, an epoch a call."""
    from sklearn.neural_network import MLPClassifier

    options: dict[str, Any] = {"batch_size": batch_size, "learning_rate_init": rate, "alpha": 0.0}
    # not the seed itself, by which every call would begin anew and draw the order of the epoch before
    model = MLPClassifier(widths, random_state=np.random.RandomState(seed), **options)
    for _ in range(epochs):
        model.partial_fit(*split.train, classes=np.arange(10))
        yield float(model.score(*split.validation))


class PyTorch:
    """``model`` and ``rule`` of dlcore in PyTorch, and the loop of its tutorials, batches cut from tensors in memory.

    Kernels are drawn as dlcore draws them, from a normal distribution of variance $2 / n$, and biases are 0.
    """

    def __init__(self, model: Any, rule: Any, split: Any, seed: int):
        self.torch: Any = peer("torch")
        self.torch.manual_seed(seed)
        (x, y), (self.v, self.w) = [map(self.torch.from_numpy, part) for part in (split.train, split.validation)]
        self.x, self.y = x, y.long()
        self.model = self.torch.nn.Sequential(*map(self._layer, model.layers))
        self.model(self.x[:2])  # the first call gives the layers their shapes
        for layer in self.model:
            if getattr(layer, "weight", None) is not None and layer.weight.ndim > 1:
                self.torch.nn.init.kaiming_normal_(layer.weight)
                self.torch.nn.init.zeros_(layer.bias)
        self.optimizer = self._optimizer(rule)
        self.rate = rule.learning_rate

    def _layer(self, layer):
        nn = self.torch.nn
        made = {
            Dense: lambda: nn.LazyLinear(layer.units),
            Conv: lambda: nn.LazyConv2d(layer.channels, layer.kernel_size, padding="same"),
            BatchNorm: lambda: nn.LazyBatchNorm2d(eps=layer.eps, momentum=1 - layer.momentum),
            MaxPool: lambda: nn.MaxPool2d(layer.window),
            Dropout: lambda: nn.Dropout(layer.rate),
            Flatten: nn.Flatten,
            Reshape: lambda: nn.Unflatten(1, (layer.shape[-1], *layer.shape[:-1])),  # channels first
        }
        return made.get(type(layer), nn.ReLU)()

    def _optimizer(self, rule):
        rate = rule.learning_rate.initial if isinstance(rule.learning_rate, Cosine) else rule.learning_rate
        makers = {
            Adam: lambda p: self.torch.optim.Adam(p, rate),
            RMSProp: lambda p: self.torch.optim.RMSprop(p, rate, alpha=rule.decay),
        }
        return makers[type(rule)](self.model.parameters())

    def epochs(self, batch_size: int, epochs: int) -> Iterator[float]:
        """Train, and say the test accuracy after every epoch."""
        steps = epochs * -(-len(self.x) // batch_size)
        falls = isinstance(self.rate, Cosine)
        clock = self.torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, steps) if falls else None
        for _ in range(epochs):
            self.model.train()
            for chosen in self.torch.randperm(len(self.x)).split(batch_size):
                self.optimizer.zero_grad()
                self.torch.nn.functional.cross_entropy(self.model(self.x[chosen]), self.y[chosen]).backward()
                self.optimizer.step()
                if clock is not None:
                    clock.step()
            yield self.accuracy()

    def accuracy(self) -> float:
        """Of the test examples, 1000 at a time."""
        self.model.eval()
        with self.torch.no_grad():
            parts = [self.model(v).argmax(1) for v in self.v.split(1000)]
        return float((self.torch.cat(parts) == self.w).float().mean())
