import pytest

from s3d.agent.core.access_keys import principal_of
from s3d.agent.s3.acl import ALL_USERS, AUTHENTICATED_USERS, LOG_DELIVERY, PERMISSIONS, requested
from s3d.agent.s3.acl_evaluation import BUCKET_PERMISSIONS, OBJECT_PERMISSIONS, find_grant
from s3d.agent.s3.principal import ANONYMOUS
from s3d.shared.access_key import AccessKey, owner_named
from s3d.shared.config.values import Secret

ANN = principal_of(AccessKey("A", Secret("s"), name="ann", owner="ann"))
BOB = owner_named("bob").members


def acl(**grants):
    return requested(grants, BOB)


@pytest.mark.parametrize("permission", sorted(PERMISSIONS))
def test_full_control_is_every_permission(permission):
    own = acl(GrantFullControl=f"id={ANN.owner}")
    assert find_grant(own, ANN, permission, ignores_public=False).permission == "FULL_CONTROL"
    assert find_grant(own, ANONYMOUS, permission, ignores_public=False) is None


@pytest.mark.parametrize(
    ("group", "ann", "anonymous"),
    [(ALL_USERS, True, True), (AUTHENTICATED_USERS, True, False), (LOG_DELIVERY, False, False)],
)
def test_who_is_in_a_group(group, ann, anonymous):
    given = acl(GrantRead=f"uri={group}")
    for caller, is_member in ((ANN, ann), (ANONYMOUS, anonymous)):
        assert (find_grant(given, caller, "READ", ignores_public=False) is not None) is is_member
        assert find_grant(given, caller, "READ", ignores_public=True) is None
        assert find_grant(given, caller, "WRITE", ignores_public=False) is None


def test_a_grant_to_a_group_is_found_before_one_to_the_account():
    given = acl(GrantRead=f'id={ANN.owner}, uri="{ALL_USERS}"')
    assert find_grant(given, ANN, "READ", ignores_public=False).is_to_group
    assert not find_grant(given, ANN, "READ", ignores_public=True).is_to_group


def test_the_permissions_are_known():
    assert {*BUCKET_PERMISSIONS.values(), *OBJECT_PERMISSIONS.values()} <= PERMISSIONS
