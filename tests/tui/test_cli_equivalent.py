import shlex

import pytest

from s3d.tui.cli_equivalent import command, place


@pytest.mark.parametrize("word", ["a b", "$(rm -rf ~)", "it's", "a\nb", "-x"])
def test_a_shell_reads_what_was_meant(word):
    assert shlex.split(command("rm", "", word)) == ["s3d", "rm", word]


def test_a_place_is_a_bucket_or_a_key_in_it():
    assert (place("b"), place("b", "k/")) == ("b", "b/k/")
