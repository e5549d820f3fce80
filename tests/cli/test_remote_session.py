"""What the user guide shows in front of a remote, typed into a shell, prints just that."""

import re

import pytest

from tests.cli.test_first_session import Step, plain, typed
from tests.user_guide import GUIDE

AGES = r"\d+ s(  photos| ago)"


def steps() -> list[Step]:
    block = re.findall(r"^```sh-session\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE)
    parts = re.split(r"^\$ ", "".join(block), flags=re.MULTILINE)[1:]
    return [Step(*part.split("\n", 1)) for part in parts]


@pytest.mark.slow
def test_a_session_in_front_of_a_remote_runs_as_it_is_printed(start_agent, seaweedfs, tmp_path):
    env = {
        "S3D_REMOTE": seaweedfs.endpoint,
        "AWS_ACCESS_KEY_ID": seaweedfs.access_key,
        "AWS_SECRET_ACCESS_KEY": seaweedfs.secret_key,
        "AWS_REGION": seaweedfs.region,
    }
    agent = start_agent(env=env)
    known = steps()
    assert len(known) > 8
    printed = typed([step.command for step in known], agent.env, tmp_path)
    for step, text in zip(known, printed, strict=True):
        told, shown = (re.sub(AGES, r"N s\1", plain(each)) for each in (step.printed, text))
        assert (step.command, shown) == (step.command, told)
