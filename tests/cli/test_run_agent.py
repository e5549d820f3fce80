"""The agent in this process, past the modules of the command line."""

import signal
import subprocess
import sys

import pytest

from s3d.cli.run_agent import _announce, other_home
from s3d.shared.control import AgentStatus, StoreStatus
from tests.agent_process import environment

RUN = """
import atexit, sys
from s3d.__main__ import main
atexit.register(lambda: print(*sorted(sys.modules), file=sys.stderr))
sys.argv = ["s3d", "run"]
main()
"""


NOT_NEEDED = (
    "click", "s3d.cli.main", "s3d.cli.run_command", "s3d.cli.session", "s3d.tui",
    "s3d.agent.frontends.admin",
    "s3d.agent.stores.read_cache.layer", "s3d.agent.stores.read_cache.pins",
    "s3d.agent.stores.read_cache.prefetch", "s3d.agent.stores.read_cache.revalidate",
    "s3d.agent.stores.remote.remote_store", "s3d.agent.stores.write_queue.layer",
    "s3d.agent.stores.write_queue.push", "s3d.agent.app.gateway",
    "s3d.agent.transfers.store_migration",
    "s3d.agent.transfers.object_copier", "s3d.agent.after_upload", "s3d.agent.fleet",
    "s3d.agent.receipts", "s3d.agent.remote_changes", "s3d.agent.sync.open_folder",
    "s3d.agent.stores.notifications.delivery", "s3d.agent.stores.notifications.targets",
    "botocore", "aiobotocore", "csv", "cryptography", "mfusepy", "opentelemetry", "pyarrow",
    "regopy", "rich", "textual", "watchfiles",
)  # fmt: skip
"""Modules of the command line, of a remote, and of settings that are off; names may be longer."""


def test_the_idle_agent_loads_only_what_it_needs(tmp_path):
    """Without options, a remote, an admin address or a sync folder: modules are most of what it
    has in memory."""
    env = environment(tmp_path / "home", S3D_LOG_LEVEL="error")
    with subprocess.Popen(
        [sys.executable, "-c", RUN], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"s3d ")
        process.send_signal(signal.SIGTERM)
        _, modules = process.communicate(timeout=30)
    loaded = set(modules.decode().split())
    assert process.returncode == 0
    assert "s3d.agent.app.agent" in loaded
    assert [name for name in sorted(loaded) if name.startswith(NOT_NEEDED)] == []


@pytest.mark.parametrize("options", [[], ["--endpoint", "nonsense"]])
def test_an_error_of_the_start_is_the_same_with_options_and_without(tmp_path, options):
    env = environment(tmp_path / "home", S3D_AUTH="maybe")
    done = subprocess.run(
        [sys.executable, "-m", "s3d", "run", *options], env=env, capture_output=True
    )
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 2
    assert [line for line in lines if line.startswith("s3d: S3D_AUTH: ")]
    assert not [line for line in lines if "Traceback" in line]


def test_the_ready_block_is_paste_ready(capsys):
    store = StoreStatus(buckets=0, objects=0, size=0, path="/home/me/store", free=1)
    _announce(
        {},
        AgentStatus(
            version="1.2.3",
            pid=1,
            started=0,
            endpoint="http://127.0.0.1:5",
            socket="/s",
            auth="none",
            ephemeral=False,
            store=store,
            warnings=["no authentication"],
        ),
    )
    shown = capsys.readouterr()
    assert shown.out.startswith(
        "s3d 1.2.3 serves S3 on http://127.0.0.1:5\nstore: /home/me/store\n"
    )
    assert '\n  eval "$(s3d env)"\n' in shown.out
    assert shown.err == "warning: no authentication\n"


@pytest.mark.finding("run-local-dir")
def test_a_home_given_by_a_flag_is_named_for_the_other_commands():
    assert other_home({"local_dir": "/x", "endpoint": "y"}) == {"S3D_LOCAL_DIR": "/x"}
    assert other_home({}) == {}
