"""Reading links: which document each leads to, by the rules of the sites that documentation is published as.

A link is kept as it is written, on the edge to the address that it has by the letter. What it means is found when it is asked for,
among the documents that are there then: so documents may come in any order, and no commit touches a foreign one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from docgraph.domain.site_routes import LinkCounts, LinkKind, Page, Site, Wanted, is_to_page, meant, wanted
from docgraph.stores.graph.reading import Reading, Table
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import LinkedDocument

#: Documents whose links are resolved together.
_DOCUMENTS_AT_ONCE = 500
_COLUMNS = {
    "section_id": "l.section_id",
    "tag": "d.tag",
    "source_id": "d.id",
    "source_uri": "d.source_uri",
    "target_id": "t.id",
    "target_uri": "t.source_uri",
    "target_title": "t.title",
    "is_document": "t:Document",
    "anchor": "l.anchor",
    "text": "l.text",
    "reference": "l.reference",
    "kind": "l.kind",
}
_KEYS = ("section_id", "tag", "source_uri", "target_id", "target_uri")
_LINKS_OF_SECTIONS = Table.of(
    "UNWIND $ids AS id MATCH (s:Section {id: id}) MATCH (d:Source {id: s.document_id}) "
    "MATCH (d)-[l:LINKS_TO {section_id: id}]->(t:Source) WHERE t.id <> d.id "
    "WITH d, l, t ORDER BY l.section_id, t.source_uri, l.anchor LIMIT $limit",
    **_COLUMNS,
)
_LINKS_OF_DOCUMENTS = Table.of(
    "UNWIND $ids AS id MATCH (d:Document {id: id})-[l:LINKS_TO]->(t:Source) WHERE t.id <> d.id", **_COLUMNS
)
_LINKS_OF_DATASET = Table.of("MATCH (d:Document {tag: $tag})-[l:LINKS_TO]->(t:Source) WHERE t.id <> d.id", **_COLUMNS)
_WITH_ROUTES = Table.of(
    "UNWIND $wanted AS w MATCH (t:Document {tag: w[0], route: w[1]})",
    tag="w[0]",
    value="w[1]",
    document_id="t.id",
    source_uri="t.source_uri",
    title="t.title",
)
_WITH_NAMES = Table.of(
    "UNWIND $wanted AS w MATCH (t:Document {tag: w[0], page_name: w[1]})",
    tag="w[0]",
    value="w[1]",
    document_id="t.id",
    source_uri="t.source_uri",
    title="t.title",
)


class Links(Reading):
    """The part of the graph store that follows links."""

    def linked_documents(
        self,
        section_ids: Sequence[str],
        limit: int = 1000,
        *,
        sites: Sequence[Site] = (),
        stillness: Stillness | None = None,
    ) -> list[LinkedDocument]:
        """Return the live documents that the sections' links (the first `limit`) lead to, published as `sites`."""
        parameters = {"ids": list(section_ids), "limit": limit}
        rows = self._read_whole(_LINKS_OF_SECTIONS, _KEYS, parameters, stillness)
        found = {
            LinkedDocument(
                row["section_id"], page.document_id, page.title, page.source_uri, row["anchor"] or "", row["text"] or ""
            )
            for row, page in self._followed(rows, sites, stillness)
            if page is not None and page.document_id != row["source_id"]
        }
        # A section may link to a document in several spellings.
        once = {(link.section_id, link.document_id, link.anchor): link for link in sorted(found, key=astuple)}
        return sorted(once.values(), key=lambda link: (link.section_id, link.source_uri, link.anchor))

    def link_counts(
        self, tag: str, document_ids: Sequence[str] | None = None, *, sites: Sequence[Site] = ()
    ) -> LinkCounts:
        """Count the links to pages of their dataset that these documents have, or (in one statement) all of the dataset.

        Links to pictures, archives and the like are none.
        """
        if document_ids is None:
            return self._counted(self._read_whole(_LINKS_OF_DATASET, _KEYS, {"tag": tag}, None), sites)
        total = LinkCounts(0, 0)
        for start in range(0, len(document_ids), _DOCUMENTS_AT_ONCE):
            ids = list(document_ids[start : start + _DOCUMENTS_AT_ONCE])
            found = self._counted(self._read_whole(_LINKS_OF_DOCUMENTS, _KEYS, {"ids": ids}, None), sites)
            total = LinkCounts(total.pages + found.pages, total.unresolved + found.unresolved)
        return total

    def _counted(self, rows: Sequence[dict[str, Any]], sites: Sequence[Site]) -> LinkCounts:
        followed = self._followed(rows, sites, None)
        reached = [page is not None for row, page in followed if page is not None or is_to_page(_reference(row))]
        return LinkCounts(len(reached), reached.count(False))

    def _followed(
        self, rows: Sequence[dict[str, Any]], sites: Sequence[Site], stillness: Stillness | None
    ) -> Iterator[tuple[dict[str, Any], Page | None]]:
        """Yield each link with the page that it leads to; one that hits a document by the letter asks nothing."""
        open_links = [
            (row, wanted(row["source_uri"], _reference(row), kind=LinkKind(row["kind"] or ""), sites=sites))
            for row in rows
            if not row["is_document"]
        ]
        yield from ((row, _page(row, "target_")) for row in rows if row["is_document"])
        if not open_links:
            return
        by_route = self._pages(
            _WITH_ROUTES, {(row["tag"], r) for row, link in open_links for r in link.routes}, stillness
        )
        names = {(row["tag"], link.name) for row, link in open_links if link.name}
        by_name = self._pages(_WITH_NAMES, names, stillness) if names else {}
        yield from ((row, _meant(row["tag"], link, by_route, by_name)) for row, link in open_links)

    def _pages(
        self, table: Table, values: set[tuple[str, str]], stillness: Stillness | None
    ) -> dict[tuple[str, str], list[Page]]:
        rows = self._read_whole(
            table, ("document_id", "source_uri"), {"wanted": [list(value) for value in sorted(values)]}, stillness
        )
        found: defaultdict[tuple[str, str], list[Page]] = defaultdict(list)
        for row in rows:
            found[row["tag"], row["value"]].append(_page(row))
        return found


def _reference(row: Mapping[str, Any]) -> str:
    # Links that earlier versions wrote have only their address.
    return str(row["reference"] or row["target_uri"])


def _page(row: Mapping[str, Any], prefix: str = "") -> Page:
    return Page(
        row[f"{prefix}id" if prefix else "document_id"],
        row[f"{prefix}uri" if prefix else "source_uri"],
        row[f"{prefix}title"] or "",
    )


def _meant(
    tag: str,
    link: Wanted,
    by_route: Mapping[tuple[str, str], Sequence[Page]],
    by_name: Mapping[tuple[str, str], Sequence[Page]],
) -> Page | None:
    routes = {route: by_route.get((tag, route), ()) for route in link.routes}
    return meant(link, routes, {link.name: by_name.get((tag, link.name), ())})
