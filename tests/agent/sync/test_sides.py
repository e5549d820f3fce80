"""The fakes of the histories and the real sides offer the same."""

import inspect

import pytest

from s3d.agent.sync.hub import ObjectHub
from s3d.agent.sync.sides import Hub, Tree
from s3d.agent.sync.tree import FolderTree
from tests.agent.sync.world import FakeHub, FakeTree


@pytest.mark.parametrize(
    ("side", "found"),
    [(Tree, FolderTree), (Tree, FakeTree), (Hub, ObjectHub), (Hub, FakeHub)],
    ids=lambda each: each.__name__,
)
def test_every_step_is_there_with_the_same_arguments(side, found):
    for name, step in inspect.getmembers(side, inspect.isfunction):
        if not name.startswith("_"):
            wanted = list(inspect.signature(step).parameters)
            assert list(inspect.signature(getattr(found, name)).parameters) == wanted, name
