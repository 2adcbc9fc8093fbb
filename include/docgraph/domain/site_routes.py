"""Which document a link means, by the rules of the sites that documentation is published as. Pure.

A site serves a file under another address than the file's own: without its extension, a folder's index under the folder, without
the numbers that only order the files, all of it below a base. So a document has a *route*, an address freed of all that, and a link
has the routes that it may mean, most literal first. What two documents may be meant by is meant by neither.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from docgraph.domain.identity import canonical_source_uri

#: Extensions of files that sites publish as pages, and of the pages.
PAGE_EXTENSIONS = (
    "adoc", "asciidoc", "htm", "html", "ipynb", "markdown", "md", "mdown", "mdx", "mkd", "myst", "qmd", "rmd", "rst", "xhtml",
)  # fmt: skip
_PAGE = re.compile(rf"(?<=[^/])\.(?:{'|'.join(PAGE_EXTENSIONS)})$", re.IGNORECASE)
_INDEX = re.compile(r"(?:^|(?<=/))(?:_?index|readme)$", re.IGNORECASE)
#: `01-guides`, `2.setup`, `3 - notes`; as in Docusaurus, a date or a version (`2024-05-01-news`, `7.0`) is none.
_NUMBER = re.compile(r"\d{1,4}\s*[-_.]+\s*(?=[^\d\s._-])")
_ANOTHER_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]{0,4}$")
_WEB = frozenset({"http", "https"})
#: Addresses whose route is kept at hand: the links of a dataset repeat each other.
_REMEMBERED = 1 << 16


class LinkKind(StrEnum):
    """How a link names what it leads to."""

    ADDRESS = ""
    #: By an address or, where none fits, by the bare name of a page anywhere in the dataset: `[[wiki]]`, Hugo's `ref`.
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Site:
    """A published site: what is below `base` there (a path, or an address with a host) are the files below `files` here."""

    base: str
    files: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A document that a link may lead to."""

    document_id: str
    source_uri: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class LinkCounts:
    """How many links within the dataset lead to pages, and how many of these reach no document."""

    pages: int
    unresolved: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """Addresses that a link may mean, in ranks: the first rank at which there is a document decides."""

    ranks: tuple[tuple[str, ...], ...]
    #: The page's name where no address fits; empty: it is not looked for by name.
    name: str = ""

    @property
    def routes(self) -> tuple[str, ...]:
        """The routes of all ranks."""
        return tuple(dict.fromkeys(route_of(address) for rank in self.ranks for address in rank))


@lru_cache(maxsize=_REMEMBERED)
def route_of(uri: str) -> str:
    """Return the address less what sites leave out: extension, index, ordering numbers, slash at the end, case."""
    parts = urlsplit(uri)
    path = _INDEX.sub("", _PAGE.sub("", unquote(parts.path).rstrip("/"))).rstrip("/")
    path = "/".join(
        _NUMBER.sub("", segment, count=1) if _NUMBER.match(segment) else segment for segment in path.split("/")
    )
    query = f"?{unquote(parts.query)}" if parts.query else ""
    return _folded(f"{parts.scheme}://{parts.netloc}{path}{query}")


def name_of(uri: str) -> str:
    """Return the name by which a page is linked to from anywhere: the last segment of its route, words joined by hyphens."""
    return "-".join(route_of(uri).rpartition("/")[2].split())


