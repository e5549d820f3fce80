"""The user guide as the tests read it: docs/user-guide.md, then the pages in its order."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
INDEX = DOCS / "user-guide.md"
PAGES = tuple(
    DOCS / name
    for name in re.findall(r"^- \[[^]]+\]\((guide/[\w-]+\.md)\)$", INDEX.read_text(), re.MULTILINE)
)
GUIDE = "\n".join(page.read_text() for page in (INDEX, *PAGES))
