"""Receipts and eviction of the files of a real folder before a real store."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from s3d.agent.core.client import S3Client
from s3d.agent.receipts.receipt_folder import ReceiptFolder
from s3d.agent.receipts.receipt_writer import ReceiptWriter
from s3d.agent.receipts.upload_rules import UploadRules
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import BytesBody
from s3d.agent.sync import user_actions
from s3d.agent.sync.folder import SyncFolder
from s3d.agent.sync.folder_eviction import FolderEviction
from s3d.agent.sync.interfaces import PathBlocked
from s3d.shared.config.after_upload import parse_after_upload
from tests.agent.receipts.test_verification import Fails
from tests.agent.sync.conftest import BUCKET


@pytest.fixture
def rules() -> UploadRules:
    return UploadRules(parse_after_upload("evict when verified"), receipts=False)


@pytest.fixture
def writer(tmp_path, objects):
    folder = ReceiptFolder(tmp_path / "receipts", tmp_path / "state", "camera")
    yield ReceiptWriter(folder, remote=objects, remote_id="remote-1")
    folder.close()


class Setting:
    """A synced folder, whose files count as quiet, and its eviction, which runs on demand."""

    def __init__(self, folder: SyncFolder, writer: ReceiptWriter, rules: UploadRules) -> None:
        self.folder, self.writer, self.rules = folder, writer, rules
        executor = folder.here.passes.executor
        executor.policy = replace(executor.policy, is_quiet=lambda local: True)
        self.now = 1e12
        self.eviction = FolderEviction(
            executor, folder.context.config, writer, rules, lambda: self.now
        )

    async def sync(self) -> None:
        await user_actions.sync_now(self.folder)
        self.eviction.wake()

    async def evict(self) -> None:
        await self.eviction.pass_once(self.folder.pass_lock)

    def files(self) -> set[str]:
        root = self.folder.path
        paths = (path for path in root.rglob("*") if path.is_file())
        return {
            str(path.relative_to(root))
            for path in paths
            if not str(path.relative_to(root)).startswith(".s3d/")
        }

    def with_receipt(self) -> set[str]:
        return {each.receipt().key for each in self.writer.folder.file.receipts()}


@pytest.fixture
def opened(running, root, writer, rules):
    async def make(**values) -> AsyncIterator[Setting]:
        root.mkdir(parents=True)
        (root / "sub").mkdir()
        for path in ("a", "b", "sub/c"):
            (root / path).write_text(path)
        async with running(**{"mode": "backup", **values}) as folder:
            await folder.opened()
            setting = Setting(folder, writer, rules)
            await setting.sync()
            yield setting

    return make


@pytest.fixture
async def setting(opened) -> AsyncIterator[Setting]:
    async for each in opened(prefix="p/"):
        yield each


async def test_files_with_a_receipt_are_evicted_and_stay_so(setting, objects):
    await setting.evict()
    assert setting.files() == set()
    assert setting.with_receipt() == {"p/a", "p/b", "p/sub/c"}
    await setting.sync()
    assert setting.files() == set()
    assert len((await objects.page(BUCKET, limit=9)).objects) == 3
    assert setting.folder.status().evicted == 3


async def test_without_a_verdict_of_the_remote_nothing_is_evicted(setting, objects):
    front = Fails(objects.target, HeadObject=S3Error("ServiceUnavailable"))
    away = ReceiptWriter(setting.writer.folder, remote=S3Client(front), remote_id="r")
    setting.eviction._writer = away
    await setting.evict()
    assert len(setting.files()) == 3
    assert setting.with_receipt() == set()
    setting.eviction._writer = setting.writer
    await setting.evict()
    assert setting.files() == set()


@pytest.mark.rule("SYNC-5")
async def test_a_file_that_changed_since_its_receipt_is_not_evicted(setting, root):
    setting.rules.use(parse_after_upload("evict after 7 days"))
    setting.now = 0.0
    await setting.evict()
    assert len(setting.with_receipt()) == 3
    (root / "a").write_text("changed")
    setting.now = 1e12
    await setting.evict()
    assert setting.files() == {"a"}
    assert (root / "a").read_text() == "changed"
    await setting.sync()
    await setting.evict()  # it has a receipt of its new version now
    assert setting.files() == set()


async def test_a_receipt_that_the_baseline_only_claims_is_not_enough(setting):
    base = setting.folder.baseline.get("a")
    setting.folder.baseline.evictions.note_receipt("a", base.etag, 1.0)
    setting.eviction._has_new = False
    await setting.evict()
    assert "a" in setting.files()


async def test_an_object_that_was_replaced_in_the_bucket_gives_no_receipt(setting, objects):
    await objects.put(BUCKET, "p/a", BytesBody(b"other"))
    await setting.evict()
    assert setting.files() == {"a"}
    assert "p/a" not in setting.with_receipt()


async def test_prefixes_that_are_kept_stay(setting):
    setting.rules.use(parse_after_upload(f"{BUCKET}/p/sub/=keep, evict when verified"))
    await setting.evict()
    assert setting.files() == {"sub/c"}


@pytest.mark.parametrize("mode", ["two-way", "mirror"])
async def test_other_modes_evict_nothing(opened, mode):
    async for setting in opened(mode=mode):
        await setting.evict()
        assert setting.with_receipt() == set()
        assert len(setting.files()) == 3


async def test_a_two_way_folder_gets_receipts_when_all_uploads_do(opened):
    async for setting in opened(mode="two-way"):
        setting.rules.receipts = True
        await setting.evict()
        assert len(setting.with_receipt()) == 3
        assert len(setting.files()) == 3


async def test_restore_brings_files_back_for_good(setting, root):
    await setting.evict()
    assert await user_actions.restore_evicted(setting.folder, "sub/") == 1
    assert await user_actions.restore_evicted(setting.folder, "a") == 1
    await setting.evict()
    await setting.sync()
    assert setting.files() == {"a", "sub/c"}
    assert (root / "a").read_text() == "a"
    with pytest.raises(PathBlocked, match="no evicted file"):
        await user_actions.restore_evicted(setting.folder, "a")
    assert await user_actions.restore_evicted(setting.folder, "") == 1


async def test_a_copy_that_the_user_has_put_back_stays(setting, root):
    await setting.evict()
    (root / "a").write_text("a")
    await setting.sync()
    await setting.evict()
    assert setting.files() == {"a"}


async def test_the_task_is_woken_by_a_pass_and_waits_while_the_folder_is_paused(setting):
    gone = asyncio.Event()
    executor = setting.folder.here.passes.executor
    executor.note = lambda action, path, *rest: gone.set() if action == "evicted" else None
    paused = True
    async with asyncio.TaskGroup() as group:
        task = group.create_task(setting.eviction.run(setting.folder.pass_lock, lambda: paused))
        await asyncio.sleep(0)
        assert len(setting.files()) == 3
        paused = False
        setting.eviction.wake()
        await gone.wait()
        task.cancel()
