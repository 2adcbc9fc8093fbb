"""What stands near the hits in the graph, each with its reason: neighbours, shared entities, linked documents.

What is found here is offered beside the evidence and never changes its order.
"""

from __future__ import annotations

from collections.abc import Sequence

from docgraph.retrieval.answer import Related
from docgraph.retrieval.validated import Hit
from docgraph.stores.graph import GraphStore

#: Related places of each kind a hit carries at most.
PER_KIND = 3


def expand(reader: GraphStore, hits: Sequence[Hit]) -> dict[str, tuple[Related, ...]]:
    """Return the related places of each hit, by section id; a place that can't be seen at this moment is left out."""
    ids = [hit.section.section_id for hit in hits]
    if not ids:
        return {}
    found: dict[str, list[Related]] = {i: [] for i in ids}
    _add_neighbours(reader, hits, found)
    _add_shared_entities(reader, hits, found)
    _add_links(reader, hits, found)
    return {i: tuple(related) for i, related in found.items()}


def _add_neighbours(reader: GraphStore, hits: Sequence[Hit], found: dict[str, list[Related]]) -> None:
    near = [
        (hit, relation, neighbour)
        for hit in hits
        for relation, neighbour in (("previous", hit.member.previous_id), ("next", hit.member.next_id))
        if neighbour is not None
    ]
    sections = reader.sections(sorted({neighbour for _, _, neighbour in near}))
    for hit, relation, neighbour in near:
        section = sections.get(neighbour)
        if section is None:
            continue
        word = "before" if relation == "previous" else "after"
        found[hit.section.section_id].append(
            Related(
                relation=relation,
                section_id=neighbour,
                document_id=hit.document.document_id,
                document=hit.document.title,
                source_uri=hit.document.source_uri,
                heading_path=section.heading_path,
                anchor="",
                why=f"the section {word} this one",
            )
        )


def _add_shared_entities(reader: GraphStore, hits: Sequence[Hit], found: dict[str, list[Related]]) -> None:
    shared = reader.shared_entities([hit.section.section_id for hit in hits], per=PER_KIND)
    wanted: dict[str, set[str]] = {}
    for item in shared:
        wanted.setdefault(item.document_id, set()).add(item.related_id)
    views = reader.membership({document: sorted(ids) for document, ids in wanted.items()})
    members = [item for item in shared if item.related_id in views[item.document_id].members]
    sections = reader.sections(sorted({item.related_id for item in members}))
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


def _add_links(reader: GraphStore, hits: Sequence[Hit], found: dict[str, list[Related]]) -> None:
    for link in reader.linked_documents([hit.section.section_id for hit in hits]):
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
