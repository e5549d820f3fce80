"""Pictures of each screen for the documentation: python -m s3d.tui.shots FOLDER.

They are the same bytes in every run with the same Textual, so that a change of a screen shows.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

from s3d.tui.app import TABS, S3dApp
from s3d.tui.demo import LOG, MIB, NOW, DemoAgent
from s3d.tui.state import SAMPLES

SIZE = (100, 30)
MADE_WITH = "made-with.txt"
"""The version of Textual: another one draws otherwise."""
_PATIENCE = 10.0


async def take(folder: Path) -> list[Path]:
    """One picture a tab."""
    app = S3dApp(DemoAgent(), clock=lambda: NOW)
    made = []
    async with app.run_test(size=SIZE) as pilot:
        for number, (name, _, _) in enumerate(TABS, 1):
            app.action_tab(str(number))
            app.workers.cancel_group(app, "feed")
            await pilot.pause()
            await app.feed.look()
            _fill(app)
            app.pane.draw()
            await pilot.pause()
            if name == "buckets":
                app.pane.query_one("#objects").go("pix")  # type: ignore[attr-defined]
                await pilot.press("enter", "down", "down", "down")
                busy = [w for w in app.workers if w.group in ("listing", "inspect")]
                if busy:  # none would be all
                    await app.workers.wait_for_complete(busy)
            app.pane.draw()
            app._draw_frame()
            await pilot.pause()
            picture = folder / f"{name}.svg"
            picture.write_text(app.export_screenshot(title="s3d tui", simplify=True))
            made.append(picture)
    return made


def _fill(app: S3dApp) -> None:
    """The rates have a past, and the log has its lines."""
    app.state.log.clear()
    for event in LOG:
        app.state.happened(event)
    for values, phase in ((app.state.up, 0.0), (app.state.down, 2.0)):
        values.clear()
        values.extend(
            (30 + 20 * math.sin(n / 9 + phase) + 8 * math.sin(n / 2)) * MIB for n in range(SAMPLES)
        )


def main(folder: Path) -> None:
    os.environ["TZ"] = "UTC"
    time.tzset()
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(asyncio.wait_for(take(folder), 6 * _PATIENCE))
    (folder / MADE_WITH).write_text(f"textual {version('textual')}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
