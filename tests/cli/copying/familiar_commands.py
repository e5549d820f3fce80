"""Commands of other tools beside those of s3d.

They are the cases of test_familiar_commands.py, and the table of the user guide is generated from
them.

Write the table: `python -m tests.cli.copying.familiar_commands` (`make docs`).
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tests.cli.copying.familiar_options import option_table, unused_options

GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "command-line.md"
BEGIN, END = "<!-- familiar commands -->\n", "<!-- end of the familiar commands -->\n"

FILES = {
    "d/a.txt": "1", "d/b.log": "22", "d/sub/c.txt": "333", "d/sub/x.log": "4", "other.txt": "5",
}  # fmt: skip
"""Local files of each case."""
KEYS = {
    "p/a.txt": "1", "p/b.log": "22", "p/sub/c.txt": "9", "p-neighbour/k": "4", "p.txt": "5",
    "gone/z": "6",
}  # fmt: skip
"""Objects of each case."""


COMPARISON = """\
- sync: s3d compares contents, `aws s3 sync` sizes and times; so s3d sends again what has the same
  size and an older time but other bytes, and leaves alone what was only touched.
"""


class Case(NamedTuple):
    """One command. {b} is the bucket. difference: what s3d does differently, if anything."""

    what: str
    aws: str
    s3d: str
    mc: str = ""
    rclone: str = ""
    s5cmd: str = ""
    difference: str = ""
    in_table: bool = True


def alike(words: str, what: str = "", *, difference: str = "") -> Case:
    """A case in which both have the same words, and that is not in the table."""
    return Case(what, words, words, difference=difference, in_table=False)


CASES = (
    Case("list buckets", "ls", "ls", "mc ls M", "rclone lsd R:", "s5cmd ls"),
    Case("list a folder", "ls s3://{b}/p/", "ls {b}/p/", "mc ls M/B/p/", "rclone lsf R:{b}/p",
         "s5cmd ls s3://B/p/"),
    Case("list all below", "ls s3://{b}/p --recursive", "ls -r {b}/p", "mc ls -r M/B/p",
         "rclone ls R:{b}/p", "s5cmd ls 's3://B/p/*'"),
    Case("upload a file", "cp other.txt s3://{b}/new", "cp other.txt s3://{b}/new",
         "mc cp F M/B/new", "rclone copyto other.txt R:{b}/new", "s5cmd cp F s3://B/new"),
    alike("cp other.txt s3://{b}/new --sse"),
    alike("cp other.txt s3://{b}/new --sse AES256"),
    Case("upload, keep the name", "cp other.txt s3://{b}/q/", "cp other.txt s3://{b}/q/",
         "mc cp F M/B/q/", "rclone copy other.txt R:{b}/q", "s5cmd cp F s3://B/q/"),
    Case("upload a folder", "cp d s3://{b}/q --recursive", "cp -r d s3://{b}/q",
         "mc cp -r d/ M/B/q/", "rclone copy d R:{b}/q", "s5cmd cp d/ s3://B/q/"),
    Case("only some files", "cp d s3://{b}/q --recursive --exclude * --include *.txt",
         "cp -r d s3://{b}/q --exclude * --include *.txt", "",
         "rclone copy d R:{b}/q --include *.txt", "s5cmd cp 'd/*.txt' s3://B/q/"),
    Case("download a file", "cp s3://{b}/p.txt new.txt", "cp s3://{b}/p.txt new.txt",
         "mc cp M/B/k F", "rclone copyto R:{b}/p.txt new.txt", "s5cmd cp s3://B/k F"),
    Case("download into a folder", "cp s3://{b}/p.txt d", "cp s3://{b}/p.txt d",
         "mc cp M/B/k d/", "rclone copy R:{b}/p.txt d", "s5cmd cp s3://B/k d/"),
    Case("download a prefix", "cp s3://{b}/p e --recursive", "cp -r s3://{b}/p e",
         "mc cp -r M/B/p/ e/", "rclone copy R:{b}/p e", "s5cmd cp 's3://B/p/*' e/"),
    Case("copy an object", "cp s3://{b}/p.txt s3://{b}/q.txt", "cp s3://{b}/p.txt s3://{b}/q.txt",
         "mc cp M/B/k M/B/l", "rclone copyto R:{b}/p.txt R:{b}/q.txt", "s5cmd cp s3://B/k s3://B/l"),
    Case("print an object", "cp s3://{b}/p.txt -", "cp s3://{b}/p.txt -", "mc cat M/B/k",
         "rclone cat R:{b}/p.txt", "s5cmd cat s3://B/k"),
    Case("rename", "mv s3://{b}/p.txt s3://{b}/r.txt", "mv s3://{b}/p.txt s3://{b}/r.txt",
         "mc mv M/B/k M/B/l", "rclone moveto R:{b}/p.txt R:{b}/r.txt", "s5cmd mv s3://B/k s3://B/l"),
    Case("move a prefix", "mv s3://{b}/p s3://{b}/q --recursive", "mv -r s3://{b}/p s3://{b}/q",
         "mc mv -r M/B/p/ M/B/q/", "rclone move R:{b}/p R:{b}/q", "s5cmd mv 's3://B/p/*' s3://B/q/"),
    Case("move a file up", "mv other.txt s3://{b}/q/", "mv other.txt s3://{b}/q/",
         "mc mv F M/B/q/", "rclone move other.txt R:{b}/q", "s5cmd mv F s3://B/q/"),
    Case("move a folder down", "mv s3://{b}/p e --recursive", "mv -r s3://{b}/p e",
         "mc mv -r M/B/p/ e/", "rclone move R:{b}/p e", "s5cmd mv 's3://B/p/*' e/"),
    Case("delete", "rm s3://{b}/p.txt", "rm {b}/p.txt", "mc rm M/B/k",
         "rclone deletefile R:{b}/p.txt", "s5cmd rm s3://B/k"),
    Case("delete a prefix", "rm s3://{b}/p --recursive", "rm -r -y {b}/p",
         "mc rm -r --force M/B/p/", "rclone purge R:{b}/p", "s5cmd rm 's3://B/p/*'"),
    Case("delete some of it", "rm s3://{b}/p --recursive --exclude * --include *.log",
         "rm -r -y {b}/p --exclude * --include *.log", "",
         "rclone delete R:{b}/p --include *.log", "s5cmd rm 's3://B/p/*.log'"),
    Case("sync up", "sync d s3://{b}/p", "sync d s3://{b}/p", "mc mirror --overwrite d M/B/p",
         "rclone copy d R:{b}/p", "s5cmd sync d/ s3://B/p/"),
    Case("mirror up", "sync d s3://{b}/p --delete", "sync d s3://{b}/p --delete",
         "mc mirror --overwrite --remove d M/B/p", "rclone sync d R:{b}/p",
         "s5cmd sync --delete d/ s3://B/p/"),
    Case("mirror down", "sync s3://{b}/p d --delete", "sync s3://{b}/p d --delete --yes",
         "mc mirror --overwrite --remove M/B/p d", "rclone sync R:{b}/p d",
         "s5cmd sync --delete 's3://B/p/*' d/"),
    Case("sync between buckets", "sync s3://{b}/p s3://{b}/q", "sync s3://{b}/p s3://{b}/q",
         "mc mirror M/B/p M/B/q", "rclone copy R:{b}/p R:{b}/q", "s5cmd sync 's3://B/p/*' s3://B/q/"),
    Case("try first", "cp d s3://{b}/q --recursive --dryrun", "cp -r d s3://{b}/q --dry-run", "",
         "rclone copy -n d R:{b}/q", "s5cmd --dry-run cp d/ s3://B/q/"),
    Case("size of a prefix", "ls s3://{b}/p/ --recursive --summarize", "du {b}/p", "mc du M/B/p",
         "rclone size R:{b}/p", "s5cmd du 's3://B/p/*'"),
    Case("make a bucket", "mb s3://{b}-2", "mb {b}-2", "mc mb M/B", "rclone mkdir R:{b}-2",
         "s5cmd mb s3://B"),
    Case("delete a bucket", "rb s3://{b} --force", "rb --force -y {b}", "mc rb --force M/B",
         "rclone purge R:{b}", "s5cmd rb s3://B"),
    Case("share", "presign s3://{b}/p.txt", "presign {b}/p.txt", "mc share download M/B/k",
         "rclone link R:{b}/p.txt", "s5cmd presign s3://B/k"),
    # The corners of the rules.
    alike("cp d s3://{b}/q/ --recursive"),
    alike("cp d/ s3://{b} --recursive"),
    alike("cp d/a.txt s3://{b}/q/ --exclude *"),
    alike("cp d s3://{b}/q --recursive --include *.txt"),
    alike("cp d s3://{b}/q --recursive --exclude sub/*"),
    alike("cp d s3://{b}/q --recursive --exclude *.log --include sub/*"),
    alike("cp d s3://{b}/q --recursive --exclude [ab]*"),
    alike("cp s3://{b}/p/ e --recursive --exclude *.log"),
    alike("cp s3://{b}/p e/f --recursive"),
    alike("cp s3://{b}/p/a.txt e/"),
    alike("cp s3://{b}/p/a.txt ."),
    alike("cp s3://{b}/p/a.txt s3://{b}"),
    alike("cp s3://{b}/p/a.txt s3://{b}/q/"),
    alike("cp s3://{b}/p s3://{b}/q --recursive"),
    alike("cp missing s3://{b}/q"),
    alike("cp s3://{b}/missing e"),
    alike("cp d s3://{b}/q"),
    alike("cp d/a.txt other.txt"),
    alike("mv d s3://{b}/q --recursive --exclude *.log"),
    alike("mv s3://{b}/p/a.txt d/sub"),
    alike("mv s3://{b}/p.txt s3://{b}/p.txt"),
    alike("sync s3://{b}/p d"),
    alike("sync s3://{b}/p e/new"),
    alike("sync d s3://{b}/p --delete --exclude *.log"),
    alike("sync d s3://{b}/p --size-only"),
    alike("sync missing s3://{b}/p"),
    alike("sync other.txt s3://{b}/p"),
    alike("cp s3://{b}/none e --recursive", "a prefix without objects",
          difference="s3d says that there is nothing, with exit code 3"),
    alike("rm s3://{b}/none", "a missing key",
          difference="s3d says that there is no such object, with exit code 3"),
)  # fmt: skip


def table() -> str:
    """The table of the user guide."""
    rows = ["| | `aws s3` | `s3d` | `mc` | `rclone` | `s5cmd` |", "|---|---|---|---|---|---|"]
    for case in CASES:
        if case.in_table:
            ours = [f"aws s3 {_shown(case.aws)}", f"s3d {_shown(case.s3d)}"]
            cells = [*ours, case.mc, _shown(case.rclone), case.s5cmd]
            shown = " | ".join(f"`{cell}`" if cell else "" for cell in cells)
            rows.append(f"| {case.what} | {shown} |")
    return "\n".join(rows) + "\n"


def differences() -> str:
    """What s3d does differently on purpose."""
    rows = [f"- {each.what}: {each.difference}.\n" for each in CASES if each.difference]
    return "".join([*rows, COMPARISON])


def _shown(words: str) -> str:
    quoted = (f"'{word}'" if "*" in word else word for word in words.split())
    return " ".join(quoted).replace("{b}", "B").replace("other.txt", "F")


def generated(guide: str) -> str:
    """The guide with the table of today."""
    before, _, rest = guide.partition(BEGIN)
    _, _, after = rest.partition(END)
    today = (
        f"{table()}\nDifferent on purpose:\n\n{differences()}\nThe options:\n\n{option_table()}\n"
        f"{unused_options()}"
    )
    return f"{before}{BEGIN}\n{today}\n{END}{after}"


if __name__ == "__main__":
    GUIDE.write_text(generated(GUIDE.read_text()))
