"""The links `fulltext`, `search` and `readiness`: whether readers find the document, tried as they search."""

from __future__ import annotations

from collections.abc import Iterator

from docgraph import retrieval
from docgraph.diagnosis.chain import BrokenError, Case
from docgraph.stores.graph import lucene

#: Where among the hits for its own words a document has to be.
SEARCH_TOP = 20
#: Sections whose words are tried before a document is said not to be found.
PROBES = 3
_PROBE_TERMS = 8
_PROBE_CHARACTERS = 200


def _probes(case: Case) -> Iterator[tuple[str, str]]:
    """Yield (words, question) of some sections that hold words at all; both are the section's own."""
    found = case.runtime.graph.sections(case.committed.generation[: 10 * PROBES])
    wordy = [found[i] for i in case.committed.generation[: 10 * PROBES] if i in found and lucene.terms(found[i].text)]
    for section in wordy[:PROBES]:
        words = " ".join(lucene.terms(section.text)[:_PROBE_TERMS])
        heading = section.heading_path[-1] if section.heading_path else ""
        yield words, f"{heading} {section.text[:_PROBE_CHARACTERS]}".strip()


def fulltext(case: Case) -> tuple[str, str]:
    """Say whether the full-text index finds the document by its own words.

    Raises:
        BrokenError: the link is missing.
    """
    tried = ""
    for words, _ in _probes(case):
        if case.runtime.graph.fulltext(case.tag, words, 1, document_ids=[case.document]):
            return "found_by_words", f"The full-text index finds it by its own words ({words})."
        tried = words
    if not tried:
        return "no_words", "It holds no words that full text could find; it can be found by meaning only."
    raise BrokenError(
        "not_in_fulltext",
        f"Neo4j's full-text index does not return it for its own words ({tried}).",
        f"The index is damaged: `ingestctl repair --tag {case.tag}` repairs it.",
    )


def search(case: Case) -> tuple[str, str]:
    """Say whether a search for its own text finds the document.

    Raises:
        BrokenError: the link is missing.
    """
    runtime = case.runtime
    asked = ""
    for _, question in _probes(case):
        answer = retrieval.search(
            runtime.graph, runtime.vectors, runtime.embedder, question, case.tag, limit=SEARCH_TOP, related=False
        )
        ranks = [rank for rank, hit in enumerate(answer.evidence, start=1) if hit.document_id == case.document]
        if ranks:
            return "found_by_search", f"A search for its own text finds it at rank {ranks[0]}."
        asked = question
    if not asked:
        return "no_words", "It holds no words to ask for."
    raise BrokenError(
        "outranked",
        f"It is whole in both stores, but other documents answer better: it is not among the first {SEARCH_TOP} for its own text.",
        "Look for copies of it in the dataset; or restrict the search, for instance with --source-prefix.",
    )


def readiness(case: Case) -> tuple[str, str]:
    """Say what the last verdict on the dataset was.

    Raises:
        BrokenError: the link is missing.
    """
    verdict = case.runtime.state.readiness.get(case.tag)
    if verdict is None:
        raise BrokenError(
            "not_judged",
            f"A search finds it, but no run of the dataset {case.tag!r} has been judged yet.",
            "Wait for the report of the run; without one, any ingest into the dataset makes one.",
        )
    if not verdict.ready:
        raise BrokenError(
            "dataset_not_ready",
            f"A search finds it, but the last verdict on the dataset {case.tag!r} is not ready ({verdict.reasons}).",
            f"`ingestctl report latest --tag {case.tag}` says why and what to do.",
        )
    return "ready", f"The dataset is ready (judged {verdict.judged_at})."
