import pytest

from s3d.agent.s3.action_names import BUCKET_ACTIONS, OBJECT_ACTIONS, levels_of


def test_an_action_is_on_buckets_or_on_objects():
    assert not BUCKET_ACTIONS & OBJECT_ACTIONS


@pytest.mark.parametrize(
    ("action", "levels"),
    [
        ("s3:ListBucket", {"bucket"}),
        ("s3:getobject", {"object"}),
        ("s3:*", {"bucket", "object"}),
        ("*", {"bucket", "object"}),
        ("s3:GetObject?cl", {"object"}),
        ("s3:Get*Acl", {"bucket", "object"}),
        ("s3:Fly", set()),
        ("ec2:*", set()),
    ],
)
def test_the_levels_of_an_action(action, levels):
    assert levels_of(action) == levels
