"""How many of a set's internal links reach a document, by the rules of sites: `make eval-links`.

Each set is a folder of Markdown as it is published. A link counts where the set is what it leads into: relative ones, and those below
the base at which the set is published. What is beside the set on the same site is counted apart, because no rule can find it there.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from docgraph.domain.content_types import content_type_of
from docgraph.domain.documents import Link, ParsedDocument
from docgraph.domain.errors import DocumentError
from docgraph.domain.identity import document_id, uri_for_path
from docgraph.domain.site_routes import Page, Site, is_on, is_to_page, meant, name_of, route_of, wanted
from docgraph.formats import parse
from docgraph_local.paths import repository
from evaluation.formats.packages import npm

_LEAST = 0.95
_TAG = "links"
_SUFFIXES = {".md", ".mdx"}


@dataclass(frozen=True, slots=True)
class Set:
    """A folder, and what it is published as."""

    name: str
    folder: Path
    sites: tuple[Site, ...] = ()


@dataclass(slots=True)
class Counts:
    """Links of a set; the misses are the commonest first."""

    documents: int = 0
    links: int = 0
    by_letter: int = 0
    resolved: int = 0
    elsewhere: int = 0
    misses: Counter[str] = field(default_factory=Counter)


def measure(published: Set) -> Counts:
    """Read every document of a set and follow its links."""
    documents = list(_documents(published.folder))
    pages = [Page(document.document_id, document.source_uri, document.title) for document in documents]
    by_route: Mapping[str, list[Page]] = _grouped((route_of(page.source_uri), page) for page in pages)
    by_name: Mapping[str, list[Page]] = _grouped((name_of(page.source_uri), page) for page in pages)
    ids = {page.document_id for page in pages}
    counts = Counts(documents=len(documents))
    for document in documents:
        for link in document.links:
            if link.target_uri == document.source_uri:
                continue
            by_letter = document_id(_TAG, link.target_uri) in ids
            link_wanted = wanted(document.source_uri, link.reference, kind=link.kind, sites=published.sites)
            is_resolved = by_letter or meant(link_wanted, by_route, by_name) is not None
            is_internal, is_inside = _standing(link, published)
            if not is_internal or not (is_resolved or is_to_page(link.reference)):
                continue
            if not is_resolved and not is_inside:
                counts.elsewhere += 1
                continue
            counts.links += 1
            counts.by_letter += by_letter
            counts.resolved += is_resolved
            if not is_resolved:
                counts.misses[f"{link.reference}  in {document.source_uri}"] += 1
    return counts


def _standing(link: Link, published: Set) -> tuple[bool, bool]:
    """Tell whether a link stays on its site, and whether it leads below what the set is published as."""
    is_published = is_on(published.sites, link.reference)
    parts = urlsplit(link.reference)
    if parts.scheme or parts.netloc:
        return is_published, is_published
    return True, is_published or not published.sites or not parts.path.startswith("/")


def _grouped(pairs: Iterator[tuple[str, Page]]) -> Mapping[str, list[Page]]:
    found: defaultdict[str, list[Page]] = defaultdict(list)
    for key, page in pairs:
        found[key].append(page)
    return found


def _documents(folder: Path) -> Iterator[ParsedDocument]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in _SUFFIXES or not path.is_file():
            continue
        uri = uri_for_path("upload:///", path.relative_to(folder).as_posix())
        try:
            yield parse(
                path.read_bytes(),
                document_id=document_id(_TAG, uri),
                source_uri=uri,
                tag=_TAG,
                content_type=content_type_of(path.name) or "text/markdown",
            )
        except DocumentError as error:
            print(f"  {uri}: {error}", file=sys.stderr)


def sets(arguments: list[str]) -> Iterator[Set]:
    """Yield the sets named as `NAME=FOLDER` or `NAME=FOLDER@BASE`; without any, those of two packages of npm."""
    for argument in arguments:
        name, _, place = argument.partition("=")
        folder, _, base = place.partition("@")
        yield Set(name, Path(folder), (Site(base),) if base else ())
    if not arguments:
        home = repository() / ".docgraph" / "eval-formats"
        yield Set("next 16.4.6", npm("next", "16.4.6", home) / "dist" / "docs", _sites("https://nextjs.org/docs"))
        yield Set("ai 7.0.173", npm("ai", "7.0.173", home) / "docs", _sites("https://ai-sdk.dev/docs"))


def _sites(address: str) -> tuple[Site, ...]:
    return Site(address), Site(urlsplit(address).path)


def main(arguments: list[str]) -> int:
    """Print one line a set; exit code 1 where fewer links reach a document than is promised."""
    print("| set | documents | links | by the letter | by the sites' rules | share | to pages beside the set |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    failed = False
    for published in sets(arguments):
        counts = measure(published)
        share = counts.resolved / counts.links if counts.links else 1.0
        failed = failed or share < _LEAST
        cells = (counts.documents, counts.links, counts.by_letter, counts.resolved)
        print(f"| {published.name} | {' | '.join(f'{n:,}' for n in cells)} | {share:.3f} | {counts.elsewhere:,} |")
        for miss, count in counts.misses.most_common(15):
            print(f"  {count} × {miss}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
