"""`ingestctl ingest` against a small real server: uploads, following, verdict, and everything that may go wrong on the way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from docgraph.domain.jobs import JobStatus
from ingestctl import follow
from support.unit.cli_service import TOKEN, FakeDoor, Plan, Ran, ingestctl, serving


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor()


@pytest.fixture
def service(door: FakeDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCGRAPH_HOME", str(tmp_path / ".docgraph"))
    monkeypatch.setenv("DOCGRAPH_TOKEN", TOKEN)
    with serving(door) as url:
        monkeypatch.setenv("DOCGRAPH_SERVICE_URL", url)
        yield url


def write(*names: str, text: str = "# Title\n\ntext of {name}\n") -> None:
    for name in names:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("{name}", name))


def document(ran: Ran, name: str) -> dict[str, object]:
    return next(cast("dict[str, object]", entry) for entry in ran.json["documents"] if entry["path"] == name)


@pytest.mark.usefixtures("service")
def test_documents_are_uploaded_followed_and_end_in_a_table_and_the_verdict(door: FakeDoor) -> None:
    write("docs/a.md", "docs/b c.md")
    ran = ingestctl("ingest", "docs", "--tag", "docs")
    assert ran.code == 0
    assert {job["source_uri"] for job in door.posts[0]["jobs"]} == {"upload:///docs/a.md", "upload:///docs/b%20c.md"}
    assert door.posts[0]["trigger"] is True
    assert {job["checksum"] for job in door.posts[0]["jobs"]} == set(door.snapshots)
    assert "docs/b c.md  embed" in ran.out
    assert "✔ created" in ran.out
    assert "ready_for_queries=true" in ran.out
    assert "reports/ingest/" in ran.out
    assert ran.err == ""


@pytest.mark.usefixtures("service")
def test_json_is_one_document_on_standard_output_and_the_progress_is_on_standard_error(door: FakeDoor) -> None:
    door.plans["same"] = Plan(sections=0, reused=7, outcome="unchanged")
    write("new.md", "same.md")
    ran = ingestctl("ingest", "new.md", "same.md", "--tag", "docs", "--json")
    assert ran.code == 0
    assert ran.json["ready_for_queries"] is True
    assert document(ran, "new.md")["outcome"] == "created"
    assert document(ran, "same.md")["counts"] == {"embedded": 0, "reused": 7, "removed": 0}
    assert ran.json["runs"][0]["report"].startswith("reports/ingest/")
    assert "new.md  embed" in ran.err


@pytest.mark.usefixtures("service")
def test_bytes_that_the_service_holds_are_not_sent_again(door: FakeDoor) -> None:
    write("a.md")
    ingestctl("ingest", "a.md", "--tag", "docs")
    ingestctl("ingest", "a.md", "--tag", "docs")
    assert door.uploads == 1
    assert len(door.posts) == 2


@pytest.mark.usefixtures("service")
def test_a_large_file_arrives_whole(door: FakeDoor) -> None:
    write("a.md", text="0123456789abcdef" * 200_000)
    assert ingestctl("ingest", "a.md", "--tag", "docs").code == 0
    assert door.snapshots[door.posts[0]["jobs"][0]["checksum"]] == Path("a.md").read_bytes()


@pytest.mark.usefixtures("service")
def test_a_file_that_the_service_refuses_is_named_and_the_others_go_on(door: FakeDoor) -> None:
    door.limit = 1000
    write("small.md")
    write("huge.md", text="x" * 5_000_000)
    ran = ingestctl("ingest", "small.md", "huge.md", "--tag", "docs", "--json")
    assert ran.code == 1
    assert [entry["path"] for entry in ran.json["documents"]] == ["small.md"]
    (rejected,) = ran.json["rejected"]
    assert (rejected["path"], rejected["code"], rejected["hint"]) == ("huge.md", "too_large", "Split the document.")


@pytest.mark.usefixtures("service")
def test_bad_files_fail_the_command_although_the_good_ones_are_done(door: FakeDoor) -> None:
    write("good.md")
    write("empty.md", text="")
    ran = ingestctl("ingest", "good.md", "empty.md", "missing.md", "--tag", "docs")
    assert ran.code == 1
    assert "empty.md is empty" in ran.out
    assert "no file or folder missing.md" in ran.out
    assert next(iter(door.jobs.values())).status == "completed"


@pytest.mark.usefixtures("service")
def test_nothing_is_queued_when_no_input_is_good(door: FakeDoor) -> None:
    ran = ingestctl("ingest", "missing.md", "--tag", "docs")
    assert ran.code == 1
    assert "Nothing was queued" in ran.out
    assert door.posts == []


@pytest.mark.usefixtures("service")
def test_a_failed_job_is_named_with_stage_reason_and_what_to_do(door: FakeDoor) -> None:
    door.plans["bad"] = Plan(fails_in="embed", error="section 3 would be truncated")
    write("bad.md", "good.md")
    ran = ingestctl("ingest", "bad.md", "good.md", "--tag", "docs")
    assert ran.code == 1
    job_id = next(job.job_id for job in door.jobs.values() if "bad" in job.source_uri)
    assert "bad.md  failed in embed: section 3 would be truncated" in ran.out
    assert f"ingestctl resume {job_id}" in ran.out


@pytest.mark.usefixtures("service")
def test_a_dataset_that_is_not_ready_fails_the_command_with_the_reasons_and_their_commands(door: FakeDoor) -> None:
    door.ready = False
    write("a.md")
    ran = ingestctl("ingest", "a.md", "--tag", "docs")
    assert ran.code == 1
    assert "ready_for_queries=false" in ran.out
    assert "drift is 1.2 %" in ran.out
    assert "ingestctl ingest docs --tag t" in ran.out


@pytest.mark.usefixtures("service")
def test_a_stage_that_stumbles_and_is_tried_again_is_no_failure(door: FakeDoor) -> None:
    door.plans[""] = Plan(stumbles_in="embed")
    # Slow enough that the client's look at the job comes while the second try is running.
    door.seconds_per_step = 0.05
    write("a.md")
    assert ingestctl("ingest", "a.md", "--tag", "docs").code == 0


@pytest.mark.usefixtures("service")
def test_the_verdict_is_waited_for_until_the_report_is_written(door: FakeDoor) -> None:
    door.report_delay = 2
    write("a.md")
    ran = ingestctl("ingest", "a.md", "--tag", "docs", "--json")
    assert ran.code == 0
    assert ran.json["ready_for_queries"] is True


@pytest.mark.usefixtures("service")
def test_a_broken_stream_is_taken_up_where_it_broke(door: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "RECONNECT_PAUSE", 0.01)
    door.break_after = 5
    write("a.md")
    ran = ingestctl("ingest", "a.md", "--tag", "docs")
    assert ran.code == 0
    assert door.resumed_from[0] == ""
    assert all(door.resumed_from[1:])
    assert len(door.resumed_from) > 3
    # Nothing twice and nothing lost: each stage was said once.
    assert [ran.out.count(f"a.md  {label}") for label in ("parse", "embed", "store vectors", "commit")] == [1, 1, 1, 1]


def test_a_restart_of_the_service_is_survived(door: FakeDoor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(follow, "RECONNECT_PAUSE", 0.05)
    monkeypatch.setenv("DOCGRAPH_HOME", str(tmp_path))
    monkeypatch.setenv("DOCGRAPH_TOKEN", TOKEN)
    door.plans[""] = Plan(hangs=True)
    write("a.md")
    ran: list[Ran] = []
    with serving(door) as url:
        port = int(url.rpartition(":")[2])
        monkeypatch.setenv("DOCGRAPH_SERVICE_URL", url)
        command = threading.Thread(target=lambda: ran.append(ingestctl("ingest", "a.md", "--tag", "docs", "--json")))
        command.start()
        wait_for(lambda: any(e.stage == "embed" for log in door.events.values() for e in log))
    (job_id,) = door.jobs
    door.end(job_id, JobStatus.COMPLETED, outcome="created")
    with serving(door, port):
        command.join(timeout=20)
    assert ran[0].code == 0
    assert "does not answer" in ran[0].err
    assert "is back" in ran[0].err


def wait_for(condition: object, seconds: float = 10.0) -> None:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.mark.usefixtures("service")
def test_a_job_that_somebody_else_cancels_ends_the_command_with_1(door: FakeDoor) -> None:
    door.plans[""] = Plan(hangs=True)
    write("a.md")
    ran: list[Ran] = []
    command = threading.Thread(target=lambda: ran.append(ingestctl("ingest", "a.md", "--tag", "docs")))
    command.start()
    wait_for(lambda: any(e.stage == "embed" for log in door.events.values() for e in log))
    assert ingestctl_in_thread("cancel", next(iter(door.jobs))) == "cancelled"
    command.join(timeout=10)
    assert ran[0].code == 1
    assert "cancelled on request" in ran[0].out


def ingestctl_in_thread(action: str, job_id: str) -> str:
    """Speak to the service directly: the streams of this process belong to the command that is running."""
    import httpx

    url = os.environ["DOCGRAPH_SERVICE_URL"]
    answer = httpx.post(f"{url}/v1/jobs/{job_id}/{action}", headers={"Authorization": f"Bearer {TOKEN}"})
    return str(answer.json()["status"])


@pytest.mark.usefixtures("service")
def test_no_wait_names_the_jobs_and_returns_at_once(door: FakeDoor) -> None:
    door.plans[""] = Plan(hangs=True)
    write("a.md")
    ran = ingestctl("ingest", "a.md", "--tag", "docs", "--no-wait")
    assert ran.code == 0
    assert next(iter(door.jobs)) in ran.out
    machine = ingestctl("ingest", "a.md", "--tag", "docs", "--no-wait", "--json")
    assert machine.json["documents"][0]["job_id"] in door.jobs
    assert machine.json["ready_for_queries"] is None


@pytest.mark.usefixtures("service")
def test_what_the_service_remarks_on_the_jobs_is_passed_on(door: FakeDoor) -> None:
    door.note = "No run was started: Airflow does not answer."
    write("a.md")
    assert door.note in ingestctl("ingest", "a.md", "--tag", "docs").out


@pytest.mark.usefixtures("service")
def test_a_deletion_sends_no_bytes_and_says_what_it_deletes(door: FakeDoor) -> None:
    ran = ingestctl("ingest", "gone.md", "--tag", "docs", "--delete")
    assert ran.code == 0
    assert door.uploads == 0
    (job,) = door.posts[0]["jobs"]
    assert (job["op"], job["source_uri"], job["checksum"]) == ("delete", "upload:///gone.md", "")


@pytest.mark.usefixtures("service")
def test_more_documents_than_one_request_or_one_stream_holds_all_get_through(
    door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestctl.delivery.JOBS_PER_REQUEST", 8)
    monkeypatch.setattr(follow, "JOBS_PER_STREAM", 5)
    write(*(f"docs/{number:02}.md" for number in range(20)))
    ran = ingestctl("ingest", "docs", "--tag", "docs", "--json")
    assert ran.code == 0
    assert [len(post["jobs"]) for post in door.posts] == [8, 8, 4]
    assert {entry["status"] for entry in ran.json["documents"]} == {"completed"}
    assert len(ran.json["runs"]) == 3


@pytest.mark.usefixtures("service")
def test_a_passing_trouble_of_the_service_is_waited_out(door: FakeDoor) -> None:
    door.failing = [503, 503]
    write("a.md")
    assert ingestctl("ingest", "a.md", "--tag", "docs").code == 0


@pytest.mark.usefixtures("service")
def test_a_lasting_trouble_of_the_service_ends_with_3_and_the_reason(door: FakeDoor) -> None:
    door.failing = [503] * 20
    ran = ingestctl("status", "--json")
    assert ran.code == 3
    assert "Redis is loading" in ran.json["error"]["message"]
    assert "Redis is loading" in ran.err


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    "arguments",
    [
        ("ingest", "a.md"),
        ("ingest", "a.md", "--tag", "Not A Tag"),
        ("ingest", "--tag", "docs"),
        ("ingest", "-", "--tag", "docs"),
        ("ingest", "a.md", "--tag", "docs", "--base", "/no/such/folder"),
        ("no-such-command",),
        ("status", "--limit", "0"),
        ("search", " ", "--tag", "docs"),
        ("report", "some-job", "--tag", "docs"),
    ],
)
def test_a_wrong_command_line_ends_with_2(arguments: tuple[str, ...]) -> None:
    write("a.md")
    ran = ingestctl(*arguments)
    assert ran.code == 2
    assert ran.err
    assert "Traceback" not in ran.err
