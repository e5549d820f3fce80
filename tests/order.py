"""In which order the workers of pytest-xdist run the tests.

At first, each worker has an equal part of the list (--dist worksteal), from the front of which it
runs tests. A worker that has none left takes half of what another still has, from the end. So what
is at the front of a part runs early, and what is behind it ends the run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

WAITING = (
    "tests/tui/test_truth.py",
    "tests/gateway/",
    "tests/cli/",
    "tests/e2e/test_clients.py",
    "tests/e2e/test_remote_changes.py",
)
"""Paths of tests that take seconds each, most of which they wait for agents and commands."""


def waits(node_id: str) -> bool:
    return node_id.startswith(WAITING)


def begin_with(tests: Iterable[T], chosen: Callable[[T], bool], workers: int) -> list[T]:
    """The tests, with the chosen ones at the front of the parts of half of the workers.

    So they overlap with tests that compute, and none of them is left for the end of the run. If all
    workers began with them, the processors would have little to do at first.
    """
    first, others = list[T](), list[T]()
    for test in tests:
        (first if chosen(test) else others).append(test)
    count, rest, ordered = len(first) + len(others), iter(others), list[T]()
    half = -(-workers // 2)
    for worker in range(workers):
        begin = first[worker::half] if worker < half else []
        others_of_it = max(0, _size(count, workers, worker) - len(begin))
        ordered += [*begin, *islice(rest, others_of_it)]
    return [*ordered, *rest]


def _size(count: int, workers: int, worker: int) -> int:
    """How many tests the worker gets at first: pytest-xdist shares what is left by who is left."""
    left = count
    for taken in range(worker):
        left -= left // (workers - taken)
    return left // (workers - worker)
