import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from s3d.tui.screenshots import MADE_WITH
from s3d.tui.tabs import TABS

PICTURES = Path(__file__).parents[2] / "screenshots"


@pytest.mark.slow
def test_the_pictures_are_those_of_the_screens(tmp_path):
    made_with = (PICTURES / MADE_WITH).read_text().split()[1]
    if made_with != version("textual"):
        pytest.skip(f"made with textual {made_with}, here is {version('textual')}")
    command = [sys.executable, "-m", "s3d.tui.screenshots", str(tmp_path)]
    subprocess.run(command, env={**os.environ, "COLUMNS": "80"}, timeout=60, check=True)
    for name, _, _ in TABS:
        picture = f"{name}.svg"
        same = (tmp_path / picture).read_bytes() == (PICTURES / picture).read_bytes()
        assert same, f"{picture} is out of date: make screenshots, and look at it"
