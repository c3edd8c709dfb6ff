"""The folder of a trained model: parameters as safetensors, everything else as text that people read."""

import os
import pathlib
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dlcore
from dlcore.data import Preprocessing, Target
from dlcore.data.files import Path, explained, read, replace_file, tuples, write
from dlcore.deployment.model import TrainedModel
from dlcore.numerics.errors import needed
from dlcore.training.run import Trained
from dlcore.tree import from_config, to_config
from dlcore.tree.names import leaf_names

FORMAT = 1
PARAMETERS, _PREPROCESSING = "parameters.safetensors", "preprocessing.json"


def save_model(folder: Path, model: TrainedModel) -> None:
    """Write ``model`` to ``folder``: it is there, whole, once its ``model.json`` is.

    ``load_model`` gives it back, with dlcore and safetensors alone. Raises TypeError for a setup with a function that
    has no name, such as a lambda.
    """
    by = model.inputs
    setup, arrays = to_config(model.trained.setup), _arrays(model.trained)
    about = {
        "format": FORMAT,
        "dlcore": dlcore.__version__,
        "members": model.members,
        "example": list(model.shape),
        "target": model.target,
        "usual": np.asarray(model.usual).tolist(),
        "inputs": _PREPROCESSING if isinstance(by, Preprocessing) else to_config(by),
        "scales": to_config(jax.tree.map(lambda _: 0.0, model.trained.inputs)),
        "setup": setup,
    }
    path = pathlib.Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    replace_file(path / PARAMETERS, lambda file: file.write(_bytes(arrays)))
    if isinstance(by, Preprocessing):
        text = by.to_json().encode()
        replace_file(path / _PREPROCESSING, lambda file: file.write(text))
    write(path / "model", about)


def load_model(folder: Path, trusted: tuple[str, ...] = ()) -> TrainedModel:
    """The model in ``folder``, that of a run or its ``model`` folder alone.

    Setups with functions from outside dlcore are read where their packages are ``trusted``. Raises ValueError, in one
    line, where there is no whole model.

    >>> import jax, tempfile
    >>> from dlcore import Setup, data, fit, load_model, losses, mlp
    >>> from dlcore.deployment import TrainedModel, save_model
    >>> iris, _ = data.prepare(data.split(data.load("iris")))
    >>> run = fit(Setup(mlp((3,)), losses.softmax_cross_entropy, epochs=50), iris, jax.random.key(0))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_model(folder, TrainedModel.of(run, iris))
    ...     model = load_model(folder)
    >>> print(model.predict([[5.1, 3.5, 1.4, 0.2]]).values)
    ['setosa']
    """
    path = _place(folder)
    about = read(path / "model")
    if about.get("format") != FORMAT:
        raise ValueError(needed(str(path), f"a model of format {FORMAT}", about.get("format")))
    with explained(path / "model.json"):
        setup, scales = (from_config(about[name], trusted) for name in ("setup", "scales"))
        target = Target(**tuples(about["target"]))
        inputs = None if about["inputs"] == _PREPROCESSING else from_config(about["inputs"], trusted)
        shape, members, usual = tuple(about["example"]), about["members"], np.asarray(about["usual"])
    if about["inputs"] == _PREPROCESSING:
        with explained(path / _PREPROCESSING) as file:
            inputs = Preprocessing.from_json(file.read_text(encoding="utf-8"))
    learned = _parameters(path / PARAMETERS, setup, members, shape, scales)
    return TrainedModel(Trained(setup, *learned), members, inputs, target, shape, usual)


def _place(folder: Path) -> pathlib.Path:
    path = pathlib.Path(os.path.abspath(os.path.expanduser(folder)))
    for place in (path, path / "model"):
        if (place / "model.json").is_file():
            return place
    what = "a run that was trained to its end, with its folder model/"
    raise ValueError(needed(str(folder), what, "one without" if path.is_dir() else "no folder", "one below runs/"))


def _arrays(model: Trained) -> dict[str, np.ndarray]:
    """Parameters, model state and the scales of folds by their paths."""
    tree = {"params": model.params, "model_state": model.model_state, "scales": model.inputs}
    return dict(zip(leaf_names(tree), map(np.ascontiguousarray, jax.tree.leaves(tree)), strict=True))


def _bytes(arrays: dict[str, np.ndarray]) -> bytes:
    from safetensors.numpy import save

    return save(arrays)


def _parameters(path: pathlib.Path, setup: Any, members: int | None, shape: tuple[int, ...], scales: Any) -> Any:
    """Parameters, model state and scales of ``setup`` in a file. Raises ValueError, by its path, for what does not fit.

    ``scales`` has their structure; their shapes are those of the file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    with explained(path) as file:
        try:
            found = load(file.read_bytes())
        except SafetensorError as error:
            raise ValueError(str(error)) from error
    one = setup if members is None else jax.tree.map(lambda a: np.asarray(a)[0], setup)
    learned = jax.eval_shape(lambda key: one.model.init(key, shape), jax.random.key(0))
    axis = () if members is None else (members,)
    shapes = [axis + leaf.shape for leaf in jax.tree.leaves(learned)] + [None] * len(jax.tree.leaves(scales))
    like = {"params": learned[0], "model_state": learned[1], "scales": scales}
    order = (
        leaf_names({"params": learned[0]}) + leaf_names({"model_state": learned[1]}) + leaf_names({"scales": scales})
    )
    leaves = {name: _leaf(path, found, name, shape) for name, shape in zip(order, shapes, strict=True)}
    tree = jax.tree.structure(like).unflatten([leaves[name] for name in leaf_names(like)])
    return tree["params"], tree["model_state"], tree["scales"]


def _leaf(path: pathlib.Path, found: dict[str, np.ndarray], name: str, shape: tuple[int, ...] | None) -> Any:
    got = list(found[name].shape) if name in found else "none"
    if name not in found or (shape is not None and got != list(shape)):
        what = f"{name} {list(shape or ())}"
        raise ValueError(needed(str(path), what, got, "the model.json that it was saved with"))
    return jnp.asarray(found[name])
