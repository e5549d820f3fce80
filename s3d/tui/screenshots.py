"""Pictures of each screen for the documentation: python -m s3d.tui.screenshots FOLDER.

They are the same bytes in every run with the same Textual, so that a change of a screen shows.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from s3d.tui.app import TABS, S3dApp
from s3d.tui.demo import DemoAgent
from s3d.tui.demo_values import NOW
from s3d.tui.table import Table

SIZE = (100, 30)
MADE_WITH = "made-with.txt"
"""The version of Textual: another one draws otherwise."""
_PATIENCE = 10.0


async def take(folder: Path) -> list[Path]:
    """One picture a tab."""
    app = S3dApp(DemoAgent(), clock=lambda: NOW)
    made = []
    async with app.run_test(size=SIZE) as pilot:
        for number, (name, _, _, _) in enumerate(TABS, 1):
            app.show_tab(number)
            app.workers.cancel_group(app, "feed")
            await pilot.pause()
            await app.feed.look()
            app.draw()
            await pilot.pause()
            if name == "buckets":
                app.query_one("#objects", Table).go("pix")
                await pilot.press("enter", *["down"] * 4)
                await settled(app)
                await pilot.press("space", "down", "space", "down")
                await settled(app)
            app.draw()
            await pilot.pause()
            picture = folder / f"{name}.svg"
            picture.write_text(app.export_screenshot(title="s3d tui", simplify=True))
            made.append(picture)
    return made


async def settled(app: S3dApp) -> None:
    """All that was asked of the agent is answered, but for what never ends."""
    while busy := [each for each in app.workers if each.group != "feed" and not each.is_finished]:
        await app.workers.wait_for_complete(busy)
        await asyncio.sleep(0)


def main(folder: Path) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(asyncio.wait_for(take(folder), 6 * _PATIENCE))
    (folder / MADE_WITH).write_text(f"textual {version('textual')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
