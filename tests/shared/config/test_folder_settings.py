from pathlib import Path

import pytest

from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError

ENV = {
    "S3D_SYNC_FOLDER": "/notes",
    "S3D_SYNC_FOLDER_BUCKET": "home",
    "S3D_SYNC_FOLDER_2": "/photos",
    "S3D_SYNC_FOLDER_2_BUCKET": "cams",
    "S3D_SYNC_FOLDER_2_MODE": "backup",
    "S3D_SYNC_FOLDER_2_FILTER": "!*.tmp",
    "S3D_SYNC_FOLDER_10_PATH": "/music",
    "S3D_SYNC_FOLDER_10_BUCKET": "songs",
    "S3D_SYNC_FOLDER_11_MODE": "",
}


def problems_of(**changes: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_config(None, ENV | changes, {})
    return [f"{each.origin}: {each.message}" for each in caught.value.problems]


def test_the_environment_names_several_folders():
    config = load_config(None, ENV, {})
    shown = [(str(each.path), each.bucket, each.mode) for each in config.sync_folders]
    assert shown == [
        ("/notes", "home", "two-way"),
        ("/photos", "cams", "backup"),
        ("/music", "songs", "two-way"),
    ]
    assert str(config.sync_folders[1].filter) == "!*.tmp"
    assert config.fixed_folders == config.sync_folders


def test_numbers_need_no_folder_without_one():
    env = {name: text for name, text in ENV.items() if "_10_" in name}
    assert [each.path for each in load_config(None, env, {}).sync_folders] == [Path("/music")]


def test_those_of_the_file_come_first_and_can_be_changed(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text('[[sync_folder]]\npath = "/docs"\nbucket = "papers"\n')
    config = load_config(file, ENV, {})
    assert [str(each.path) for each in config.sync_folders] == [
        "/docs", "/notes", "/photos", "/music",
    ]  # fmt: skip
    assert len(config.fixed_folders) == 3


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"S3D_SYNC_FOLDER_2": ""}, "S3D_SYNC_FOLDER_2 is not set"),
        ({"S3D_SYNC_FOLDER_10_BUCKET": ""}, "S3D_SYNC_FOLDER_10_BUCKET is not set"),
        ({"S3D_SYNC_FOLDER_2_MOD": "backup"}, "S3D_SYNC_FOLDER_2_MOD: no such setting"),
        ({"S3D_SYNC_FOLDER_2_MODE": "up"}, "S3D_SYNC_FOLDER_2_MODE: 'up'"),
        ({"S3D_SYNC_FOLDER_2": "/notes/a"}, "one is inside the other"),
    ],
)
def test_a_problem_names_its_variable(changes, problem):
    assert any(problem in each for each in problems_of(**changes)), problems_of(**changes)


@pytest.mark.finding("table-line")
def test_a_wrong_key_of_a_table_is_reported_at_its_table(tmp_path):
    file = tmp_path / "config.toml"
    one = '[[sync_folder]]\npath = "/a"\nbucket = "aaa"\n'
    file.write_text(f'region = "us-east-1"\n\n{one}\n[[sync_folder]]\npath = "/b"\nbuckt = "bbb"\n')
    with pytest.raises(ConfigError) as caught:
        load_config(file, {}, {})
    (wrong,) = [each for each in caught.value.problems if each.setting == "sync_folder.buckt"]
    assert wrong.origin == f"{file}:7"
    assert "did you mean sync_folder.bucket?" in wrong.message
