"""Errors that the S3 protocol can say: one exception, one table.

The codes and their statuses: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
"""

from __future__ import annotations


class S3Error(Exception):
    """An error for an S3 client: code, message and further elements of the error document.

    message: a sentence for people; the table's own when empty. detail: further elements by their
    AWS name (BucketName="b", MaxSizeAllowed=5). The special detail "headers" does not exist: what
    an error says in headers is the serialiser's business.
    """

    def __init__(self, code: str, message: str = "", **detail: str | int) -> None:
        self.code = code
        self.message = message or ERRORS.get(code, (500, code))[1]
        self.detail = detail
        super().__init__(f"{code}: {self.message}")

    @property
    def status(self) -> int:
        return ERRORS.get(self.code, (500, ""))[0]


ERRORS: dict[str, tuple[int, str]] = {
    "AccessDenied": (403, "Access Denied"),
    "InternalError": (500, "We encountered an internal error. Please try again."),
    "NoSuchBucket": (404, "The specified bucket does not exist"),
    "NoSuchKey": (404, "The specified key does not exist."),
    "NotImplemented": (501, "A header or operation that you used implies functionality that is not implemented"),
}
"""code -> (HTTP status, default message)."""
