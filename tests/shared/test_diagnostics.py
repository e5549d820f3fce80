import msgspec

from s3d.shared.control import decode, encode
from s3d.shared.diagnostics import (
    CheckPage,
    Damage,
    LogLine,
    LogList,
    Samples,
    SettingInfo,
    SettingList,
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
