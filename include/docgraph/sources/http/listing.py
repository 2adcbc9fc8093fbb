"""Lists of documents as web servers publish them: JSON, plain lines, a sitemap or an index of sitemaps, `llms.txt`.

Pure: bytes in, entries out. What is no list at all is an error, because a list that can't be read must never look like one from
which everything has gone; a single entry that can't be one is reported, and the others go on.
"""

from __future__ import annotations

import enum
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from docgraph.sources.http import sitemap
from docgraph.sources.http.unpacking import MAGIC, gunzipped


class Format(enum.StrEnum):
    """The forms of a list; `auto` is decided on the bytes, and on the address where these leave it open."""

    AUTO = "auto"
    JSON = "json"
    LINES = "lines"
    SITEMAP = "sitemap"
    LLMS = "llms"


class ListingError(ValueError):
    """A list can't be read; the message is a clause that follows its address."""


class ListingTooLargeError(ListingError):
    """A list is longer than is allowed; the message is a clause that follows its address."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read of a list."""

    max_bytes: int
    max_entries: int


@dataclass(frozen=True, slots=True)
class Named:
    """A document as a list names it: the address as written, and by what its version is known (empty: by nothing)."""

    address: str
    #: Where in the list, for people.
    place: str
    version: str = ""


@dataclass(slots=True)
class Listing:
    """What one list says."""

    format: Format
    documents: list[Named] = field(default_factory=list)
    #: Of an index: the sitemaps that it names.
    sitemaps: list[Named] = field(default_factory=list)
    #: One clear line for each entry that can't be one.
    bad: list[str] = field(default_factory=list)


_CHECKSUM = re.compile(r"[!-~]{1,200}")
_MOMENT = re.compile(r"[0-9A-Za-z,:.+\- ]{1,64}")
#: An item of a Markdown list whose first words are a link, as llms.txt has them. Each part is bounded, and so is the work.
_ITEM = re.compile(
    r"[ \t]{0,12}[-*+][ \t]{1,8}\[([^\]\n]{0,500})\]\([ \t]{0,4}(?:<([^<>\n]{0,4000})>|([^\s()]{0,4000}))"
)
_LINK = re.compile(r"\[[^\]\n]{1,200}\]\([^\s()]{1,500}")
_FENCE = re.compile(r"[ \t]{0,3}(```|~~~)")
#: A list of short entries has about so many of JSON's brackets and commas an entry; each may cost memory.
_MARKS_PER_ENTRY = 24


def parse(data: bytes, *, limits: Limits, address: str = "", wanted: Format = Format.AUTO) -> Listing:
    """Read a list, packed by gzip or not.

    Raises:
        ListingTooLargeError: it has more bytes or entries than the limits allow.
        ListingError: it is in another encoding than UTF-8, in no form that is known, or names nothing that could be an address.
    """
    text = _text(_unpacked(data, limits.max_bytes))
    form = _form(text, address) if wanted is Format.AUTO else wanted
    listing = {Format.JSON: _json, Format.SITEMAP: _sitemap, Format.LLMS: _llms}.get(form, _lines)(text, limits)
    if len(listing.documents) + len(listing.sitemaps) + len(listing.bad) > limits.max_entries:
        raise ListingTooLargeError(
            f"names more than {limits.max_entries:,} documents; raise options.max_entries, or split the list"
        )
    if not listing.documents and not listing.sitemaps and listing.bad:
        raise ListingError(f"names nothing that could be read ({listing.bad[0]})")
    return listing


