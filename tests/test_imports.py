"""Imports point downwards only, nothing below fit knows files, plots or the terminal, and importing costs little."""

import ast
import importlib
import pathlib
import pkgutil
import re
import subprocess
import sys

import pytest

import dlcore

ROOT = pathlib.Path(__file__).parent.parent
# from the top to the ground; a room may import the rooms in the lines below its own, and itself
STOREYS = [
    {"__main__"},
    {"cli"},
    {"recipe"},
    {"report"},
    {"figures"},
    {"runs"},
    {"deployment"},
    {"diagnosis", "interop"},
    {"tuning"},
    {"training"},
    {"data"},
    {"classics"},
    {"layers"},
    {"solvers"},
    {"optimizers"},
    {"backprop"},
    {"schedules", "initializers", "regularizers", "losses", "probability", "graph"},
    {"activations"},
    {"console"},
    {"tree"},
    {"numerics"},
]
LEVEL = {room: level for level, rooms in enumerate(STOREYS) for room in rooms}
HEAVY = {
    "matplotlib",
    "pandas",
    "sklearn",
    "jinja2",
    "tqdm",
    "tyro",
    "tensorboardX",
    "orbax",
    "safetensors",
    "optax",
    "flax",
    "grain",
    "scipy",
}
NEEDED = {"jax", "numpy"}


def modules():
    for path in sorted((ROOT / "dlcore").rglob("*.py")):
        name = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        yield name, path, ast.parse(path.read_text())


def room(module):
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else None


def imported(tree, at_import=False):
    """Modules that ``tree`` imports; ``at_import``: only those outside functions."""
    later = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) or _for_types_only(n)]
    inside = {id(n) for part in later for n in ast.walk(part)}
    for node in ast.walk(tree):
        if at_import and id(node) in inside:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            if node.module == "dlcore":
                yield from (f"dlcore.{alias.name}" for alias in node.names)


def _for_types_only(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_every_room_has_a_storey():
    assert {room(name) for name, _, _ in modules()} - {None} <= set(LEVEL)


def test_readme_names_the_same_rooms():
    readme = (ROOT / "README.md").read_text()
    listed = re.search(r"<!-- rooms -->(.*?)<!-- end -->", readme, re.DOTALL)
    assert listed, "README.md has no list of rooms"
    lines = [re.findall("`([a-z_]+)`", line) for line in listed[1].splitlines()]
    floors = [set(line) for line in lines if line]
    assert floors == [rooms - {"__main__"} for rooms in STOREYS if rooms - {"__main__"}]


def test_imports_point_downwards():
    upwards = [
        f"{name} imports {target}"
        for name, _, tree in modules()
        for target in imported(tree)
        if target.startswith("dlcore.") and room(name) and room(target) != room(name)
        if LEVEL[room(target)] <= LEVEL[room(name)]
    ]
    assert not upwards


def test_heavy_packages_are_imported_where_they_are_used():
    allowed = {"dlcore.interop.optax": {"optax"}, "dlcore.interop.flax": {"flax"}}
    allowed |= {f"dlcore.interop.sklearn.{part}": {"sklearn"} for part in ("networks", "search")}
    allowed |= {f"dlcore.cli.{part}": {"tyro"} for part in ("filling", "looking", "using")}  # loaded by their commands
    early = [
        f"{name} imports {target}"
        for name, _, tree in modules()
        for target in imported(tree, at_import=True)
        if target.split(".")[0] in HEAVY - allowed.get(name, set())
    ]
    assert not early


def test_nothing_below_fit_knows_files_plots_or_the_terminal():
    below = [(name, tree) for name, _, tree in modules() if room(name) and LEVEL[room(name)] >= LEVEL["training"]]
    forbidden = {"matplotlib", "tqdm", "tyro", "pathlib", "os", "logging", "jinja2", "argparse", "tensorboardX"}
    # the picture of a graph, drawn on request; what fit may be resumed from; what fit shows its progress by
    exempt = {"dlcore.graph.picture", "dlcore.training.checkpoints"}
    exempt |= {"dlcore.console.progress", "dlcore.console.interrupts"}
    known = [
        f"{name} imports {target}"
        for name, tree in below
        for target in imported(tree)
        if target.split(".")[0] in forbidden and room(name) != "data" and name not in exempt
    ]
    assert not known


def test_no_private_name_of_another_package():
    private = [
        f"{name} imports {target}"
        for name, _, tree in modules()
        for target in imported(tree)
        if not target.startswith("dlcore") and any(part.startswith("_") for part in target.split("."))
        if target != "__future__"
    ]
    assert not private


def test_import_loads_only_what_is_needed():
    loaded = fresh("import sys, dlcore.training; print(*{m.split('.')[0] for m in sys.modules})")
    assert not HEAVY - {"scipy"} & set(loaded)  # jax itself loads parts of SciPy
    assert set(loaded) >= NEEDED


def fresh(code):
    """What a new interpreter prints after ``code``."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return run.stdout.split()


def test_rooms_are_imported_when_they_are_asked_for():
    """``import dlcore`` costs next to nothing, and a room only what it stands on."""
    ours = "; print(*{m.split('.')[1] for m in sys.modules if m.startswith('dlcore.')})"
    assert fresh(f"import sys, dlcore{ours}") == []
    assert set(fresh(f"import sys; from dlcore import losses{ours}")) <= {"losses", "activations", "tree", "numerics"}
    below_training = {"layers", "initializers", "activations", "regularizers", "tree", "numerics"}
    assert set(fresh(f"import sys; from dlcore import mlp{ours}")) <= below_training


def test_the_public_face_is_the_same_for_people_and_type_checkers():
    face = next(tree for name, _, tree in modules() if name == "dlcore")
    (typed,) = [node for node in face.body if _for_types_only(node)]
    names = {alias.name for node in typed.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(dlcore.__all__) == set(dir(dlcore)) - {"__version__"}
    for name in dlcore.__all__:
        assert getattr(dlcore, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'optimisers'"):
        dlcore.__getattr__("optimisers")


def test_a_room_gives_what_its_list_says():
    for info in pkgutil.iter_modules(dlcore.__path__, "dlcore."):
        if info.ispkg:
            package = importlib.import_module(info.name)
            for name in getattr(package, "__all__", ()):
                assert hasattr(package, name), f"{info.name} lists {name}"
