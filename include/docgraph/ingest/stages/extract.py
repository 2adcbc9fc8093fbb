"""extract: sections → entities and relations, by rule."""

from __future__ import annotations

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.identity import fingerprint
from docgraph.extraction import EXTRACT_VERSION, extract
from docgraph.ingest.work import Work, extract_options, store_artifact
from docgraph.state.records import Checkpoint

NAME = "extract"


def fingerprint_of(work: Work) -> str:
    """Return what determines the extraction: the parsed document and the rules."""
    inputs = (work.checkpoint("parse").fingerprint,)
    return fingerprint(NAME, EXTRACT_VERSION, inputs, extract_options(work.runtime).digest())


def run(work: Work, fingerprint: str) -> Checkpoint:
    """Extract the entities and relations of one document."""
    extraction = extract(work.load("parse", ParsedDocument), extract_options(work.runtime))
    return Checkpoint(
        fingerprint=fingerprint,
        artifact=store_artifact(work.runtime, NAME, fingerprint, extraction),
        items=len(extraction.entities),
        extra={"unit": "entities"},
    )
