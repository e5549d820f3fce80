"""What the image adds to its base: the steps of the Dockerfile, in an empty prefix."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT = 120_000_000


@pytest.mark.torture
def test_the_image_adds_less_than_120_mb(tmp_path: Path) -> None:
    prefix = tmp_path / "s3d"
    steps = re.sub(r"\\\n", " ", (ROOT / "deploy/Dockerfile").read_text())
    commands = [line[4:] for line in steps.splitlines() if line.startswith("RUN ")]
    script = "\n".join(each for each in commands if "/opt/s3d" in each)
    script = script.replace("/opt/s3d", str(prefix)).replace("/src", str(ROOT))
    script = script.replace("python -m venv", f"{sys.executable} -m venv")
    subprocess.run(["sh", "-ec", script], check=True, timeout=600)
    files = [file for file in prefix.rglob("*") if file.is_file() and not file.is_symlink()]
    added = sum(file.stat().st_size for file in files if "setuptools" not in file.parts)
    print(f"the image adds {added / 1e6:.1f} MB")
    assert added < LIMIT
    subprocess.run([prefix / "bin/s3d", "--version"], check=True)
    clients = "import botocore.session as b; s = b.Session(); [s.create_client(n, 'eu-west-1',"
    clients += "aws_access_key_id='a', aws_secret_access_key='b') for n in ('s3', 'sts', 'sso')]"
    subprocess.run([prefix / "bin/python", "-c", clients], check=True)
