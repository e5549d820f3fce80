import ast
from pathlib import Path

from s3d.tui import host
from s3d.tui.host import Host, host_of


async def test_a_pane_finds_its_host(opened):
    async with opened() as pilot:
        found: Host = host_of(pilot.app.pane)
        assert found is pilot.app
        for name in Host.__annotations__:
            assert hasattr(found, name), name


def test_panes_and_screens_do_not_know_the_app():
    root = Path(host.__file__).parent
    for file in [*root.glob("panes/*.py"), *root.glob("screens/*.py"), root / "host.py"]:
        for node in ast.walk(ast.parse(file.read_text())):
            assert getattr(node, "module", "") != "s3d.tui.app", file.name
