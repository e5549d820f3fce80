"""What every test may ask for."""

import os
import sys

pytest_plugins = ["tests.agent_process", "tests.peers.fixtures", "tests.skips"]

# The tests start hundreds of agents and commands. Without bytecode each of them compiles s3d again,
# which takes as long as the rest of its start, and pytest rewrites every test module in every run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
