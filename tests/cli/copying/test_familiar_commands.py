"""`aws s3` and rclone beside `s3d`: the same words on the same tree have the same result.

Those in Python run in this process, because starting it for each command would take too long.
"""

import io
import os
import subprocess
from contextlib import chdir, redirect_stderr, redirect_stdout

import pytest

from s3d.cli import main
from s3d.cli.aws_options import AWS_OPTIONS
from tests.cli.copying.familiar_commands import CASES, FILES, GUIDE, KEYS, generated
from tests.cli.copying.familiar_options import OPTIONS
from tests.peers.servers import program

NOTED = {"mtime", "atime", "btime", "mode", "uid", "gid"}
"""Metadata with attributes of the file that was uploaded."""


@pytest.fixture(scope="module")
def driver(serving):
    """The AWS CLI, with the agent as its endpoint."""
    from awscli.clidriver import create_clidriver

    access_key, secret = serving.key
    settings = {
        **serving.env,
        "AWS_ENDPOINT_URL": serving.endpoint,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        yield create_clidriver()


def type_of(key):
    """The headers that an upload of the key has in addition."""
    return {"Content-Type": "text/plain"} if key.endswith(".txt") else {}


class Side:
    """A bucket and a folder of its own, filled as for each case."""

    def __init__(self, serving, name, folder):
        self.bucket, self.folder, self.objects = name, folder, serving.objects
        serving.objects.create_bucket(name)
        for key, text in KEYS.items():
            serving.objects.put(name, key, io.BytesIO(text.encode()), headers=type_of(key))
        for path, text in FILES.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    def run(self, act, words):
        """The exit code, and what is printed."""
        words = [word.replace("{b}", self.bucket) for word in words.split()]
        out, err = (io.TextIOWrapper(io.BytesIO(), write_through=True) for _ in range(2))
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err):
            code = act(words)
        return code, out.buffer.getvalue().decode() + err.buffer.getvalue().decode()

    def state(self):
        """All objects and files with their contents."""
        keys = None
        if self.bucket in [bucket.name for bucket in self.objects.buckets()]:
            rows = [row for page in self.objects.pages(self.bucket) for row in page.objects]
            keys = {row.key: self.read(row.key) for row in rows}
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return keys, {str(path.relative_to(self.folder)): path.read_bytes() for path in files}

    def attributes(self):
        """Of each object, what it has beside its data; without what the tools note of a file."""
        found = {}
        for key in self.state()[0] or ():
            row = self.objects.object_status(self.bucket, key)
            metadata = {name: text for name, text in row.metadata.items() if name not in NOTED}
            found[key] = row.content_type, metadata, row.headers, row.storage_class, row.tags
        return found

    def read(self, key):
        with self.objects.get(self.bucket, key)[1] as body:
            return body.read()


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.aws for case in CASES])
def test_both_do_the_same(serving, driver, tmp_path, number):
    case = CASES[number]
    theirs = Side(serving, f"aws-{number}", tmp_path / "aws")
    ours = Side(serving, f"s3d-{number}", tmp_path / "s3d")
    expected, report = theirs.run(lambda words: driver.main(["s3", *words]), case.aws)
    code, shown = ours.run(main.execute, case.s3d)
    assert "internal error" not in shown
    both = f"aws: {report}\ns3d: {shown}"
    assert ours.state() == theirs.state(), both
    assert ((code == 0) == (expected == 0)) != bool(case.difference), both


@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=[each.what for each in OPTIONS])
def test_options_do_the_same(serving, driver, tmp_path, number):
    option = OPTIONS[number]
    ours = Side(serving, f"s3d-option-{number}", tmp_path / "s3d")
    code, shown = ours.run(main.execute, option.with_s3d)
    assert code == 0, shown
    if option.aws:
        theirs = Side(serving, f"aws-option-{number}", tmp_path / "aws")
        expected, report = theirs.run(lambda words: driver.main(["s3", *words]), option.with_aws)
        both = f"aws: {report}\ns3d: {shown}"
        assert expected == 0, both
        assert ours.state() == theirs.state(), both
        assert ours.attributes() == theirs.attributes(), both


