"""`aws s3` beside `s3d`: the same words on the same tree have the same result.

Both run in this process, because starting Python for each command would take most of the time.
"""

import io
import os
from contextlib import chdir, redirect_stderr, redirect_stdout

import pytest

from s3d.cli import main
from tests.cli.copying.familiar_commands import CASES, FILES, GUIDE, KEYS, generated


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


class Side:
    """A bucket and a folder of its own, filled as for each case."""

    def __init__(self, serving, name, folder):
        self.bucket, self.folder, self.objects = name, folder, serving.objects
        serving.objects.create_bucket(name)
        for key, text in KEYS.items():
            serving.objects.put(name, key, io.BytesIO(text.encode()))
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
