"""The endpoint of the remote, and the host and path of each bucket and key there. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal
from urllib.parse import quote, urlsplit

from s3d.agent.s3.errors import S3Error
from s3d.agent.s3.listing import BYTES, OTHER, UNKNOWN
from s3d.shared.errors import UsageError

Addressing = Literal["auto", "path", "virtual"]

AWS = "aws"
"""The value of S3D_REMOTE for AWS itself."""

_DEFAULT_PORTS = {"http": 80, "https": 443}
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
"""Every bucket name that S3 has ever allowed."""
_DNS_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Bucket names of one DNS label: a wildcard certificate covers no more than one."""
_AWS_DOMAIN = "amazonaws.com"
_PARTITIONS = (
    ("cn-", "amazonaws.com.cn"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("us-iso-", "c2s.ic.gov"),
)
"""Start of a region -> domain, where it is not amazonaws.com.
https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html"""
_DIRECTORY_BUCKET = "--x-s3"
"""How the names of AWS's directory buckets end."""
_AWS_HOST = re.compile(r"(?:.+\.)?s3[.-](?:.+\.)?amazonaws\.com(?:\.cn)?")


@dataclass(frozen=True, slots=True)
class Location:
    """The address of one request."""

    host: str
    """As in the Host header, with the port unless it is the default one."""
    raw_path: str


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint."""

    scheme: str
    host: str
    """Lower-case; an IPv6 address in brackets."""
    port: int
    addressing: Addressing = "auto"

    @classmethod
    def parse(cls, url: str, addressing: Addressing = "auto") -> Target:
        """Parse http[s]://HOST[:PORT]. Raises UsageError."""
        try:
            parts = urlsplit(url)
            port = parts.port or _DEFAULT_PORTS[parts.scheme]
            host = parts.hostname or ""
        except (KeyError, ValueError) as error:
            raise _unusable(url, "it must be http://HOST[:PORT] or https://HOST[:PORT]") from error
        if not host or parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _unusable(url, "it must be a host with nothing after it")
        if parts.username is not None or parts.password is not None:
            raise _unusable(parts.hostname or "", "a URL must not have credentials")
        return cls(parts.scheme, f"[{host}]" if ":" in host else host.lower(), port, addressing)

    @classmethod
    def aws(cls, region: str, addressing: Addressing = "auto") -> Target:
        """AWS's own endpoint of a region."""
        domain = next((d for start, d in _PARTITIONS if region.startswith(start)), _AWS_DOMAIN)
        return cls("https", f"s3.{region}.{domain}", 443, addressing)

    @property
    def netloc(self) -> str:
        """As in the Host header."""
        own = self.port == _DEFAULT_PORTS[self.scheme]
        return self.host if own else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def is_aws(self) -> bool:
        return _AWS_HOST.fullmatch(self.host) is not None

    def locate(self, bucket: str, key: str = "") -> Location:
        """The address of a key, of a bucket (empty key) or of the service (empty bucket).

        Raises S3Error InvalidBucketName for a name that would change the URL.
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
        """
        raw_key = quote(key, safe="/-_.~")
        if not bucket:
            return Location(self.netloc, "/")
        if not _BUCKET.fullmatch(bucket):
            raise S3Error("InvalidBucketName", BucketName=bucket)
        if self._is_virtual(bucket):
            return Location(f"{bucket}.{self.netloc}", "/" + raw_key)
        return Location(self.netloc, f"/{bucket}/{raw_key}" if key else f"/{bucket}")

    def _is_virtual(self, bucket: str) -> bool:
        if self.addressing == "path" or not _DNS_BUCKET.fullmatch(bucket):
            return False
        return self.addressing == "virtual" or self.is_aws


def known_order(remote: str, bucket: str) -> str:
    """The order in which AWS lists the bucket; UNKNOWN for every other remote.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-express-differences.html
    """
    try:
        is_aws = remote == AWS or Target.parse(remote).is_aws
    except UsageError:
        return UNKNOWN
    if not is_aws:
        return UNKNOWN
    return OTHER if is_directory_bucket(bucket) else BYTES


def is_directory_bucket(bucket: str) -> bool:
    """Whether the name is one of a directory bucket of S3 Express, which behaves differently."""
    return bucket.endswith(_DIRECTORY_BUCKET)


def same_address(remote: str, own: Iterable[tuple[str, int]]) -> bool:
    """Whether the URL of a remote is one of our own (host, port) addresses, in any spelling.

    Our address 0.0.0.0 or :: stands for every loopback address.
    """
    try:
        target = Target.parse(remote)
    except UsageError:
        return False
    addresses = _addresses(target.host)
    return any(port == target.port and _overlap(host, addresses) for host, port in own)


_LOCALHOST = frozenset(("127.0.0.1", "::1"))
_EVERYWHERE = ("0.0.0.0", "::")


def _overlap(own: str, remote: frozenset[str]) -> bool:
    if own.strip("[]") in _EVERYWHERE:
        return any(each == "::1" or each.startswith("127.") for each in remote)
    return not remote.isdisjoint(_addresses(own))


def _addresses(host: str) -> frozenset[str]:
    """The addresses of a host, without a DNS query; a name that needs one stands for itself."""
    bare = host.strip("[]").rstrip(".").lower()
    if bare in _EVERYWHERE or bare == "localhost" or bare.endswith(".localhost"):
        return _LOCALHOST
    try:
        address = ip_address(bare)
    except ValueError:
        return frozenset((bare,))
    return frozenset((str(getattr(address, "ipv4_mapped", None) or address),))


def _unusable(url: str, why: str) -> UsageError:
    return UsageError(
        "the remote's address cannot be used",
        f"{url!r}: {why}",
        "set S3D_REMOTE to aws or to a URL such as https://s3.example.org",
    )
