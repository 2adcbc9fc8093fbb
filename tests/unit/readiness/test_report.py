"""A run's report: its figures, its published schema, its three forms, and its place on disk."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from docgraph.domain.jobs import Job, JobState, JobStatus
from docgraph.domain.site_routes import LinkCounts
from docgraph.domain.verdict import Drift, QueryResult, Reason, ReasonCode, Verdict
from docgraph.readiness.report import (
    ReportNotFoundError,
    build_report,
    find_report,
    list_reports,
    read_report,
    render_html,
    render_markdown,
    schema,
    validate,
    write_report,
)
from docgraph.readiness.report.page import MAX_ROWS
from docgraph.stores.blobs.base import Blob
from docgraph.stores.blobs.local import LocalBlobs
from docgraph.stores.blobs.memory import MemoryBlobs

HOSTILE = '<script>alert("x")</script>|`\n# <img src=x onerror=alert(1)> [a](javascript:b)'


def state(name: str, status: JobStatus = JobStatus.COMPLETED, outcome: str = "created", **other: Any) -> JobState:
    job = Job(f"job-{name}", f"upload:///{name}.md", "text/markdown", "0", "docs", "2026-11-23T20:00:00.000000Z")
    times = {"started_at": "2026-11-23T20:00:01.000000Z", "finished_at": "2026-11-23T20:00:03.500000Z"}
    return JobState(job, f"document-{name}", status, outcome=outcome, **{**times, **other})


def evidence(text: str = "The gate closes.") -> dict[str, Any]:
    return {
        "section_id": "s", "document_id": "d", "document": text, "source_uri": text, "heading_path": [text], "anchor": text,
        "snippet": text, "score": 0.03, "why": [text], "related": [],
    }  # fmt: skip


def report(*, jobs: tuple[JobState, ...] = (), text: str = "What closes the gate?", **changes: Any) -> dict[str, Any]:
    reasons = changes.pop("reasons", ())
    verdict = Verdict(
        ready=not reasons,
        reasons=reasons,
        drift=changes.pop("drift", Drift("dataset", 10, 10, checked=10)),
        queries=(QueryResult(text, "config", (evidence(text),), 0.8, True, text),),
        counts={"documents": 2, "sections_graph": 10, "sections_vectors": 10},
    )
    built = build_report(
        tag="docs",
        run_id=text,
        dag_id="ingest_documents",
        jobs=jobs,
        verdict=verdict,
        stage_seconds={"parse": 0.5, "embed": 3.25},
        total_seconds=4.0,
        versions={"docgraph": "0.1.0"},
        config_hash="c" * 64,
        links=changes.pop("links", None),
        withheld=changes.pop("withheld", ()),
    )
    return {**built, **changes}


def test_links_that_reach_no_document_are_counted_and_speak_against_nothing() -> None:
    built = {**report(links=LinkCounts(1234, 5)), "report_id": "20261123T205200.123456Z"}
    validate(built)
    assert built["ready_for_queries"]
    assert "| of these, links that reach no document | 5 |" in render_markdown(built)
    assert "1,234 links to pages of the dataset; 5 of them reach no document." in render_html(built)
    assert "links" not in render_markdown(whole())


def test_what_is_kept_although_its_source_lost_it_is_said_and_speaks_against_nothing() -> None:
    kept = {
        "source": "handbook",
        "documents": 8,
        "first": [f"fs://handbook/<{number}>.md" for number in range(5)],
        "since": "2026-11-28T02:00:00.000000Z",
        "decision": "waiting",
        "decided_by": "",
        "plan_id": "0" * 64,
    }
    refused = {**kept, "decision": "refused", "decided_by": "admin", "documents": 1}
    built = {**report(withheld=(kept, refused)), "report_id": "20261123T205200.123456Z"}
    validate(built)
    assert built["ready_for_queries"]
    sentence = "8 documents that have gone from the source handbook are kept: the deletion waits for approval."
    assert sentence in built["summary"]
    assert "1 document that has gone from the source handbook is kept: admin rejected the deletion." in built["summary"]
    assert sentence in render_markdown(built)
    assert "`fs://handbook/<4>.md`\n- and 3 more" in render_markdown(built)
    page = render_html(built)
    assert sentence in page
    assert "fs://handbook/&lt;4&gt;.md" in page
    assert "Kept although gone" not in render_html(whole())


def whole(**changes: Any) -> dict[str, Any]:
    return {**report(**changes), "report_id": "20261123T205200.123456Z"}


class _Page(HTMLParser):
    """Collects what a browser would run or follow, and the text it would show."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_keeps_its_published_schema() -> None:
    validate(whole(jobs=(state("a"), state("b", JobStatus.FAILED, "", error="not UTF-8", error_code="not_utf8"))))


