"""What every test may ask for."""

pytest_plugins = ["tests.agent_process", "tests.peers.fixtures"]
