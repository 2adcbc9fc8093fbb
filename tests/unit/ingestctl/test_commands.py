"""The commands that ask and act on jobs, against a small real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.api.datasets import Embeddings, EmbeddingVersionState, RunState
from ingestctl.commands import reembed
from support.unit.cli_service import REPORT_ID, TOKEN, FakeDoor, Plan, ingestctl, serving


@pytest.fixture
def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDoor]:
    door = FakeDoor()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCGRAPH_HOME", str(tmp_path / ".docgraph"))
    monkeypatch.setenv("DOCGRAPH_TOKEN", TOKEN)
    with serving(door) as url:
        monkeypatch.setenv("DOCGRAPH_SERVICE_URL", url)
        yield door


def ingested(*names: str, wait: bool = True, tag: str = "docs") -> list[str]:
    """Ingest files of these names and return their jobs' ids."""
    for name in names:
        Path(name).write_text(f"# {name}\n\ntext\n")
    ran = ingestctl("ingest", *names, "--tag", tag, "--json", "--wait" if wait else "--no-wait")
    return [entry["job_id"] for entry in ran.json["documents"]]


@pytest.mark.usefixtures("door")
def test_status_lists_the_newest_jobs_first_for_people_and_machines() -> None:
    first, second = *ingested("a.md"), *ingested("b.md", tag="other")
    ran = ingestctl("status")
    assert ran.code == 0
    assert ran.out.index(second) < ran.out.index(first)
    assert "a.md" in ran.out
    assert [job["job_id"] for job in ingestctl("status", "--json").json["jobs"]] == [second, first]
    assert [job["job_id"] for job in ingestctl("status", "--tag", "docs", "--json").json["jobs"]] == [first]


@pytest.mark.usefixtures("door")
def test_status_can_be_narrowed_to_a_run_and_to_a_state() -> None:
    (first,), (second,) = ingested("a.md"), ingested("b.md")
    run_id = ingestctl("status", first, "--json").json["jobs"][0]["run_id"]
    assert [job["job_id"] for job in ingestctl("status", "--run", run_id, "--json").json["jobs"]] == [first]
    assert len(ingestctl("status", "--status", "completed", "--json").json["jobs"]) == 2
    assert ingestctl("status", "--status", "failed", "--json").json["jobs"] == []
    assert second not in ingestctl("status", "--run", run_id).out


def test_status_of_a_job_shows_its_stages_and_its_error(door: FakeDoor) -> None:
    door.plans["bad"] = Plan(fails_in="embed", error="section 3 would be truncated")
    (job_id,) = ingested("bad.md")
    ran = ingestctl("status", job_id)
    assert ran.code == 0
    for text in (
        "upload:///bad.md",
        "parse",
        "build_graph",
        "failed in embed",
        "section 3 would be truncated",
        "resume",
    ):
        assert text in ran.out


@pytest.mark.usefixtures("door")
def test_an_empty_service_says_how_to_begin() -> None:
    assert "ingestctl ingest" in ingestctl("status").out
    assert ingestctl("status", "--json").json == {"jobs": []}


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    "arguments",
    [
        ("status", "nope"),
        ("tail", "nope"),
        ("report", "nope"),
        ("report", "20200101T000000.000000Z"),
        ("cancel", "no/pe?"),
    ],
)
def test_what_the_service_does_not_know_ends_with_4(arguments: tuple[str, ...]) -> None:
    assert ingestctl(*arguments).code == 4


@pytest.mark.usefixtures("door")
def test_tail_prints_every_event_from_the_start_and_how_it_ended() -> None:
    (job_id,) = ingested("a.md")
    ran = ingestctl("tail", job_id, "--from-start")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert "queued" in lines[0]
    assert "a.md" in lines[0]
    assert lines[-1].startswith("= a.md  completed  created")
    later = ingestctl("tail", job_id).out.splitlines()
    assert len(later) < len(lines)
    assert later[-1] == lines[-1]


@pytest.mark.usefixtures("door")
def test_tail_as_json_is_one_event_a_line() -> None:
    jobs = ingested("a.md", "b.md")
    ran = ingestctl("tail", *jobs, "--from-start", "--json")
    events = [json.loads(line) for line in ran.out.splitlines()]
    assert {event["job_id"] for event in events} == set(jobs)
    own = [event["seq"] for event in events if event["job_id"] == jobs[0]]
    assert own == list(range(1, len(own) + 1))
    assert events[-1]["status"] == "completed"


def test_tail_of_a_failed_job_ends_with_1(door: FakeDoor) -> None:
    door.plans[""] = Plan(fails_in="parse")
    assert ingestctl("tail", *ingested("a.md")).code == 1


