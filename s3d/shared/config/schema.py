"""Every setting of s3d, by section: its type, default, help text and parser.

To add a setting, add a field with a Rule: to Config for one at the top of the file, else to the
struct of its section (*_settings.py). To add a section, add such a struct. rules.py derives the
names in the file, the environment and the flags. docs/guide/configuration.md lists all settings; a
test keeps that list complete.

It does not import annotations from __future__: rules.py needs the values of the annotations, and
evaluating them from text takes several times as long.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec

from s3d.shared.config.after_upload import AfterUpload, parse_after_upload
from s3d.shared.config.bandwidth_timetable import (
    BandwidthTimetable,
    parse_bandwidth_timetable,
)
from s3d.shared.config.bucket_tables import DeclaredBucket
from s3d.shared.config.folder_settings import SyncFolderConfig
from s3d.shared.config.gateway_settings import BandwidthConfig, CacheConfig, QueueConfig
from s3d.shared.config.mount_settings import FuseConfig, MountConfig
from s3d.shared.config.notification_settings import NotificationTargetConfig
from s3d.shared.config.priorities import Priorities
from s3d.shared.config.remote_events_settings import RemoteEventsConfig
from s3d.shared.config.rules import (
    ENV,
    FLAG,
    NO_FLAG,
    Rule,
)
from s3d.shared.config.validators import (
    parse_access_key_id,
    parse_access_log,
    parse_addressing,
    parse_admin,
    parse_auth,
    parse_bool,
    parse_buckets,
    parse_config_url,
    parse_encrypt,
    parse_endpoint,
    parse_hosts,
    parse_log_format,
    parse_log_level,
    parse_name,
    parse_new_buckets,
    parse_part_size,
    parse_path,
    parse_policy_server,
    parse_region,
    parse_remote,
    parse_secret,
    parse_text,
    parse_token,
)
from s3d.shared.config.values import (
    MASK,
    Conflicts,
    Secret,
    Timetable,
    parse_conflicts,
)
from s3d.shared.filters.expression import Filter
from s3d.shared.text import parse_age


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one start. origin: setting -> where it was set, if anywhere."""

    local_dir: Annotated[
        Path | None,
        Rule(
            "Folder for all files of s3d; unset: the usual folders of the system",
            parse_path,
            sources=frozenset({ENV, FLAG}),
        ),
    ] = None
    endpoint: Annotated[
        str,
        Rule("Address to serve S3 on, http://HOST:PORT; port 0 picks a free port", parse_endpoint),
    ] = "http://127.0.0.1:33333"
    admin: Annotated[
        str,
        Rule(
            "Address of /metrics, /healthz and /readyz, http://HOST:PORT; unset or off: none",
            parse_admin,
        ),
    ] = ""
    admin_token: Annotated[
        Secret | None,
        Rule(
            "Token for /metrics; unset: needed beyond loopback only, and generated then",
            parse_token,
            secret=True,
            sources=NO_FLAG,
        ),
    ] = None
    socket: Annotated[
        Path | None,
        Rule("Unix socket through which the other commands reach the agent", parse_path),
    ] = None
    access_key_id: Annotated[
        str,
        Rule(
            "Access key id that clients sign with; unset: generated on first start",
            parse_access_key_id,
            sources=NO_FLAG,
        ),
    ] = ""
    secret_access_key: Annotated[
        Secret | None,
        Rule(
            "Secret of that access key; set both or neither",
            parse_secret,
            secret=True,
            sources=NO_FLAG,
        ),
    ] = None
    new_buckets: Annotated[
        str,
        Rule(
            "Settings of new buckets: open, or aws-2026 for private ones as at AWS",
            parse_new_buckets,
        ),
    ] = "open"
    report_delay: Annotated[
        float,
        Rule("How long s3d waits before it writes an inventory report or an access log", parse_age),
    ] = 60.0
    auth: Annotated[
        str,
        Rule("sigv4: requests must be signed; none: full access for anyone", parse_auth),
    ] = "sigv4"
    buckets: Annotated[
        tuple[str, ...],
        Rule(
            "Buckets to create at the start unless they exist",
            parse_buckets,
            "--bucket",
            many=True,
        ),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        Rule(
            "Further host names that clients use for the endpoint and the admin address",
            parse_hosts,
            "--host",
            many=True,
        ),
    ] = ()
    region: Annotated[
        str,
        Rule("Region of the endpoint", parse_region),
    ] = "us-east-1"
    remote: Annotated[
        str,
        Rule(
            "The remote: aws or a URL; empty: use the embedded store",
            parse_remote,
            aliases=("S3_ENDPOINT",),
        ),
    ] = ""
    remote_profile: Annotated[
        str,
        Rule("AWS profile with the credentials for the remote", parse_text),
    ] = ""
    remote_region: Annotated[
        str,
        Rule("Region of the remote; unset: as in the AWS configuration", parse_region),
    ] = ""
    remote_addressing: Annotated[
        str,
        Rule("path, virtual, or auto (virtual for AWS, path for others)", parse_addressing),
    ] = "auto"
    probe: Annotated[
        bool,
        Rule("Test what the remote supports, with small objects below .s3d/", parse_bool),
    ] = True
    trace_remote: Annotated[
        bool,
        Rule("Send the traceparent of a request to the remote, unsigned", parse_bool),
    ] = False
    remote_events: RemoteEventsConfig = RemoteEventsConfig()
    write_queue: QueueConfig = QueueConfig()
    read_cache: CacheConfig = CacheConfig()
    sync_folder: SyncFolderConfig = SyncFolderConfig()
    """The sync folder of the environment and the flags; code reads sync_folders instead."""
    sync_folders: tuple[SyncFolderConfig, ...] = ()
    """All sync folders, those of the file first."""
    fixed_folders: tuple[SyncFolderConfig, ...] = ()
    """Those of the environment and the flags, which no command changes."""
    notification_target: NotificationTargetConfig = NotificationTargetConfig()
    """The target of the environment and the flags; code reads notification_targets instead."""
    fuse: FuseConfig = FuseConfig()
    mounts: tuple[MountConfig, ...] = ()
    """All mounts: that of fuse, then each [[mount]] of the file."""
    notification_targets: tuple[NotificationTargetConfig, ...] = ()
    """All places that buckets can send their events to, those of the file first."""
    declared_buckets: tuple[DeclaredBucket, ...] = ()
    """Every [[bucket]] of the file."""
    opa_policy: Annotated[
        Path | None,
        Rule("Rego file or folder that decides what to push and cache; unset: none", parse_path),
    ] = None
    opa_url: Annotated[
        str,
        Rule(
            "Open Policy Agent server to ask instead of opa_policy; unset: none",
            parse_policy_server,
        ),
    ] = ""
    conflicts: Annotated[
        Conflicts,
        Rule(
            'On a conflict: park, ours or theirs; by prefix: "photos/=ours, park"',
            parse_conflicts,
            lines=True,
        ),
    ] = Conflicts()
    after_upload: Annotated[
        AfterUpload,
        Rule(
            "Local copies of uploads: keep, evict when verified, or evict after 7 days",
            parse_after_upload,
            lines=True,
        ),
    ] = AfterUpload()
    receipts: Annotated[
        bool,
        Rule(
            "Verify every upload and write a signed receipt; else only before an eviction",
            parse_bool,
        ),
    ] = False
    device: Annotated[
        str,
        Rule("Name of this device in receipts; unset: the host and a fingerprint", parse_name),
    ] = ""
    bandwidth_timetable: Annotated[
        BandwidthTimetable,
        Rule(
            'Limit of all traffic with the remote, UP:DOWN: 10M:1M, "08:00,512k 18:00,off"',
            parse_bandwidth_timetable,
        ),
    ] = BandwidthTimetable()
    bandwidth: BandwidthConfig = BandwidthConfig()
    config_url: Annotated[
        str,
        Rule(
            "Object of the remote with settings for all devices, s3://BUCKET/KEY", parse_config_url
        ),
    ] = ""
    config_public_key: Annotated[
        str,
        Rule("Ed25519 key that must have signed that object: base64, or a PEM file", parse_text),
    ] = ""
    part_size: Annotated[
        int,
        Rule(
            "Size of the parts in which transfers and sync folders move large objects",
            parse_part_size,
        ),
    ] = 16 << 20
    flush_timeout: Annotated[
        float,
        Rule("How long a stopping agent keeps pushing pending writes", parse_age),
    ] = 60.0
    log_level: Annotated[
        str,
        Rule(
            "debug, info, warning or error; then LOGGER=LEVEL for exceptions",
            parse_log_level,
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Rule("text, or json for one JSON object per line", parse_log_format),
    ] = "text"
    access_log: Annotated[
        str,
        Rule(
            "Log each request in AWS's format: on (in the state folder), off, or a path",
            parse_access_log,
        ),
    ] = "off"
    encrypt: Annotated[
        str,
        Rule("Embedded store: sse-s3 to encrypt every object; empty: on request", parse_encrypt),
    ] = ""
    ephemeral: Annotated[
        bool,
        Rule(
            "Use a temporary store that is deleted at the end",
            parse_bool,
            sources=frozenset({FLAG}),
        ),
    ] = False
    test: Annotated[
        bool,
        Rule(
            "Make a store for tests, which can be reset: only in a new folder, or --ephemeral",
            parse_bool,
            sources=frozenset({ENV, FLAG}),
        ),
    ] = False
    seed: Annotated[
        Path | None,
        Rule(
            "Fill an empty store from a folder: its folders are buckets, their files objects",
            parse_path,
        ),
    ] = None
    origin: Mapping[str, str] = {}

    @property
    def host(self) -> str:
        """Host to listen on; an IPv6 address without its brackets."""
        return urlsplit(self.endpoint).hostname or ""

    @property
    def port(self) -> int:
        """Port to listen on; 0 picks a free port."""
        return urlsplit(self.endpoint).port or 0


_WRITTEN_AS_TEXT = (Path, Timetable, Conflicts, AfterUpload, BandwidthTimetable, Priorities)
"""Types of values whose str() is how the setting is written."""


def json_value(config: Config, name: str) -> Any:
    """The value as JSON has it; None when it is unset. name: "write_queue.max_size"."""
    value: Any = config
    for part in name.split("."):
        value = getattr(value, part)
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, Filter):
        return [str(term) for term in value.terms] or None
    if isinstance(value, _WRITTEN_AS_TEXT):
        return str(value)
    return list(value) if isinstance(value, tuple) else value if value != "" else None


def text_value(config: Config, name: str) -> str:
    """The value as text; "" when it is unset."""
    value = json_value(config, name)
    if value is None or isinstance(value, str):
        return value or ""
    return msgspec.json.encode(value).decode()
