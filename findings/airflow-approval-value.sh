#!/usr/bin/env bash
# apache-airflow-providers-standard 1.21.0 on Airflow 3.3.2: what ApprovalOperator returns on Approve, and on Reject.
#
# The operator ends with success on both answers; on Reject it skips the tasks directly behind it. A task further on that runs
# whatever happened (trigger rule all_done) could be expected to find the answer, and who gave it, in the operator's return value on
# either. What happens: on Approve the value is there (`chosen_options`, `responded_by_user`, ...); on Reject the operator has none at
# all, because skipping what is behind it ends the task before it returns. Who wants to note who refused has to take it from the
# event in a subclass. The answers here are given by letting the time run out, each with another default.
#
# Runs Airflow's own programs for a minute or two, on SQLite and free ports. Exits non-zero if that has changed.
set -euo pipefail

folder=$(mktemp -d)
cd "$folder"
python3.11 -m venv venv
venv/bin/pip install --quiet apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AIRFLOW_HOME="$folder/home" PATH="$folder/venv/bin:$PATH"
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__API__PORT="$port" AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$port/execution/" AIRFLOW__API__BASE_URL="http://127.0.0.1:$port"
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=0 AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=0
mkdir -p dags

cat >dags/questions.py <<'PYTHON'
import json
import os
import pathlib
from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import dag, task


@dag(schedule=None)
def questions():
    @task
    def behind():
        pass

    @task(trigger_rule="all_done")
    def further_on(ti=None):
        found = {name: ti.xcom_pull(task_ids=name) for name in ("approved", "rejected")}
        said = {name: value and value["chosen_options"] for name, value in found.items()}
        pathlib.Path(os.environ["AIRFLOW_HOME"], "said.json").write_text(json.dumps(said))

    end = further_on()
    for name, answer in (("approved", ApprovalOperator.APPROVE), ("rejected", ApprovalOperator.REJECT)):
        asked = ApprovalOperator(task_id=name, subject="May it go on?", defaults=answer, response_timeout=timedelta(seconds=2))
        asked >> behind.override(task_id=f"behind_{name}")() >> end


questions()
PYTHON

airflow db migrate >log.txt 2>&1
setsid airflow standalone >>log.txt 2>&1 &
programs=$!
trap 'kill -- -$programs 2>/dev/null || true; wait $programs 2>/dev/null || true; rm -rf "$folder"' EXIT
until airflow dags trigger questions >>log.txt 2>&1; do
    kill -0 $programs || { tail log.txt; exit 1; }
    sleep 3
done
for _ in $(seq 150); do
    [ -f home/said.json ] && break
    sleep 2
done
airflow version
pip show apache-airflow-providers-standard 2>/dev/null | head -2
cat home/said.json
echo

python - <<'PYTHON'
import json, os, pathlib
said = json.loads(pathlib.Path(os.environ["AIRFLOW_HOME"], "said.json").read_text())
assert said["approved"] == ["Approve"], said
assert said["rejected"] is None, f"a rejection is returned now: {said}"
PYTHON
