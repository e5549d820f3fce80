import pytest

from s3d.shared.config.rules import settings_of
from s3d.shared.config.schema import Config

SETTINGS = settings_of(Config)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_has_a_help_text_that_fits_a_line(name):
    text = SETTINGS[name].rule.help
    assert text
    assert len(text) <= 80
    assert not text.endswith(".")


def test_the_port_and_the_host_are_those_of_the_endpoint():
    assert (Config().host, Config().port) == ("127.0.0.1", 33333)
    six = Config(endpoint="http://[::1]:0")
    assert (six.host, six.port) == ("::1", 0)
