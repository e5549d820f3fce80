"""Options of other tools beside those of s3d.

They are cases of test_familiar_commands.py, and the table of options in the user guide is generated
from them. Those of `aws s3` that s3d has no use for come from s3d/cli/aws_options.py.
"""

from __future__ import annotations

from typing import NamedTuple

from s3d.cli.aws_options import AWS_OPTIONS

UPLOAD, UPLOADS = "cp other.txt s3://{b}/new", "cp d s3://{b}/q --recursive"
COPY, SYNC, LIST = "cp s3://{b}/p.txt s3://{b}/q.txt", "sync d s3://{b}/p", "ls s3://{b}/p/"
DOWN, DELETE = "sync s3://{b}/p d", "rm s3://{b}/p --recursive"
SHARE = "presign s3://{b}/p.txt"
RCLONE = {
    UPLOAD: "rclone copyto other.txt R:{b}/new",
    UPLOADS: "rclone copy d R:{b}/q",
    SYNC: "rclone copy d R:{b}/p",
    DELETE: "rclone delete R:{b}/p",
    SHARE: "rclone link R:{b}/p.txt",
}
"""Its command for a command of aws s3."""


class Option(NamedTuple):
    """One option, and the command of `aws s3` with which it is tried. An empty cell: there is none.

    s3d: "" for the words of aws.
    """

    what: str
    on: str
    aws: str
    s3d: str = ""
    mc: str = ""
    rclone: str = ""
    s5cmd: str = ""

    @property
    def ours(self) -> str:
        return self.s3d or self.aws

    @property
    def with_aws(self) -> str:
        return f"{self.on} {self.aws}"

    @property
    def with_s3d(self) -> str:
        asked = " --yes" if self.on == DELETE else ""
        return f"{self.on} {self.ours}{asked}"

    @property
    def with_rclone(self) -> str:
        """ "" where rclone has no such option."""
        return f"{RCLONE[self.on]} {self.rclone}" if self.rclone.startswith("-") else ""


OPTIONS = (
    Option("all below", "cp d s3://{b}/q", "--recursive", "-r", "-r", "always",
           "`*` in the source"),
    Option("show only", UPLOADS, "--dryrun", "-n", "", "-n", "--dry-run (before the command)"),
    Option("say nothing", UPLOADS, "--quiet", "-q", "-q", "-q", "--log error (before the command)"),
    Option("errors only", DELETE, "--only-show-errors", "-q", "-q", "-q", "--log error"),
    Option("leave out", UPLOADS, "--exclude *.log", "", "--exclude '*.log'", "--exclude *.log",
           "--exclude '*.log'"),
    Option("include again", UPLOADS, "--exclude * --include *.txt", "", "", "--include *.txt",
           "--include '*.txt'"),
    Option("delete the rest", SYNC, "--delete", "", "--remove", "`rclone sync`", "--delete"),
    Option("compare sizes only", SYNC, "--size-only", "", "", "--size-only", "--size-only"),
    Option("compare times exactly", DOWN, "--exact-timestamps"),
    Option("symbolic links", UPLOADS, "--no-follow-symlinks", "", "", "--skip-links",
           "--no-follow-symlinks"),
    Option("content type", UPLOAD, "--content-type text/x-log", "", "--attr Content-Type=T",
           "--header-upload Content-Type:text/x-log", "--content-type T"),
    Option("no guess of the type", UPLOAD, "--no-guess-mime-type"),
    Option("cache control", UPLOAD, "--cache-control no-store", "", "--attr Cache-Control=T",
           "--header-upload Cache-Control:no-store", "--cache-control T"),
    Option("disposition", UPLOAD, "--content-disposition inline", "",
           "--attr Content-Disposition=T", "--header-upload Content-Disposition:inline",
           "--content-disposition T"),
    Option("encoding", UPLOAD, "--content-encoding x-own", "", "--attr Content-Encoding=T",
           "--header-upload Content-Encoding:x-own", "--content-encoding T"),
    Option("language", UPLOAD, "--content-language de", "", "--attr Content-Language=T",
           "--header-upload Content-Language:de"),
    Option("expires", UPLOAD, "--expires 2030-01-31T00:00:00Z", "", "", "", "--expires T"),
    Option("metadata", UPLOAD, "--metadata a=1,b=2", "", "--attr a=1;b=2",
           "-M --metadata-set a=1 --metadata-set b=2", "--metadata a=1"),
    Option("metadata as JSON", UPLOAD, '--metadata {"a":"1"}'),
    Option("metadata of a copy", COPY, "--metadata a=1 --metadata-directive REPLACE", "", "", "",
           "--metadata-directive REPLACE"),
    Option("storage class", UPLOAD, "--storage-class STANDARD_IA", "", "--storage-class C",
           "--s3-storage-class STANDARD_IA", "--storage-class C"),
    Option("who may read", UPLOAD, "--acl public-read", "", "", "--s3-acl public-read",
           "--acl public-read"),
    Option("encryption", UPLOAD, "--sse AES256", "", "--enc-s3 M/B",
           "--s3-server-side-encryption AES256", "--sse AES256"),
    Option("leave what exists", UPLOADS, "", "--skip-existing", "", "--ignore-existing",
           "--no-clobber"),
    Option("tags", UPLOAD, "", "--tag a=1", "--tags a=1"),
    Option("sum of a listing", LIST, "--summarize", "", "--summarize"),
    Option("sizes for people", LIST, "--human-readable", "", "always", "", "--humanize"),
    Option("how long a URL works", SHARE, "--expires-in 60", "", "--expire 1m", "--expire 60s",
           "--expire 60s"),
)  # fmt: skip


def option_table() -> str:
    """The table of options of the user guide, and what of `aws s3` has no effect."""
    rows = ["| | `aws s3` | `s3d` | `mc` | `rclone` | `s5cmd` |", "|---|---|---|---|---|---|"]
    for each in OPTIONS:
        cells = (each.aws, each.ours, each.mc, each.rclone, each.s5cmd)
        rows.append(f"| {each.what} | {' | '.join(map(_cell, cells))} |")
    return "\n".join(rows) + "\n"


def unused_options() -> str:
    """The options of `aws s3` that s3d has no use for, as two lists."""
    taken = [each for each in AWS_OPTIONS if not each.is_refused]
    refused = [each for each in AWS_OPTIONS if each.is_refused]
    return (
        "Options of `aws s3` that s3d takes, and that change nothing:\n\n"
        + "".join(f"- `--{each.name}`: {each.why}.\n" for each in taken)
        + "\nOptions of `aws s3` that s3d refuses:\n\n"
        + "".join(f"- `--{each.name}`: {each.why}.\n" for each in refused)
    )


def _cell(text: str) -> str:
    if not text.startswith("-"):
        return text
    option, space, note = text.partition(" (")
    quoted = " ".join(f"'{word}'" if word[0] in "*{" else word for word in option.split())
    return f"`{quoted}`{space}{note}"
