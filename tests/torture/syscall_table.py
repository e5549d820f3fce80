"""The scenarios of the campaign over system calls."""

from __future__ import annotations

from tests.torture.syscall_queue import OfFirstQueue, OfQueue
from tests.torture.syscall_scenarios import OfFirstStart, OfStore, Scenario
from tests.torture.syscall_steps import (
    BIG,
    PART,
    Abort,
    Begin,
    Complete,
    Copy,
    Delete,
    Get,
    Part,
    Put,
)
from tests.torture.syscall_sync import OfSync

_OLD = (Put("a", 100, "old a"), Put("b", BIG, "old b"), Put("c", BIG, "old c"))
_UPLOAD = (
    Begin("m"), Part("m", 1, PART, "one"), Part("m", 2, 9, "two"), Part("m", 2, BIG, "again"),
    Complete("m"), Begin("n"), Part("n", 1, BIG, "other"), Abort("n"), Begin("o"),
    Part("o", 1, BIG, "left"),
)  # fmt: skip
_OVERWRITES = (
    Put("a", 90, "new a"), Put("b", BIG, "new b"), Put("a", BIG, "newer a"),
    Put("b", 80, "newer b"),
)  # fmt: skip
_WRITES = (
    Put("a", 90, "new a"), Put("d", BIG, "d"), Put("b", BIG, "new b"), Delete("c"),
    Put("b", 70, "newer b"), Put("c", BIG, "c anew"), Delete("a"),
)  # fmt: skip
_OURS = (*_OVERWRITES, Delete("c"), Put("d", BIG, "d"), Put("e", 9, "e"))
_THEIRS = (
    Put("a", 80, "their a"), Delete("b"), Put("c", BIG, "their c"), Put("d", 9, "their d"),
)  # fmt: skip

_ALL: tuple[Scenario, ...] = (
    OfFirstStart("first-start", (), _OLD[:2]),
    OfStore("put", (), _OLD),
    OfStore("overwrite", _OLD, _OVERWRITES),
    OfStore("delete", _OLD, (Delete("a"), Delete("b"), Delete("none"), Delete("c"))),
    OfStore("multipart", (Put("m", BIG, "old m"),), _UPLOAD),
    OfStore("copy", _OLD, (Copy("a", "d"), Copy("b", "e"), Copy("b", "a"), Copy("a", "b"))),
    OfStore("versions", _OLD, (*_OVERWRITES, Delete("a"), Copy("b", "c")), versioned=True),
    OfFirstQueue("first-queue", (), (), _OLD[:2], cached=True),
    OfQueue("queue", _OLD, (), _WRITES),
    OfQueue("queue-multipart", _OLD, (), _UPLOAD),
    OfQueue("push", _OLD, _WRITES, (), pushes=True),
    OfQueue("push-multipart", _OLD, _UPLOAD[:5], (), pushes=True),
    OfQueue("push-meanwhile", _OLD, _OVERWRITES, (Delete("c"), *_WRITES[:3]), pushes=True),
    OfQueue("adopt", _OLD, _WRITES, (), pushes=True, cached=True),
    OfQueue("fill", _OLD, (), (Get("b"), Put("b", BIG, "new b"), Get("b"), Get("a"), Get("c")),
            sees=False, pushes=True, cached=True),
    OfQueue("queue-conflict", _OLD, _OURS, (), _THEIRS, pushes=True),
    OfSync(
        "sync-first",
        agreed={},
        here={"same": "s", "a": "my a", "b": "b+"},
        there={"a": "their a", "d/c": "c+", "same": "s"},
        copies={"a": "my a"},
        is_joined=False,
    ),
    OfSync(
        "sync-download",
        agreed={"same": "s", "a": "old a", "d/b": "old b+", "c": "old c", "d/e": "old e+"},
        there={"a": "new a", "d/b": "new b+", "c": None, "d/e": None, "x/f": "f", "g": "g+"},
    ),
    OfSync(
        "sync-upload",
        agreed={"same": "s", "a": "old a", "d/b": "old b+", "c": "old c", "d/e": "old e+"},
        here={"a": "new a", "d/b": "new b+", "c": None, "d/e": None, "x/f": "f", "g": "g+"},
    ),
    OfSync(
        "sync-rename",
        agreed={"same": "s", "a": "a", "d/b": "b+", "c": "c", "e": "e+"},
        here_moves={"a": "x/a2", "d/b": "b2"},
        there_moves={"c": "y/c2", "e": "e2"},
    ),
    OfSync(
        "sync-conflict",
        agreed={"same": "s", "a": "old a", "d/b": "old b+"},
        here={"a": "my a", "d/b": "my b+", "n": "my n"},
        there={"a": "their a", "d/b": "their b+", "n": "their n"},
        copies={"a": "my a", "d/b": "my b+", "n": "my n"},
    ),
)  # fmt: skip
SCENARIOS = {scenario.name: scenario for scenario in _ALL}
