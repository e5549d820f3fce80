"""[[bucket]]: what is checked before the agent starts, with the line of each problem."""

import pytest

from s3d.shared.config.bucket_tables import SETTINGS, declared_buckets
from s3d.shared.config.load import load_config
from s3d.shared.config.rules import ConfigError

TEXT = """\
[[bucket]]
name = "photos"   # the first
cors = [
    {AllowedMethods = ["GET"], AllowedOrigins = ["*"]},
]
versioning = "Enabled"

[bucket.website.IndexDocument]
Suffix = "index.html"

[[sync_folder]]
path = "/tmp/x"
bucket = "photos"

[[bucket]]
"name" = "logs"
tags.team = "web"
"""


@pytest.fixture
def declared(tmp_path):
    """The buckets of a file, and its problems."""

    def read(text):
        (tmp_path / "config.toml").write_text(text)
        problems = []
        found = declared_buckets(tmp_path / "config.toml", problems)
        return found, [str(each).partition("config.toml")[2] for each in problems]

    return read


def test_buckets_with_the_lines_of_their_settings(declared):
    (photos, logs), problems = declared(TEXT)
    assert problems == []
    assert (photos.name, photos.origin[-2:]) == ("photos", ":1")
    assert [(each.name, each.origin.rpartition(":")[2]) for each in photos.settings] == [
        ("versioning", "6"), ("cors", "3"), ("website", "8"),
    ]  # fmt: skip
    assert photos.settings[2].value == {"IndexDocument": {"Suffix": "index.html"}}
    assert [(each.value, each.origin.rpartition(":")[2]) for each in logs.settings] == [
        ({"team": "web"}, "17")
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[bucket]]\nversioning = "Enabled"', ":1: bucket.name: not set"),
        ('[[bucket]]\nname = "No"', ":2: bucket.name: 'No'"),
        ("[[bucket]]\nname = 3", ":2: bucket.name: not set"),
        ('[[bucket]]\nname = "abc"\nversoning = "x"', ":3: bucket.versoning: unknown setting; did"),
        ('[[bucket]]\nname = "abc"\nversioning = true', ":3: bucket.versioning: must be"),
        ('[[bucket]]\nname = "abc"\ntags = {a = 1}', ":3: bucket.tags: must be a table of texts"),
        ('[[bucket]]\nname = "abc"\ncors = {}', ":3: bucket.cors: must be a list of rules"),
        ('[[bucket]]\nname = "abc"\n[[bucket]]\nname = "abc"', ":3: bucket.name: abc is declared"),
        ('bucket = ["abc"]', ":1: bucket: write each bucket as a [[bucket]]"),
    ],
)
def test_each_problem_has_its_line(declared, text, problem):
    problems = declared(text)[1]
    assert [each[: len(problem)] for each in problems] == [problem]


def test_they_are_part_of_the_configuration(tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(TEXT)
    buckets = load_config(file, {}, {}).declared_buckets
    assert [each.name for each in buckets] == ["photos", "logs"]
    file.write_text('[bucket]\nname = "abc"')
    with pytest.raises(ConfigError, match="unknown setting"):
        load_config(file, {}, {})


def test_every_setting_says_what_it_expects():
    assert all(expected for _, expected in SETTINGS.values())
