"""extract: sections → entities and relations, by rule."""

from __future__ import annotations

from docgraph.domain.documents import ExtractedDocument, ParsedDocument
from docgraph.domain.identity import fingerprint
from docgraph.extraction import EXTRACT_VERSION, extract
from docgraph.ingest.work import Work, computed, extract_options, store_artifact
from docgraph.state.records import Checkpoint

NAME = "extract"
#: Of the artifact; raised when what is in it changes.
SHAPE = "document"


def fingerprint_of(work: Work) -> str:
    """Return what determines the extraction: the parsed document and the rules."""
    inputs = (work.checkpoint("parse").fingerprint, SHAPE)
    return fingerprint(NAME, EXTRACT_VERSION, inputs, extract_options(work.runtime).digest())


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Extract the entities and relations of one document.

    Raises:
        DocumentError: a rule failed on it, or the rules took too long over it.
    """
    parsed = work.load("parse", ParsedDocument)
    options = extract_options(work.runtime)
    extraction = computed(work.runtime, work.job.source_uri, NAME, lambda: extract(parsed, options))
    return Checkpoint(
        fingerprint=fingerprint,
        artifact=store_artifact(work.runtime, NAME, fingerprint, ExtractedDocument(parsed, extraction)),
        items=len(extraction.entities),
        extra={"unit": "entities"},
    )
