import inspect
import subprocess
import sys

from s3d.agent.frontends.fuse.fs_ops import FsOps


def test_no_operation_belongs_to_an_event_loop():
    operations = inspect.getmembers(FsOps, inspect.isfunction)
    assert len(operations) > 20
    assert [name for name, method in operations if inspect.iscoroutinefunction(method)] == []


def test_the_interface_loads_no_binding():
    code = (
        "import sys, s3d.agent.frontends.fuse.fs_ops;"
        "print(sorted({'s3d.agent.frontends.fuse.kernel', 'asyncio'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