def rclone_lines():
    lines = {case.rclone: (case.what, case.s3d) for case in CASES if case.rclone}
    lines |= {each.with_rclone: (each.what, each.with_s3d) for each in OPTIONS if each.with_rclone}
    return [(line, *ours) for line, ours in lines.items()]


def test_rclone_does_the_same(serving, tmp_path):
    access_key, secret = serving.key
    settings = {
        "RCLONE_CONFIG": os.devnull,
        "RCLONE_CONFIG_R_TYPE": "s3",
        "RCLONE_CONFIG_R_PROVIDER": "Other",
        "RCLONE_CONFIG_R_ENDPOINT": serving.endpoint,
        "RCLONE_CONFIG_R_ACCESS_KEY_ID": access_key,
        "RCLONE_CONFIG_R_SECRET_ACCESS_KEY": secret,
    }
    rclone = program("rclone")

    def act(words):
        done = subprocess.run([rclone, *words[1:]], env=serving.env | settings, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()

    for number, (line, what, words) in enumerate(rclone_lines()):
        theirs = Side(serving, f"rclone-{number}", tmp_path / str(number) / "rclone")
        ours = Side(serving, f"s3d-rclone-{number}", tmp_path / str(number) / "s3d")
        theirs.run(act, line)
        ours.run(main.execute, words)
        assert theirs.state() == ours.state(), what
        first = 0 if "Content-Type" in line else 1  # rclone knows fewer types
        found, expected = (
            {key: row[first:] for key, row in side.attributes().items()} for side in (theirs, ours)
        )
        assert found == expected, what


def test_an_option_without_use_is_taken_or_says_why_not(serving, driver, tmp_path):
    side = Side(serving, "s3d-unused", tmp_path / "s3d")
    lines = {"ls": "ls s3://{b}", "rm": "rm s3://{b}/p.txt", "mv": "mv other.txt s3://{b}/new"}
    for option in AWS_OPTIONS:
        line = lines.get(option.commands[0], "cp d/a.txt s3://{b}/new")
        value = " 1" if option.values else ""
        code, shown = side.run(main.execute, f"{line} --{option.name}{value}")
        assert code == (2 if option.is_refused else 0), shown
        assert (option.why in shown) is option.is_refused


def test_expires_takes_the_time_of_aws_and_refuses_what_is_none(serving, driver, tmp_path):
    side = Side(serving, "s3d-expires", tmp_path / "s3d")
    assert side.run(main.execute, "cp other.txt s3://{b}/new --expires 2030-01-31")[0] == 0
    headers = serving.objects.object_status("s3d-expires", "new").headers
    assert headers["expires"] == "Thu, 31 Jan 2030 00:00:00 GMT"
    code, shown = side.run(main.execute, "cp other.txt s3://{b}/new --expires soon")
    assert (code, "write 2030-01-31T12:00:00Z" in shown) == (2, True)


@pytest.mark.parametrize("words", ["sync d s3://{b}/p", "sync s3://{b}/p d"])
def test_sync_compares_contents_where_aws_compares_times(serving, driver, tmp_path, words):
    """A change that keeps size and time: `aws s3 sync` misses it in one direction or another."""
    name = f"times-{words.index('s3:')}"
    theirs = Side(serving, f"aws-{name}", tmp_path / "aws")
    ours = Side(serving, f"s3d-{name}", tmp_path / "s3d")
    for side in (theirs, ours):
        (side.folder / "d/a.txt").write_text("X")  # p/a.txt has one byte, too
        os.utime(side.folder / "d/a.txt", (1e9, 1e9))
    theirs.run(lambda line: driver.main(["s3", *line]), words)
    ours.run(main.execute, words)
    for side, is_same in ((theirs, False), (ours, True)):
        same = side.read("p/a.txt") == (side.folder / "d/a.txt").read_bytes()
        assert same is is_same, side.bucket


def test_the_user_guide_has_the_table_of_today():
    assert GUIDE.read_text() == generated(GUIDE.read_text()), "make docs"
