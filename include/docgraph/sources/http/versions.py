"""The version of a document: what its list says of it, and what its server says, as one text for the cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from docgraph.sources.http.client import Answer, Validators

_NOTHING = "-"
_REFUSED = "refused"
_ETAG, _DATE, _SHA256 = "etag:", "date:", "sha256:"
_DAY = "modified:%Y-%m-%d"
_CHECKSUM = re.compile(r"checksum:sha256[:-]([0-9a-fA-F]{64})")


@dataclass(frozen=True, slots=True)
class Version:
    """`listed` is from the list (empty: it says nothing; without blanks), `own` from the document's server."""

    listed: str = ""
    own: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read what `str` made."""
        listed, _, own = text.partition(" ")
        return cls("" if listed == _NOTHING else listed, own)

    @classmethod
    def refused(cls, listed: str) -> Version:
        """Return the version of a document that can't become one as it is."""
        return cls(listed, _REFUSED)

    def __str__(self) -> str:
        return f"{self.listed or _NOTHING} {self.own}"

    @property
    def is_refused(self) -> bool:
        """Whether there were no bytes to take; what was refused may be allowed later."""
        return self.own == _REFUSED

    @property
    def validators(self) -> Validators:
        """By what the server knows this version again, if by anything."""
        if self.own.startswith(_ETAG):
            return Validators(etag=self.own.removeprefix(_ETAG))
        if self.own.startswith(_DATE):
            return Validators(last_modified=self.own.removeprefix(_DATE))
        return Validators()

    def agrees_with(self, sha256: str) -> bool:
        """Tell whether bytes can be this version's: they are not where the list gives another SHA-256."""
        listed = _CHECKSUM.fullmatch(self.listed)
        return listed is None or listed[1].lower() == sha256


def own_version(answer: Answer) -> str:
    """Return what a server says of the version of what it gave, or what the bytes say."""
    if answer.validators.etag:
        return _ETAG + answer.validators.etag
    if answer.validators.last_modified:
        return _DATE + answer.validators.last_modified
    return _SHA256 + answer.sha256


def is_coarse(listed: str) -> bool:
    """Tell whether a listed version is a day that isn't long over: what changes twice on one day has one version in its list."""
    try:
        day = datetime.strptime(listed, _DAY).replace(tzinfo=UTC)
    except ValueError:
        return False
    return datetime.now(UTC) - day < timedelta(days=2)
