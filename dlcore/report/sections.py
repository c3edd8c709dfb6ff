"""The report in words, in the order of the recipe's steps: facts, verdicts and tables of each section."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from dlcore.report.contents import Contents, Json, Sweep, number
from dlcore.report.drawing import metrics, named
from dlcore.report.numbers import (
    MISSING,
    TIMES,
    fixed,
    grouped,
    memory,
    metric,
    percent,
    places,
    short,
    when,
    with_error,
)
from dlcore.report.progress import duration

_GOOD = {"ideal", "as expected", "memorised"}
_BAD = {"diverged", "not finite", "error", "softmax applied twice", "not memorised", "wrong reduction"}
_CONFIGURATIONS = 10  # rows of a sweep's table
_FEATURES = 6  # shown of a wrong prediction that is no image


class Table(NamedTuple):
    """A table: the first ``left`` columns hold words, the others numbers, right-aligned."""

    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1
    folded: bool = False


class Finding(NamedTuple):
    """A verdict, or something found in the data; ``tone`` is "good", "warning" or "bad"."""

    tone: str
    kind: str
    reason: str
    evidence: Sequence[str] = ()
    advice: Sequence[str] = ()


class Section(NamedTuple):
    """One step of the recipe; ``key`` is what its figures are filed under."""

    key: str
    title: str
    facts: Sequence[tuple[str, str]] = ()
    findings: Sequence[Finding] = ()
    tables: Sequence[Table] = ()
    text: str = ""


def sections(contents: Contents) -> Iterator[Section]:
    """The sections whose pieces are there."""
    if contents.data:
        yield _data(contents.data)
    if contents.sanity:
        yield _sanity(contents.sanity)
    for key, title, found in (
        ("coarse", "Tuning, coarse", contents.coarse),
        ("refined", "Tuning, refined", contents.refined),
    ):
        if found:
            yield _sweep(key, title, found)
    if contents.training:
        yield _training(contents, contents.training)
    if contents.verdict:
        yield Section("verdict", "Verdict", findings=[verdict(contents.verdict)])
    if contents.test:
        yield _test(contents, contents.test)
    if contents.environment:
        yield _environment(contents.environment)
    yield _setup(contents.config)


def verdict(found: Json) -> Finding:
    """A saved verdict with its tone."""
    kind = str(found["kind"])
    tone = "good" if kind in _GOOD else "bad" if kind in _BAD else "warning"
    return Finding(tone, kind, found["reason"], found.get("evidence") or (), found.get("try_next") or ())


def _data(data: Json) -> Section:
    classes, features = data.get("classes") or [], data.get("features")
    n = len(features) if isinstance(features, list) else features
    shape = data.get("image_shape")
    facts = [
        ("name", data["name"]),
        ("task", data["task"]),
        ("examples", _sizes(data)),
        ("features", f"{short(n)}, images of {f' {TIMES} '.join(map(str, shape))}" if shape else short(n)),
    ]
    if classes:
        facts.append(("classes", f"{len(classes)}: {', '.join(map(str, classes[:20]))}{' …' * (len(classes) > 20)}"))
    facts += [(name, str(data[name])) for name in ("source", "licence") if data.get(name)]
    found = [
        Finding("bad" if f["severity"] == "error" else "warning", f["kind"], f["message"])
        for f in data.get("findings") or []
    ]
    return Section("data", "Data", facts, found or [Finding("good", "checked", "nothing conspicuous was found")])


def _sizes(data: Json) -> str:
    parts = [f"{grouped(data[name])} {name}" for name in ("train", "validation", "test") if name in data]
    return f"{grouped(data['examples'])}: {', '.join(parts)}"


def _sanity(sanity: Json) -> Section:
    facts = [
        ("loss before training", short(sanity["initial_loss"])),
        ("expected", f"{sanity.get('expected_name', '')} = {short(sanity['expected'])}"),
    ]
    found = [verdict(sanity["verdict"])] if sanity.get("verdict") else []
    rungs = sanity.get("overfit") or []
    rows = [
        [
            short(rung["examples"]),
            short(rung.get("epochs")),
            fixed(rung["final_loss"]),
            percent(rung.get("final_accuracy")),
            (rung.get("verdict") or {}).get("kind", MISSING),
        ]
        for rung in rungs
    ]
    wrong = [verdict(rung["verdict"]) for rung in rungs if rung.get("verdict")]
    columns = ("examples", "epochs", "loss", "accuracy", "verdict")
    tables = [_filled(Table("", columns, rows, left=0))] if rows else []
    return Section("sanity", "Sanity", facts, found + [v for v in wrong if v.tone != "good"], tables)


def _filled(table: Table) -> Table:
    """``table`` without columns in which everything is missing."""
    kept = [j for j in range(len(table.columns)) if any(row[j] != MISSING for row in table.rows)]
    return table._replace(columns=[table.columns[j] for j in kept], rows=[[row[j] for j in kept] for row in table.rows])


def _sweep(key: str, title: str, sweep: Sweep) -> Section:
    facts, space = sweep.facts, sweep.space
    runs = f"{len(space)} configurations {TIMES} {short(facts.get('seeds'))} seeds"
    about = [("trainings", f"{short(facts.get('trainings'))} ({runs})")]
    if "seconds" in facts:
        about.append(("time", _pace(number(facts["seconds"]), facts.get("trainings"))))
    about.append(("compilations", short(facts.get("compilations"))))
    about += [("plan", str(facts["plan"]))] if facts.get("plan") else []
    warnings = [Finding("warning", "edge of the range", line) for line in facts.get("warnings") or []]
    if sweep.best is None:
        warnings.append(Finding("bad", "diverged", "no configuration was trained without divergence"))
    return Section(key, title, about, warnings, [_configurations(sweep)])


def _pace(seconds: float, trainings: Any) -> str:
    each = f", {short(1e3 * seconds / trainings, 3)} ms each" if trainings else ""
    return duration(seconds) + each


def _configurations(sweep: Sweep) -> Table:
    paths, seeds = list(sweep.axes), sweep.facts.get("seeds", 1)
    accuracy = sweep.arrays.get("accuracy")
    columns = ["", *paths, "validation loss", *(["accuracy"] if accuracy is not None else []), "diverged"]
    rows, digits = [], None if sweep.best is None else places(sweep.standard_error[sweep.best])
    for i in sweep.order[:_CONFIGURATIONS]:
        mark = "best" if i == sweep.best else "≈" if i in sweep.alike else ""
        loss = with_error(sweep.mean[i], sweep.standard_error[i], digits) if np.isfinite(sweep.mean[i]) else MISSING
        share = [] if accuracy is None else [percent(np.mean(accuracy[i]))]
        lost = f"{sweep.diverged[i]} of {seeds}" if sweep.diverged[i] else "0"
        rows.append([mark, *(short(sweep.space[i].get(path)) for path in paths), loss, *share, lost])
    shown = f"The best {len(rows)} of {len(sweep.space)}" if len(rows) < len(sweep.space) else f"All {len(rows)}"
    return Table(f"{shown}, mean ± standard error; ≈: within one standard error of the best", columns, rows)


def _training(contents: Contents, training: Json) -> Section:
    epochs, best, history = training.get("epochs"), training.get("best_epoch"), contents.history
    facts = [
        ("ending", str(training.get("ending"))),
        ("epochs", f"{short(epochs)}, the best is epoch {short(best)}"),
        ("parameters", short(training.get("parameters"))),
        ("time", duration(number(training["seconds"])) if "seconds" in training else MISSING),
    ]
    n = len(history.get("train_loss", ()))
    kept = [(word, e) for word, e in (("best", best), ("last", epochs)) if isinstance(e, int) and 0 < e <= n]
    columns, rows = ["epoch", "number", "training loss", "validation loss"], []
    names = metrics(history)
    columns += [f"{part} {name}" for name in names for part in ("training", "validation")]
    for word, epoch in kept:
        values = [fixed(history[f"{part}_loss"][epoch - 1]) for part in ("train", "validation")]
        parts = [(name, f"{part}_metrics.{name}") for name in names for part in ("train", "validation")]
        values += [metric(name, history[key][epoch - 1]) for name, key in parts]
        rows.append([word, short(epoch), *values])
    return Section("training", "Training", facts, tables=[Table("", columns, rows)] if rows else [])


def _test(contents: Contents, test: Json) -> Section:
    errors = test.get("standard_error") or {}
    facts = [
        ("opened", f"once, {when(test['opened'])}" if test.get("opened") else MISSING),
        ("reason", str(test.get("reason", MISSING))),
        ("examples", short(test.get("n"))),
        ("loss", short(test.get("loss"))),
    ]
    facts += [(name, metric(name, value, errors.get(name))) for name, value in (test.get("metrics") or {}).items()]
    arrays, classes, tables = contents.predictions, contents.classes, []
    if "confusion" in arrays:
        tables.append(_by_class(arrays["confusion"], classes))
    if len(arrays.get("wrong_x", ())) and not (contents.data or {}).get("image_shape"):
        tables.append(_wrong(contents))
    return Section("test", "Test", facts, tables=tables)


def _by_class(confusion: np.ndarray, classes: list[str]) -> Table:
    names, right = named(range(len(confusion)), classes), np.diag(confusion)
    true, predicted = confusion.sum(1), confusion.sum(0)
    rows = [
        [names[i], short(int(true[i])), _share(right[i], predicted[i]), _share(right[i], true[i])]
        for i in range(len(confusion))
    ]
    return Table("By class", ("class", "examples", "precision", "recall"), rows, folded=True)


def _share(part: int, whole: int) -> str:
    return percent(part / whole) if whole else MISSING


def _wrong(contents: Contents) -> Table:
    arrays, classes, data = contents.predictions, contents.classes, contents.data or {}
    x = np.asarray(arrays["wrong_x"]).reshape(len(arrays["wrong_x"]), -1)
    features = data.get("features")
    names = features if isinstance(features, list) else [f"x[{i}]" for i in range(x.shape[1])]
    columns = ["predicted", "truth", "probability", *names[:_FEATURES]]
    pairs = zip(named(arrays["wrong_prediction"], classes), named(arrays["wrong_y"], classes), strict=True)
    rows = [
        [said, is_, percent(p), *(short(float(v), 3) for v in row[:_FEATURES])]
        for (said, is_), p, row in zip(pairs, arrays["wrong_probability"], x, strict=True)
    ]
    return Table("Wrong predictions, the surest first", columns, rows, left=2)


def _environment(environment: Json) -> Section:
    device, machine = environment.get("device") or {}, environment.get("machine") or {}
    precision, git = environment.get("precision") or {}, environment.get("git")
    versions = environment.get("versions") or {}
    facts = [
        ("started", when(environment.get("time", MISSING))),
        (
            "device",
            f"{short(device.get('count'))} {TIMES} {device.get('kind', MISSING)} ({device.get('platform', MISSING)})",
        ),
        ("machine", machine_of(environment)),
        ("system", str(machine.get("system", MISSING))),
        ("precision", f"{'64' if precision.get('x64') else '32'} bit, products: {precision.get('matmul', 'default')}"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
    ]
    if git:
        facts.append(("git revision", f"{git['revision']}{', with changes' if git.get('changed') else ''}"))
    return Section("environment", "Environment", facts)


def machine_of(environment: Json) -> str:
    """Processor, cores and memory in a line."""
    machine = environment.get("machine") or {}
    cores = machine.get("cores")
    return f"{machine.get('processor') or 'processor'}, {short(cores)} cores, {memory(machine.get('memory'))}"


def _setup(config: Json) -> Section:
    rows = [[path, short(value, 6)] for path, value in _flat(config.get("setup") or {})]
    recipe = [[path, short(value, 6)] for path, value in _flat(config.get("recipe") or {})]
    tables = [Table("Every value by its path", ("path", "value"), rows, left=2, folded=True)] if rows else []
    tables += [Table("Options of the recipe", ("option", "value"), recipe, left=2, folded=True)] if recipe else []
    return Section("setup", "Set-up", tables=tables, text=config.get("setup_text") or "")


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        for key, value in node.items():
            where = path if key.startswith("$") else f"{path}.{key}" if path else key
            yield from _flat(value, where)
    elif isinstance(node, list) and any(isinstance(item, (dict, list)) for item in node):
        for i, item in enumerate(node):
            yield from _flat(item, f"{path}[{i}]")
    elif path:
        yield path, ", ".join(map(short, node)) if isinstance(node, list) else node
