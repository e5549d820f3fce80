import shlex

import pytest

from s3d.tui.cli_equivalent import command, copy_command, object_name, remove_command


@pytest.mark.parametrize("word", ["a b", "$(rm -rf ~)", "it's", "a\nb", "-x"])
def test_a_shell_reads_what_was_meant(word):
    assert shlex.split(command("rm", "", word)) == ["s3d", "rm", word]


def test_a_name_is_a_bucket_or_a_key_in_it():
    assert (object_name("b"), object_name("b", "k/")) == ("b", "b/k/")


def test_a_long_command_is_cut():
    cut = copy_command([f"s3://b/{n}" for n in range(9)], "/tmp", "replace")
    assert cut == "s3d cp s3://b/0 s3://b/1 s3://b/2 ... /tmp"


def test_objects_and_folders_are_two_commands():
    both = copy_command(["s3://b/k", "s3://b/p/"], "d/", "skip")
    assert both == ("s3d cp --skip-existing s3://b/k d/ && s3d cp -r --skip-existing s3://b/p/ d/")
    assert remove_command("b", ["k", "p/"]) == "s3d rm s3://b/k && s3d rm -r s3://b/p/"
