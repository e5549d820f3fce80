"""Jobs of a user in a real terminal, before a real agent: also how many keys they take."""

import io
import os
import sys
from contextlib import contextmanager

import pytest

from tests.agent_process import launch
from tests.terminal import NEEDS_TMUX, Terminal
from tests.tui.truth.world import world

pytestmark = [NEEDS_TMUX, pytest.mark.slow]
OBJECTS = 200


@pytest.fixture(scope="module")
def agent(tmp_path_factory):
    agent = launch(tmp_path_factory.mktemp("s3d") / "home")
    objects = agent.objects
    objects.create_bucket("many")
    objects.create_bucket("photos")
    s3 = agent.s3()
    for n in range(OBJECTS):
        s3.put_object(Bucket="many", Key=f"k{n:03}", Body=b"x")
    s3.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="photos", Key="2024/summer/notes.txt", Body=b"a day at the lake\n")
    yield agent
    agent.kill()
    agent.process.stdout.close()


@pytest.fixture(scope="module")
def gateway():
    """A gateway, with buckets at its remote."""
    with world() as gateway:
        gateway.fill()
        yield gateway


@contextmanager
def app(agent, folder, size=(100, 30)):
    """The app in a terminal of its own, once it has its first data."""
    env = {**agent.env, "PATH": os.environ["PATH"], "HOME": str(folder)}
    terminal = Terminal(folder, env, sys.executable, "-m", "s3d", "tui", size=size)
    try:
        terminal.until("connected")
        yield terminal
    finally:
        terminal.close()


class Keys:
    """Presses keys and counts them; text is not counted."""

    def __init__(self, terminal):
        self.terminal, self.pressed = terminal, 0

    def press(self, *keys):
        self.pressed += len(keys)
        self.terminal.press(*keys)

    def write(self, text):
        self.terminal.write(text)

    def tab_to(self, label):
        self.pressed += 1
        self.terminal.tab_to(label)


