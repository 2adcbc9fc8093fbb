"""Prints what Airflow makes of `dags/`, `plugins/` and a folder of examples, as JSON on the last line of its output.

Run in a process and an AIRFLOW_HOME of its own: Airflow reads its settings once, when it is first imported.
"""

from __future__ import annotations

import contextlib
import copy
import json
import sys
from typing import Any

from airflow import plugins_manager
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import Asset
from airflow.serialization.definitions.assets import SerializedAsset

from docgraph.airflow import assets

#: What a person may type into the trigger form of `ingest_documents`.
FORMS: tuple[dict[str, Any], ...] = (
    {"tag": "docs", "job_ids": None},
    {"tag": "docs", "job_ids": ["a", "b"]},
    {"tag": "a" * 63, "job_ids": []},
    {"tag": "a" * 64},
    {"tag": "Docs"},
    {"tag": ""},
    {"tag": "-docs"},
    {"tag": "two words"},
    {"tag": None},
    {"tag": "docs", "job_ids": "a"},
    {"tag": "docs", "job_ids": [1]},
)


def described_task(task: Any) -> dict[str, Any]:
    """Return what the tests look at in one task."""
    policy = task.retry_policy
    return {
        "pool": task.pool,
        "map_index_template": getattr(task, "map_index_template", None),
        "upstream": sorted(task.upstream_task_ids),
        "retries": task.retries,
        "retry_delay": task.retry_delay.total_seconds(),
        "execution_seconds": task.execution_timeout.total_seconds() if task.execution_timeout else None,
        "exponential": bool(task.retry_exponential_backoff),
        "rules": [[rule.exception, rule.action.value] for rule in policy.rules] if policy else [],
        "max_active_tis_per_dagrun": task.max_active_tis_per_dagrun,
        "trigger_rule": task.trigger_rule.value,
        "outlets": [[type(outlet).__name__, outlet.name] for outlet in task.outlets],
        "links": [type(link).__name__ for link in task.operator_extra_links or ()],
        "deferrable": bool(getattr(task, "deferrable", False)),
        "classes": [each.__name__ for each in type(task).__mro__],
    }


def described_dag(dag: Any) -> dict[str, Any]:
    """Return what the tests look at in one DAG."""
    return {
        "doc_md": dag.doc_md,
        "catchup": dag.catchup,
        "schedule": type(dag.timetable).__name__,
        "max_active_runs": dag.max_active_runs,
        "has_start_date": dag.start_date is not None,
        "tasks": {name: described_task(task) for name, task in dag.task_dict.items()},
    }


def is_accepted(dag: Any, form: dict[str, Any]) -> bool:
    """Whether the DAG's params take these values."""
    params = copy.deepcopy(dag.params)
    with contextlib.suppress(Exception):
        params.update(form)
        params.validate()
        return True
    return False


def scheduled_on(condition: object) -> str:
    """Return the address of the one asset that starts a DAG."""
    assert isinstance(condition, Asset | SerializedAsset)
    return condition.uri


def main() -> None:
    """Describe everything."""
    bag, examples = DagBag(), DagBag(dag_folder=sys.argv[1])
    plugins_manager.ensure_plugins_loaded()
    links = plugins_manager.get_operator_extra_links()
    key = type("Key", (), {"run_id": "ingest__docs__0123456789abcdef"})()
    description = {
        "import_errors": bag.import_errors,
        "dags": {name: described_dag(dag) for name, dag in bag.dags.items()},
        "examples": {
            "import_errors": examples.import_errors,
            "scheduled_on": {name: scheduled_on(dag.timetable.asset_condition) for name, dag in examples.dags.items()},
        },
        "asset": [assets.ready_asset("docs").name, assets.ready_asset("docs").uri],
        "forms": [[form, is_accepted(bag.dags["ingest_documents"], form)] for form in FORMS],
        "plugins": [plugin["name"] for plugin in plugins_manager.get_plugin_info()],
        "plugin_errors": plugins_manager.get_import_errors(),
        "providers": sorted(
            name for name in sys.modules if name.startswith("airflow.providers.") and ".sensors." in name
        ),
        "links": {type(link).__name__: [link.name, link.get_link(None, ti_key=key)] for link in links},
    }
    sys.stdout.write("\n" + json.dumps(description) + "\n")


if __name__ == "__main__":
    main()
