"""The last good document on the disk."""

from s3d.agent.fleet.saved_document import SavedDocument, load_document, save_document
from s3d.shared.config.load import load_config
from tests.agent.fleet.conftest import URL

ENV = {"S3D_REMOTE": "http://127.0.0.1:9", "S3D_CONFIG_URL": URL}


def test_it_is_used_for_the_url_and_the_key_that_it_was_verified_with(tmp_path):
    saved = SavedDocument(URL, '"e"', "", "key")
    save_document(tmp_path, saved)
    with_key = load_config(None, ENV | {"S3D_CONFIG_PUBLIC_KEY": "key"}, {})
    assert load_document(tmp_path, with_key) == saved
    assert load_document(tmp_path, load_config(None, ENV, {})) is None
    assert load_document(tmp_path / "none", with_key) is None


def test_one_of_another_format_is_not_used(tmp_path):
    save_document(tmp_path, SavedDocument(URL, '"e"', "", format=2))
    assert load_document(tmp_path, load_config(None, ENV, {})) is None