def test_find_and_preview(agent, tmp_path):
    """At most 6 keys, the text not counted."""
    with app(agent, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.press("C-g")
        keys.write("photos/2024/summer/notes")
        keys.press("Enter", "v")
        terminal.until("a day at the lake")
        assert keys.pressed <= 6


def test_find_by_filters_and_preview(agent, tmp_path):
    """The same with filters of the lists."""
    with app(agent, tmp_path) as terminal:
        keys = Keys(terminal)
        terminal.until("p99")
        keys.press("2", "/")
        keys.write("man")
        keys.press("Enter", "Enter", "/")
        keys.write("k19")
        keys.press("Enter")
        terminal.until("> k190")
        assert keys.pressed <= 6


def test_upload_a_folder_and_watch(agent, tmp_path):
    """At most 5 keys, the text not counted."""
    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    for name in ("index.html", "about.html", "css/main.css"):
        (site / name).write_text(name)
    with app(agent, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.press(":")
        keys.write("cp -r ~/site s3://photos/web/")
        keys.press("Enter", "3")
        terminal.until("✓ done")
        assert keys.pressed <= 5
    found = agent.objects.list("photos", "web/").objects
    assert [info.key for info in found] == ["web/about.html", "web/css/main.css", "web/index.html"]


def test_a_stuck_write_is_pushed(gateway, tmp_path):
    """At most 3 keys."""
    gateway.fail_write("stuck", "lost.txt")
    gateway.there.create_bucket(Bucket="stuck")
    with app(gateway.agent, tmp_path) as terminal:
        keys = Keys(terminal)
        terminal.until("> failed     stuck/lost.txt  NoSuchBucket (HTTP 404)")
        keys.press("Enter", "r")
        terminal.until("No transfers.")
        assert keys.pressed <= 3
    found = gateway.there.get_object(Bucket="stuck", Key="lost.txt")
    assert found["Body"].read() == b"nowhere to go"


def test_what_is_pinned_is_seen(gateway, tmp_path):
    """At most 4 keys, the text not counted."""
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        gateway.there.put_object(Bucket="website", Key=f"2025/{name}", Body=b"x" * 1000)
    with app(gateway.agent, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.press(":")
        keys.write("pin website/2025/")
        keys.press("Enter", "4")
        terminal.once(
            lambda shown: any(
                "website/2025/ (3 objects)" in line and "2.9 KiB    2.9 KiB" in line
                and "P pinned" in line for line in shown.splitlines()
            ), "the pin with all its objects",
        )  # fmt: skip
        assert keys.pressed <= 4


def test_a_folder_is_synced_with_a_filter_after_a_dry_run(gateway, tmp_path):
    """At most 12 keys, the text not counted."""
    notes = tmp_path / "notes"
    notes.mkdir()
    for name in ("one.md", "two.tmp"):
        (notes / name).write_text(name)
    with app(gateway.agent, tmp_path) as terminal:
        keys = Keys(terminal)
        keys.press("5", "n")
        terminal.until_at("Local folder")
        keys.write(str(notes))
        keys.tab_to("Bucket")
        keys.write("backup")
        keys.tab_to("Prefix")
        keys.write("notes/")
        keys.tab_to("Mode")
        keys.tab_to("Filter")
        keys.write("!*.tmp")
        keys.press("C-t")
        shown = terminal.until("upload 1")
        assert "two.tmp" not in shown
        keys.press("C-s")
        terminal.until("notes saved")
        terminal.until("● up to date")
        assert keys.pressed <= 12
    listed = gateway.there.list_objects_v2(Bucket="backup", Prefix="notes/")["Contents"]
    keys_there = [each["Key"] for each in listed if "/.s3d/" not in each["Key"]]
    assert keys_there == ["notes/one.md"]
    assert gateway.sync.folder("notes").filter == "!*.tmp"


@pytest.mark.finding("tui-30")
def test_a_deleted_object_is_seen_and_restored(agent, tmp_path):
    agent.objects.put("photos", "lost/cat.txt", io.BytesIO(b"meow"), 4)
    agent.objects.delete("photos", "lost/cat.txt")
    with app(agent, tmp_path) as terminal:
        terminal.press("C-g")
        terminal.write("photos/lost/")
        terminal.press("Enter")
        terminal.until("No objects.")
        terminal.press(".")
        terminal.until("cat.txt")
        terminal.press("j", "r")
        terminal.until("restored 1 object")
    assert agent.objects.get("photos", "lost/cat.txt")[0].size == 4


@pytest.mark.finding("tui-3")
def test_a_url_puts_the_cursor_on_its_object(agent, tmp_path):
    with app(agent, tmp_path) as terminal:
        terminal.press("C-g")
        terminal.write(f"{agent.endpoint}/photos/2024/summer/notes.txt")
        terminal.press("Enter")
        terminal.until("> notes.txt")


@pytest.mark.finding("tui-2")
def test_a_slash_in_front_is_the_same_place(agent, tmp_path):
    with app(agent, tmp_path) as terminal:
        terminal.press("C-g")
        terminal.write("/photos/2024/summer/")
        terminal.press("Enter")
        terminal.until("photos/2024/summer/: 1 row")
        terminal.press("h")
        terminal.until("> summer/")


def test_files_are_copied_between_a_folder_and_a_bucket(agent, tmp_path):
    (tmp_path / "dog.txt").write_text("woof")
    with app(agent, tmp_path) as terminal:
        terminal.press("C-g")
        terminal.write("photos/2024/summer/")
        terminal.press("Enter")
        terminal.until("notes.txt")
        terminal.press("w")
        terminal.until("dog.txt")
        terminal.press("j", "c")
        terminal.once(lambda shown: (tmp_path / "notes.txt").exists(), "the file in the folder")


@pytest.mark.finding("tui-16")
def test_300_keys_at_once_are_neither_lost_nor_reordered(agent, tmp_path):
    typed = "".join(f"{n:03}-" for n in range(45))
    keys = "/many\n\n" + "j" * 63 + " " * 50 + "/" + typed
    assert len(keys) > 300
    with app(agent, tmp_path, size=(260, 30)) as terminal:
        terminal.press("2")
        terminal.until("all buckets: 2 buckets")
        terminal.burst(keys.replace("\n", "\r"))
        terminal.until(f"0 of {OBJECTS} keys  filter: {typed}")
        terminal.until("50 marked")


@pytest.mark.finding("tui-16")
def test_keys_of_a_form_go_to_their_fields(agent, tmp_path):
    with app(agent, tmp_path) as terminal:
        terminal.press("2")
        terminal.until("all buckets: 2 buckets")
        terminal.burst("nfresh-bucket\r")
        terminal.until("fresh-bucket/")
    agent.objects.delete_bucket("fresh-bucket")
