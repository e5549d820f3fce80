"""The fakes of the histories and the real sides offer the same."""

import inspect

import pytest

from s3d.agent.sync.interfaces import LocalTree, RemoteTree
from s3d.agent.sync.local_tree import FolderTree
from s3d.agent.sync.remote_tree import BucketTree
from tests.agent.sync.world import FakeRemoteTree, FakeTree


@pytest.mark.parametrize(
    ("side", "found"),
    [
        (LocalTree, FolderTree),
        (LocalTree, FakeTree),
        (RemoteTree, BucketTree),
        (RemoteTree, FakeRemoteTree),
    ],
    ids=lambda each: each.__name__,
)
def test_every_step_is_there_with_the_same_arguments(side, found):
    for name, step in inspect.getmembers(side, inspect.isfunction):
        if not name.startswith("_"):
            wanted = list(inspect.signature(step).parameters)
            assert list(inspect.signature(getattr(found, name)).parameters) == wanted, name
