"""Links as sites write them, from the file to the report and to what a search shows beside a hit."""

from __future__ import annotations

from docgraph.domain.site_routes import Site
from docgraph.readiness import publishing
from docgraph.readiness.report import read_report
from docgraph.retrieval.search import search
from docgraph.runtime.connections import Runtime
from support.integration.work import ask, uri_of, work_off

NOTES = (
    "# Heron notes\n\nThe heron waits: [tabs](tabs), [tabs 2](./tabs/), [guide](/guide/start), [html](tabs.html#x), [[far page]], "
    "[site](https://herons.example/docs/guide/start), [none](nowhere/) and [a picture](heron.png).\n"
)
OTHERS: dict[str, str | bytes | None] = {
    "docs/tabs": "# Tabs\n\nOf paper.\n",
    "docs/01-guide/start/index": "# Start\n\nBegin.\n",
    "docs/deep/far-page": "# Far\n\nAway.\n",
}
SITES = (Site("https://herons.example/docs", "/docs"),)


def _linked(runtime: Runtime, tag: str) -> set[str]:
    answer = search(
        runtime.graph, runtime.vectors, runtime.embedder, "What does the heron do?", tag, limit=1, sites=SITES
    )
    return {related.source_uri for related in answer.evidence[0].related if related.relation == "link"}


def test_links_reach_documents_that_come_later_and_the_report_counts_what_they_miss(runtime: Runtime, tag: str) -> None:
    work_off(runtime, tag, ask(runtime, tag, {"docs/notes": NOTES}))
    assert _linked(runtime, tag) == set()

    report = publishing.publish(runtime, work_off(runtime, tag, ask(runtime, tag, OTHERS)), tag)

    assert _linked(runtime, tag) == {uri_of(name) for name in OTHERS}
    counts = read_report(runtime.reports, report.report_id)["counts"]
    assert (counts["links"], counts["links_unresolved"]) == (6, 1)
    assert report.ready
