"""A list on a web server as a source: what it names is mirrored.

`poll` asks for the list alone, if it changed, and for a few of those documents of which the list gives no version; `changes`
reads the list afresh and gets what differs. A document that can't be had now is left as it is, and asked for again.
"""

from __future__ import annotations

import functools
import logging
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

import httpx

from docgraph.domain.errors import ConfigurationError, DocumentError, InfrastructureError
from docgraph.formats import content_type_of
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import HttpAccess, Settings
from docgraph.sources.base import Change, Cursor, Location, Place
from docgraph.sources.files import UNKNOWN_CONTENT_TYPE
from docgraph.sources.http.client import Answer, Web, WebError
from docgraph.sources.http.guard import AllowedHost, ForbiddenAddressError, Guard, parse_address
from docgraph.sources.http.listing import Limits
from docgraph.sources.http.looks import Contents, Entry, Lists, Scope, uri_of
from docgraph.sources.http.options import HttpOptions
from docgraph.sources.http.pace import Pace
from docgraph.sources.http.robots import Robots
from docgraph.sources.http.together import in_order
from docgraph.sources.http.versions import Version, is_coarse, own_version
from docgraph.sources.options import options_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 60.0
#: What `poll` hands to `changes` where only what the list itself says is to be followed.
LISTED = "listed"
#: Seconds that one look of a task may wait for servers that are busy.
_PATIENCE = 30.0
#: Of what an earlier look left, as much is asked for at a time.
_LEFT_AT_ONCE = 5
_NO_CURSOR: Cursor = {}
_VAGUE_TYPES = frozenset({"", "text/plain", "application/octet-stream", "binary/octet-stream"})


@dataclass(slots=True)
class _Memory:
    """What polling has learnt so far."""

    #: Until when the list's server wants to be left alone.
    quiet_until: float = 0.0
    #: What was reported last, by address: if it is still there, the task could not take it.
    reported: dict[str, str] = field(default_factory=dict)
    left_again_at: float = 0.0
    left_pause: float = 0.0
    #: When each document was asked for last.
    asked: dict[str, float] = field(default_factory=dict)


