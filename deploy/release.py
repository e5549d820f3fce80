"""Build a release: `make release` writes a wheel, a source distribution and a bill of materials.

1. The version is one of Semantic Versioning. With --tag, the changelog has a dated section of it.
2. The wheel and the source distribution are built twice from the committed files, with the time of
   the commit: both builds have the same bytes, so anybody can check that a release is this source.
3. `twine check --strict` reads what a package index would show.
4. The wheel is installed into an empty environment, with the versions of deploy/constraints.txt.
   The bill of materials, in CycloneDX, lists what is there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
VERSION = re.compile(r'^__version__ = "(\d+\.\d+\.\d+(?:rc\d+)?)"$', re.MULTILINE)


class ReleaseError(Exception):
    """What has to be mended before a release."""


def version_of(source: str) -> str:
    """The version in the text of s3d/__init__.py. Raises ReleaseError for none of that form."""
    found = VERSION.search(source)
    if found is None:
        raise ReleaseError("s3d/__init__.py: __version__ is not MAJOR.MINOR.PATCH")
    return found[1]


def check_changelog(changelog: str, version: str) -> None:
    """Raises ReleaseError unless the changelog has a dated section of this version."""
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    ):
        raise ReleaseError(
            f"CHANGELOG.md has no section of this version: rename [Unreleased] to "
            f"[{version}] - YYYY-MM-DD, and begin a new [Unreleased] above it"
        )


def build(source: Path, target: Path, epoch: int) -> dict[str, str]:
    """Build both distributions of a source tree; their SHA-256 by name.

    epoch: the time of every file in them, in Unix seconds.
    """
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(target)],
        cwd=source,
        env=os.environ | {"SOURCE_DATE_EPOCH": str(epoch)},
        stdout=subprocess.DEVNULL,
        check=True,
    )
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(target.iterdir())
    }


def committed_files(target: Path) -> int:
    """Write the files of the last commit to a folder; the commit's time, in Unix seconds."""
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    target.mkdir()
    subprocess.run(["tar", "-x", "-C", str(target)], input=archive.stdout, check=True)
    time = subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, check=True
    )
    return int(time.stdout)


def write_bill_of_materials(wheel: Path, work: Path, target: Path) -> None:
    """Install a wheel into an empty environment, and list what that environment has."""
    venv.create(work / "installed", with_pip=True)
    python = work / "installed/bin/python"
    constraints = ROOT / "deploy/constraints.txt"
    install = ["install", "--quiet", "--constraint", str(constraints), str(wheel)]
    subprocess.run([python, "-m", "pip", "--disable-pip-version-check", *install], check=True)
    subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
         "--pyproject", str(ROOT / "pyproject.toml"), "--output-file", str(target), str(python)],
        check=True,
    )  # fmt: skip


def release(dist: Path, *, is_tagged: bool) -> None:
    """Raises ReleaseError when the source is not ready, or a build is not reproducible."""
    version = version_of((ROOT / "s3d/__init__.py").read_text())
    if is_tagged:
        check_changelog((ROOT / "CHANGELOG.md").read_text(), version)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        builds = []
        for number, target in enumerate((dist, work / "again")):
            epoch = committed_files(work / str(number))
            builds.append(build(work / str(number), target, epoch))
        if builds[0] != builds[1]:
            raise ReleaseError(f"two builds of one commit differ: {builds}")
        paths = [str(dist / name) for name in builds[0]]
        subprocess.run([sys.executable, "-m", "twine", "check", "--strict", *paths], check=True)
        wheel = next(dist.glob("*.whl"))
        write_bill_of_materials(wheel, work, dist / f"s3d-agent-{version}.cdx.json")
    for name, digest in builds[0].items():
        print(digest, name)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build a release of the last commit.")
    parser.add_argument("--tag", action="store_true", help="the commit is that of a release")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="an empty folder")
    chosen = parser.parse_args()
    if chosen.dist.exists() and any(chosen.dist.iterdir()):
        sys.exit(f"{chosen.dist} is not empty: remove what an earlier build has left")
    try:
        release(chosen.dist, is_tagged=chosen.tag)
    except ReleaseError as error:
        sys.exit(f"no release: {error}")


if __name__ == "__main__":
    main()
