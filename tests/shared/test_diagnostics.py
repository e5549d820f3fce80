import msgspec

from s3d.shared.control import decode, encode
from s3d.shared.diagnostics import (
    NOT_READY,
    READY,
    CheckPage,
    Damage,
    LogLine,
    LogList,
    Readiness,
    ReadinessCheck,
    Samples,
    SettingInfo,
    SettingList,
    readiness_of,
)
from s3d.shared.transfers import Totals


def test_they_cross_the_socket():
    for value in (
        LogList([LogLine(1, 2.0, "info", "main", "x")], 1),
        Samples(1.0, 2.0, [1.0], [2.0], [3.0], [-1.0], 0.1, 0.2, 3, 4),
        SettingList([SettingInfo("a", "b", "default")]),
    ):
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value


def test_a_page_crosses_the_socket():
    page = CheckPage(Totals(1, 2), [Damage("store", "bucket/key", "gone")], "cursor")
    assert decode(encode(page), CheckPage) == page
    assert CheckPage(Totals(), []).cursor == ""


def test_it_is_ready_when_all_checks_are_met():
    met, other = ReadinessCheck("a", True), ReadinessCheck("b", False, "why")
    assert readiness_of([met]) == Readiness(READY, [met])
    assert readiness_of([met, other]) == Readiness(NOT_READY, [met, other])


def test_readiness_without_its_checks_is_one_word():
    assert encode(Readiness(NOT_READY)) == b'{"status":"not ready"}'
