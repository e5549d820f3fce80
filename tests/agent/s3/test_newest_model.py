"""newest_api.json against a botocore that has it all, and against the one of PyPI."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from s3d.agent.s3 import model
from tests.agent.s3 import newest_model

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".venv-botocore"
"""Of the downloaded packages; they stay for the next run."""

OPERATIONS = 116
"""Of the newest API that newest_api.json describes."""


def download(requirement: str, folder: Path) -> None:
    """Install botocore alone into a folder; skip the test when no index has it."""
    if (folder / "botocore").exists():
        return
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    options = ["--no-deps", "--no-compile", "--upgrade", "--target", str(folder)]
    done = subprocess.run(
        [*pip, *options, requirement], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"{requirement} cannot be installed: {done.stderr.strip().splitlines()[-1:]}")


def lacking(newest: newest_model.Model) -> newest_model.Model:
    """What the merged model lacks of a newer one, by kind."""
    found = newest_model.additions(known(), newest)
    return {kind: value for kind, value in found.items() if value}


def known() -> newest_model.Model:
    """The merged model in the form of newest_model."""
    ours: Any = msgspec.to_builtins(model.service())
    return {"operations": ours["operations"], "shapes": ours["shapes"]}


def test_the_operations_that_are_added_are_no_others() -> None:
    added = model.additions().operations.keys() - model.installed().operations.keys()
    assert len(model.service().operations) == OPERATIONS
    assert {"GetObjectAnnotation", "GetBucketAbac", "UpdateObjectEncryption"} <= added


def test_the_installed_model_counts_for_more_than_the_additions() -> None:
    ours = model.installed()
    merged = model.merged(ours, model.additions())
    for name, operation in ours.operations.items():
        assert merged.operations[name] == operation
    for name, shape in ours.shapes.items():
        now = merged.shapes[name]
        assert shape.members.items() <= now.members.items()
        assert list(now.members)[: len(shape.members)] == list(shape.members)
        assert now.enum[: len(shape.enum)] == shape.enum


def test_the_additions_are_those_of_their_version_of_botocore() -> None:
    version = model.additions().botocore
    download(f"botocore=={version}", FOLDER / version)
    found, newest = newest_model.model_in(FOLDER / version)
    assert found == version
    assert lacking(newest) == {}
    data = json.loads(Path(model.__file__).with_name("newest_api.json").read_text())
    assert data == {"botocore": version} | newest_model.additions(
        newest_model.installed()[1], newest
    )
    assert model.service().operations.keys() == newest["operations"].keys()


@pytest.mark.torture
def test_the_difference_to_what_pypi_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A newer API is no failure of ours: it is printed, for whoever raises the version."""
    download("botocore", tmp_path)
    version, newest = newest_model.model_in(tmp_path)
    with capsys.disabled():
        print(f"\nbotocore {version} has beyond {model.additions().botocore}:")
        print(json.dumps(lacking(newest), indent=1))
    assert newest["operations"].keys() >= model.installed().operations.keys()
