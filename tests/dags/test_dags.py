"""The DAGs and the plugin as Airflow itself reads them, and what the running scheduler has loaded beforehand."""

from __future__ import annotations

import importlib
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from docgraph.domain.jobs import STAGES
from docgraph_local.airflow_env import POOLS, TUNING
from docgraph_local.paths import repository
from docgraph_local.stack import Stack

#: Every DAG of the project: a new one is named here too.
DAGS = {
    "approve_deletions",
    "audit_datasets",
    "ingest_documents",
    "reembed_dataset",
    "sync_sources",
    "verify_datasets",
    "watch_filesystem",
}
ROOT = repository()


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow makes of the DAGs and plugins, in a process and a home of its own."""
    return describe(tmp_path_factory.mktemp("airflow"))


def describe(home: Path, **settings: str) -> dict[str, Any]:
    """Ask Airflow in a new home what it makes of the DAGs and plugins under these settings."""
    environment = {
        **TUNING,
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        "DOCGRAPH_HOME": str(home / "docgraph"),
        "DOCGRAPH_TOKEN": "a-token",
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("config", "include", "cli", "")),
        **settings,
    }
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("describe_dags.py")), str(ROOT / "docs" / "examples")],
        env=environment, cwd=home, text=True, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    described: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
    return described


def tasks_of(described: dict[str, Any], dag: str) -> dict[str, Any]:
    tasks: dict[str, Any] = described["dags"][dag]["tasks"]
    return tasks


def stage_tasks(described: dict[str, Any]) -> dict[str, Any]:
    tasks = tasks_of(described, "ingest_documents")
    return {stage: tasks[f"documents.{stage}"] for stage in STAGES}


def test_every_task_has_the_configured_time_limit_except_those_that_wait_for_something(
    described: dict[str, Any], tmp_path: Path
) -> None:
    waiting = {"approve", "wait_for_files", "wait_for_changes"}

    def limits(found: dict[str, Any], *, among: bool) -> set[float | None]:
        tasks = [item for dag in found["dags"].values() for item in dag["tasks"].items()]
        return {task["execution_seconds"] for name, task in tasks if (name in waiting) is among}

    assert limits(described, among=False) == {14_400.0}
    assert limits(described, among=True) == {None}
    assert limits(describe(tmp_path, DOCGRAPH_PIPELINE_TASK_SECONDS="90"), among=False) == {90.0}


def test_every_dag_can_be_imported_and_is_known_by_name(described: dict[str, Any]) -> None:
    assert described["import_errors"] == {}
    assert set(described["dags"]) == DAGS
    files = {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert files - {"watch_sources"} == DAGS - {"watch_filesystem"}


@pytest.mark.parametrize("dag", sorted(DAGS))
def test_a_dag_explains_itself_and_does_not_catch_up(described: dict[str, Any], dag: str) -> None:
    assert len(described["dags"][dag]["doc_md"].strip()) > 200
    assert described["dags"][dag]["catchup"] is False


def test_the_six_stages_follow_each_other_between_claim_and_report(described: dict[str, Any]) -> None:
    tasks = tasks_of(described, "ingest_documents")
    assert set(tasks) == {"claim", *(f"documents.{stage}" for stage in STAGES), "report", "conclude"}
    for before, after in itertools.pairwise(STAGES):
        assert f"documents.{before}" in tasks[f"documents.{after}"]["upstream"]
    assert tasks["documents.parse"]["upstream"] == ["claim"]
    assert tasks["report"]["upstream"] == [f"documents.{STAGES[-1]}"]
    assert tasks["report"]["trigger_rule"] == "all_done"


def test_a_dataset_is_announced_by_the_tasks_that_judge_it_and_a_later_one_fails_the_run(
    described: dict[str, Any],
) -> None:
    announcing = {
        (dag, task) for dag in DAGS for task, entry in tasks_of(described, dag).items()
        if ["AssetAlias", "docgraph-ready"] in entry["outlets"]
    }  # fmt: skip
    assert announcing == {
        ("ingest_documents", "report"),
        ("audit_datasets", "audit"),
        ("reembed_dataset", "complete"),
    }
    # Airflow drops the events of a task that fails, and a run ends as its last task does.
    conclude = tasks_of(described, "ingest_documents")["conclude"]
    assert (conclude["upstream"], conclude["trigger_rule"]) == (["report"], "all_success")


def test_the_example_in_the_documentation_is_scheduled_on_the_asset_of_one_dataset(described: dict[str, Any]) -> None:
    assert described["examples"]["import_errors"] == {}
    assert described["examples"]["scheduled_on"] == {"use_ready_dataset": "docgraph://docs/ready"}
    assert described["asset"] == ["docgraph://docs/ready", "docgraph://docs/ready"]


def test_every_dataset_is_audited_by_an_index_of_its_own_and_retention_waits_for_nobody(
    described: dict[str, Any],
) -> None:
    tasks = tasks_of(described, "audit_datasets")
    assert set(tasks) == {"list_datasets", "audit", "remove_expired"}
    assert tasks["audit"]["upstream"] == ["list_datasets"]
    assert tasks["audit"]["map_index_template"] == "{{ tag }}"
    assert tasks["audit"]["pool"] == "stores"
    assert tasks["remove_expired"]["upstream"] == []


def test_a_reembedding_fills_batch_by_batch_and_leaves_room_for_documents_that_come_in(
    described: dict[str, Any],
) -> None:
    tasks = tasks_of(described, "reembed_dataset")
    assert set(tasks) == {"begin", "plan", "backfill", "complete"}
    assert tasks["plan"]["upstream"] == ["begin"]
    assert "plan" in tasks["backfill"]["upstream"]
    assert tasks["backfill"]["pool"] == "embed"
    assert "backfill" in tasks["complete"]["upstream"]
    # A dataset without documents has no batch; a batch that failed keeps readers where they are.
    assert tasks["complete"]["trigger_rule"] == "none_failed"
    for name, task in tasks.items():
        assert task["retries"] >= 2, name
        assert dict(task["rules"])["docgraph.domain.errors.DatasetVersionsError"] == "fail", name


def test_the_trigger_form_takes_a_tag_and_perhaps_job_ids_and_nothing_else(described: dict[str, Any]) -> None:
    verdicts = described["forms"]
    assert [accepted for _, accepted in verdicts] == [True, True, True] + [False] * (len(verdicts) - 3), verdicts


def test_datasets_are_verified_one_after_the_other_and_the_end_is_told_whatever_happened(
    described: dict[str, Any],
) -> None:
    tasks = tasks_of(described, "verify_datasets")
    assert set(tasks) == {"begin", "work_on", "finish"}
    assert tasks["work_on"]["upstream"] == ["begin"]
    assert tasks["work_on"]["pool"] == "stores"
    assert tasks["work_on"]["map_index_template"] == "{{ tag }}"
    assert (tasks["finish"]["upstream"], tasks["finish"]["trigger_rule"]) == (["work_on"], "all_done")


def test_the_tasks_use_pools_that_the_stack_makes(described: dict[str, Any]) -> None:
    pools = {stage: task["pool"] for stage, task in stage_tasks(described).items()}
    assert pools == {
        "parse": "default_pool",
        "extract": "default_pool",
        "build_graph": "default_pool",
        "embed": "embed",
        "vector_upsert": "stores",
        "reconcile": "stores",
    }
    assert set(pools.values()) - {"default_pool"} <= set(POOLS)


def test_mapped_indexes_are_named_after_their_documents_and_bounded(described: dict[str, Any]) -> None:
    for stage, task in stage_tasks(described).items():
        assert task["map_index_template"] == "{{ batch }}", stage
        assert 0 < task["max_active_tis_per_dagrun"] < 8, f"{stage}: a big run would starve a dropped file"


def test_the_world_is_tried_again_with_growing_pauses_and_a_wrong_configuration_never(
    described: dict[str, Any],
) -> None:
    for name, task in [item for dag in sorted(DAGS) for item in tasks_of(described, dag).items()]:
        assert task["retries"] >= 2, name
        assert task["retry_delay"] <= 5, name
        assert task["exponential"], name
        rules = dict(task["rules"])
        assert rules["docgraph.domain.errors.ConfigurationError"] == "fail", name
        assert rules["docgraph.domain.errors.StaleAttemptError"] == "retry", name
        for exception in rules:
            assert is_importable(exception), exception


def is_importable(dotted: str) -> bool:
    module, _, name = dotted.rpartition(".")
    return hasattr(importlib.import_module(module), name)


def test_what_follows_a_refusal_is_not_skipped(described: dict[str, Any]) -> None:
    tasks = tasks_of(described, "approve_deletions")
    assert tasks["delete"]["upstream"] == ["approve"]
    assert (tasks["conclude"]["upstream"], tasks["conclude"]["trigger_rule"]) == (["delete"], "all_done")


def test_sources_and_older_documents_are_looked_at_every_night_with_a_data_interval(described: dict[str, Any]) -> None:
    dag = described["dags"]["sync_sources"]
    assert dag["schedule"] == "CronDataIntervalTimetable"
    assert dag["max_active_runs"] == 1
    assert dag["tasks"]["sync"]["upstream"] == ["list_sources"]
    assert dag["tasks"]["refresh"]["upstream"] == ["list_datasets"]
    assert (dag["tasks"]["sync"]["map_index_template"], dag["tasks"]["refresh"]["map_index_template"]) == (
        "{{ source }}",
        "{{ tag }}",
    )


def test_the_watching_dag_runs_without_end_and_waits_in_the_triggerer(described: dict[str, Any]) -> None:
    dag = described["dags"]["watch_filesystem"]
    assert dag["schedule"] == "ContinuousTimetable"
    assert dag["max_active_runs"] == 1
    assert dag["has_start_date"], "without a start date only the first run ever starts"
    assert dag["tasks"]["wait_for_files"]["deferrable"]
    assert dag["tasks"]["take_files"]["upstream"] == ["wait_for_files"]


def test_each_configured_source_has_a_dag_of_its_own(tmp_path: Path) -> None:
    config = tmp_path / "sources.yaml"
    config.write_text(
        "sources: [{name: filesystem}, {name: manuals, where: drops, tag: manuals}, "
        "{name: handbook, kind: folder, where: handbook}]\n",
        encoding="utf-8",
    )
    described = describe(tmp_path, DOCGRAPH_CONFIG=str(config))
    assert described["import_errors"] == {}
    assert {dag for dag in described["dags"] if dag.startswith("watch_")} == {
        "watch_filesystem",
        "watch_handbook",
        "watch_manuals",
    }
    assert list(described["dags"]["watch_handbook"]["tasks"]) == ["wait_for_changes", "take_changes"]
    assert described["dags"]["watch_handbook"]["tasks"]["wait_for_changes"]["deferrable"]
    for dag in ("watch_filesystem", "watch_manuals"):
        assert list(described["dags"][dag]["tasks"]) == ["wait_for_files", "take_files"]


def test_a_bucket_is_waited_for_by_airflows_own_kind_of_sensor(described: dict[str, Any], tmp_path: Path) -> None:
    config = tmp_path / "sources.yaml"
    config.write_text("sources: [{name: manuals, kind: s3, where: 's3://bucket/manuals'}]\n", encoding="utf-8")
    waiting = describe(tmp_path, DOCGRAPH_CONFIG=str(config))["dags"]["watch_manuals"]["tasks"]["wait_for_changes"]
    assert "S3KeySensor" in waiting["classes"]
    assert waiting["deferrable"]
    assert described["providers"] == ["airflow.providers.standard.sensors.filesystem"], (
        "others are imported where they are used"
    )


def test_a_list_on_the_web_is_waited_for_by_airflows_own_kind_of_sensor(tmp_path: Path) -> None:
    config = tmp_path / "sources.yaml"
    config.write_text(
        "sources: [{name: web, kind: http, where: 'https://example.org/sitemap.xml'}]\n", encoding="utf-8"
    )
    waiting = describe(tmp_path, DOCGRAPH_CONFIG=str(config))["dags"]["watch_web"]["tasks"]["wait_for_changes"]
    assert "HttpSensor" in waiting["classes"]
    assert waiting["deferrable"]


def test_a_source_that_can_not_be_is_an_import_error_that_says_what_to_change(tmp_path: Path) -> None:
    config = tmp_path / "sources.yaml"
    config.write_text("sources: [{name: wiki, kind: gopher}]\n", encoding="utf-8")
    described = describe(tmp_path, DOCGRAPH_CONFIG=str(config))
    (error,) = described["import_errors"].values()
    assert "sources.yaml: sources: wiki: kind: 'gopher' is no kind of source; known are filesystem" in error
    assert "ingest_documents" in described["dags"], "the other DAGs are there all the same"


def test_the_plugin_is_registered_and_its_link_leads_to_the_runs_report(described: dict[str, Any]) -> None:
    assert described["plugin_errors"] == {}
    assert "docgraph_report_link" in described["plugins"]
    name, address = described["links"]["ReportLink"]
    assert name == "Ingest report"
    assert "/v1/runs/ingest__docs__0123456789abcdef/report?" in address
    linked = [task for task, entry in tasks_of(described, "ingest_documents").items() if "ReportLink" in entry["links"]]
    assert set(linked) == {"report", "conclude", *(f"documents.{stage}" for stage in STAGES)}


def test_the_scheduler_loaded_what_its_tasks_need_before_it_forks_them(stack: Stack) -> None:
    record = json.loads(stack.paths.preload_record.read_text(encoding="utf-8"))
    assert record["pid"] == stack.pid("airflow-scheduler")
    needed = {"airflow.sdk.execution_time.task_runner", "neo4j", "redis", "qdrant_client", "docgraph.airflow.tasks"}
    needed |= {f"docgraph.ingest.stages.{stage}" for stage in STAGES}
    assert needed <= set(record["modules"])
