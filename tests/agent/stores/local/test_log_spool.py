import stat

import pytest

from s3d.agent.s3.bucket_logging import LogTarget
from s3d.agent.stores.local.log_spool import LogSpool, SpooledRecord

TARGET = LogTarget("logs", "web/", False)


def record(line: str) -> SpooledRecord:
    return SpooledRecord("bucket", TARGET, line)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


def crashed(spool: LogSpool) -> None:
    """The thread has written everything, and nothing was delivered."""
    spool.seal().close()


def test_what_was_put_is_there_after_a_crash_and_in_order(folder):
    spool = LogSpool(folder)
    lines = ["one", 'a "b"\\', "ä", *map(str, range(3_000))]
    for line in lines[:2]:
        spool.put(record(line))
    crashed(spool)
    for line in lines[2:]:
        spool.put(record(line))
    crashed(spool)
    assert LogSpool(folder).load() == [record(line) for line in lines]


def test_what_was_discarded_does_not_come_again_and_later_records_do(folder):
    spool = LogSpool(folder)
    spool.put(record("delivered"))
    sealed = spool.seal()
    spool.put(record("later"))
    sealed.discard()
    crashed(spool)
    again = LogSpool(folder)
    assert again.load() == [record("later")]
    again.put(record("newest"))
    again.seal().discard()
    assert list(folder.iterdir()) == []


def test_what_was_kept_goes_with_the_next_files(folder):
    spool = LogSpool(folder)
    spool.put(record("one"))
    sealed = spool.seal()
    spool.keep(sealed)
    sealed.close()
    spool.put(record("two"))
    crashed(spool)
    assert LogSpool(folder).load() == [record("one"), record("two")]
    spool = LogSpool(folder)
    assert len(spool.load()) == 2
    spool.keep(spool.seal())
    spool.seal().discard()
    assert list(folder.iterdir()) == []


def test_files_are_private(folder):
    spool = LogSpool(folder)
    spool.put(record("x"))
    crashed(spool)
    (file,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_without_a_record_there_is_nothing_on_the_disk(folder):
    spool = LogSpool(folder)
    assert spool.load() == []
    spool.seal().discard()
    assert not folder.exists()


def test_a_line_that_a_crash_has_cut_off_costs_itself_only(folder):
    spool = LogSpool(folder)
    spool.put(record("whole"))
    crashed(spool)
    (file,) = folder.iterdir()
    with file.open("ab") as appended:
        appended.write(b'{"bucket":"b","tar')
    assert LogSpool(folder).load() == [record("whole")]


def test_files_of_another_version_are_left_alone(folder):
    folder.mkdir()
    newer = folder / "v2-1.jsonl"
    newer.write_text("something")
    spool = LogSpool(folder)
    assert spool.load() == []
    spool.put(record("x"))
    spool.seal().discard()
    assert list(folder.iterdir()) == [newer]


def test_a_disk_that_takes_nothing_stops_nobody(tmp_path, caplog):
    (tmp_path / "spool").write_text("a file in place of the folder")
    spool = LogSpool(tmp_path / "spool")
    for _ in range(3):
        spool.put(record("x"))
    spool.seal().discard()
    assert caplog.text.count("cannot be written") == 1
