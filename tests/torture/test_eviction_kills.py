"""kill -9 while a backup folder evicts files: none goes before its receipt is on the disk."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agent.app.test_eviction_crash import POINTS, Camera
from tests.agent_process import AgentProcess
from tests.torture.conftest import Campaign

LOOK_EACH = 25
"""Rounds: between them only the disk is looked at."""


@pytest.mark.torture
def test_500_kills_of_evictions(
    campaign: Callable[[str, int], Campaign],
    start_agent: Callable[..., AgentProcess],
    tmp_path: Path,
) -> None:
    run = campaign("evictions", 500)
    camera = Camera(start_agent, tmp_path / "home")
    for number, chance in run.rounds():
        try:
            camera.write(f"{number}.jpg")
            agent = camera.start(S3D_FAILPOINT=f"{chance.choice(POINTS)}:kill")
            assert agent.wait() == -signal.SIGKILL
            camera.check()
            if number % LOOK_EACH == 0:
                camera.start()
                camera.check_store()
                camera.agent.kill()
                camera.check()
        except AssertionError as error:
            run.failed(number, str(error))
            return
        run.passed(number)
