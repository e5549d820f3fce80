"""The rules of `aws s3 cp` as requests. test_aws_rules.py compares them with the AWS CLI."""

import os

import pytest

from s3d.cli.copying.copy_location import parse_location
from s3d.cli.copying.copy_requests import CopyOptions, Source, copy_requests
from s3d.shared.errors import UsageError
from s3d.shared.object_patterns import KeyGlob


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir/sub").mkdir(parents=True)
    (tmp_path / "file").touch()
    return str(tmp_path)


def one(source, target, **options):
    place = parse_location(source)
    glob = KeyGlob(place.key) if "*" in source else None
    (request,) = copy_requests(
        [Source(place, glob)], parse_location(target), CopyOptions(**options)
    )
    return request


@pytest.mark.parametrize(
    ("source", "target", "recursive", "expected"),
    [
        ("file", "s3://b", False, ("", "")),
        ("file", "s3://b/p", False, ("p", "")),
        ("file", "s3://b/p/", False, ("", "p/")),
        ("dir", "s3://b/p", True, ("", "p/")),
        ("dir/", "s3://b", True, ("", "")),
        ("s3://a/k", "s3://b/p", False, ("p", "")),
        ("s3://a/q/k", "s3://b/p/", False, ("", "p/")),
        ("s3://a/q", "s3://b/p", True, ("", "p/")),
        ("s3://a/q*", "s3://b/p/", False, ("", "p/")),
    ],
)
def test_names_in_s3(source, target, recursive, expected):
    request = one(source, target, recursive=recursive)
    assert (request.as_key, request.to_prefix) == expected


@pytest.mark.parametrize(
    ("source", "target", "recursive", "expected"),
    [
        ("s3://a/q/k", "dir", False, ("dir", "")),
        ("s3://a/q/k", "new", False, (".", "new")),
        ("s3://a/q/k", "new/", False, ("new", "")),
        ("s3://a/q/k", ".", False, (".", "")),
        ("s3://a/q", "new", True, ("new", "")),
        ("s3://a/q/*", "new", False, ("new", "")),
    ],
)
def test_names_here(source, target, recursive, expected, here):
    request = one(source, target, recursive=recursive)
    folder = os.path.normpath(os.path.join(here, expected[0]))
    assert (request.to_path, request.as_key) == (folder, expected[1])


def test_many_files_are_one_transfer():
    sources = [Source(parse_location(f"s3://a/p/{number}")) for number in range(1200)]
    requests = copy_requests(sources, parse_location("dir"), CopyOptions())
    assert [len(request.keys) for request in requests] == [500, 500, 200]
    assert all(request.as_one for request in requests)


def test_what_contradicts_itself_is_refused():
    for options, sources in (
        ({}, ["s3://a/k", "s3://a/l"]),
        ({"version": "v"}, ["s3://a/k", "s3://a/l"]),
        ({}, ["s3://a/"]),
        ({"if_match": "e"}, ["s3://a/k"]),
        ({"version": "v"}, ["file"]),
        ({"version": "v", "move": True}, ["s3://a/k"]),
    ):
        with pytest.raises(UsageError):
            copy_requests(
                [Source(parse_location(text)) for text in sources],
                parse_location("s3://b/k"),
                CopyOptions(**options),
            )
