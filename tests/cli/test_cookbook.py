"""Every recipe of docs/cookbook.md is typed into a shell, in a fresh home, and each command works.

The recipes in front of https://s3.example.org run in front of a second agent with a store.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.agent_process import AgentProcess, environment

COOKBOOK = (Path(__file__).parents[2] / "docs/cookbook.md").read_text()
EXAMPLE = "https://s3.example.org"
TIMEOUT = 120.0


def recipes() -> dict[str, str]:
    """The commands of each recipe that can run, by its title."""
    found = {}
    for section in re.split(r"^## ", COOKBOOK, flags=re.MULTILINE)[1:]:
        can_run = re.sub(r"<!-- not-run: .+? -->\n```.*?^```", "", section, flags=re.S | re.M)
        blocks = re.findall(r"^```sh\n(.*?)^```", can_run, re.DOTALL | re.MULTILINE)
        if blocks:
            found[section.partition("\n")[0]] = "".join(blocks)
    return found


RECIPES = recipes()


def test_most_recipes_run():
    assert len(RECIPES) >= 6


@pytest.mark.slow
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_works_as_it_is_printed(title: str, agent: AgentProcess, tmp_path: Path) -> None:
    access_key, secret = agent.key
    home = tmp_path / "reader"
    home.mkdir(mode=0o700)
    env = environment(home, S3D_ENDPOINT="http://127.0.0.1:0")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env |= {"HOME": str(home), "PATH": path, "TMPDIR": str(tmp_path)}
    remote = {"AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret}
    commands = RECIPES[title].replace(EXAMPLE, agent.s3().meta.endpoint_url)
    if EXAMPLE in RECIPES[title]:
        env |= remote | {"AWS_REGION": "us-east-1"}
    done = subprocess.run(
        ["sh", "-eux"],
        input=commands,
        env=env,
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
    )
    assert done.returncode == 0, done.stdout
    assert "Traceback" not in done.stdout


def test_the_settings_that_a_recipe_writes_into_the_file_are_valid(tmp_path: Path) -> None:
    (line,) = re.findall(r"^s3d config edit +# (.*)$", COOKBOOK, re.MULTILINE)
    folder = tmp_path / "config"
    folder.mkdir(mode=0o700)
    (folder / "config.toml").write_text(f"{line}\n")
    env = environment(tmp_path, S3D_LOCAL_DIR=str(tmp_path))
    check = [sys.executable, "-m", "s3d", "config", "check"]
    done = subprocess.run(check, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
