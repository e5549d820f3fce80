"""A mount of a user who is not root: in a mount namespace whose /dev/fuse has its usual mode."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent.frontends.fuse.kernel.mounts import needs_fuse
from tests.agent_process import environment

NOBODY = 65534
PROGRAMS = ("unshare", "setpriv", "mknod", "fusermount3")

pytestmark = [
    needs_fuse,
    pytest.mark.skipif(
        os.geteuid() != 0 or any(shutil.which(each) is None for each in PROGRAMS),
        reason="needs root, to become another user in a mount namespace",
    ),
]

NAMESPACE = """
set -e
mknod -m "$MODE" "$BASE/fuse" c 10 229
mount --bind "$BASE/fuse" /dev/fuse
printf '%s\n' "$FUSE_CONF" > "$BASE/fuse.conf"
mount --bind "$BASE/fuse.conf" /etc/fuse.conf
exec setpriv --reuid 65534 --regid 65534 --clear-groups \
    --inh-caps -all,+dac_read_search --ambient-caps -all,+dac_read_search \
    sh -e -c "$SCRIPT"
"""
"""The user keeps the right to read, since the sources may lie where only root may look."""

AGENT = """
s3d() { "$PYTHON" -m s3d "$@"; }
"$PYTHON" -m s3d run > "$HOME/log" 2>&1 &
agent=$!
until s3d status > /dev/null 2>&1; do kill -0 $agent; done
trap 'kill $agent; wait $agent' EXIT
"""


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder that the user can enter, unlike those of pytest."""
    base = Path(tempfile.mkdtemp(prefix="s3d-user-"))
    base.chmod(0o755)
    (base / "home").mkdir()
    os.chown(base / "home", NOBODY, NOBODY)
    yield base
    shutil.rmtree(base)


def run(
    base: Path, script: str, *, mode: str = "666", fuse_conf: str = ""
) -> subprocess.CompletedProcess[str]:
    env = environment(
        base / "home",
        S3D_BUCKETS="bkt",
        PYTHON=sys.executable,
        PYTHONPATH=str(Path(__file__).parents[2]),
        PYTHONDONTWRITEBYTECODE="1",
        BASE=str(base),
        MODE=mode,
        FUSE_CONF=fuse_conf,
        SCRIPT=AGENT + script,
    )
    return subprocess.run(
        ["unshare", "--mount", "sh", "-c", NAMESPACE], env=env, capture_output=True, text=True,
        timeout=60, cwd="/",
    )  # fmt: skip


def test_a_user_mounts_and_unmounts(base):
    done = run(
        base,
        """
        s3d mount
        echo data > ~/S3/bkt/a
        s3d get bkt/a 2> /dev/null
        stat -c '%U' ~/S3/bkt/a
        s3d mount ~/others --allow-other || echo "code $?"
        s3d umount ~/S3
        ls ~/S3
        """,
    )
    assert done.returncode == 0, done.stderr
    home = base / "home"
    assert done.stdout.splitlines() == [
        f"mounted all buckets at {home}/S3; s3d umount {home}/S3 ends it",
        "data",
        "nobody",
        "code 1",
        f"unmounted {home}/S3",
    ]
    assert "add the line user_allow_other to /etc/fuse.conf" in done.stderr


def test_another_user_is_let_in_if_fuse_conf_allows_it(base):
    done = run(
        base, "s3d mount ~/others --allow-other > /dev/null; grep others /proc/mounts",
        fuse_conf="user_allow_other",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "allow_other" in done.stdout


def test_a_device_of_root_is_named_with_the_fix(base):
    done = run(base, "s3d mount || echo code $?", mode="600")
    assert done.stdout == "code 1\n"
    assert "you may not open /dev/fuse" in done.stderr
    assert "chmod 666 /dev/fuse" in done.stderr
