"""parse: the immutable snapshot of a source's bytes → title, front matter, sections, links, code blocks."""

from __future__ import annotations

from docgraph.domain.errors import DocumentTooLargeError
from docgraph.domain.identity import fingerprint
from docgraph.formats import PARSE_VERSION
from docgraph.ingest.work import Work, parse_options, pipeline_version, store_artifact
from docgraph.state.records import Checkpoint

NAME = "parse"


def fingerprint_of(work: Work) -> str:
    """Return what determines the parsed document: bytes, identity, format and options."""
    inputs = (work.job.checksum, work.document_id, work.job.source_uri, work.job.content_type)
    return fingerprint(NAME, PARSE_VERSION, inputs, pipeline_version(work.runtime).digest)


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Parse one document.

    Raises:
        DocumentError: it can't be read as what it says it is, or is too large.
    """
    data = work.runtime.snapshots.open(work.job.checksum)
    parsed = work.runtime.reader.parse(
        data,
        document_id=work.document_id,
        source_uri=work.job.source_uri,
        tag=work.job.tag,
        content_type=work.job.content_type,
        options=parse_options(work.runtime),
    )
    limit = work.runtime.config.limits.max_sections
    if len(parsed.sections) > limit:
        raise DocumentTooLargeError(
            f"{work.job.source_uri} has {len(parsed.sections):,} sections, more than one transaction may hold "
            f"({limit:,}); split the document, or raise limits.max_sections together with Neo4j's heap."
        )
    return Checkpoint(
        fingerprint=fingerprint,
        artifact=store_artifact(work.runtime, NAME, fingerprint, parsed),
        items=len(parsed.sections),
        extra={"unit": "sections", "warnings": "; ".join(parsed.warnings)},
    )
