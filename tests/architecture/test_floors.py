"""Who may import whom, checked on the source: docs/architecture.md, "Floors"."""

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "s3d").rglob("*.py"))

FLOORS = {
    "s3d.shared": 0,
    "s3d.agent.s3": 1,
    "s3d.agent.core": 2,
    "s3d.agent.storage": 3,
    "s3d.agent.selection": 4,
    "s3d.agent.receipts": 4,
    "s3d.agent.large_objects": 4,
    "s3d.agent.stores": 5,
    "s3d.agent.remote_changes": 5,
    "s3d.agent.sync": 5,
    "s3d.agent.transfers": 6,
    "s3d.agent.after_upload": 6,
    "s3d.agent.fleet": 6,
    "s3d.agent.frontends": 7,
    "s3d.agent.app": 8,
    "s3d.agent": 8,
    "s3d.tui": 8,
    "s3d.cli": 8,
    "s3d.testing": 9,
    "s3d": 0,
    "s3d.__main__": 9,
}
"""Package or module -> floor; the longest name that fits counts."""

SIBLINGS = {
    "s3d.agent.stores": ("local", "write_queue", "read_cache", "remote", "notifications"),
    "s3d.agent.frontends": ("http", "control", "admin", "fuse"),
}
"""Packages that never import one another: only s3d.agent.app knows them all."""

ORDER_WITHIN = {
    "s3d.agent.stores.read_cache": ("catalog", "fill"),
    "s3d.agent.stores.write_queue": ("journal", "push"),
}
"""Package -> its folders from the lowest. Each imports only those before it, and no module that
lies in the package itself; those may import all of them."""

DOORS_OF_CLI = {
    "s3d.agent.app.agent",
    "s3d.agent.app.integrity_check",
    "s3d.agent.app.receipts_at_rest",
    "s3d.agent.app.remote_diagnosis",
    "s3d.agent.app.tracing",
    "s3d.tui.launch",
}
"""What a command may import of the upper floors, and only in a function."""

ONLY_IN = {
    "aioboto3": ("s3d.agent.stores.remote", "s3d.testing.server"),
    "aiobotocore": ("s3d.agent.stores.remote", "s3d.testing.server"),
    "boto3": ("s3d.testing.server",),
    "pytest": ("s3d.testing.pytest_plugin",),
    "botocore": ("s3d.agent.stores.remote", "s3d.agent.stores.notifications.targets",
                 "s3d.agent.remote_changes.sqs_client", "s3d.testing.server"),
    "sqlite3": ("s3d.agent.frontends.fuse.metadata_table",
                "s3d.agent.frontends.fuse.staging_journal", "s3d.agent.storage.index",
                "s3d.agent.storage.index_writer", "s3d.agent.receipts.receipt_file",
                "s3d.agent.storage.salvage", "s3d.agent.storage.sqlite_file",
                "s3d.agent.storage.tables",
                "s3d.agent.sync.baseline_file", "s3d.agent.sync.baseline_tables",
                "s3d.agent.sync.baseline_evictions"),
    "regopy": ("s3d.agent.selection.rego_program",),
    "watchfiles": ("s3d.agent.sync.watch",),
    "opentelemetry": ("s3d.agent.app.otel",),
    "textual": ("s3d.tui",),
    "rich": ("s3d.tui",),
    "PIL": ("s3d.tui.preview.picture",),
    "pyarrow": ("s3d.tui.preview.parquet_drawing",),
    "pygments": ("s3d.tui.preview.text_drawing",),
    "aiohttp": ("s3d.agent.frontends", "s3d.agent.stores.remote", "s3d.agent.selection",
                "s3d.agent.stores.notifications", "s3d.agent.remote_changes.sqs_client",
                "s3d.tui.agent_client"),
    "cachetools": ("s3d.agent", "s3d.tui.packed_objects"),
    "click": ("s3d.cli",),
    "http": ("s3d.agent.frontends.http",),
    "aiohappyeyeballs": ("s3d.agent.stores.remote.http1_pool",),
    "httptools": ("s3d.agent.frontends.http.request_parser",
                  "s3d.agent.stores.remote.http1_connection"),
    "python_multipart": ("s3d.agent.s3.post_form",),
    "mfusepy": ("s3d.agent.frontends.fuse",),
}  # fmt: skip
"""Third party (and a few of the library) -> the only places that may import it."""

IMPURE = {"asyncio", "os", "time", "socket", "ssl", "aiohttp", "subprocess", "threading", "random"}
"""What the S3 language does without; pathlib is for reading the model."""

LIBRARIES_OF_SHARED = {"msgspec", "platformdirs", "humanize", "tomli_w"}

