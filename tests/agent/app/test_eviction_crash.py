"""kill -9 of a real agent while it evicts: no file goes before its receipt is on the disk."""

import signal
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from s3d.agent.app.receipts_at_rest import check_files, public_key, receipts_of
from s3d.shared.paths import Places
from tests.agent_process import AgentProcess

POINTS = (
    "receipts.append",
    "receipts.appended",
    "eviction.intended",
    "eviction.moved",
    "eviction.marked",
)
BUCKET = "cams"


class Camera:
    """A home with a backup folder before the embedded store, and what was written to the folder."""

    def __init__(self, start: Callable[..., AgentProcess], home: Path) -> None:
        self._start, self._home = start, home
        self.root = home.with_name("pictures")
        self.root.mkdir()
        self.written: dict[str, bytes] = {}
        self._env = {
            "S3D_BUCKETS": BUCKET,
            "S3D_SYNC_FOLDER": str(self.root),
            "S3D_SYNC_FOLDER_BUCKET": BUCKET,
            "S3D_SYNC_FOLDER_MODE": "backup",
            "S3D_AFTER_UPLOAD": "evict when verified",
        }

    def write(self, name: str) -> None:
        self.written[name] = name.encode() * 10
        (self.root / name).write_bytes(self.written[name])

    def start(self, **env: str) -> AgentProcess:
        self.agent = self._start(home=self._home, env=self._env | env)
        return self.agent

    @property
    def places(self) -> Places:
        return self.agent.places

    def check(self) -> None:
        """At rest: whatever is not in the folder has a receipt, and every receipt is signed."""
        receipts = {each.receipt().key: each.receipt() for each in receipts_of(self.places)}
        for name, data in self.written.items():
            if not (self.root / name).exists():
                assert receipts[name].size == len(data)
        if receipts:
            for _, found in check_files(self.places, public_key(self.places)):
                assert found.findings == []

    def check_store(self) -> None:
        """While the agent runs: the store has what the folder does not."""
        with closing(self.agent.s3()) as s3:
            for name, data in self.written.items():
                if not (self.root / name).exists():
                    body = s3.get_object(Bucket=BUCKET, Key=name)["Body"].read()
                    assert body == data


@pytest.mark.slow
def test_no_file_goes_before_its_receipt(start_agent, tmp_path):
    camera = Camera(start_agent, tmp_path / "home")
    for point in ("receipts.append", "eviction.moved", "eviction.marked"):
        camera.write(f"{point}.jpg")
        agent = camera.start(S3D_FAILPOINT=f"{point}:kill")
        assert agent.wait() == -signal.SIGKILL
        camera.check()
    camera.start()
    camera.check_store()
