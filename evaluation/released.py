"""The ranking of release 0.1.0, kept as it was so that later ones can be measured beside it, on the same questions and candidates.

Even weights for both arms but three times full text for an identifier, and a full-text clause that looked for plain words among the
parts of identifiers, too.
"""

from __future__ import annotations

from collections.abc import Sequence

from docgraph.retrieval.matching import is_identifier
from docgraph.stores.graph import lucene

IDENTIFIER_WEIGHT = 3.0
K = 5


def clause(text: str) -> str | None:
    """Return the clause of full text that 0.1.0 made of a person's text; None where the text holds nothing to search for."""
    whole = lucene.terms(text)
    if not whole:
        return None
    pieces = list(dict.fromkeys(piece for term in whole for piece in (*lucene.names(term), *lucene.parts(term))))
    quoted, joined = _quoted(whole), _quoted([piece for piece in pieces if piece not in lucene.STOP_WORDS])
    clauses = [f"heading_text:({quoted})^0.6", f"text:({quoted})", f"identifiers:({quoted})"]
    return " ".join([*clauses, *([f"identifiers:({joined})", f"text:({joined})^0.3"] if joined else [])])


def ranking(text: str, dense: Sequence[str], fulltext: Sequence[str]) -> list[str]:
    """Return the candidates of both arms in the order that 0.1.0 put them in."""
    weights = (1.0, IDENTIFIER_WEIGHT if is_identifier(lucene.terms(text)) else 1.0)
    return [section for section, _ in reciprocal_rank_fusion(dense, fulltext, weights=weights)]


def reciprocal_rank_fusion(
    *rankings: Sequence[str], weights: Sequence[float] | None = None, k: int = K
) -> list[tuple[str, float]]:
    """Fuse ranked lists of ids, best first: score(d) = Σ weight / (k + rank of d in the list), ranks from 1.

    `weights` has one for each list (default: 1 each). Equal scores stand in the order of their ids, so the same lists
    give the same answer on every machine.
    Source: Cormack, Clarke, Büttcher: Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
    Methods, SIGIR 2009.
    """
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for rank, item in enumerate(ranking, start=1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def _quoted(terms: Sequence[str]) -> str:
    return " ".join('"' + term.replace("\\", "\\\\").replace('"', '\\"') + '"' for term in terms)
