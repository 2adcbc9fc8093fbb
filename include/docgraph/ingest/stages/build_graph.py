"""build_graph: parsed document and extraction → the desired subgraph, and its difference against the committed one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import urlsplit

from docgraph.domain.commit import CommitRequest, LinkRow, SectionRow
from docgraph.domain.documents import Committed, Difference, ExtractedDocument, Extraction, ParsedDocument, Plan
from docgraph.domain.identity import content_hash, document_id, fingerprint, text_hash
from docgraph.domain.protocol import Attempt
from docgraph.domain.site_routes import Site, is_on
from docgraph.formats.identifiers import identifier_parts
from docgraph.ingest.work import BUILD_VERSION, Work, computed, pipeline_version, store_artifact
from docgraph.state.records import Checkpoint

NAME = "build_graph"
#: Of the artifact; raised when what is in it changes.
SHAPE = "document"


def fingerprint_of(work: Work) -> str:
    """Return what determines the plan: the target (both artifacts) and the generation that it is compared with."""
    committed = work.standing()
    inputs = [content_hash(*committed.generation), str(committed.deleted), SHAPE]
    if not work.deletes:
        inputs += [work.checkpoint("parse").fingerprint, work.checkpoint("extract").fingerprint]
    return fingerprint(NAME, BUILD_VERSION, inputs, work.job.op)


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Compare one document's target generation with what is committed."""
    plan = make_plan(work, work.standing())
    changes = len(plan.difference.added) + len(plan.difference.removed)
    return Checkpoint(
        fingerprint=fingerprint,
        artifact=store_artifact(work.runtime, NAME, fingerprint, plan),
        items=changes,
        extra={"unit": "changes"},
    )


def make_plan(work: Work, committed: Committed) -> Plan:
    """Return the difference between the job's target and a committed generation."""
    document = None if work.deletes else work.load("extract", ExtractedDocument)
    target = () if document is None else tuple(section.section_id for section in document.parsed.sections)
    return Plan(
        document_id=work.document_id,
        document=document,
        base_generation=committed.generation,
        difference=Difference.between(committed.generation, target),
        deleted=work.deletes,
    )


def commit_request(
    work: Work, attempt: Attempt, document: ExtractedDocument | None, committed: Committed, staged: Collection[str]
) -> CommitRequest:
    """Return everything that a commit writes when `committed` is what stands; `staged` names the versions staged in.

    Rows are the added sections, and all of them where the document was committed by another pipeline, whose extraction
    may differ for the same sections.
    """
    common: dict[str, Any] = {
        "attempt": attempt,
        "tag": work.job.tag,
        "source_uri": work.job.source_uri,
        "job_id": work.job_id,
        "base_pipeline": committed.pipeline,
        "staged": frozenset(staged),
    }
    if document is None:
        empty: dict[str, object] = {
            "levels": [],
            "starts": [],
            "ends": [],
            "anchors": [],
            "wheres": [],
            "front_matter": "{}",
        }
        return CommitRequest(
            **common,
            checksum="",
            pipeline="",
            generation=(),
            removed=committed.generation,
            rows=(),
            entities={},
            properties=empty,
            deleted=True,
        )
    parsed, extraction = document.parsed, document.extraction
    pipeline = pipeline_version(work.runtime).of(parsed.format)
    target = tuple(section.section_id for section in parsed.sections)
    difference = Difference.between(committed.generation, target)
    written = set(difference.added) if committed.pipeline == pipeline else set(target)
    sites = work.runtime.config.dataset(work.job.tag).published
    rows, properties = computed(
        work.runtime,
        work.job.source_uri,
        NAME,
        lambda: (section_rows(parsed, extraction, written, sites), document_properties(parsed)),
    )
    spoken_of = {entity for row in rows for entity, _ in row.mentions}
    return CommitRequest(
        **common,
        checksum=work.job.checksum,
        pipeline=pipeline,
        generation=target,
        removed=difference.removed,
        rows=rows,
        entities={e.entity_id: (e.kind, e.name) for e in extraction.entities if e.entity_id in spoken_of},
        properties=properties,
    )


def document_properties(parsed: ParsedDocument) -> dict[str, object]:
    """Return what the Document node keeps beside its generation; the lists are parallel to it."""
    return {
        "title": parsed.title,
        "content_type": parsed.content_type,
        "front_matter": json.dumps(dict(parsed.front_matter), ensure_ascii=False, sort_keys=True),
        "levels": [place.level for place in parsed.places],
        "starts": [place.start for place in parsed.places],
        "ends": [place.end for place in parsed.places],
        "anchors": [place.anchor for place in parsed.places],
        "wheres": [place.where for place in parsed.places],
    }


def section_rows(
    parsed: ParsedDocument, extraction: Extraction, wanted: Collection[str], sites: Sequence[Site] = ()
) -> list[SectionRow]:
    """Return the rows of the wanted sections, in the document's order; links to other hosts only where these are its `sites`."""
    mentions: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for mention in extraction.mentions:
        mentions[mention.section_id].append((mention.entity_id, mention.rule))
    relations: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for relation in extraction.relations:
        row = (relation.source_id, relation.target_id, relation.kind, relation.rule)
        relations[relation.section_id].append(row)
        # An entity lives as long as a section mentions it: one that only a relation names would never be pruned.
        named = {entity for entity, _ in mentions[relation.section_id]}
        for entity in (relation.source_id, relation.target_id):
            if entity not in named:
                mentions[relation.section_id].append((entity, relation.rule))
    links: dict[str, list[LinkRow]] = defaultdict(list)
    here = urlsplit(parsed.source_uri)
    for link in parsed.links:
        there = urlsplit(link.target_uri)
        is_outside = (there.scheme, there.netloc) != (here.scheme, here.netloc) and not is_on(sites, link.target_uri)
        if is_outside or link.target_uri == parsed.source_uri:
            continue
        section = parsed.sections[link.section].section_id
        target = document_id(parsed.tag, link.target_uri)
        links[section].append(LinkRow(target, link.target_uri, link.anchor, link.text, link.reference, link.kind))
    return [
        SectionRow(
            section_id=s.section_id,
            heading_path=s.heading_path,
            text=s.text,
            text_hash=text_hash(s.heading_path, s.text),
            occurrence=s.occurrence,
            identifiers=identifier_parts("\n".join([*s.heading_path[-1:], s.text])),
            mentions=tuple(mentions[s.section_id]),
            relations=tuple(relations[s.section_id]),
            links=tuple(links[s.section_id]),
        )
        for s in parsed.sections
        if s.section_id in wanted
    ]
