import pytest

from s3d.agent.core.owners import Owners
from s3d.agent.s3.errors import S3Error
from s3d.shared.access_key import DEFAULT_OWNER, owner_named

ANN, S3D = owner_named("ann"), owner_named(DEFAULT_OWNER)


def test_the_default_owner_is_always_known():
    owners = Owners()
    assert owners.find(S3D.canonical_id) == S3D
    assert owners.find(ANN.canonical_id) is None
    owners.replace(["ann"])
    assert owners.find(ANN.canonical_id) == ANN
    assert owners.find(S3D.canonical_id) == S3D


def test_an_owner_without_a_key_has_no_name():
    owners = Owners(["ann"])
    assert owners.members(ANN.canonical_id) == {"ID": ANN.canonical_id, "DisplayName": "ann"}
    owners.replace([])
    assert owners.members(ANN.canonical_id) == {"ID": ANN.canonical_id}


def test_nothing_is_granted_to_an_unknown_id():
    owners = Owners(["ann"])
    assert owners.grantee(ANN.canonical_id)["DisplayName"] == "ann"
    with pytest.raises(S3Error, match="Invalid id") as refused:
        owners.grantee("x")
    assert refused.value.detail["ArgumentValue"] == "x"
