import subprocess

import pytest


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_of_that_shell(alone, shell):
    script = alone("completion", shell).out
    assert f"_S3D_COMPLETE={shell}_complete" in script


def test_bash_takes_the_script(alone):
    script = alone("completion", "bash").out
    done = subprocess.run(
        ["bash", "-c", f"{script}\ncomplete -p s3d"], capture_output=True, text=True
    )
    assert "s3d" in done.stdout
