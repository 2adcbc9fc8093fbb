#!/usr/bin/env bash
# apache-airflow 3.3.2: what a task returns that ends in the triggerer, and what the task behind it is given.
#
# A deferred task can end without another worker: its trigger yields TaskSuccessEvent(xcoms={"return_value": ...}). One would guess
# that the task behind it is given that value, as it is given what a Python task returns. What happens: a list or a dictionary
# arrives as its JSON text. It is encoded when the event is handled, and once more by the database column; what a worker returns
# is encoded once. `x in value` goes on working where x is a text, now as a search for a part of the text, so that code that asks
# nothing else never notices; and a DAG that is tried out with dag.test() may not show it either, because that has no triggerer.
#
# Runs Airflow's own programs for a minute or two, on SQLite and free ports. Exits non-zero if that has changed.
set -euo pipefail

folder=$(mktemp -d)
cd "$folder"
python3.11 -m venv venv
venv/bin/pip install --quiet apache-airflow==3.3.2 apache-airflow-providers-standard==1.21.0
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AIRFLOW_HOME="$folder/home" PATH="$folder/venv/bin:$PATH" PYTHONPATH="$folder/plugins"
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__API__PORT="$port" AIRFLOW__API__HOST=127.0.0.1
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$port/execution/" AIRFLOW__API__BASE_URL="http://127.0.0.1:$port"
export AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=0 AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=0
mkdir -p dags plugins

cat >plugins/ending.py <<'PYTHON'
from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TaskSuccessEvent


class Ending(BaseTrigger):
    def serialize(self):
        return "ending.Ending", {}

    async def run(self):
        yield TaskSuccessEvent(xcoms={"return_value": ["first", "second"]})


class EndsInTheTriggerer(BaseOperator):
    def execute(self, context):
        self.defer(trigger=Ending(), method_name="execute_complete")
PYTHON
cat >dags/values.py <<'PYTHON'
import json
import os
import pathlib

from airflow.sdk import dag, task
from ending import EndsInTheTriggerer


@dag(schedule=None)
def values():
    @task
    def ends_in_a_worker():
        return ["first", "second"]

    @task
    def compare(from_trigger, from_worker):
        said = {"trigger": repr(from_trigger), "worker": repr(from_worker)}
        pathlib.Path(os.environ["AIRFLOW_HOME"], "said.json").write_text(json.dumps(said))

    compare(EndsInTheTriggerer(task_id="ends_in_the_triggerer").output, ends_in_a_worker())


values()
PYTHON

airflow db migrate >log.txt 2>&1
setsid airflow standalone >>log.txt 2>&1 &
programs=$!
trap 'kill -- -$programs 2>/dev/null || true; wait $programs 2>/dev/null || true; rm -rf "$folder"' EXIT
until airflow dags trigger values >>log.txt 2>&1; do
    kill -0 $programs || { tail log.txt; exit 1; }
    sleep 3
done
for _ in $(seq 150); do
    [ -f home/said.json ] && break
    sleep 2
done
airflow version
cat home/said.json
echo

python - <<'PYTHON'
import json, os, pathlib
said = json.loads(pathlib.Path(os.environ["AIRFLOW_HOME"], "said.json").read_text())
assert said["worker"] == repr(["first", "second"]), said
assert said["trigger"] == repr(json.dumps(["first", "second"])), f"what a trigger returns arrives otherwise now: {said}"
PYTHON
