"""What the embedded store does with the features of S3 that are more than one operation or header.

docs/s3-compatibility.md is made from it; each feature has tests, which are named here.
"""

from __future__ import annotations

from typing import NamedTuple

ENFORCED, KEPT, REFUSED = "enforced", "kept", "refused"
PASSED = "passed on"


class Feature(NamedTuple):
    """One feature, and where its tests are."""

    name: str
    embedded: str
    gateway: str
    tests: str
    """A file below tests/."""
    note: str = ""


FEATURES = (
    Feature(
        "access keys with scope, expiry, read-only", ENFORCED, ENFORCED, "e2e/test_identities.py"
    ),
    Feature(
        "temporary credentials (STS)",
        ENFORCED,
        ENFORCED,
        "agent/frontends/http/test_sts_endpoint.py",
        "AssumeRole, GetSessionToken, GetCallerIdentity; AssumeRole takes any ARN",
    ),
    Feature("bucket policies", ENFORCED, PASSED, "e2e/test_access.py"),
    Feature("access control lists", ENFORCED, PASSED, "agent/s3/test_access_decision.py"),
    Feature("Object Ownership", ENFORCED, PASSED, "agent/stores/local/test_ownership.py"),
    Feature("Block Public Access", ENFORCED, PASSED, "agent/s3/test_public_access.py"),
    Feature(
        "anonymous requests",
        ENFORCED,
        REFUSED,
        "agent/stores/access/test_every_operation.py",
        "as policies and lists allow them",
    ),
    Feature("Signature Version 4, header and query", ENFORCED, ENFORCED, "agent/s3/test_sigv4.py"),
    Feature("chunks with signatures and trailers", ENFORCED, ENFORCED, "agent/s3/test_chunked.py"),
    Feature(
        "Signature Version 2",
        ENFORCED,
        ENFORCED,
        "agent/s3/test_sigv2.py",
        "in presigned URLs and forms; not in the Authorization header",
    ),
    Feature("Signature Version 4A", REFUSED, REFUSED, "agent/s3/test_sigv4.py", "of many regions"),
    Feature("browser forms (POST)", ENFORCED, ENFORCED, "agent/frontends/http/test_post.py"),
    Feature(
        "addresses `BUCKET.HOST` and `HOST/BUCKET`", ENFORCED, ENFORCED, "agent/s3/test_routing.py"
    ),
    Feature(
        "conditional requests", ENFORCED, "passed on, queue, cache", "contract/test_conditions.py"
    ),
    Feature(
        "ranges, `partNumber`, `response-*`",
        ENFORCED,
        "passed on, queue, cache",
        "contract/test_objects.py",
    ),
    Feature("multipart uploads", ENFORCED, "passed on, queue", "contract/test_multipart.py"),
    Feature("versioning", ENFORCED, PASSED, "contract/test_versions.py"),
    Feature("MFA delete", REFUSED, PASSED, "agent/stores/local/test_versions.py"),
    Feature("object lock", ENFORCED, PASSED, "agent/stores/local/test_locks.py"),
    Feature("SSE-C", ENFORCED, PASSED, "e2e/test_encryption.py"),
    Feature("SSE-S3", ENFORCED, PASSED, "e2e/test_encryption.py"),
    Feature(
        "SSE-KMS, DSSE-KMS", ENFORCED, PASSED, "e2e/test_encryption.py", "with a local key ring"
    ),
    Feature("lifecycle: expiration", ENFORCED, PASSED, "agent/stores/local/test_expiration.py"),
    Feature(
        "lifecycle: transitions",
        KEPT,
        PASSED,
        "agent/stores/local/test_lifecycle_transitions.py",
        "checked; there is one kind of storage",
    ),
    Feature(
        "storage classes", KEPT, PASSED, "contract/test_objects.py", "there is one kind of storage"
    ),
    Feature("CORS", ENFORCED, PASSED, "agent/frontends/http/test_cors.py"),
    Feature(
        "static websites",
        ENFORCED,
        REFUSED,
        "agent/frontends/http/test_website_endpoint.py",
        "at `BUCKET.s3-website.localhost`",
    ),
    Feature("server access logs", ENFORCED, PASSED, "agent/stores/local/test_bucket_logs.py"),
    Feature("inventory", ENFORCED, PASSED, "agent/stores/local/test_inventory.py", "as CSV"),
    Feature(
        "event notifications",
        ENFORCED,
        PASSED,
        "e2e/test_notifications.py",
        "to webhooks and queues of SQS that the settings declare",
    ),
    Feature("object annotations", ENFORCED, PASSED, "agent/stores/local/test_annotations.py"),
    Feature("appends, RenameObject", ENFORCED, PASSED, "agent/stores/local/test_append.py"),
    Feature("replication", KEPT, PASSED, "contract/test_settings.py"),
    Feature("analytics, metrics, Intelligent-Tiering", KEPT, PASSED, "contract/test_settings.py"),
    Feature("Transfer Acceleration, Requester Pays", KEPT, PASSED, "contract/test_settings.py"),
    Feature("S3 Select, archives, metadata tables", REFUSED, PASSED, "e2e/test_errors.py"),
)
