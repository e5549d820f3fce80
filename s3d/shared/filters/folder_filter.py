"""The filter of a sync folder: its patterns are paths within the folder. Pure.

Filters of folders used to be written as all filters are, with BUCKET/KEY. Such terms keep their
meaning: a term whose first part is * or the bucket of the folder also matches as BUCKET/KEY.

filter = { ( term | "#" comment | "" ) , ( newline | ";" ) }
term   = [ "!" ] path { "[" ( "tag:" | "hdr:" | "md:" ) … "]" }
"""

from __future__ import annotations

from s3d.shared.filters.globs import ALL, Glob, Token, Wild
from s3d.shared.filters.parser import TermParser
from s3d.shared.filters.terms import FilterSubject, Term, conditions_of

_SPECIAL = "[;\n\r\t "
_AT_THE_BEGINNING = "!#"


class PathTerm(Term, frozen=True):
    """A term whose key is a pattern of paths within the folder; it matches in any bucket."""

    def is_at(self, subject: FilterSubject) -> bool:
        if self.key.matches(subject.path):
            return True
        general = _as_bucket_and_key(self.key, subject.bucket)
        return general is not None and (
            general.matches(subject.key) or general.matches(subject.path)
        )

    def __str__(self) -> str:
        text = self.key.text(_SPECIAL)
        if text[:1] in _AT_THE_BEGINNING:
            text = "\\" + text
        return "!" * self.excludes + text + "".join(map(str, self.predicates))

    @property
    def sentence(self) -> str:
        word = "exclude" if self.excludes else "include"
        what = "everything" if self.key.fits_all else f"what is like {self.key.text()}"
        return f"{word}: {what}{conditions_of(self)}"


def parse_folder_terms(text: str) -> tuple[Term, ...]:
    """Raises FilterError."""
    return tuple(_FolderParser(text).terms())


class _FolderParser(TermParser):
    """A term begins with a path instead of a bucket."""

    def term(self) -> Term:
        begin, excludes = self.at, self.take("!")
        pattern = self.key()
        predicates = self.predicates(of_bucket=False)
        if predicates and self.peek() == "/":  # BUCKET[tag:NAME]/KEY
            self.at = begin
            return super().term()
        self.end_term()
        return PathTerm(ALL, pattern, tuple(predicates), excludes)


def _as_bucket_and_key(pattern: Glob, bucket: str) -> Glob | None:
    """The key of a pattern that can be read as BUCKET/KEY of this bucket; None: it cannot."""
    first, *others = pattern.tokens or ("",)
    if first is Wild.RUN:
        if not others or not isinstance(others[0], str) or not others[0].startswith("/"):
            return None
        rest: list[Token] = [others[0][1:], *others[1:]]
        return Glob(rest)
    if not isinstance(first, str):
        return None
    name, slash, key = first.partition("/")
    if name != bucket or (others and not slash):
        return None
    rest = [key, *others]
    return Glob(rest) if any(rest) else ALL
