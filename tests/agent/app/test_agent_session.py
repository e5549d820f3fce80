from s3d.agent.app.agent_session import with_bound_port
from s3d.shared.config.schema import Config


def test_the_next_session_has_the_port_that_the_system_has_chosen():
    config = with_bound_port(Config(endpoint="http://localhost:0"), "http://127.0.0.1:7")
    assert config.endpoint == "http://localhost:7"


def test_a_configured_port_stays():
    config = Config(endpoint="http://localhost:5")
    assert with_bound_port(config, "http://127.0.0.1:5") is config
