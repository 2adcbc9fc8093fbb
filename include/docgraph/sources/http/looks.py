"""Reading a list again and again, and of an index its sitemaps, each only as far as it may have changed."""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx

from docgraph.domain.errors import ConfigurationError, DocumentTooLargeError, InfrastructureError
from docgraph.domain.identity import canonical_source_uri
from docgraph.sources.http.client import Answer, Validators, Web, WebError
from docgraph.sources.http.guard import DEFAULT_PORTS, ForbiddenAddressError, Guard, joined
from docgraph.sources.http.listing import Format, Limits, Listing, ListingError, ListingTooLargeError, Named, parse
from docgraph.sources.http.versions import is_coarse

logger = logging.getLogger(__name__)

#: Bad entries of one list that are logged one by one.
_SHOWN = 20
#: Statuses that another try can't change.
_DENIED = frozenset({401, 403, 407})


@dataclass(frozen=True, slots=True)
class Entry:
    """A document as its list names it: where to ask for it, and the version that the list gives (empty: none)."""

    url: str
    listed: str


@dataclass(slots=True)
class Contents:
    """What all lists of a source say, by canonical address."""

    entries: dict[str, Entry] = field(default_factory=dict)
    #: One clear line for each entry that can't be one.
    bad: list[str] = field(default_factory=list)
    #: Whether the list is a sitemap, made for programs that then obey robots.txt.
    is_sitemap: bool = False


@dataclass(frozen=True, slots=True)
class Scope:
    """Which of the listed addresses are the source's: by host, then by patterns of the path."""

    hosts: frozenset[str]
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()

    def has_host(self, url: httpx.URL) -> bool:
        """Tell whether documents of this host are the source's."""
        host = url.netloc.decode("ascii").lower()
        return host in self.hosts or (url.port is None and f"{host}:{DEFAULT_PORTS[url.scheme]}" in self.hosts)

    def has_path(self, url: httpx.URL) -> bool:
        """Tell whether the patterns let this path through; `*` stands for slashes, too."""
        included = not self.include or any(fnmatch.fnmatchcase(url.path, pattern) for pattern in self.include)
        return included and not any(fnmatch.fnmatchcase(url.path, pattern) for pattern in self.exclude)


@dataclass(frozen=True, slots=True)
class _Kept:
    """A list as it was read last."""

    answer: Answer
    listing: Listing
    #: By what an index knows its version.
    listed: str
    asked: float