def test_cancel_and_resume_act_on_each_job_and_say_what_was_refused(door: FakeDoor) -> None:
    door.plans["hangs"] = Plan(hangs=True)
    (done,) = ingested("done.md")
    (running,) = ingested("hangs.md", wait=False)
    ran = ingestctl("cancel", running, done)
    assert ran.code == 1
    assert f"{running}  hangs.md  cancelled" in ran.out
    assert f"Job {done} is completed" in ran.out
    door.plans.clear()
    assert ingestctl("resume", running, "--json").json["jobs"][0]["job_id"] == running
    assert ingestctl("tail", running).code == 0
    refused = ingestctl("resume", running, "--json")
    assert refused.code == 1
    assert refused.json["errors"][0]["code"] == "illegal_transition"


@pytest.mark.usefixtures("door")
def test_a_job_that_is_not_known_does_not_keep_the_others_from_being_cancelled() -> None:
    (done,) = ingested("done.md")
    ran = ingestctl("cancel", "nope", done)
    assert ran.code == 4
    assert done in ran.out


@pytest.mark.usefixtures("door")
def test_a_report_is_found_by_job_by_id_and_as_the_latest_in_each_format() -> None:
    (job_id,) = ingested("a.md")
    for which in ([job_id], [REPORT_ID], ["latest"], ["latest", "--tag", "docs"], []):
        assert ingestctl("report", *which).out == "# Ingest report\n\n**ready**\n"
        assert ingestctl("report", *which, "--json").json["report_id"] == REPORT_ID
        assert ingestctl("report", *which, "--format", "json").json["ready_for_queries"] is True
        assert ingestctl("report", *which, "--format", "html").out == "<h1>Ingest report</h1>\n"


@pytest.mark.usefixtures("door")
def test_search_shows_place_text_reason_and_confidence() -> None:
    ran = ingestctl("search", "how do I install it?", "--tag", "docs", "--limit", "3")
    assert ran.code == 0
    for text in ("Install › On Linux", "upload:///guides/install.md#on-linux", "make up", "dense rank 1", "0.82"):
        assert text in ran.out
    assert ingestctl("search", "q", "--tag", "docs", "--json").json["evidence"][0]["anchor"] == "on-linux"


@pytest.mark.usefixtures("door")
def test_a_question_without_an_answer_says_so() -> None:
    ran = ingestctl("search", "nothing", "--tag", "docs")
    assert ran.code == 0
    assert "Nothing in docs answers this" in ran.out


@pytest.mark.usefixtures("door")
def test_datasets_are_listed_with_size_and_verdict() -> None:
    ran = ingestctl("datasets")
    assert "1,234" in ran.out
    assert "yes" in ran.out
    assert ingestctl("datasets", "--json").json["datasets"][0]["tag"] == "docs"


@pytest.mark.usefixtures("door")
def test_sources_are_listed_with_what_waits_for_a_person() -> None:
    ran = ingestctl("sources")
    assert "watch_handbook" in ran.out
    assert "4,321" in ran.out
    flat = " ".join(ran.out.split())
    assert (
        "1,234 documents have gone from handbook (seen at 2026-11-28T02:00:00Z) and are kept: answer the question"
        in flat
    )
    told = ingestctl("sources", "--json").json["sources"]
    assert [source["name"] for source in told] == ["filesystem", "handbook"]
    assert told[1]["withheld"]["decision"] == "waiting"


@pytest.mark.usefixtures("door")
def test_what_was_set_aside_is_listed_shown_put_back_and_dropped() -> None:
    listed = ingestctl("quarantine", "list")
    assert "stream-1-0  stream  ingest:jobs 1-0" in listed.out
    assert "'x' is not a valid address" in listed.out
    assert "source_uri: x" not in listed.out
    assert "source_uri: x" in ingestctl("quarantine", "show", "stream-1-0").out
    assert "stream-1-0  is in the stream again" in ingestctl("quarantine", "retry", "stream-1-0").out
    assert "stream-1-0  is removed" in ingestctl("quarantine", "drop", "stream-1-0").out
    assert ingestctl("quarantine", "list", "--json").json["entries"][0]["code"] == "document_error"
    unknown = ingestctl("quarantine", "drop", "nothing")
    assert (unknown.code, "Nothing that was set aside has the id nothing" in unknown.err) == (4, True)