class WebList:
    """The documents that a list on a web server names, mirrored into one dataset."""

    remembers = True

    def __init__(
        self,
        where: str,
        *,
        name: str,
        tag: str,
        options: HttpOptions | None = None,
        access: HttpAccess | None = None,
        max_bytes: int = 64 * 2**20,
        poll_seconds: float = POLL_SECONDS,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Mirror what the list at `where` names; nothing is asked for yet.

        Raises:
            ForbiddenAddressError: `where` is not an address that may be requested; the message is a clause that follows it.
        """
        self.name = name
        self._tag = tag
        self._where = where
        self._options = options = options or HttpOptions()
        self._access = access
        self._max_bytes = max_bytes
        self._poll_seconds = poll_seconds
        self._clock = clock
        self._guard = Guard([AllowedHost.parse(text) for text in options.allow_hosts])
        at = self._guard.check(where)
        hosts = frozenset({at.netloc.decode("ascii").lower(), *(host.lower() for host in options.hosts)})
        self._scope = Scope(hosts, options.include, options.exclude)
        self._pace = Pace(1 / options.requests_per_second, clock, sleep)
        self._lists = Lists(
            lambda: self._web,
            self._guard,
            where,
            self._scope,
            Limits(options.max_listing_bytes, options.max_entries),
            wanted=options.format,
            again_seconds=options.document_seconds,
            clock=clock,
        )
        self._memory = _Memory()

    @functools.cached_property
    def _web(self) -> Web:
        """Made when something is asked for: DAG files are read every minute, and most programs only want to know what is covered."""
        options = self._options
        return Web(
            self._guard,
            self._pace,
            home=self._where,
            access=self._access,
            timeout=options.timeout_seconds,
            total_timeout=options.answer_seconds,
            contact=options.contact,
            connections=options.concurrency,
        )

    @functools.cached_property
    def _robots(self) -> Robots:
        return Robots(self._web, self._pace, self._clock)

    def covers(self, uri: str) -> bool:
        """Tell whether the address is one of this source's: by host and patterns, whether it is listed or not."""
        try:
            url = parse_address(uri)
        except ForbiddenAddressError:
            return False
        return self._scope.has_host(url) and self._scope.has_path(url)

    def poll(self, cursor: Cursor) -> list[str] | None:
        """Look whether the list, or a document of which it gives no version, says something else than the cursor.

        An idle look is one request for the list, and for as many of those documents as make one a `document_seconds`.

        Raises:
            InfrastructureError: the list can't be had.
        """
        present = self._clock()
        if present < self._memory.quiet_until:
            return None
        self._web.patience = 0.0
        try:
            contents = self._lists.read()
        except WebError as error:
            if not error.again_after:
                raise
            self._memory.quiet_until = present + error.again_after
            logger.info("%s", error)
            return None
        except ConfigurationError as error:
            # The task says the same, and that it is one of the configuration; here, the next try may have other credentials.
            raise InfrastructureError(str(error)) from error
        if self._has_news(self._differences(cursor, contents)):
            return [LISTED]
        seen = self._asked_for(cursor, contents, present)
        if seen or self._left_can_be_had(cursor, contents, present):
            return [LISTED, *seen]
        return None

    def changes(self, cursor: Cursor, seen: Collection[str] = ()) -> Iterator[Change]:
        """Yield what differs from the cursor, then what has gone.

        Documents of which the list gives no version are asked for where `seen` names them, or names nothing.

        Raises:
            ConfigurationError: the list can't be had, and a person has to do something about it.
            InfrastructureError: the list can't be had now; nothing looks as if it had gone.
        """
        self._web.patience = _PATIENCE
        contents = self._lists.read()
        differing = self._differences(cursor, contents)
        wanted = [
            uri
            for uri, entry in contents.entries.items()
            if uri in differing or ((not seen or uri in seen) and _is_doubtful(entry, cursor[uri]))
        ]
        # Each look begins elsewhere: a document whose server is always busy would keep those behind it waiting for ever.
        start = int(self._clock()) % max(len(wanted), 1)
        looks = (
            functools.partial(self._look_at, uri, contents.entries[uri], cursor.get(uri), contents)
            for uri in wanted[start:] + wanted[:start]
        )
        yield from filter(None, in_order(looks, self._options.concurrency))
        for uri in sorted(cursor.keys() - contents.entries.keys()):
            yield Change(uri, self._tag, "", deleted=True)

    def settle(self, change: Change) -> None:
        """Do nothing: the cursor says what is settled."""

    def locate(self, uri: str) -> Location:
        """Return whether the list names the document; where the list can't be read from here, nothing is known of it."""
        url = parse_address(uri)
        self._web.patience = 0.0
        try:
            listed = uri_of(url) in self._lists.read().entries
        except (ConfigurationError, InfrastructureError) as error:
            # Outside Airflow there are no credentials; who looks for a document has other links to look at.
            logger.warning("where %s stands in its list is not known: %s", uri, error)
            listed = False
        return Location(Place.WAITING if listed else Place.ABSENT, url.path.lstrip("/") or url.host, self._tag)

    def remove_settled(self, older_than_seconds: float) -> int:
        """Remove nothing: no original is put aside."""
        del older_than_seconds
        return 0

    def _differences(self, cursor: Cursor, contents: Contents) -> dict[str, str]:
        """Return what differs by what the list itself says: the version that it gives, by address."""
        differing = dict.fromkeys(cursor.keys() - contents.entries.keys(), "")
        for uri, entry in contents.entries.items():
            known = cursor.get(uri)
            if known is None or (entry.listed and entry.listed != Version.parse(known).listed):
                differing[uri] = entry.listed
        return differing

    def _has_news(self, differing: dict[str, str]) -> bool:
        """Tell whether something differs that wasn't reported before; what was, the task could not take."""
        memory = self._memory
        news = any(memory.reported.get(uri) != listed for uri, listed in differing.items())
        memory.reported = differing
        if news:
            memory.left_pause, memory.left_again_at = self._poll_seconds, self._clock()
        return news

    def _left_can_be_had(self, cursor: Cursor, contents: Contents, present: float) -> bool:
        """Ask for some of what the task could not take, with growing pauses, before a worker is woken for it again."""
        memory = self._memory
        if not memory.reported or present < memory.left_again_at:
            return False
        memory.left_pause = min(2 * memory.left_pause, self._options.document_seconds)
        memory.left_again_at = present + memory.left_pause
        oldest = sorted(memory.reported, key=lambda uri: memory.asked.get(uri, -math.inf))
        return any(self._can_be_had(cursor, contents, uri) for uri in oldest[:_LEFT_AT_ONCE])

    def _can_be_had(self, cursor: Cursor, contents: Contents, uri: str) -> bool:
        self._memory.asked[uri] = self._clock()
        entry = contents.entries.get(uri)
        if entry is None:
            return True
        if not self._is_welcome(contents, entry):
            return False
        try:
            answer = self._web.get(entry.url, limit=self._max_bytes, wants=lambda _: False)
        except InfrastructureError:
            return False
        except DocumentError:
            return True
        return answer.is_new or (answer.gone and uri in cursor)

    def _asked_for(self, cursor: Cursor, contents: Contents, present: float) -> list[str]:
        """Ask for those documents whose turn it is, of which the list gives no version; returns what is another one."""
        asked = self._memory.asked
        doubtful = [
            uri
            for uri, entry in contents.entries.items()
            if (known := cursor.get(uri)) is not None and _is_doubtful(entry, known)
        ]
        every = self._options.document_seconds
        due = [uri for uri in doubtful if present - asked.get(uri, -math.inf) >= every]
        due.sort(key=lambda uri: asked.get(uri, -math.inf))
        share = math.ceil(len(doubtful) * min(1.0, self._poll_seconds / every))
        return [
            uri
            for uri in due[:share]
            if self._is_another(uri, contents.entries[uri], Version.parse(cursor[uri]), contents)
        ]

    def _is_another(self, uri: str, entry: Entry, known: Version, contents: Contents) -> bool:
        self._memory.asked[uri] = self._clock()
        if not self._is_welcome(contents, entry):
            return False
        validators = known.validators
        try:
            answer = self._web.get(
                entry.url,
                limit=self._max_bytes,
                known=validators,
                wants=lambda new: not (new.etag or new.last_modified),
            )
        except InfrastructureError as error:
            logger.info("%s", error)
            return False
        except DocumentError:
            return not known.is_refused
        if answer.is_new:
            return own_version(answer) != known.own
        return answer.gone

    def _is_welcome(self, contents: Contents, entry: Entry) -> bool:
        """Tell whether the site lets the document be read; its wishes bind those who follow its sitemap."""
        if not contents.is_sitemap or not self._options.robots:
            return True
        try:
            welcome = self._robots.allows(entry.url)
        except (InfrastructureError, DocumentError) as error:
            logger.warning("%s was not asked for, because robots.txt of its host can't be read: %s", entry.url, error)
            return False
        if not welcome:
            logger.info("%s was not asked for: robots.txt of its host forbids it", entry.url)
        return welcome

    def _look_at(self, uri: str, entry: Entry, known: str | None, contents: Contents) -> Change | None:
        """Get a document; None where it is as it was, or can't be had now."""
        if not self._is_welcome(contents, entry):
            return None
        before = Version.parse(known or "")
        # Where the list says that it is another one, a server that knows no better must not keep it from us.
        another = known is None or bool(entry.listed and entry.listed != before.listed)
        try:
            answer = self._web.get(entry.url, limit=self._max_bytes, known=before.validators, conditional=not another)
        except DocumentError as error:
            version = Version.refused(entry.listed)
            return (
                None if str(version) == known else self._change(uri, entry, version, functools.partial(_refuse, error))
            )
        except WebError as error:
            logger.warning("%s It is left as it is until a later look.", error)
            return None
        if answer.gone:
            if known is None:
                logger.warning("%s is listed, but isn't there (%d)", entry.url, answer.status)
                return None
            return Change(uri, self._tag, "", deleted=True)
        if not answer.is_new:
            return None
        version = Version(entry.listed, own_version(answer))
        if not version.agrees_with(answer.sha256):
            logger.warning(
                "%s has the SHA-256 %s, and its list says %s; one of them is older, and it is left until they agree",
                *(entry.url, answer.sha256, entry.listed),
            )
            return None
        return None if str(version) == known else self._change(uri, entry, version, answer.chunks, answer)

    def _change(
        self,
        uri: str,
        entry: Entry,
        version: Version,
        opened: Callable[[], Iterable[bytes]],
        answer: Answer | None = None,
    ) -> Change:
        declared = answer.content_type if answer else ""
        by_name = content_type_of(httpx.URL(entry.url).path)
        content_type = (by_name or declared) if declared in _VAGUE_TYPES else declared
        return Change(uri, self._tag, str(version), content_type or UNKNOWN_CONTENT_TYPE, open=opened)


def _is_doubtful(entry: Entry, known: str) -> bool:
    """Tell whether only its server knows if a document is still the one that was taken."""
    return not entry.listed or Version.parse(known).is_refused or is_coarse(entry.listed)


def _refuse(error: DocumentError) -> Iterator[bytes]:
    raise error
    yield b""


def make(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> WebList:
    """Make the source of kind `http` that the configuration describes."""
    options = options_of(wanted, HttpOptions, settings.config_file)
    try:
        return WebList(
            wanted.where,
            name=wanted.name,
            tag=wanted.tag,
            options=options,
            access=settings.http.get(wanted.connection),
            max_bytes=config.limits.max_document_bytes,
            poll_seconds=wanted.poll_seconds or POLL_SECONDS,
        )
    except ForbiddenAddressError as error:
        raise ConfigurationError(
            f"{settings.config_file}: sources: {wanted.name}: where: {wanted.where[:200]!r} {error}."
        ) from error
