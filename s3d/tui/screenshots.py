"""Pictures of each tab for the documentation: python -m s3d.tui.screenshots FOLDER.

They are the same bytes in every run with the same version of Textual, so that a test can notice a
change of a screen.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from s3d.tui.app import S3dApp
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.table import Table
from s3d.tui.tabs import TABS

SIZE = (100, 30)
MADE_WITH = "made-with.txt"
"""Holds the version of Textual: another version draws other pictures."""
_TIMEOUT = 60.0


async def take(folder: Path) -> list[Path]:
    """Make one picture of each tab."""
    app = S3dApp(DemoAgent(), clock=lambda: NOW)
    made = []
    async with app.run_test(size=SIZE) as pilot:
        for tab in TABS:
            app.main.show_tab(tab.name)
            app.workers.cancel_group(app, "feed")
            await pilot.pause()
            await app.feed.poll()
            app.main.draw()
            await pilot.pause()
            if tab.name == "buckets":
                app.query_one("#objects", Table).go("pix")
                await pilot.press("enter", *["down"] * 4)
                await settled(app)
                await pilot.press("space", "down", "space", "down")
                await settled(app)
            app.main.draw()
            await pilot.pause()
            picture = folder / f"{tab.name}.svg"
            picture.write_text(app.export_screenshot(title="s3d tui", simplify=True))
            made.append(picture)
    return made


async def settled(app: S3dApp) -> None:
    """Wait until all workers but the endless feed have finished."""
    while busy := [each for each in app.workers if each.group != "feed" and not each.is_finished]:
        await app.workers.wait_for_complete(busy)
        await asyncio.sleep(0)


def main(folder: Path) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(asyncio.wait_for(take(folder), _TIMEOUT))
    (folder / MADE_WITH).write_text(f"textual {version('textual')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