def move(current: str, building: str | None, state: str, step: str = "backfill", error: str = "") -> Embeddings:
    """How a dataset stands that moves from the version `old` to `new`."""
    roles = {"old": "current" if current == "old" else "kept", "new": "current" if current == "new" else "building"}
    run_id = "reembed__docs__new__1"
    return Embeddings(
        tag="docs",
        embedding_version=current,
        building=building,
        sections=1234,
        versions=[EmbeddingVersionState(version=v, role=role, points=1234, model=v) for v, role in roles.items()],
        progress={"version": "new", "run_id": run_id, "step": step, "error": error},
        run=RunState(run_id=run_id, state=state),
    )


def test_reembed_follows_the_run_until_readers_have_the_new_version(
    door: FakeDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembed, "POLL_SECONDS", 0.0)
    door.moves = [move("old", "new", "queued"), move("old", "new", "running"), move("new", None, "running", "report")]
    door.moves.append(move("new", None, "success", "done"))
    ran = ingestctl("reembed", "--tag", "docs")
    assert ran.code == 0, ran.err
    assert len(door.moves) == 1
    assert "ingestctl retire-embeddings old --tag=docs" in ran.out
    assert "a-model" in ran.err


def test_a_move_that_was_refused_ends_with_1_and_says_why(door: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembed, "POLL_SECONDS", 0.0)
    door.moves = [move("old", "new", "running"), move("old", "new", "failed", "probes", "new is not fit for docs")]
    ran = ingestctl("reembed", "--tag", "docs", "--json")
    assert (ran.code, ran.json["error"]["code"]) == (1, "not_moved")
    assert "new is not fit for docs" in ran.err
    assert ingestctl("reembed", "--tag", "docs", "--no-wait").code == 0
    assert "new is not fit for docs" in ingestctl("reembed", "--tag", "docs", "--status").out


def test_ready_answers_by_its_exit_code_and_names_what_is_missing(door: FakeDoor) -> None:
    assert ingestctl("ready", "--tag", "docs").code == 0
    door.ready = False
    ran = ingestctl("ready")
    assert ran.code == 1
    assert "connection refused" in ran.out
    assert ingestctl("ready", "--json").json["ready"] is False


def test_an_intake_that_stands_still_is_told_beside_what_can_be_read(door: FakeDoor) -> None:
    assert "the intake lives" in ingestctl("ready").out
    assert "intake" not in ingestctl("status").out
    door.standing_still = "filesystem was last looked at 90 s ago"
    for command in ("ready", "status"):
        ran = ingestctl(command)
        assert ran.code == 0
        for text in ("the intake stands still", "source:filesystem", "last looked at 90 s ago", "Look there."):
            assert text in ran.out
    assert ingestctl("ready", "--intake").code == 1
    assert ingestctl("ready", "--json").json["intake"]["live"] is False
    door.standing_still = ""
    assert ingestctl("ready", "--intake").code == 0


@pytest.mark.usefixtures("door")
def test_version_shows_both_sides() -> None:
    assert "9.9.9" in ingestctl("version").out
    assert ingestctl("version", "--json").json["service"] == "9.9.9"


def test_a_wrong_token_ends_with_3_and_says_where_the_right_one_is(door: FakeDoor) -> None:
    door.token = "another"
    ran = ingestctl("status", "--json")
    assert ran.code == 3
    assert ran.json["error"]["code"] == "unauthorized"
    assert "DOCGRAPH_TOKEN" in ran.err


@pytest.fixture
def closed_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("tail", "j"),
        ("cancel", "j"),
        ("resume", "j"),
        ("report",),
        ("search", "q", "--tag", "t"),
        ("datasets",),
        ("sources",),
        ("quarantine", "list"),
        ("ready",),
        ("reembed", "--tag", "t"),
        ("retire-embeddings", "v", "--tag", "t"),
    ],
)
def test_a_service_that_does_not_answer_ends_with_3_and_says_how_to_start_it(
    closed_port: str, arguments: tuple[str, ...]
) -> None:
    ran = ingestctl("--service", closed_port, *arguments)
    assert ran.code == 3
    assert closed_port in ran.err
    assert "make up" in ran.err
    assert "Traceback" not in ran.err


def test_the_version_of_the_command_line_is_shown_without_a_service(closed_port: str) -> None:
    ran = ingestctl("--service", closed_port, "version", "--json")
    assert ran.code == 0
    assert ran.json["service"] is None


def test_settings_that_can_not_be_read_end_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCGRAPH_PORT_BASE", "many")
    ran = ingestctl("version")
    assert ran.code == 2
    assert "DOCGRAPH_PORT_BASE" in ran.err


def test_debug_shows_the_traceback(closed_port: str) -> None:
    assert "Traceback" in ingestctl("--debug", "--service", closed_port, "status").err
