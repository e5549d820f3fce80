"""The names of the actions of S3 that a policy can grant on a bucket or on an object. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html
"""

from __future__ import annotations

from s3d.agent.s3.policy_patterns import tokens_of
from s3d.shared.filters.globs import Glob


def _names(words: str) -> frozenset[str]:
    """The actions as policies are compared with them: with the service, in lower case."""
    return frozenset(f"s3:{word.lower()}" for word in words.split())


_ON_BUCKETS = """
    AssociateAccessGrantsIdentityCenter CreateAccessPoint CreateBucket
    CreateBucketMetadataTableConfiguration DeleteAccessPoint DeleteBucket
    DeleteBucketMetadataTableConfiguration DeleteBucketPolicy DeleteBucketWebsite
    GetAccelerateConfiguration GetAnalyticsConfiguration GetBucketAbac GetBucketAcl
    GetBucketCORS GetBucketLocation GetBucketLogging GetBucketMetadataTableConfiguration
    GetBucketNotification GetBucketObjectLockConfiguration GetBucketOwnershipControls
    GetBucketPolicy GetBucketPolicyStatus GetBucketPublicAccessBlock GetBucketRequestPayment
    GetBucketTagging GetBucketVersioning GetBucketWebsite GetEncryptionConfiguration
    GetIntelligentTieringConfiguration GetInventoryConfiguration GetLifecycleConfiguration
    GetMetricsConfiguration GetReplicationConfiguration ListBucket
    ListBucketMultipartUploads ListBucketVersions ListTagsForResource
    PutAccelerateConfiguration PutAnalyticsConfiguration PutBucketAbac PutBucketAcl
    PutBucketCORS PutBucketLogging PutBucketNotification PutBucketObjectLockConfiguration
    PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock
    PutBucketRequestPayment PutBucketTagging PutBucketVersioning PutBucketWebsite
    PutEncryptionConfiguration PutIntelligentTieringConfiguration PutInventoryConfiguration
    PutLifecycleConfiguration PutMetricsConfiguration PutReplicationConfiguration
    TagResource UntagResource UpdateBucketMetadataAnnotationTableConfiguration
    UpdateBucketMetadataInventoryTableConfiguration
    UpdateBucketMetadataJournalTableConfiguration
"""

_ON_OBJECTS = """
    AbortMultipartUpload BypassGovernanceRetention DeleteObject DeleteObjectAnnotation
    DeleteObjectTagging DeleteObjectVersion DeleteObjectVersionTagging GetObject
    GetObjectAcl GetObjectAnnotation GetObjectAttributes GetObjectLegalHold
    GetObjectRetention GetObjectTagging GetObjectTorrent GetObjectVersion
    GetObjectVersionAcl GetObjectVersionAttributes GetObjectVersionForReplication
    GetObjectVersionTagging GetObjectVersionTorrent InitiateReplication
    ListMultipartUploadParts ListObjectAnnotations ObjectOwnerOverrideToBucketOwner
    PutObject PutObjectAcl PutObjectAnnotation PutObjectLegalHold PutObjectRetention
    PutObjectTagging PutObjectVersionAcl PutObjectVersionTagging RenameObject
    ReplicateDelete ReplicateObject ReplicateTags RestoreObject UpdateObjectEncryption
"""

BUCKET_ACTIONS = _names(_ON_BUCKETS)
"""Their resource is a bucket."""
OBJECT_ACTIONS = _names(_ON_OBJECTS)
"""Their resource is an object."""
SPELLING = {f"s3:{word.lower()}": f"s3:{word}" for word in (_ON_BUCKETS + _ON_OBJECTS).split()}
"""Action in lower case -> as AWS writes it."""


def levels_of(action: str) -> set[str]:
    """Whether the actions that fit a name with wildcards are on buckets, on objects, or on both.

    Empty when S3 has no such action. Upper and lower case are the same.
    """
    glob = Glob(tokens_of(action.lower()))
    levels = set()
    if any(glob.matches(name) for name in BUCKET_ACTIONS):
        levels.add("bucket")
    if any(glob.matches(name) for name in OBJECT_ACTIONS):
        levels.add("object")
    return levels
