"""How the house is kept: sizes, nesting, names, privacy. Each test names all offenders."""

import ast
import importlib
import inspect
import io
import pathlib
import pkgutil
import re
import tokenize

import numpy as np

import dlcore

ROOT = pathlib.Path(__file__).parent.parent
FILES = {
    path.relative_to(ROOT).as_posix(): path.read_text()
    for folder in ("dlcore", "experiments", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
LIBRARY = {name: ast.parse(text) for name, text in FILES.items() if name.startswith("dlcore/")}
LINES = 300
TENTH = 12  # code lines that nine of ten functions do not exceed
SUPPRESSIONS = re.compile(r"#.*\b(noqa|type:\s*ignore|pyright:|ruff:|pylint:|mypy:)")
BRITISH = re.compile(
    "colour|behaviour|favour|neighbour|honour|licence|centre(?!d?_of_mass)|grey|catalogue|"
    "(normal|initial|regular|standard|optim|general|parametr|summar|factor|random|serial|local|minim|maxim)is(e|ing|ation)"
)
FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def functions(node, depth=1):
    """(function, how many functions deep) of all below ``node``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FUNCTION):
            yield child, depth
        yield from functions(child, depth + isinstance(child, FUNCTION))


def code_lines(text):
    """Numbers of the lines with code on them: no blank, no comment, no docstring."""
    tree = ast.parse(text)
    prose = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, *FUNCTION.__args__)) and ast.get_docstring(node):
            prose |= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    spoken = set()
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type not in silent:
            spoken |= set(range(token.start[0], token.end[0] + 1))
    return spoken - prose


def packages():
    """Every package and every single-file room, with the names that it gives."""
    yield dlcore
    for info in pkgutil.walk_packages(dlcore.__path__, "dlcore."):
        if info.name != "dlcore.__main__":
            module = importlib.import_module(info.name)
            if hasattr(module, "__all__"):
                yield module


def test_no_file_is_too_long():
    long = {name: lines for name, text in FILES.items() if (lines := text.count("\n")) > LINES}
    assert not long


def test_no_function_is_nested_three_deep():
    every = ((name, f, depth) for name, tree in LIBRARY.items() for f, depth in functions(tree))
    deep = [f"{name}:{f.lineno} {f.name}" for name, f, depth in every if depth > 2]
    assert not deep


def test_nine_of_ten_functions_are_short():
    sizes = {}
    for name, tree in LIBRARY.items():
        lines = code_lines(FILES[name])
        for f, _ in functions(tree):
            sizes[f"{name}:{f.lineno} {f.name}"] = len(lines & set(range(f.lineno, (f.end_lineno or 0) + 1)))
    longest = sorted(sizes, key=lambda place: -sizes[place])[:20]
    assert np.quantile(list(sizes.values()), 0.9) <= TENTH, {place: sizes[place] for place in longest}


def test_nothing_is_suppressed():
    found = [
        f"{name}:{token.start[0]} {token.string}"
        for name, text in FILES.items()
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and SUPPRESSIONS.search(token.string)
    ]
    assert not found


def test_no_private_name_leaves_its_room():
    left = [
        f"{name}:{node.lineno} {node.module}.{alias.name}"
        for name, tree in LIBRARY.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dlcore.")
        for alias in node.names
        if alias.name.startswith("_") and alias.name != "__version__"
        if name.split("/")[1].removesuffix(".py") != str(node.module).split(".")[1]
    ]
    assert not left


def test_no_name_shadows_its_module():
    """``import dlcore.training.fit as f`` would give a function."""
    shadows = [
        f"{package.__name__}.{info.name}"
        for package in packages()
        for info in pkgutil.iter_modules(getattr(package, "__path__", ()))
        if info.name in package.__all__ and not inspect.ismodule(getattr(package, info.name))
    ]
    assert not shadows


def test_a_public_name_means_one_thing():
    meanings = {}
    for package in packages():
        for name in package.__all__:
            thing = getattr(package, name)
            meanings.setdefault(name, {}).setdefault(id(thing), f"{package.__name__}.{name}")
    assert not {name: sorted(places.values()) for name, places in meanings.items() if len(places) > 1}


def named(tree):
    """Every name that ``tree`` makes: functions, classes, arguments, variables, attributes."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.ClassDef, *FUNCTION.__args__)):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def test_names_are_spelled_as_the_field_spells_them():
    british = [
        f"{file}:{line} {name}"
        for file, text in FILES.items()
        for name, line in named(ast.parse(text))
        if BRITISH.search(name.lower())
    ]
    assert not british


def classes():
    for info in pkgutil.walk_packages(dlcore.__path__, "dlcore."):
        if info.name == "dlcore.__main__":
            continue
        for thing in vars(importlib.import_module(info.name)).values():
            if inspect.isclass(thing) and thing.__module__ == info.name and not thing.__name__.startswith("_"):
                yield thing


def test_what_overrides_nothing_says_what_it_does():
    silent = [
        f"{cls.__module__}.{cls.__qualname__}.{name}"
        for cls in classes()
        for name, thing in vars(cls).items()
        if not name.startswith("_") and inspect.isfunction(thing) and not (thing.__doc__ or "").strip()
        if not any(hasattr(base, name) for base in cls.__mro__[1:])
    ]
    assert not silent
