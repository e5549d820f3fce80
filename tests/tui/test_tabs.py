from s3d.tui.tabs import TABS, key_of
from tests.tui.conftest import screen


async def test_tabs_are_clicked(opened):
    async with opened() as pilot:
        line = screen(pilot.app).splitlines()[1]
        for title, name in (("Sync", "sync"), ("Buckets", "buckets"), ("Logs", "logs")):
            await pilot.click("#tabs", offset=(line.index(title) + 1, 0))
            assert pilot.app.main.tab == name


def test_each_tab_has_its_key():
    assert [key_of(tab.name) for tab in TABS] == ["1", "2", "3", "4", "5", "6"]
