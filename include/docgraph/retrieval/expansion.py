"""What stands near the hits in the graph, each with its reason: neighbours, parent, shared entities, linked documents.

What is found here is offered beside the evidence and never changes its order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docgraph.domain.site_routes import Site
from docgraph.retrieval.answer import Related
from docgraph.retrieval.validated import Hit
from docgraph.stores.graph import GraphStore
from docgraph.stores.graph.stillness import Stillness
from docgraph.stores.graph.views import SectionText

#: Related places of each kind a hit carries at most.
PER_KIND = 3
#: Section id → what stands near it.
Near = dict[str, tuple[Related, ...]]


def expand(reader: GraphStore, hits: Sequence[Hit], stillness: Stillness, sites: Sequence[Site] = ()) -> Near:
    """Return the related places of each hit, by section id, as they are under `stillness`: part of a validated read.

    Links are followed as on the `sites` that the dataset is published as.
    """
    ids = [hit.section.section_id for hit in hits]
    if not ids:
        return {}
    found: dict[str, list[Related]] = {i: [] for i in ids}
    _add_places_around(reader, hits, found, stillness)
    _add_shared_entities(reader, hits, found, stillness)
    _add_links(reader, hits, found, stillness, sites)
    return {i: tuple(related) for i, related in found.items()}


def _add_places_around(
    reader: GraphStore, hits: Sequence[Hit], found: dict[str, list[Related]], stillness: Stillness
) -> None:
    """Add the sections before and after each hit and the one of the heading around it, each once."""
    places = [(hit.section.section_id, hit.document.document_id, hit.member.position) for hit in hits]
    above = reader.sections_above(places, stillness=stillness)
    beside = {neighbour for hit in hits for neighbour in (hit.member.previous_id, hit.member.next_id) if neighbour}
    sections = reader.sections(sorted(beside.union(*above.values())), stillness=stillness)
    for hit in hits:
        parent = _parent(hit, above.get(hit.section.section_id, ()), sections)
        around: list[tuple[str, str | None, str]] = [
            ("previous", hit.member.previous_id, "the section before this one"),
            ("next", hit.member.next_id, "the section after this one"),
        ]
        if parent is not None:
            why = f"the section above this one, “{sections[parent].heading_path[-1]}”"
            around = [*(place for place in around if place[1] != parent), ("parent", parent, why)]
        for relation, section_id, why in around:
            section = sections.get(section_id or "")
            if section is not None:
                found[hit.section.section_id].append(_related(relation, hit, section, why))


def _parent(hit: Hit, above: Sequence[str], sections: Mapping[str, SectionText]) -> str | None:
    """Return the nearest section whose heading path is the beginning of the hit's; a heading without text has none."""
    path = hit.section.heading_path
    for section_id in above:
        section = sections.get(section_id)
        length = len(section.heading_path) if section else 0
        if section and 0 < length < len(path) and path[:length] == section.heading_path:
            return section_id
    return None


def _related(relation: str, hit: Hit, section: SectionText, why: str) -> Related:
    return Related(
        relation=relation,
        section_id=section.section_id,
        document_id=hit.document.document_id,
        document=hit.document.title,
        source_uri=hit.document.source_uri,
        heading_path=section.heading_path,
        anchor="",
        why=why,
    )


def _add_shared_entities(
    reader: GraphStore, hits: Sequence[Hit], found: dict[str, list[Related]], stillness: Stillness
) -> None:
    shared = reader.shared_entities([hit.section.section_id for hit in hits], per=PER_KIND, stillness=stillness)
    wanted: dict[str, set[str]] = {}
    for item in shared:
        wanted.setdefault(item.document_id, set()).add(item.related_id)
    views = reader.membership({document: sorted(ids) for document, ids in wanted.items()}, stillness=stillness)
    members = [item for item in shared if item.related_id in views[item.document_id].members]
    sections = reader.sections(sorted({item.related_id for item in members}), stillness=stillness)
    for item in members:
        section, view = sections.get(item.related_id), views[item.document_id]
        if section is None:
            continue
        found[item.section_id].append(
            Related(
                relation="shared_entities",
                section_id=item.related_id,
                document_id=item.document_id,
                document=view.title,
                source_uri=view.source_uri,
                heading_path=section.heading_path,
                anchor=view.members[item.related_id].anchor,
                why=f"also speaks of {', '.join(item.names[:PER_KIND])}",
            )
        )


def _add_links(
    reader: GraphStore,
    hits: Sequence[Hit],
    found: dict[str, list[Related]],
    stillness: Stillness,
    sites: Sequence[Site],
) -> None:
    for link in reader.linked_documents([hit.section.section_id for hit in hits], sites=sites, stillness=stillness):
        related = found[link.section_id]
        if sum(1 for r in related if r.relation == "link") >= PER_KIND:
            continue
        related.append(
            Related(
                relation="link",
                document_id=link.document_id,
                document=link.title,
                source_uri=link.source_uri,
                heading_path=(),
                anchor=link.anchor,
                why=f"linked from here as “{link.text}”" if link.text else "linked from here",
            )
        )
