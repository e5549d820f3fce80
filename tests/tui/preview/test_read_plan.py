import pytest
from msgspec import structs

from s3d.shared.control import ObjectInfo
from s3d.shared.transfers import RemoteStatus
from s3d.tui.demo import DemoAgent
from s3d.tui.preview.drawing import Drawing, Pixels, Range
from s3d.tui.preview.read_plan import (
    BUDGETS,
    Mode,
    first_range,
    is_billed,
    mode_of,
    next_ranges,
    refusal,
)

REST = BUDGETS[0]


def status(url, **more):
    return structs.replace(DemoAgent()._status(), remote=RemoteStatus(url), **more)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("aws", True),
        ("https://s3.eu-west-1.amazonaws.com", True),
        ("https://203.0.114.5:9000", True),
        ("http://127.0.0.1:8333", False),
        ("http://[::1]:8333", False),
        ("http://192.168.1.4", False),
        ("http://localhost:9000", False),
        ("http://minio:9000", False),
        ("https://nas.local", False),
        ("store.internal", False),
    ],
)
def test_which_remote_is_billed(url, expected):
    assert is_billed(url) == expected


def test_a_billed_remote_without_a_cache_is_read_by_key():
    assert mode_of("", status("aws")) is Mode.REST
    assert mode_of("", status("aws", cache=None)) is Mode.KEY
    assert mode_of("", status("http://127.0.0.1:1", cache=None)) is Mode.REST
    assert mode_of("", structs.replace(status("aws"), remote=None, cache=None)) is Mode.REST
    assert mode_of("", None) is Mode.REST


@pytest.mark.parametrize("setting", ["rest", "key", "off"])
def test_the_user_decides(setting):
    assert mode_of(setting, status("aws", cache=None)) == setting


def info(storage_class="STANDARD", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return ObjectInfo("b", "k", 1, '"e"', 0.0, storage_class=storage_class, headers=headers)


@pytest.mark.parametrize(
    "unread",
    [
        info("GLACIER"),
        info("DEEP_ARCHIVE"),
        info("INTELLIGENT_TIERING", x_amz_archive_status="ARCHIVE_ACCESS"),
        info(**{"X-Amz-Server-Side-Encryption-Customer-Algorithm": "AES256"}),
        info("GLACIER", x_amz_restore='ongoing-request="true"'),
    ],
)
def test_what_is_never_read(unread):
    assert refusal(unread)


@pytest.mark.parametrize(
    "readable",
    [
        info(),
        info("GLACIER_IR"),
        info("GLACIER", x_amz_restore='ongoing-request="false", expiry-date="..."'),
    ],
)
def test_what_may_be_read(readable):
    assert refusal(readable) == ""


def test_first_the_beginning_or_the_end():
    assert first_range("a.txt", 100, REST) == Range(0, 100)
    assert first_range("a.txt", 1 << 20, REST) == Range(0, 64 << 10)
    assert first_range("a.zip", 1 << 20, REST) == Range((1 << 20) - (64 << 10), 64 << 10)
    assert first_range("a.PARQUET", 100, REST) == Range(0, 100)


def test_at_rest_nothing_follows_but_the_rest_of_a_picture():
    rest = [Range(64 << 10, 1 << 20)]
    text = Drawing("text", missing=rest)
    picture = Drawing("PNG", pixels=Pixels(1, 1, b"abc"), missing=rest)
    size = (1 << 20) + (64 << 10)
    assert next_ranges(text, size, 64 << 10, REST) == []
    assert next_ranges(picture, size, 64 << 10, REST) == rest
    assert next_ranges(picture, 3 << 20, 64 << 10, REST) == []


def test_by_key_the_text_goes_on():
    text = Drawing("text", missing=[Range(64 << 10, 5 << 30)])
    (following,) = next_ranges(text, (5 << 30) + (64 << 10), 64 << 10, BUDGETS[1])
    assert following == Range(64 << 10, (1 << 20) - (64 << 10))


def test_a_part_of_a_list_is_of_no_use():
    archive = Drawing("zip archive", missing=[Range(1000, 2 << 20)])
    assert next_ranges(archive, 1 << 30, 64 << 10, BUDGETS[1]) == []
    assert next_ranges(archive, 1 << 30, 64 << 10, BUDGETS[2]) == archive.missing
