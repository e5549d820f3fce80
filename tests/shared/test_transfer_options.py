import msgspec
import pytest

from s3d.shared.transfer_options import NewObject, SyncRules
from s3d.shared.transfers import TransferRequest


def test_a_request_without_options_is_that_of_an_older_client():
    old = b'{"kind":"copy","bucket":"b","keys":["k"],"to_bucket":"c"}'
    request = msgspec.json.decode(old, type=TransferRequest)
    assert request == TransferRequest("copy", "b", ["k"], to_bucket="c")
    assert (request.new_object.is_empty, request.sync) == (True, None)


def test_options_survive_the_wire_and_the_file():
    request = TransferRequest(
        "upload", "b", paths=["/p"], new_object=NewObject(tags={}), sync=SyncRules(delete=True)
    )
    assert msgspec.json.decode(msgspec.json.encode(request), type=TransferRequest) == request
    assert not request.new_object.is_empty


def test_an_unknown_option_is_refused():
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"compare":"size","other":1}', type=SyncRules)