def _unpacked(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise ListingTooLargeError(f"has more than {limit:,} bytes; raise options.max_listing_bytes, or split the list")
    if not data.startswith(MAGIC):
        return data
    pieces, size = [], 0
    try:
        for piece in gunzipped([data]):
            size += len(piece)
            if size > limit:
                raise ListingTooLargeError(
                    f"has more than {limit:,} bytes unpacked; raise options.max_listing_bytes, or split the list"
                )
            pieces.append(piece)
    except ListingError:
        raise
    except ValueError as error:
        raise ListingError(str(error)) from error
    return b"".join(pieces)


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ListingError("is UTF-16; publish it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ListingError(f"is not UTF-8 (at byte {error.start:,}); publish it as UTF-8") from error
    if "\0" in text:
        raise ListingError("holds bytes that no text has; correct the address")
    if not text.strip():
        raise ListingError("is empty; a list without documents is written as [], or as a line that begins with #")
    return text


def _form(text: str, address: str) -> Format:
    start = text.lstrip()[:1]
    if start == "<":
        return Format.SITEMAP
    if start in {"[", "{"} and not _LINK.match(text.lstrip()):
        return Format.JSON
    name = urlsplit(address).path.rpartition("/")[2].lower()
    if name.startswith("llms") or any(_ITEM.match(line) for line in text[:20_000].splitlines()):
        return Format.LLMS
    return Format.LINES


def _lines(text: str, limits: Limits) -> Listing:
    listing = Listing(Format.LINES)
    for number, raw in enumerate(_split(text), 1):
        line = raw.strip()
        if line and not line.startswith("#"):
            listing.documents.append(Named(line, f"line {number}"))
            if len(listing.documents) > limits.max_entries:
                break
    return listing


def _llms(text: str, limits: Limits) -> Listing:
    listing, fenced = Listing(Format.LLMS), False
    for number, line in enumerate(_split(text), 1):
        if _FENCE.match(line):
            fenced = not fenced
        elif not fenced and (found := _ITEM.match(line)):
            listing.documents.append(Named(found[2] or found[3] or "", f"line {number}"))
            if len(listing.documents) > limits.max_entries:
                break
    return listing


def _split(text: str) -> Iterator[str]:
    # Not `splitlines`, which also splits at characters that people write in names, and all lines at once.
    return io.StringIO(text, newline=None)


def _sitemap(text: str, limits: Limits) -> Listing:
    try:
        found = sitemap.read_sitemap(text, limits.max_entries)
    except sitemap.SitemapError as error:
        raise ListingError(str(error)) from error
    listing = Listing(Format.SITEMAP)
    into = listing.sitemaps if found.is_index else listing.documents
    for item in found.items:
        moment, place = item.lastmod.strip(), f"line {item.line}"
        if not item.loc.strip():
            listing.bad.append(f"{place}: an entry without loc names no document")
        elif moment and not _MOMENT.fullmatch(moment):
            listing.bad.append(f"{place}: lastmod {moment[:80]!r} is no time")
        else:
            into.append(Named(item.loc.strip(), place, _modified(moment)))
    return listing


def _json(text: str, limits: Limits) -> Listing:
    # Each bracket and each comma may become an object, which takes far more memory than its bytes.
    if sum(map(text.count, "[{,")) > _MARKS_PER_ENTRY * limits.max_entries:
        raise ListingTooLargeError(
            f"names more than {limits.max_entries:,} documents, or a great deal about each; raise options.max_entries"
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ListingError(f"is not JSON that can be read ({str(error)[:200]})") from error
    if not isinstance(content, list):
        raise ListingError('is JSON, but no list; write [{"url": "https://…", "checksum": "…", "last_modified": "…"}]')
    listing = Listing(Format.JSON)
    for number, entry in enumerate(content, 1):
        made = _json_entry(entry, f"entry {number}")
        if isinstance(made, Named):
            listing.documents.append(made)
        else:
            listing.bad.append(f"entry {number}: {made}")
    return listing


def _json_entry(entry: Any, place: str) -> Named | str:
    """Return the entry, or why it can't be one."""
    if not isinstance(entry, dict):
        return f"{str(entry)[:80]!r} is no object with a url"
    url, checksum, modified = entry.get("url"), entry.get("checksum"), entry.get("last_modified")
    if not isinstance(url, str) or not url.strip():
        return "it has no url"
    if checksum not in (None, ""):
        if not isinstance(checksum, str) or not _CHECKSUM.fullmatch(checksum):
            return f"checksum {str(checksum)[:80]!r} is not 1 to 200 characters without blanks"
        return Named(url.strip(), place, f"checksum:{checksum}")
    if modified in (None, ""):
        return Named(url.strip(), place)
    moment = str(modified).strip()
    if isinstance(modified, bool | list | dict) or not _MOMENT.fullmatch(moment):
        return f"last_modified {moment[:80]!r} is no time"
    return Named(url.strip(), place, _modified(moment))


def _modified(moment: str) -> str:
    return f"modified:{moment.replace(' ', '_')}" if moment else ""
