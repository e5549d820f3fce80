import msgspec

from s3d.shared.facts import LogLine, LogList, Samples, SettingInfo, SettingList


def test_they_cross_the_socket():
    for value in (
        LogList([LogLine(1, 2.0, "info", "main", "x")], 1),
        Samples(1.0, 2.0, [1.0], [2.0], [3.0], [-1.0], 0.1, 0.2, 3, 4),
        SettingList([SettingInfo("a", "b", "default")]),
    ):
        assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
