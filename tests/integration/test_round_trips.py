"""What one document costs in round trips, from intake to report, so that it stays so."""

from __future__ import annotations

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.readiness import publishing
from docgraph.runtime.connections import Runtime
from support.integration.round_trips import counting
from support.integration.work import ask, work_off

#: What it takes today: a change that needs more has to say why here.
MOST = {"redis": 36, "neo4j": 35, "qdrant": 13, "artifacts": 5}


def _guide(sections: int) -> str:
    parts = [
        f"## Part {n}\n\nThe option `--limit-{n}` says how many workers start in place {n}.\n" for n in range(sections)
    ]
    return "# Guide\n\n" + "\n".join(parts)


@pytest.mark.task("6.2")
def test_a_document_of_twelve_sections_takes_few_round_trips(
    runtime: Runtime, version: EmbeddingVersion, tag: str
) -> None:
    # The first document of a dataset also makes the dataset: that is not what every document pays.
    ask(runtime, tag, {"before": _guide(2)})
    publishing.publish(runtime, work_off(runtime, tag), tag)
    # A comparison looks twice where a commit is still being applied, which no document has to pay: the cheapest of three counts.
    counted = []
    for number in range(3):
        with counting(runtime) as trips:
            ask(runtime, tag, {f"guide{number}": _guide(12)})
            published = publishing.publish(runtime, work_off(runtime, tag), tag)
        assert published.failed == 0
        # Other tests leave collections of other versions in the session's Qdrant, each of which a report looks into.
        trips.qdrant = [
            request for request in trips.qdrant if "docgraph_" not in request or version.collection in request
        ]
        counted.append(trips)
    least = {name: min(len(getattr(trips, name)) for trips in counted) for name in MOST}
    assert {name: count for name, count in least.items() if count > MOST[name]} == {}, counted[0].table()
