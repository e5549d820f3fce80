"""What the tests of the source tree share."""

from collections.abc import Iterator

import pytest

from tests.architecture.source import tree


@pytest.fixture(scope="package", autouse=True)
def _trees_are_forgotten() -> Iterator[None]:
    """The syntax trees of all modules are a million objects, which no other test needs."""
    yield
    tree.cache_clear()
