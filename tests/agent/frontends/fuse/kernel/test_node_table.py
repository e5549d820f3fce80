import errno
import stat
import threading

from s3d.agent.frontends.fuse.kernel.node_table import NodeTable
from s3d.agent.frontends.fuse.kernel.protocol import ROOT_NODE
from tests.agent.frontends.fuse.kernel.mounts import fails

FILE, FOLDER = stat.S_IFREG, stat.S_IFDIR


def test_a_node_ends_when_each_look_up_is_forgotten():
    nodes = NodeTable()
    number = nodes.look_up(ROOT_NODE, "a", FILE)
    assert nodes.look_up(ROOT_NODE, "a", FILE) == number
    nodes.forget(number, 1)
    assert nodes.path(number) == "/a"
    nodes.forget(number, 1)
    assert len(nodes) == 1
    assert nodes.look_up(ROOT_NODE, "a", FILE) > number


def test_a_node_keeps_its_type():
    nodes = NodeTable()
    number = nodes.look_up(ROOT_NODE, "a", FILE)
    nodes.check_type(number, FILE | 0o644)
    nodes.check_type(ROOT_NODE, FOLDER | 0o755)
    with fails(errno.ESTALE):
        nodes.check_type(number, FOLDER | 0o755)


def test_a_removed_name_can_be_used_again():
    nodes = NodeTable()
    old = nodes.look_up(ROOT_NODE, "a", FILE)
    nodes.opened(old, 7, writes=False)
    nodes.remove(ROOT_NODE, "a")
    new = nodes.look_up(ROOT_NODE, "a", FILE)
    assert new != old
    with fails(errno.ENOENT):
        nodes.path(old)
    assert nodes.open_handle(old) == 7
    nodes.forget(old, 1)
    assert nodes.path(new) == "/a"


def test_a_name_below_a_removed_folder_has_no_path():
    nodes = NodeTable()
    folder = nodes.look_up(ROOT_NODE, "a", FOLDER)
    below = nodes.look_up(folder, "b", FILE)
    assert nodes.path(below) == "/a/b"
    nodes.remove(ROOT_NODE, "a")
    with fails(errno.ENOENT):
        nodes.path(below)
    nodes.forget(folder, 1)  # the order of messages is not that of the folders
    nodes.forget(below, 1)
    assert len(nodes) == 1


def test_an_exchange_moves_both():
    nodes = NodeTable()
    one, other = (nodes.look_up(ROOT_NODE, name, FOLDER) for name in "ab")
    below = nodes.look_up(one, "c", FILE)
    nodes.rename((ROOT_NODE, "a"), (ROOT_NODE, "b"), exchange=True)
    assert [nodes.path(each) for each in (one, other, below)] == ["/b", "/a", "/b/c"]
    assert nodes.number_of("/b/c") == below


def test_a_rename_of_what_the_kernel_does_not_know():
    nodes = NodeTable()
    replaced = nodes.look_up(ROOT_NODE, "b", FILE)
    nodes.rename((ROOT_NODE, "a"), (ROOT_NODE, "b"), exchange=False)
    with fails(errno.ENOENT):
        nodes.path(replaced)
    assert nodes.number_of("/b") is None


def test_a_wait_for_writers_ends_with_the_last_one():
    nodes = NodeTable()
    number = nodes.look_up(ROOT_NODE, "a", FILE)
    nodes.opened(number, 1, writes=False)
    assert nodes.wait_for_writers(0)
    nodes.opened(number, 2, writes=True)
    assert not nodes.wait_for_writers(0)
    waits = threading.Thread(target=nodes.wait_for_writers, args=(60,))
    waits.start()
    nodes.released(number, 2)
    waits.join(10)
    assert not waits.is_alive()
