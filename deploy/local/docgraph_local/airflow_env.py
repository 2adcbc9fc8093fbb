"""Every Airflow setting of the local stack, as the environment variables its four components start with.

The one place where Airflow is tuned; `docker-compose.yaml` repeats what isn't about one machine, and a test compares the two.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from docgraph_local.deployment import Deployment
from docgraph_local.paths import repository

AIRFLOW_VERSION = "3.3.2"

#: Task processes at once; a task mostly waits for a store or the embedder, so more than cores, but each is a fork in memory.
PARALLELISM = 8

#: Pools by resource: how many tasks may use the embedder, or write to the stores, at once.
POOLS = {
    "embed": (2, "Tasks that use the embedder"),
    "stores": (4, "Tasks that write to Neo4j and Qdrant"),
}

#: What holds wherever the DAGs of docgraph run.
TUNING = {
    # Reaches a task's first heartbeat, and with it its end, sooner: a good part of the cost of a short task.
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
    # A killed worker is noticed after this many seconds instead of 300.
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30",
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    # A dropped file has to be seen without anybody switching a DAG on first.
    "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
    "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
    # On a machine that is busy an import takes many times as long; above the limit Airflow gives the file up, and its DAGs with it.
    "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "120",
    # Around the import: the process that does it is killed after this.
    "AIRFLOW__DAG_PROCESSOR__DAG_FILE_PROCESSOR_TIMEOUT": "180",
    # Seconds for which a file may have been read without a DAG that it held before, until that is deactivated: several readings.
    "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "180",
}


def airflow_environment(deployment: Deployment) -> dict[str, str]:
    """Return the `AIRFLOW__*` and `AIRFLOW_CONN_*` variables (and AIRFLOW_HOME) of one local stack."""
    paths, secrets, root = deployment.paths, deployment.secrets, repository()
    address = deployment.settings.airflow_api_url
    return {
        **TUNING,
        "AIRFLOW_HOME": str(paths.airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(root / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(root / "plugins"),
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "socket.gethostname",
        "AIRFLOW__CORE__FERNET_KEY": secrets.airflow_fernet_key,
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{deployment.settings.airflow_user}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(paths.airflow_passwords),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(deployment.port("airflow")),
        "AIRFLOW__API__BASE_URL": address,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.airflow_secret_key,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.airflow_jwt_secret,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{airflow_database(deployment)}",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(
            [_bundle("dags-folder", root / "dags"), _bundle("own-dags", paths.own_dags)]
        ),
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(paths.airflow_home / "logs"),
        "AIRFLOW__LOGGING__COLORED_CONSOLE_LOG": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW_CONN_NEO4J_DEFAULT": json.dumps(_neo4j_connection(deployment)),
        **_redis_connection(deployment),
    }


def airflow_database(deployment: Deployment) -> Path:
    """Return the SQLite file of Airflow's own data."""
    return deployment.paths.airflow_home / "airflow.db"


def _bundle(name: str, folder: Path) -> dict[str, object]:
    return {
        "name": name,
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(folder), "refresh_interval": 30},
    }


def _neo4j_connection(deployment: Deployment) -> dict[str, object]:
    parts = urlsplit(deployment.settings.neo4j_uri)
    # The hook builds `scheme://host:port` from flags of its own in `extra`.
    scheme, _, security = parts.scheme.partition("+")
    extra = {
        "neo4j_scheme": scheme == "neo4j",
        "encrypted": bool(security),
        "certs_trusted_ca": security == "s",
        "certs_self_signed": security == "ssc",
    }
    return {
        "conn_type": "neo4j",
        "host": parts.hostname,
        "port": parts.port or 7687,
        "login": deployment.settings.neo4j_user,
        "password": deployment.settings.neo4j_password,
        "extra": extra,
    }


def _redis_connection(deployment: Deployment) -> dict[str, str]:
    parts = urlsplit(deployment.settings.redis_url)
    if parts.scheme not in {"redis", "rediss"}:
        # A socket's path has no place in a connection: tasks take it from the environment.
        return {}
    connection = {
        "conn_type": "redis",
        "host": parts.hostname,
        "port": parts.port or 6379,
        "login": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "extra": {
            **dict(parse_qsl(parts.query)),
            "db": int(parts.path.strip("/") or 0),
            "ssl": parts.scheme == "rediss",
        },
    }
    return {"AIRFLOW_CONN_REDIS_DEFAULT": json.dumps(connection)}
