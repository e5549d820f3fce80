"""Errors of the S3 protocol: one exception class, one table of codes.

The codes and their statuses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
and, for conditional writes and checksums, the reference page of each operation.
"""

from __future__ import annotations


class S3Error(Exception):
    """An error for an S3 client: code, message and further elements of the error document.

    message: a sentence for people; the table's own when empty. detail: further elements by their
    AWS name (BucketName="b", MaxSizeAllowed=5). The serializer decides
    which details are sent as headers.
    """

    def __init__(self, code: str, message: str = "", **detail: str | int) -> None:
        self.code = code
        self.message = message or ERRORS.get(code, (500, code))[1]
        self.detail = detail
        super().__init__(f"{code}: {self.message}")

    @property
    def status(self) -> int:
        return ERRORS.get(self.code, (500, ""))[0]

    @property
    def failure(self) -> BaseException | None:
        """What this error was translated from: Unreachable or Refused of core/failures.py for a
        remote, an OSError for a disk. None: the store itself has refused the request.

        It is what `raise S3Error(...) from failure` sets, so tracebacks show it as well.
        """
        return self.__cause__

    @failure.setter
    def failure(self, failure: BaseException | None) -> None:
        self.__cause__ = failure


ERRORS: dict[str, tuple[int, str]] = {
    # who is asking, and may they
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs."),
    "AccessDenied": (403, "Access Denied"),
    "AccessForbidden": (403, "CORSResponse: This CORS request is not allowed."),
    "AccountProblem": (403, "There is a problem with this account."),
    "AllAccessDisabled": (403, "All access to this resource has been disabled."),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed."),
    "AuthorizationQueryParametersError": (400, "The authorization query parameters are invalid."),
    "CredentialsNotSupported": (400, "This request does not support credentials."),
    "CrossLocationLoggingProhibited": (403, "Logging across locations is not allowed."),
    "ExpiredToken": (400, "The provided token has expired."),
    "InvalidAccessKeyId": (
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "InvalidAccessPoint": (400, "The access point is not valid."),
    "InvalidPayer": (403, "All access to this object has been disabled."),
    "InvalidSecurity": (403, "The provided security credentials are not valid."),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid."),
    "MissingAuthenticationToken": (403, "The request was not signed."),
    "MissingSecurityHeader": (400, "Your request was missing a required header."),
    "NotSignedUp": (403, "Your account is not signed up for the S3 service."),
    "RequestExpired": (400, "The request has expired."),
    "RequestTimeTooSkewed": (
        403,
        "The difference between the request time and the server's time is too large.",
    ),
    "SignatureDoesNotMatch": (
        403,
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method.",
    ),
    "TokenRefreshRequired": (400, "The provided token must be refreshed."),
    "UnauthorizedAccess": (403, "This access is not authorized."),
    # the request itself
    "AmbiguousGrantByEmailAddress": (400, "The email address belongs to more than one account."),
    "BadRequest": (400, "Bad Request"),
    "ExpressionTooLong": (400, "The SQL expression is too long."),
    "IllegalLocationConstraintException": (
        400,
        "The location constraint is not valid for this endpoint.",
    ),
    "InlineDataTooLarge": (400, "Inline data exceeds the maximum allowed size."),
    "InvalidAddressingHeader": (400, "You must specify the Anonymous role."),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidHostHeader": (400, "The Host header does not name this service."),
    "InvalidHTTPMethod": (400, "The HTTP method is not valid."),
    "InvalidLocationConstraint": (400, "The specified location-constraint is not valid"),
    "InvalidRequest": (400, "Invalid Request"),
    "InvalidSOAPRequest": (400, "The SOAP request body is invalid."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "MissingRequestBodyError": (400, "Request Body is empty"),
    "NotDeviceOwnerError": (400, "The device that produced this is not owned by you."),
    "NotImplemented": (
        501,
        "A header you provided implies functionality that is not implemented",
    ),
    "PermanentRedirect": (301, "The bucket must be addressed using another endpoint."),
    "Redirect": (307, "Temporary redirect."),
    "RequestHeaderSectionTooLarge": (
        400,
        "The request header and query parameters exceed the maximum allowed size.",
    ),
    "RequestTimeout": (
        400,
        "Your socket connection to the server was not read from or written to within the "
        "timeout period.",
    ),
    "RequestTorrentOfBucketError": (400, "There is no torrent of a bucket."),
    "TemporaryRedirect": (307, "The bucket is being moved: use another endpoint for now."),
    "UnexpectedContent": (400, "This request does not support content."),
    "UnsupportedArgument": (400, "The request contained an unsupported argument."),
    "UnsupportedSignature": (400, "This form of signature is not supported."),
    "UserKeyMustBeSpecified": (
        400,
        "The bucket POST must contain the specified field name. If it is specified, please "
        "check the order of the fields.",
    ),
    # payloads and their checksums
    "BadDigest": (400, "The Content-MD5 or checksum value that you sent is not that of the body."),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "EntityTooSmall": (400, "Your proposed upload is smaller than the minimum allowed size"),
    "IncompleteBody": (
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    "InvalidChunkSizeError": (403, "Only the last chunk may be smaller than 8192 bytes."),
    "InvalidDigest": (400, "The Content-MD5 or checksum value that you specified is not valid."),
    "MalformedTrailerError": (
        400,
        "The request contained trailing data that was not well-formed or did not conform to "
        "our published schema.",
    ),
    "XAmzContentChecksumMismatch": (400, "The checksum that you sent is not that of the body."),
    "XAmzContentSHA256Mismatch": (
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
    # documents: XML, ACL, policy, POST form
    "InvalidPolicyDocument": (400, "The content of the form does not meet the policy."),
    "MalformedACLError": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MalformedPolicy": (400, "This policy contains invalid Json"),
    "MalformedPOSTRequest": (
        400,
        "The body of your POST request is not well-formed multipart/form-data.",
    ),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MaxMessageLengthExceeded": (400, "Your request was too big."),
    "MaxPostPreDataLengthExceededError": (
        400,
        "Your POST request fields preceding the upload file were too large.",
    ),
    "IncorrectNumberOfFilesInPostRequest": (
        400,
        "POST requires exactly one file upload per request.",
    ),
    "UnresolvableGrantByEmailAddress": (400, "No account has the specified email address."),
    # buckets
    "BucketAlreadyExists": (
        409,
        "The requested bucket name is not available. Select a different name and try again.",
    ),
    "BucketAlreadyOwnedByYou": (
        409,
        "Your previous request to create the named bucket succeeded and you already own it.",
    ),
    "BucketHasAccessPointsAttached": (400, "The bucket has access points attached."),
    "BucketNotEmpty": (409, "The bucket you tried to delete is not empty"),
    "InvalidBucketAclWithBlockPublicAccessError": (
        400,
        "Bucket cannot have public ACLs set with BlockPublicAccess enabled",
    ),
    "InvalidBucketAclWithObjectOwnership": (
        400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    ),
    "InvalidBucketName": (400, "The specified bucket is not valid."),
    "InvalidBucketOwnerAWSAccountID": (
        400,
        "The value of the expected bucket owner parameter must be an AWS account ID",
    ),
    "InvalidBucketState": (409, "The request is not valid for the current state of the bucket."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "OperationAborted": (
        409,
        "A conflicting conditional operation is currently in progress against this resource. "
        "Try again.",
    ),
    "TooManyBuckets": (400, "You have attempted to create more buckets than allowed"),
    # settings of a bucket
    "ClientTokenConflict": (409, "The client token was already used with other parameters."),
    "IdMismatch": (400, "Document ID does not match the specified configuration ID."),
    "IllegalVersioningConfigurationException": (
        400,
        "The versioning configuration specified in the request is invalid.",
    ),
    "InvalidConfigurationId": (400, "The specified configuration ID is not valid."),
    "InvalidS3DestinationBucket": (400, "Invalid bucket ARN."),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "InvalidTargetBucketForLogging": (
        400,
        "The target bucket for logging does not exist, is not owned by you, or lacks the "
        "appropriate grants for the log-delivery group.",
    ),
    "MetadataConfigurationNotFound": (404, "The metadata configuration does not exist."),
    "NoSuchAccessPoint": (404, "The specified access point does not exist."),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchConfiguration": (404, "The specified configuration does not exist."),
    "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchObjectLockConfiguration": (
        404,
        "The specified object does not have a ObjectLock configuration",
    ),
    "NoSuchPublicAccessBlockConfiguration": (
        404,
        "The public access block configuration was not found",
    ),
    "NoSuchTagSet": (404, "The TagSet does not exist"),
    "NoSuchTagSetError": (404, "There is no tag set associated with the bucket."),
    "NoSuchWebsiteConfiguration": (
        404,
        "The specified bucket does not have a website configuration",
    ),
    "ObjectLockConfigurationNotFoundError": (
        404,
        "Object Lock configuration does not exist for this bucket",
    ),
    "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
    "ReplicationConfigurationNotFoundError": (
        404,
        "The replication configuration was not found",
    ),
    "ServerSideEncryptionConfigurationNotFoundError": (
        404,
        "The server side encryption configuration was not found",
    ),
    "TooManyConfigurations": (400, "The bucket has as many configurations as are allowed."),
    # objects
    "AnnotationLimitExceeded": (
        400,
        "The request would exceed the maximum number of annotations allowed per object.",
    ),
    "AnnotationNameTooLong": (400, "The annotation name exceeds 512 bytes."),
    "ConditionalRequestConflict": (
        409,
        "The conditional request cannot succeed due to a conflicting operation against this "
        "resource.",
    ),
    "EncryptionTypeMismatch": (400, "The encryption type is not that of the existing object."),
    "IdempotencyParameterMismatch": (400, "The client token was used with other parameters."),
    "InvalidAnnotationName": (400, "The annotation name you provided is invalid."),
    "InvalidEncryptionAlgorithmError": (
        400,
        "The encryption request that you specified is not valid. Supported value: AES256.",
    ),
    "InvalidObjectName": (400, "The object name is not valid."),
    "InvalidObjectState": (
        403,
        "The operation is not valid for the current state of the object.",
    ),
    "InvalidPrefix": (400, "The annotation prefix you provided is invalid."),
    "InvalidRange": (416, "The requested range is not satisfiable"),
    "InvalidRetentionPeriod": (400, "The retention period is not valid."),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidWriteOffset": (400, "The write offset is not the size of the object."),
    "KMS.DisabledException": (400, "The KMS key is disabled."),
    "KMS.NotFoundException": (400, "The KMS key does not exist."),
    "MetadataTooLarge": (
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    ),
    "MissingAttachment": (400, "A SOAP attachment was expected, but none was found."),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NoSuchVersion": (404, "The specified version does not exist."),
    "NoSuchAnnotation": (404, "The specified annotation does not exist on this object."),
    "NotModified": (304, "Not Modified"),
    "ObjectAlreadyInActiveTierError": (403, "The object is not in an archive tier."),
    "ObjectNotInActiveTierError": (403, "The source object is in an archive tier."),
    "PreconditionFailed": (412, "At least one of the pre-conditions you specified did not hold"),
    "RestoreAlreadyInProgress": (409, "Object restore is already in progress."),
    "UnsupportedMediaType": (415, "The annotation payload is not valid UTF-8 encoded text."),
    # multipart uploads
    "InvalidPart": (
        400,
        "One or more of the specified parts could not be found. The part may not have been "
        "uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    "InvalidPartNumber": (416, "The requested partnumber is not satisfiable"),
    "InvalidPartOrder": (
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    "NoSuchUpload": (
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may "
        "have been aborted or completed.",
    ),
    "TooManyParts": (400, "You have attempted to add more parts than the maximum allowed."),
    # the service
    "Busy": (503, "The service is busy. Try again later."),
    "HttpVersionNotSupported": (505, "This server speaks HTTP/1.1 and HTTP/1.0."),
    "InsufficientStorage": (507, "There is not enough room to store the object."),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "RequestLimitExceeded": (503, "Too many requests. Please reduce your request rate."),
    "ServiceUnavailable": (503, "Please reduce your request rate."),
    "SlowDown": (503, "Please reduce your request rate."),
    "Unavailable": (503, "The service cannot be reached."),
}
"""code -> (HTTP status, default message)."""


def delete_marker_as_source() -> S3Error:
    """The error for a copy whose source is a delete marker, named by its version id.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html
    """
    message = "The source of a copy request may not specifically refer to a delete marker by "
    return S3Error("InvalidRequest", f"{message}version id.")
