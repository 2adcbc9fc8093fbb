"""Files dropped into the watch folder of the whole running stack: what becomes of them, what it costs, how fast it is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import unquote

import httpx
import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.domain.jobs import JobState, JobStatus
from docgraph.ingest.launcher import INGEST_DAG, is_ingest_run_id
from docgraph.readiness import report as reporting
from support.e2e.drops import Drops, page, reference, report_folder, report_of, summaries, wait_for

MEGABYTE = 2**20
#: What the clocks of a busy machine may add to the time between a drop and its answer.
SEARCHABLE_SECONDS = 20.0
Note = Callable[[str, object], None]


def by_name(states: list[JobState]) -> dict[str, JobState]:
    return {unquote(state.job.source_uri).rpartition("/")[2]: state for state in states}


def verdict_of(state: JobState) -> str:
    return state.outcome if state.status is JobStatus.COMPLETED else state.error_code


@pytest.mark.task("6.1")
@pytest.mark.task("6.4")
def test_a_dropped_file_is_in_both_stores_reported_ready_and_found(drops: Drops, version: EmbeddingVersion) -> None:
    drops.drop({"guide.md": page("Backup", 5, "backup")})
    (state,) = drops.ended(1)
    assert (state.status, state.outcome) == (JobStatus.COMPLETED, "created"), state.error
    assert state.job.source_uri == f"fs://ingest/watch/{drops.tag}/guide.md"

    in_graph, in_vectors = drops.ids_in_graph(), drops.ids_in_vectors(version)
    assert len(in_graph) == len(set(in_graph)) == 5
    assert sorted(in_graph) == sorted(in_vectors)

    report = report_of(drops.runtime, state)
    reporting.validate(report)
    assert report["ready_for_queries"] is True
    assert report["drift_pct"] == 0
    assert (report_folder(drops.runtime, state) / "ingest_report.md").is_file()

    assert drops.get("/ready").status_code == 200
    best, *_ = drops.evidence("Which setting limits the connections in Topic 3 of Backup?")
    assert best["section_id"] in in_graph
    assert best["source_uri"] == state.job.source_uri
    assert not list(drops.folder.iterdir()), "what was taken has left the watch folder"


def test_the_task_that_takes_a_dropped_file_starts_its_run_itself(drops: Drops) -> None:
    drops.drop({"guide.md": page("Runs", 1, "runs")})
    (state,) = drops.ended(1)
    settings = drops.runtime.settings
    login = {"username": settings.airflow_user, "password": settings.airflow_password}
    with httpx.Client(base_url=settings.airflow_api_url, trust_env=False, timeout=30) as airflow:
        token = airflow.post("/auth/token", json=login).json()["access_token"]
        path = f"/api/v2/dags/{INGEST_DAG}/dagRuns/{state.run_id}"
        run = airflow.get(path, headers={"Authorization": f"Bearer {token}"}).json()
    assert run["note"] == "Started by watch_filesystem: its source has changed."
    assert run["conf"] == {"tag": drops.tag, "job_ids": [state.job.job_id]}
    assert is_ingest_run_id(state.run_id)


@pytest.mark.task("6.1")
def test_a_file_without_a_marker_is_taken_once_it_stood_still(drops: Drops) -> None:
    path = drops.write("growing.md", "# Growing\n\n")
    settle = drops.runtime.config.watch.settle_seconds
    # Somebody writes slowly: each pause alone is shorter than the time after which a file counts as complete.
    for number in range(6):
        time.sleep(settle / 2)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"## Part {number}\n\nThe text of part {number}.\n\n")
    finished = time.time()
    (state,) = drops.ended(1)
    assert state.counts["sections"] == 6, "half of the file was taken"
    assert datetime.fromisoformat(state.job.created_at).timestamp() >= finished + settle - 0.5


@pytest.mark.task("6.1")
@pytest.mark.task("6.2")
@pytest.mark.timeout(300)
def test_every_kind_of_bad_input_is_named_and_the_good_files_beside_it_are_ingested(
    drops: Drops, version: EmbeddingVersion
) -> None:
    expected: dict[str, tuple[str | bytes, str]] = {
        "empty.md": ("", "empty"),
        "latin1.md": ("# Café\n\nthé\n".encode("latin-1"), "not_utf8"),
        "picture.md": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", "unsupported_format"),
        "sheet.xlsx": ("a,b\n", "unsupported_format"),
        "huge.md": (b"A line of a log file that nobody should ingest.\n" * (200 * MEGABYTE // 48), "too_large"),
        "minified.md": (b'{"a":[1,2,{"b":"c"}],"d":{"e":null}},' * (10 * MEGABYTE // 37), "too_large"),
        "blanks and 'quotes' \"double\".md": (page("Quotes", 1, "quotes"), "created"),
        "percent %2e #1 ?x=y.md": (page("Percent", 1, "percent"), "created"),
        "größe 日本語.md": (page("Größe", 1, "groesse"), "created"),
        "two\nlines.md": (page("Lines", 1, "lines"), "created"),
        "good.md": (page("Good", 2, "good"), "created"),
    }
    no_utf8 = drops.write(b"caf\xe9.md", page("No UTF-8", 1, "noutf8"))
    (drops.folder / "nowhere.md.ready").touch()
    drops.drop({name: data for name, (data, _) in expected.items()})
    drops.announce(no_utf8)

    states = drops.ended(len(expected) + 2, 180)
    found = {name: verdict_of(state) for name, state in by_name(states).items()}
    wanted = {name: outcome for name, (_, outcome) in expected.items()}
    assert found == {**wanted, "nowhere.md": "document_error", "caf\ufffd.md": "created"}, summaries(states)
    assert by_name(states)["huge.md"].job.checksum == "", "a file above the limit is not copied into the snapshot store"
    for name, state in by_name(states).items():
        if state.status is JobStatus.FAILED:
            assert name in unquote(state.error), "the message names the file"
            assert state.error.rstrip().endswith("."), "and is a sentence that says what to do"
            assert "Traceback" not in state.error
    assert sorted(drops.ids_in_graph()) == sorted(drops.ids_in_vectors(version))
    assert drops.evidence("Topic 1 of Good")[0]["source_uri"].endswith("/good.md")


@pytest.mark.task("6.2")
def test_files_dropped_again_unchanged_cost_nothing_and_change_nothing(drops: Drops, version: EmbeddingVersion) -> None:
    files = {
        "one.md": page("One", 6, "one") + "\nSee [two](two.md#topic) and [elsewhere](https://example.org/x).\n",
        "two.md": page("Two", 4, "two"),
    }
    drops.drop(files)
    drops.ended(2)
    before, points = drops.census(), sorted(drops.ids_in_vectors(version))
    drops.drop(files)
    again = [state for state in drops.ended(4) if state.outcome != "created"]
    assert [(state.outcome, state.counts.get("embedded", 0)) for state in again] == [("unchanged", 0)] * 2
    assert drops.census() == before
    assert {"Document", "Section", "HAS_SECTION", "LINKS_TO"} <= set(before)
    assert sorted(drops.ids_in_vectors(version)) == points
    assert report_of(drops.runtime, again[0])["counts"]["embedded"] == 0


@pytest.mark.task("6.4")
@pytest.mark.timeout(600)
def test_three_megabytes_of_markdown_are_ingested_without_drift_and_answer_at_once(
    drops: Drops, version: EmbeddingVersion, record_property: Note
) -> None:
    text = reference(drops.tag, 3000, 106)
    assert len(text.encode()) >= 3 * MEGABYTE
    began = drops.drop({"reference.md": text})
    (state,) = drops.ended(1, 540)
    seconds = time.monotonic() - began
    assert state.status is JobStatus.COMPLETED, state.error
    report = report_of(drops.runtime, state)
    question = report["sample_queries"][0]
    answer, over_mcp = drops.over_mcp(question["q"])
    assert answer["evidence"][0]["section_id"] == question["top_evidence"][0]["section_id"]
    assert over_mcp < 1.0, "an agent is answered in under a second right after the run"

    in_graph = drops.ids_in_graph()
    assert len(in_graph) == state.counts["sections"] >= 3000
    assert set(in_graph) == set(drops.ids_in_vectors(version))

    reporting.validate(report)
    assert report["drift_pct"] == 0
    assert report["ready_for_queries"] is True, report["reasons"]
    assert len(report["sample_queries"]) >= 3
    for query in report["sample_queries"]:
        assert query["top_evidence"], query
        assert 0 < query["confidence"] <= 1, query
    assert drops.get("/ready").status_code == 200
    assert drops.evidence("Topic 1234 of Reference")

    began = drops.drop({"reference.md": text})
    again = next(job for job in drops.ended(2) if job.job.job_id != state.job.job_id)
    repeated = time.monotonic() - began
    assert (again.outcome, again.counts.get("embedded", 0)) == ("unchanged", 0)
    figures = {
        "sections": len(in_graph),
        "seconds": round(seconds, 1),
        "unchanged_seconds": round(repeated, 1),
        "mcp_seconds": round(over_mcp, 3),
    }
    for name, value in figures.items():
        record_property(name, value)
    print(f"\n3 MB: {figures}, stages {report['timings']['stages']}")


@pytest.mark.task("6.1")
@pytest.mark.timeout(400)
def test_a_dropped_file_can_be_found_within_seconds(drops: Drops, record_property: Note) -> None:
    seconds = []
    for number in range(10):
        word = f"zephyr{drops.tag}{number}"
        began = drops.drop({"note.md": f"# Note\n\nThe codeword of this edition is {word}.\n"})

        def is_found(word: str = word) -> bool:
            return any(word in evidence["snippet"] for evidence in drops.evidence(f"codeword {word}"))

        wait_for(is_found, f"{word} is found", 60)
        seconds.append(time.monotonic() - began)
        drops.ended(number + 1)
    median = statistics.median(seconds)
    record_property("median_seconds_to_searchable", round(median, 2))
    print(f"\ndrop to searchable: median {median:.2f} s, {sorted(round(s, 2) for s in seconds)}")
    assert median < SEARCHABLE_SECONDS