class Lists:
    """The list of a source, and the sitemaps that it names where it is an index."""

    def __init__(
        self,
        web: Callable[[], Web],
        guard: Guard,
        where: str,
        scope: Scope,
        limits: Limits,
        *,
        wanted: Format = Format.AUTO,
        again_seconds: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the list at `where`; of an index, sitemaps without a version of their own are asked for every `again_seconds`."""
        self._web = web
        self._guard = guard
        self._where = where
        self._scope = scope
        self._limits = limits
        self._wanted = wanted
        self._again = again_seconds
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._contents: Contents | None = None

    def read(self) -> Contents:
        """Return what the list says, complete: an error anywhere is an error of the whole.

        Raises:
            ConfigurationError: a person has to do something about it (credentials, address, limits); the message says what.
            InfrastructureError: it can't be read now.
        """
        root = self._read(self._where, "")
        kept = {self._where: root}
        for named in root.listing.sitemaps:
            try:
                url = str(self._guard.check(joined(httpx.URL(root.answer.url), named.address)))
            except ForbiddenAddressError as error:
                raise ConfigurationError(
                    f"{named.place} of {self._where}: {named.address[:200]!r} {error}. No document of it was taken."
                ) from error
            if not self._scope.has_host(httpx.URL(url)):
                raise ConfigurationError(_other_host(f"{named.place} of {self._where}", httpx.URL(url)))
            if url not in kept:
                kept[url] = self._sitemap(url, named)
        if self._contents is None or _listings(kept) != _listings(self._kept):
            self._contents = self._gather(kept)
        self._kept = kept
        return self._contents

    def _sitemap(self, url: str, named: Named) -> _Kept:
        """Return a sitemap of an index: as it was, where the index says that it is the same, or where it was asked for of late."""
        before = self._kept.get(url)
        if before is not None and before.listed == named.version:
            settled = named.version and not is_coarse(named.version)
            if settled or self._clock() - before.asked < self._again:
                return before
        read = self._read(url, named.version)
        if read.listing.sitemaps:
            raise ConfigurationError(
                f"{url} is an index of sitemaps within an index, which sitemaps.org doesn't allow."
            )
        return read

    def _read(self, url: str, listed: str) -> _Kept:
        before = self._kept.get(url)
        known = before.answer.validators if before else Validators()
        try:
            answer = self._web().get(url, limit=self._limits.max_bytes, known=known)
            if answer.gone:
                raise ConfigurationError(
                    f"The list {url} isn't there ({answer.status}); correct the address. Nothing is deleted because of it."
                )
            if before is not None and (not answer.is_new or answer.sha256 == before.answer.sha256):
                return _Kept(before.answer, before.listing, listed, self._clock())
            data = b"".join(answer.chunks())
            listing = parse(data, limits=self._limits, address=answer.url, wanted=self._wanted)
        except WebError as error:
            if error.status in _DENIED:
                raise ConfigurationError(f"The list can't be had: {error}") from error
            raise
        except DocumentTooLargeError as error:
            raise ConfigurationError(
                f"The list {url} has more than {self._limits.max_bytes:,} bytes; raise options.max_listing_bytes, or split it."
            ) from error
        except ForbiddenAddressError as error:
            raise ConfigurationError(f"The list can't be asked for: {error}") from error
        except ListingTooLargeError as error:
            raise ConfigurationError(f"The list {url} {error}.") from error
        except ListingError as error:
            raise InfrastructureError(
                f"The list {url} {error}. Nothing is taken or deleted until it can be read."
            ) from error
        # Its bytes are no longer wanted, and would stay on the disk as long as this process lives.
        return _Kept(replace(answer, body=None), listing, listed, self._clock())

    def _gather(self, kept: dict[str, _Kept]) -> Contents:
        root = kept[self._where].listing
        contents = Contents(is_sitemap=root.format is Format.SITEMAP)
        for url, each in kept.items():
            base = httpx.URL(each.answer.url)
            contents.bad += [f"{url}: {line}" for line in each.listing.bad]
            for named in each.listing.documents:
                if problem := self._add(contents, named, base):
                    contents.bad.append(f"{url}: {named.place}: {problem}")
            if len(contents.entries) > self._limits.max_entries:
                raise ConfigurationError(
                    f"The list {self._where} names more than {self._limits.max_entries:,} documents with its sitemaps; raise "
                    "options.max_entries, or name fewer sitemaps."
                )
        for line in contents.bad[:_SHOWN]:
            logger.warning("%s", line)
        if len(contents.bad) > _SHOWN:
            logger.warning("%s: %d more entries can't be read", self._where, len(contents.bad) - _SHOWN)
        return contents

    def _add(self, contents: Contents, named: Named, base: httpx.URL) -> str:
        """Add a document; returns why it can't be one."""
        try:
            url = self._guard.check(joined(base, named.address))
        except ForbiddenAddressError as error:
            return f"{named.address[:200]!r} {error}"
        if not self._scope.has_host(url):
            return _other_host(repr(named.address[:200]), url)
        if self._scope.has_path(url):
            # What a list names twice is one document; its first entry holds.
            contents.entries.setdefault(uri_of(url), Entry(str(url), named.version))
        return ""


def uri_of(url: httpx.URL) -> str:
    """Return the canonical address of a document."""
    return canonical_source_uri(str(url) if url.path != "/" else str(url.copy_with(path="/")))


def _listings(kept: dict[str, _Kept]) -> dict[str, int]:
    """Return which lists these are; one that didn't change is the same object."""
    return {url: id(each.listing) for url, each in kept.items()}


def _other_host(what: str, url: httpx.URL) -> str:
    return f"{what} is at another host than the list; if its documents are meant, put {url.netloc.decode('ascii')} into options.hosts"
