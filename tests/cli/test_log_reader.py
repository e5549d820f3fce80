import json
import threading

import pytest

from s3d.cli.log_reader import LogFile, last_lines, new_lines


def row(number: int, level: str = "info", logger: str = "s3d.agent.x", **more: str) -> str:
    at = f"2026-01-31T12:00:{number:02}.000Z"
    return json.dumps({"at": at, "level": level, "logger": logger, "message": str(number), **more})


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "agent.log"
    (tmp_path / "agent.log.1").write_text("".join(row(n) + "\n" for n in range(10)))
    rows = [row(10, "debug"), row(11, "warning"), "not JSON", '{"at": "never"}', row(12, "error")]
    path.write_text("".join(text + "\n" for text in rows) + '{"at":"2026')
    return path


def messages(path, count, **selected):
    chosen = {"level": "debug", "source": "", **selected}
    return [line.message for line in LogFile(path, **chosen).last(count)]


def test_the_last_lines_are_of_the_newest_files(path):
    assert messages(path, 2) == ["11", "12"]
    assert messages(path, 5) == ["8", "9", "10", "11", "12"]
    assert messages(path, 100) == [str(n) for n in range(13)]


def test_lines_are_chosen_by_level_and_source(path):
    assert messages(path, 2, level="info") == ["11", "12"]
    assert messages(path, 9, level="warning") == ["11", "12"]
    assert messages(path, 9, source="y") == []


def test_a_line_has_what_the_agent_shows_of_it(path):
    path.write_text(row(1, request_id="R", key="k", traceback="Traceback\n  x\nValueError: no"))
    (line,) = LogFile(path, level="info", source="").last(1)
    assert (line.seq, line.at, line.source) == (0, 1769860801.0, "x")
    assert (line.request_id, line.key) == ("R", "k")
    assert line.message == "1: ValueError: no"


def test_without_a_file_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(last_lines(tmp_path / "none"))


def test_what_is_appended_is_followed_through_a_rotation(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"before\n")
    rows = new_lines(path)

    def write() -> None:
        with path.open("ab") as file:
            file.write(b"one\ntw")
            file.flush()
            file.write(b"o\n")
        path.rename(tmp_path / "log.1")
        path.write_bytes(b"three\n")

    thread = threading.Thread(target=write)
    thread.start()
    assert [next(rows) for _ in range(3)] == [b"one", b"two", b"three"]
    thread.join()


def test_a_file_that_does_not_exist_yet_is_waited_for(tmp_path):
    rows = new_lines(tmp_path / "log")
    (tmp_path / "log").write_bytes(b"one\n")
    assert next(rows) == b"one"
