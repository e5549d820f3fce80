"""Owners in a store, and in the staging area of a remote. Who may do what: tests/e2e."""

import pytest

from s3d.agent.core.owners import Owners
from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.messages import RequestContext
from s3d.agent.storage.records import BucketRecord, ObjectRecord, ObjectRow
from s3d.agent.stores.local.ownership import Ownership
from tests.agent.stores.access.conftest import ALT, MAIN


@pytest.mark.parametrize(
    ("owners", "caller", "writer"),
    [
        (Owners(["alt"]), ALT, ALT.owner),
        (Owners(["alt"]), MAIN, ""),
        (Owners(), None, ""),
        (None, ALT, ""),
    ],
)
def test_who_writes(owners, caller, writer):
    """A staging area belongs to the default owner: the remote knows who has written."""
    assert Ownership(owners).writer(RequestContext("ID", caller)) == writer


def test_a_staging_area_takes_every_grantee(index):
    bucket = BucketRecord("b", 1.0)
    grant = {"GrantRead": f"id={'f' * 64}"}
    look = Ownership(None).acl_of_object
    acl = index.read_inline(lambda reader: look(reader, bucket, "", grant))
    assert acl["Grants"][0]["Grantee"]["ID"] == "f" * 64
    look = Ownership(Owners()).acl_of_object
    with pytest.raises(S3Error, match="Invalid id"):
        index.read_inline(lambda reader: look(reader, bucket, "", grant))


def test_the_owners_of_a_listing():
    bucket = BucketRecord("b", 1.0, owner=ALT.owner, has_other_owners=True)
    owner_of = Ownership(Owners(["alt"])).of_rows(bucket)
    assert owner_of(ObjectRow("k"))["DisplayName"] == "alt"
    assert owner_of(ObjectRecord("k"))["DisplayName"] == "s3d"
    assert owner_of(ObjectRecord("k", delete_marker=True))["DisplayName"] == "alt"


async def test_a_bucket_notes_objects_of_other_accounts(local, index, s3, bucket):
    await s3.put(bucket, "k", b"data")
    assert not index.read_inline(lambda reader: reader.bucket(bucket)).has_other_owners
