"""What Airflow has to import whenever it reads the DAG files, which it does every half minute on however busy a machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from docgraph_local.paths import repository

#: What takes long to import, and only tasks need.
HEAVY = ("botocore", "httpx", "neo4j", "numpy", "qdrant_client", "redis", "torch")
READ = """
import importlib.util, json, sys
import airflow.sdk, airflow.dag_processing.processor
from pathlib import Path

known = set(sys.modules)
for path in sorted(Path(sys.argv[1]).glob("*.py")):
    spec = importlib.util.spec_from_file_location("a_dag_file", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
print(json.dumps(sorted(set(sys.modules) - known)))
"""


def test_reading_the_dag_files_imports_no_client_of_a_store_and_nothing_that_only_tasks_need(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", READ, str(repository() / "dags")],
        env={"HOME": str(tmp_path), "AIRFLOW_HOME": str(tmp_path), "DOCGRAPH_HOME": str(tmp_path), "PATH": ""},
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    brought = json.loads(ran.stdout.splitlines()[-1])
    assert "docgraph.airflow.watching" in brought
    assert [name for name in brought if name.partition(".")[0] in HEAVY] == []
    assert "docgraph.airflow.tasks" not in brought
