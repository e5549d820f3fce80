"""The source tree as data, for the tests of this folder: modules, imports, definitions.

`python -m tests.architecture.source [FOLDER ...]` prints what the tests would say of folders.
"""

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "s3d").rglob("*.py"))

REFUSED_WORDS = (
    "told", "said", "asked", "heard", "knock", "anew",
    "facts", "standing", "wanted", "about", "found", "kept",
)  # fmt: skip
"""Words that say nothing to a newcomer; house style has a better one for each of their uses."""

SMALL_MODULE = 60
MAX_METHODS = 20
MAX_ATTRIBUTES = 12
LONG_FUNCTION = 40
"""Lines, without those of the docstring."""


class Definition(NamedTuple):
    """A public name and where it is defined."""

    module: str
    line: int
    name: str


class ClassSize(NamedTuple):
    """How much one class holds."""

    module: str
    name: str
    methods: int
    attributes: int


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in SOURCES}


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module. Parsed when it is needed: every worker loads this file."""
    return ast.parse(MODULES[module].read_text())


def definitions(module: str) -> Iterator[Definition]:
    """Every name that a module offers: its own and those of all that it defines."""
    yield Definition(module, 1, module.rpartition(".")[2])
    for node in ast.walk(tree(module)):
        for name in _names_defined_by(node):
            yield Definition(module, getattr(node, "lineno", 1), name)
    for statement in tree(module).body:
        for target in _assigned(statement):
            if isinstance(target, ast.Name):
                yield Definition(module, target.lineno, target.id)


def _names_defined_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield node.name
        arguments = node.args
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            yield each.arg
    elif isinstance(node, ast.ClassDef):
        yield node.name
        for statement in node.body:
            yield from (one.id for one in _assigned(statement) if isinstance(one, ast.Name))
    else:
        for target in _assigned(node):
            if (
                isinstance(target, ast.Attribute)
                and isinstance(target.value, ast.Name)
                and target.value.id == "self"
            ):
                yield target.attr


def _assigned(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.Assign):
        return [
            one
            for target in node.targets
            for one in (target.elts if isinstance(target, ast.Tuple) else [target])
        ]
    return [node.target] if isinstance(node, ast.AnnAssign | ast.AugAssign) else []


def refused(module: str) -> list[Definition]:
    """Public names that are, or end in `_` and, a refused word."""
    return sorted(
        {
            one
            for one in definitions(module)
            if not one.name.startswith("_")
            and any(
                one.name.lower() == word or one.name.lower().endswith("_" + word)
                for word in REFUSED_WORDS
            )
        }
    )


def class_sizes(module: str) -> Iterator[ClassSize]:
    """The classes with behaviour: frozen data classes and Structs do not count."""
    for node in ast.walk(tree(module)):
        if not isinstance(node, ast.ClassDef) or _is_value(node):
            continue
        functions = [
            one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        attributes = {
            target.attr
            for function in functions
            for inner in ast.walk(function)
            for target in _assigned(inner)
            if isinstance(target, ast.Attribute)
            and isinstance(target.value, ast.Name)
            and target.value.id == "self"
        }
        attributes |= {
            one.target.id
            for one in node.body
            if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        }
        yield ClassSize(module, node.name, len(functions), len(attributes))


def long_functions(module: str) -> dict[str, int]:
    """Functions of more than LONG_FUNCTION lines: name -> lines."""
    return {
        name: lines
        for name, function in _functions(tree(module), module)
        if (lines := _size(function)) > LONG_FUNCTION
    }


Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(parent: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for node in ast.iter_child_nodes(parent):
        if isinstance(node, Function | ast.ClassDef):
            name = f"{prefix}.{node.name}"
            if isinstance(node, Function):
                yield name, node
            yield from _functions(node, name)


def _size(function: Function) -> int:
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    is_documented = ast.get_docstring(function, clean=False) is not None
    return lines - ((first.end_lineno or 0) - first.lineno + 1 if is_documented else 0)


def _is_value(node: ast.ClassDef) -> bool:
    bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
    frozen = any(
        "dataclass" in ast.unparse(one) and "frozen=True" in ast.unparse(one)
        for one in node.decorator_list
    )
    return frozen or bool(bases & {"Struct", "NamedTuple", "StrEnum", "Protocol", "TypedDict"})


def too_big(size: ClassSize) -> bool:
    return size.methods > MAX_METHODS or size.attributes > MAX_ATTRIBUTES


def small_modules() -> dict[str, int]:
    """Modules under SMALL_MODULE lines, packages' own __init__ aside: name -> lines."""
    lines = {
        name: len(file.read_text().splitlines())
        for name, file in MODULES.items()
        if file.name not in ("__init__.py", "__main__.py")
    }
    return {name: count for name, count in lines.items() if count < SMALL_MODULE}


def imported(module: str) -> set[str]:
    """Modules of s3d that a module imports, those for the type checker included."""
    names = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in MODULES else str(node.module))
    return {name for name in names if name in MODULES} - {module}


def cycles() -> list[list[str]]:
    """Import cycles, TYPE_CHECKING included, one after another until none is left."""
    graph = {name: imported(name) for name in MODULES}
    seen: list[list[str]] = []
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            ring = list(reversed(error.args[1]))
            seen.append(ring)
            graph[ring[0]].discard(ring[1])
        else:
            return seen


def shared_file_names() -> dict[str, list[str]]:
    """File name -> the packages that have one of this name, where there are several."""
    places = defaultdict(list)
    for name in MODULES:
        if not MODULES[name].name.startswith("__"):
            package, _, last = name.rpartition(".")
            places[last].append(package)
    return {last: packages for last, packages in sorted(places.items()) if len(packages) > 1}


def shared_class_names() -> dict[str, int]:
    names = Counter(
        node.name
        for module in MODULES
        for node in tree(module).body
        if isinstance(node, ast.ClassDef)
    )
    return {name: count for name, count in names.items() if count > 1}


def _within(module: str, folders: list[str]) -> bool:
    file = str(MODULES[module].relative_to(ROOT))
    return not folders or any(file.startswith(folder.rstrip("/")) for folder in folders)


def report(folders: list[str]) -> Iterator[str]:
    for module in MODULES:
        if _within(module, folders):
            yield from (f"name   {one.module}:{one.line} {one.name}" for one in refused(module))
            yield from (
                f"class  {one.module} {one.name}: "
                f"{one.methods} methods, {one.attributes} attributes"
                for one in class_sizes(module)
                if too_big(one)
            )
            yield from (f"long   {name}: {n} lines" for name, n in long_functions(module).items())
    yield from (
        f"small  {name}: {count} lines"
        for name, count in small_modules().items()
        if _within(name, folders)
    )
    yield from (
        f"cycle  {' -> '.join(ring)}"
        for ring in cycles()
        if any(_within(one, folders) for one in ring)
    )
    yield from (
        f"shared {name}.py: {', '.join(packages)}" for name, packages in shared_file_names().items()
    )


if __name__ == "__main__":
    print("\n".join(report(sys.argv[1:])))
