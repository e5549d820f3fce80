"""Releases: reproducible, complete, and usable by another project."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

from tests.deploy.deploy_module import module

release = module("release")
ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "tests/e2e/sample_project"
BUILT = ("s3d", "README.md", "LICENSE", "pyproject.toml", ".gitignore")
"""What a build reads."""
EPOCH = 1_790_000_000


def copy_source(target: Path, mode: int, mtime: int) -> Path:
    """A copy whose files have other permissions and times than those of another copy."""
    target.mkdir()
    for name in BUILT:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / name)
    for path in target.rglob("*"):
        if path.is_file():
            path.chmod(mode)
        os.utime(path, (mtime, mtime))
    return target


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("release")
    source = copy_source(folder / "source", 0o644, 1_700_000_000)
    return folder / "dist", release.build(source, folder / "dist", EPOCH)


def test_two_builds_of_one_source_have_the_same_bytes(built, tmp_path):
    again = copy_source(tmp_path / "again", 0o600, 1_600_000_000)
    assert release.build(again, tmp_path / "dist", EPOCH) == built[1]
    assert len(built[1]) == 2


def test_the_wheel_has_the_package_its_license_and_its_entry_points(built):
    (path,) = built[0].glob("*.whl")
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        (info,) = {name.split("/")[0] for name in names if not name.startswith("s3d/")}
        metadata = HeaderParser().parsestr(wheel.read(f"{info}/METADATA").decode())
        entries = wheel.read(f"{info}/entry_points.txt").decode()
    assert {name for name in names if name.endswith(".py")} == {
        str(path.relative_to(ROOT)) for path in (ROOT / "s3d").rglob("*.py")
    }
    assert f"{info}/licenses/LICENSE" in names
    assert (metadata["Name"], metadata["License-Expression"]) == ("s3d-agent", "Apache-2.0")
    assert "s3d.__main__:main" in entries
    assert "[pytest11]" in entries


def test_another_project_tests_with_the_fixture_from_the_wheel(built, tmp_path):
    """Its environment has the wheel; the other packages are those of this environment."""
    (wheel,) = built[0].glob("*.whl")
    venv.create(tmp_path / "env")
    python = tmp_path / "env/bin/python"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([*pip, *install], check=True)
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    (site / "others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    project = shutil.copytree(SAMPLE, tmp_path / "project")
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert "4 passed" in done.stdout, done.stdout + done.stderr
    where = [python, "-P", "-c", "import s3d; print(s3d.__file__)"]
    assert subprocess.check_output(where, text=True).startswith(str(tmp_path))


def test_the_version_has_three_numbers():
    assert release.version_of((ROOT / "s3d/__init__.py").read_text()).count(".") == 2
    for source in ("", '__version__ = "1.0"', '__version__ = "v1.0.0"'):
        with pytest.raises(release.ReleaseError, match="MAJOR"):
            release.version_of(source)


def test_a_release_has_a_dated_section_in_the_changelog():
    release.check_changelog("# Changelog\n\n## [1.2.3] - 2026-12-24\n\n### Added\n", "1.2.3")
    for text in ("## [Unreleased]\n", "## [1.2.3]\n", "## [1.2.30] - 2026-12-24\n"):
        with pytest.raises(release.ReleaseError, match=r"1\.2\.3"):
            release.check_changelog(text, "1.2.3")