def test_the_schema_is_itself_valid_and_the_documented_copy_is_the_packaged_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())
    documented = Path(__file__).parents[3] / "docs" / "reference" / "ingest_report.schema.json"
    assert json.loads(documented.read_text()) == schema()


def test_every_reason_that_the_verdict_knows_is_in_the_schema() -> None:
    known = schema()["properties"]["reasons"]["items"]["properties"]["code"]["enum"]
    assert sorted(known) == sorted(ReasonCode)


@pytest.mark.parametrize(
    "change", [{"drift_pct": -1}, {"ready_for_queries": "yes"}, {"surprise": 1}, {"tag": "No Tag"}]
)
def test_a_report_that_breaks_the_schema_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        validate({**whole(), **change})


def test_jobs_are_counted_by_status_and_outcome_and_their_numbers_summed() -> None:
    jobs = (
        state("a", counts={"embedded": 5, "reused": 1}),
        state("b", outcome="unchanged", counts={"reused": 7}),
        state("c", JobStatus.FAILED, ""),
        state("d", JobStatus.CANCELLED, ""),
    )
    counts = report(jobs=jobs)["counts"]
    assert {k: v for k, v in counts.items() if v} == {
        "documents": 2, "sections_graph": 10, "sections_vectors": 10, "embedded": 5, "reused": 8, "jobs": 4,
        "completed": 2, "failed": 1, "cancelled": 1, "created": 1, "unchanged": 1,
    }  # fmt: skip


def test_a_jobs_time_is_from_start_to_end_and_unknown_before_it_ended() -> None:
    jobs = report(jobs=(state("a"), state("b", JobStatus.RUNNING, "", finished_at="")))["jobs"]
    assert [job["seconds"] for job in jobs] == [2.5, None]


def test_long_lists_of_ids_are_cut_and_their_totals_kept() -> None:
    drift = Drift("dataset", 100, 50, missing=tuple(f"m{i}" for i in range(50)), checked=100)
    built = report(drift=drift)
    assert len(built["drift"]["missing"]) == 20
    assert built["drift"]["missing_total"] == 50
    assert built["drift_pct"] == 50.0


def test_the_summary_says_what_was_done_and_what_follows() -> None:
    assert report(jobs=(state("a"),))["summary"] == (
        "1 of 1 jobs completed (1 created) in 4.0 s; the dataset docs has 2 documents and 10 sections, drift 0.00 %: "
        "ready for queries."
    )
    not_ready = report(reasons=(Reason(ReasonCode.NO_DOCUMENTS, "Nothing.", "ingestctl ingest"),))
    assert not_ready["summary"].endswith("not ready (no documents).")


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    page = _Page(render_html(whole(jobs=(state("a"),))))
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert all(not link.startswith(("http", "//")) for link in page.links)


def test_hostile_text_stays_text_on_the_page() -> None:
    reasons = (Reason(ReasonCode.NO_DOCUMENTS, HOSTILE, HOSTILE),)
    page = _Page(
        render_html(whole(jobs=(state(HOSTILE, JobStatus.FAILED, "", error=HOSTILE),), text=HOSTILE, reasons=reasons))
    )
    assert not {"script", "img"} & set(page.tags)
    assert page.handlers == []
    assert not any("javascript" in link for link in page.links)
    assert 'alert("x")' in page.text


def test_hostile_text_stays_text_in_markdown() -> None:
    reasons = (Reason(ReasonCode.NO_DOCUMENTS, HOSTILE, HOSTILE),)
    jobs = (state(HOSTILE, JobStatus.FAILED, "", error=HOSTILE),)
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(render_markdown(whole(jobs=jobs, text=HOSTILE, reasons=reasons)))
    )
    page = _Page(html)
    assert not {"script", "img", "a"} & set(page.tags)
    rows = re.findall(r"<tr>.*?</tr>", html, re.DOTALL)
    assert {row.count("</td>") for row in rows if "job-" in row} == {4}


@given(st.text(max_size=80).filter(str.strip))
@settings(max_examples=60, deadline=None)
def test_any_text_can_be_reported(text: str) -> None:
    built = whole(jobs=(state("a", JobStatus.FAILED, "", error=text),), text=text)
    validate(built)
    assert not {"script", "img"} & set(_Page(render_html(built)).tags)
    assert render_markdown(built).startswith("# Ingest report")