NO_TEST_OF_THEIR_OWN = {"__init__.py", "__main__.py"}


class Import(NamedTuple):
    """One imported module. lazy: inside a function; typing: for the type checker only."""

    name: str
    lazy: bool
    typing: bool


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in SOURCES}


@cache
def imports_of(module: str) -> list[Import]:
    return list(_walk(ast.parse(MODULES[module].read_text()), lazy=False, typing=False))


def _walk(node: ast.AST, *, lazy: bool, typing: bool) -> Iterator[Import]:
    if isinstance(node, ast.Import):
        yield from (Import(alias.name, lazy, typing) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            yield Import(whole if whole in MODULES else str(node.module), lazy, typing)
    lazy = lazy or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    typing = typing or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    for child in ast.iter_child_nodes(node):
        yield from _walk(child, lazy=lazy, typing=typing)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def room_of(name: str) -> str:
    """The package or module of FLOORS that a module belongs to."""
    return max((room for room in FLOORS if within(name, room)), key=len)


def ours(name: str) -> list[Import]:
    return [item for item in imports_of(name) if within(item.name, "s3d")]


def below(package: str) -> list[str]:
    return [name for name in MODULES if within(name, package)]


def goes_down(name: str, item: Import) -> bool:
    room, target = room_of(name), room_of(item.name)
    if room == "s3d.cli" and item.name in DOORS_OF_CLI:
        return item.lazy
    return target in (room, "s3d") or FLOORS[target] < FLOORS[room]


def test_imports_go_down():
    wrong = [(name, item) for name in MODULES for item in ours(name) if not goes_down(name, item)]
    assert wrong == []


def test_clients_know_the_agent_by_its_socket_only():
    clients = below("s3d.cli") + below("s3d.tui")
    imports = {(name, item.name) for name in clients for item in ours(name)}
    assert [
        (name, other)
        for name, other in imports
        if within(other, "s3d.agent") and other not in DOORS_OF_CLI
    ] == []


def test_siblings_do_not_import_one_another():
    wrong = [
        (name, item.name)
        for parent, packages in SIBLINGS.items()
        for package in packages
        for other in set(packages) - {package}
        for name in below(f"{parent}.{package}")
        for item in ours(name)
        if within(item.name, f"{parent}.{other}")
    ]
    assert wrong == []


def test_the_folders_of_a_family_are_in_order():
    wrong = [
        (name, item.name)
        for family, folders in ORDER_WITHIN.items()
        for rank, folder in enumerate(folders, 1)
        for name in below(f"{family}.{folder}")
        for item in ours(name)
        if within(item.name, family)
        and not any(within(item.name, f"{family}.{lower}") for lower in folders[:rank])
    ]
    assert wrong == []


def test_there_is_no_cycle():
    graph = {
        name: {item.name for item in ours(name) if item.name in MODULES and not item.typing}
        for name in MODULES
    }
    for name, others in graph.items():
        others.discard(name)
    TopologicalSorter(graph).prepare()


def test_a_library_is_imported_only_where_it_belongs():
    wrong = []
    for name in MODULES:
        for item in imports_of(name):
            places = ONLY_IN.get(item.name.partition(".")[0], ("s3d",))
            if not any(within(name, place) for place in places):
                wrong.append((name, item.name))
    assert wrong == []


def test_the_s3_language_is_pure():
    for name in below("s3d.agent.s3"):
        roots = {item.name.partition(".")[0] for item in imports_of(name)}
        assert not roots & IMPURE, name


def test_shared_needs_little():
    allowed = LIBRARIES_OF_SHARED | set(sys.stdlib_module_names) | {"s3d"}
    for name in below("s3d.shared"):
        assert {item.name.partition(".")[0] for item in imports_of(name)} <= allowed, name


def test_each_source_file_has_its_test_file():
    paths = [file.relative_to(ROOT / "s3d") for file in SOURCES]
    wanted = [
        path.parent / f"test_{path.name}" for path in paths if path.name not in NO_TEST_OF_THEIR_OWN
    ]
    assert [str(path) for path in wanted if not (ROOT / "tests" / path).exists()] == []


def test_this_file_sees_the_source():
    assert len(MODULES) > 30
    assert Import("s3d.agent.app.agent", lazy=True, typing=False) in imports_of("s3d.cli.run_agent")
    assert not goes_down("s3d.agent.s3.parse", Import("s3d.agent.core.store", False, False))
    assert not goes_down(
        "s3d.agent.core.client", Import("s3d.agent.stores.local.store", False, False)
    )
    direct = Import("s3d.agent.app.agent", lazy=False, typing=False)
    assert not goes_down("s3d.cli.run_agent", direct)