def wanted(source_uri: str, reference: str, *, kind: LinkKind, sites: Sequence[Site] = ()) -> Wanted:
    """Return what the link `reference` (as written, without its anchor) in the document at `source_uri` may mean."""
    here, scheme = urlsplit(source_uri), _scheme(reference)
    path, _, query = reference.partition("?")
    published = [(site, rest) for site in sites if (rest := _rest(site, reference)) is not None]
    site, rest = max(published, key=lambda found: len(found[0].base), default=(None, ""))
    name = name_of(f"x:///{path}") if kind is LinkKind.NAME else ""
    ranks: list[tuple[str, ...]] = [(_below(site, rest, source_uri),)] if site else []
    if scheme or path.startswith("//"):
        address = reference if scheme else f"{here.scheme}:{reference}"
        return Wanted((*ranks, (_canonical(address),)), name)
    root = f"{here.scheme}://{here.netloc}"
    query = f"?{query}" if query and here.scheme in _WEB else ""
    if path.startswith("/"):
        ranks.append((_canonical(f"{root}{path}{query}"),))
        if path.strip("/"):
            # A site's files seldom stand at the root of what was ingested.
            ranks += [(_canonical(f"{root}{around}{path}{query}"),) for around in _folders_around(here.path)]
        return Wanted(tuple(rank for rank in ranks if rank[0]), name)
    folder, _, file = here.path.rpartition("/")
    bases = [folder]
    if not _PAGE.search(path):
        # The browser counts from the page's address: with a slash at its end, the page is a folder; an index may have none.
        bases.append(folder.rpartition("/")[0] if _is_index(file) else f"{folder}/{_PAGE.sub('', file)}")
    ranks.append(tuple(dict.fromkeys(_canonical(f"{root}{base}/{path}{query}") for base in bases)))
    if kind is LinkKind.NAME:
        ranks += [(_canonical(f"{root}{around}/{path}{query}"),) for around in ("", *_folders_around(here.path))]
    return Wanted(tuple(rank for rank in ranks if rank[0]), name)


def meant(
    link: Wanted, by_route: Mapping[str, Sequence[Page]], by_name: Mapping[str, Sequence[Page]] | None = None
) -> Page | None:
    """Return the one page that the link means among those with its routes or its name; None: there is none, or more than one."""
    for rank in link.ranks:
        found = {page.document_id: page for address in rank for page in _closest(address, by_route)}
        if found:
            return next(iter(found.values())) if len(found) == 1 else None
    named = (by_name or {}).get(link.name, ()) if link.name else ()
    return named[0] if len(named) == 1 else None


def is_on(sites: Sequence[Site], reference: str) -> bool:
    """Tell whether a reference is to one of the sites."""
    return any(_rest(site, reference) is not None for site in sites)


def is_to_page(reference: str) -> bool:
    """Tell whether a reference is to a page and not to a picture, an archive or another file."""
    path = re.split(r"[?#]", reference, maxsplit=1)[0].rstrip("/")
    return bool(path) and (_PAGE.search(path) is not None or not _ANOTHER_FILE.search(path))


def _closest(address: str, by_route: Mapping[str, Sequence[Page]]) -> list[Page]:
    """Return the pages with the route of `address`; where there are several, those that are spelt as it is."""
    pages = by_route.get(route_of(address), ())
    if len(pages) > 1:
        for spelling in (canonical_source_uri, _without_extension, _without_index):
            if alike := [page for page in pages if spelling(page.source_uri) == spelling(address)]:
                return alike
    return list(pages)


def _without_extension(uri: str) -> str:
    return _PAGE.sub("", canonical_source_uri(uri).rstrip("/"))


def _without_index(uri: str) -> str:
    return _INDEX.sub("", _without_extension(uri)).rstrip("/")


def _is_index(file: str) -> bool:
    return _INDEX.search(_NUMBER.sub("", _PAGE.sub("", file), count=1)) is not None


def _folders_around(path: str) -> Iterator[str]:
    """Yield the folders around the file at `path`, the outermost first: the wider one is more likely a site's root."""
    segments = path.strip("/").split("/")[:-1]
    for count in range(1, len(segments) + 1):
        yield "/" + "/".join(segments[:count])


def _rest(site: Site, reference: str) -> str | None:
    """Return what follows the site's base in a reference, with a slash in front of it; None: it is not below the base."""
    base, path = site.base.rstrip("/"), re.split(r"[?#]", reference, maxsplit=1)[0]
    if base and not base.startswith("/"):
        # `http` and `https` are one site.
        base, path = base.partition("://")[2], path.partition("://")[2]
    elif not path.startswith("/") or path.startswith("//"):
        return None
    if path == base:
        return "/"
    return path[len(base) :] if path.startswith(f"{base}/") else None


def _below(site: Site, rest: str, source_uri: str) -> str:
    here = urlsplit(source_uri)
    files = site.files if "://" in site.files else f"{here.scheme}://{here.netloc}/{site.files.lstrip('/')}"
    return _canonical(files.rstrip("/") + rest)


def _scheme(reference: str) -> str:
    try:
        return urlsplit(reference).scheme
    except ValueError:
        return ""


@lru_cache(maxsize=_REMEMBERED)
def _canonical(uri: str) -> str:
    try:
        return canonical_source_uri(uri)
    except ValueError:
        return ""


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