def test_long_lists_of_documents_are_cut_and_what_is_left_out_is_counted() -> None:
    jobs = tuple(state(f"n{i}") for i in range(MAX_ROWS + 5))
    html = render_html(whole(jobs=jobs))
    assert "and 5 more" in html
    assert f"n{MAX_ROWS + 1}.md" not in html
    assert "more (all of them in ingest_report.json)" in render_markdown(whole(jobs=jobs))


def test_the_verdict_and_each_reason_come_first_in_markdown() -> None:
    text = render_markdown(whole(reasons=(Reason(ReasonCode.NO_DOCUMENTS, "It is empty.", "ingestctl ingest X"),)))
    assert (
        text.index("Not ready") < text.index("It is empty") < text.index("ingestctl ingest X") < text.index("## Counts")
    )


def test_a_written_report_has_three_forms_and_is_the_latest_of_its_dataset(tmp_path: Path) -> None:
    reports = LocalBlobs(tmp_path)
    report_id = write_report(reports, report())
    assert sorted(f.name for f in (tmp_path / report_id).iterdir()) == [
        "ingest_report.html",
        "ingest_report.json",
        "ingest_report.md",
        "summary.json",
    ]
    assert read_report(reports, report_id)["report_id"] == report_id
    assert os.readlink(tmp_path / "latest") == report_id
    assert find_report(reports, tag="docs") == report_id
    assert report_id in (tmp_path / "index.html").read_text()
    assert report_id in (tmp_path / "index.md").read_text()


def test_a_report_that_breaks_the_schema_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(jsonschema.ValidationError):
        write_report(LocalBlobs(tmp_path), {**report(), "drift_pct": -1})
    assert list(tmp_path.iterdir()) == []


def test_reports_written_at_once_have_folders_of_their_own_and_the_newest_is_the_latest(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: write_report(LocalBlobs(tmp_path), report()), range(12)))
    assert len(set(ids)) == 12
    assert os.readlink(tmp_path / "latest") == max(ids)
    assert [r["report_id"] for r in list_reports(LocalBlobs(tmp_path))] == sorted(ids, reverse=True)
    index = (tmp_path / "index.md").read_text()
    assert all(report_id in index for report_id in ids)


def test_what_a_crash_left_without_its_json_is_nobodys_report(tmp_path: Path) -> None:
    reports = LocalBlobs(tmp_path)
    report_id = write_report(reports, report())
    crashed = tmp_path / "20991231T000000.000000Z"
    crashed.mkdir()
    (crashed / "ingest_report.md").write_text("half")
    assert [r["report_id"] for r in list_reports(reports)] == [report_id]
    with pytest.raises(ReportNotFoundError):
        find_report(reports, crashed.name)


def test_reports_are_listed_by_dataset_newest_first(tmp_path: Path) -> None:
    reports = MemoryBlobs()
    first = write_report(reports, report())
    write_report(reports, {**report(), "tag": "other"})
    third = write_report(reports, report())
    assert [r["report_id"] for r in list_reports(reports, tag="docs")] == [third, first]
    assert [r["report_id"] for r in list_reports(reports, limit=1)] == [third]


@pytest.mark.parametrize(
    "name", ["../secret", "..", "", "20261123T205200.123456Z/..", "nothing", "20261123T205200.123456Z"]
)
def test_only_reports_can_be_named(tmp_path: Path, name: str) -> None:
    reports = LocalBlobs(tmp_path / "reports")
    write_report(reports, report())
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "ingest_report.json").write_text("{}")
    with pytest.raises(ReportNotFoundError):
        find_report(reports, name)


class _Counting(MemoryBlobs):
    """Blobs that know which of them were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, key: str) -> Blob | None:
        self.read.append(key)
        return super().get(key)


def test_a_list_reads_the_index_and_not_every_report() -> None:
    reports = _Counting()
    ids = [write_report(reports, report()) for _ in range(5)]
    reports.read.clear()
    assert [r["report_id"] for r in list_reports(reports)] == ids[::-1]
    assert reports.read == ["index.json"]
    reports.read.clear()
    write_report(reports, report())
    assert len([key for key in reports.read if key.endswith("summary.json")]) == 1


def test_a_report_that_no_index_lists_is_listed_all_the_same() -> None:
    reports = MemoryBlobs()
    ids = [write_report(reports, report()) for _ in range(2)]
    reports.delete("index.json")
    assert [r["report_id"] for r in list_reports(reports)] == ids[::-1]
