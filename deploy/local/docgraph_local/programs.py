"""What the stack starts, and with what: one `Program` a process, in the order they are shown.

Pure: describes commands, environments and configuration files of the servers; starts nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from docgraph_local.airflow_env import AIRFLOW_VERSION, airflow_environment
from docgraph_local.deployment import Deployment
from docgraph_local.paths import neo4j_libraries, repository

#: Service -> what one asks for with it; the services are what `only=` and `make status` name.
SERVICES: Mapping[str, tuple[str, ...]] = {
    "redis": ("redis",),
    "neo4j": ("neo4j-password", "neo4j"),
    "qdrant": ("qdrant",),
    "embedder": ("embedder",),
    "airflow": (
        "airflow-migrate",
        "airflow-api-server",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
    ),
    "sidecar": ("sidecar",),
}

#: Services that ask embedding servers.
_EMBEDDING = ("airflow", "sidecar")

#: Programs that put files in order when they are asked to stop, and are given the time for it.
STORES = ("redis", "neo4j", "qdrant")

_JAVA_OPENS = tuple(
    f"--add-opens={package}=ALL-UNNAMED"
    for package in ("java.base/java.nio", "java.base/java.io", "java.base/sun.nio.ch")
)

#: Variables of the person's shell that would change how the stack's own processes behave. Connections and variables of
#: Airflow (AIRFLOW_CONN_*, AIRFLOW_VAR_*) and credentials of sources (AWS_*) do reach the stack.
_NOT_INHERITED = (
    "DOCGRAPH_",
    "AIRFLOW__",
    "AIRFLOW_HOME",
    "PYTHON",
    "VIRTUAL_ENV",
    "MAKE",
    "MFLAGS",
    "SUPERVISOR_",
    "PYTEST_",
    "SHLVL",
    "_",
)


@dataclass(frozen=True, slots=True)
class Program:
    """One process: what to execute, what has to be ready before it, and how it is stopped."""

    name: str
    service: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    #: What comes from the shell that started the stack; a difference there alone is no reason to restart.
    inherited: Mapping[str, str] = field(default_factory=dict)
    #: Programs that have to be ready before this one is started.
    needs: tuple[str, ...] = ()
    #: Runs once and ends, for example a migration.
    one_shot: bool = False
    #: Seconds between SIGTERM and SIGKILL.
    stop_seconds: int = 10
    #: Stopped before those it talks to: a scheduler without its API server would wait for it in vain.
    stopped_first: bool = False
    #: Ends its children itself when asked to stop; asked behind its back, they are waited for in vain.
    stops_children: bool = False


def programs(deployment: Deployment, services: Iterable[str]) -> tuple[Program, ...]:
    """Describe the programs of `services` (names of `SERVICES`), less the stores that are run elsewhere."""
    wanted = [name for name in SERVICES if name in set(services) and name not in deployment.external]
    makers = {
        "redis": _redis,
        "neo4j": _neo4j,
        "qdrant": _qdrant,
        "embedder": _embedder,
        "airflow": _airflow,
        "sidecar": _sidecar,
    }
    made = [program for name in wanted for program in makers[name](deployment)]
    present = {program.name for program in made}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
    common = _common_environment(deployment)
    # Who neither embeds nor asks need not be started again because a second embedder comes or goes.
    of_others = {name: value for name, value in common.items() if not name.startswith("DOCGRAPH_SECOND_")}
    return tuple(
        replace(
            program,
            environment={
                **(common if program.service in _EMBEDDING else of_others),
                **program.environment,
                "DOCGRAPH_PROGRAM": program.name,
            },
            inherited=inherited,
            needs=tuple(name for name in program.needs if name in present),
        )
        for program in made
    )


def listeners(deployment: Deployment, services: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Return each port the stack opens on loopback: listener -> (service, port)."""
    owners = {"neo4j-bolt": "neo4j", "neo4j-http": "neo4j", "second-embedder": "embedder"}
    wanted = set(services) - deployment.external
    names = ["redis", "neo4j-bolt", "neo4j-http", "qdrant", "embedder", "airflow", "sidecar"]
    names += ["second-embedder"] if deployment.second_embedder is not None else []
    return {name: (owners.get(name, name), deployment.port(name)) for name in names if owners.get(name, name) in wanted}


def server_files(deployment: Deployment, services: Iterable[str]) -> dict[Path, str]:
    """Return the configuration files of the servers themselves: path -> text (passwords included, so mode 0600)."""
    wanted = set(services) - deployment.external
    files = {}
    if "redis" in wanted:
        files[deployment.paths.data("redis") / "redis.conf"] = _redis_config(deployment)
    if "neo4j" in wanted:
        files[deployment.paths.data("neo4j") / "conf" / "neo4j.conf"] = _neo4j_config(deployment)
    return files


def _common_environment(deployment: Deployment) -> dict[str, str]:
    root = repository()
    return {
        **deployment.passed_on,
        **deployment.variables,
        "PYTHONPATH": os.pathsep.join(
            str(root / folder) for folder in ("config", "include", "cli", "deploy/local", "")
        ),
        "PYTHONUNBUFFERED": "1",
        # Tasks are forked: threads of a tokenizer would not survive that.
        "TOKENIZERS_PARALLELISM": "false",
        # Else setproctitle writes the title over the environment that /proc shows, and the marker is gone.
        "SPT_NOENV": "1",
        "DOCGRAPH_STACK_ID": deployment.secrets.stack_id,
    }


def _redis(deployment: Deployment) -> list[Program]:
    folder = deployment.paths.data("redis")
    return [Program("redis", "redis", ("redis-server", str(folder / "redis.conf")), directory=folder)]


def _redis_config(deployment: Deployment) -> str:
    folder = deployment.paths.data("redis")
    return "\n".join(
        [
            "# Written by `make up`.",
            "bind 127.0.0.1",
            f"port {deployment.port('redis')}",
            f"requirepass {deployment.secrets.redis_password}",
            f'dir "{folder}"',
            "daemonize no",
            "appendonly yes",
            # Jobs live here until they are done: an acknowledged one has to survive a power cut.
            "appendfsync always",
            'save ""',
            "maxmemory-policy noeviction",
            # Else the title is written over the environment by which the stack knows its own processes.
            "set-proc-title no",
            "",
        ]
    )


def _neo4j(deployment: Deployment) -> list[Program]:
    folder = deployment.paths.data("neo4j")
    environment = {"NEO4J_HOME": str(folder), "NEO4J_CONF": str(folder / "conf")}
    java = ("java", "-cp", f"{neo4j_libraries()}/*")
    password = (
        *java,
        "org.neo4j.cli.AdminTool",
        "dbms",
        "set-initial-password",
        deployment.secrets.neo4j_password,
    )
    server = (
        java[0],
        "-Xms512m",
        "-Xmx1g",
        "-XX:+ExitOnOutOfMemoryError",
        *_JAVA_OPENS,
        *java[1:],
        "org.neo4j.server.CommunityEntryPoint",
        f"--home-dir={folder}",
        f"--config-dir={folder / 'conf'}",
    )
    started_before = (folder / "data" / "databases").is_dir()
    first = [] if started_before else [Program("neo4j-password", "neo4j", password, environment, folder, one_shot=True)]
    return [
        *first,
        Program(
            "neo4j",
            "neo4j",
            server,
            environment,
            folder,
            needs=("neo4j-password",),
            stop_seconds=30,
        ),
    ]


def _neo4j_config(deployment: Deployment) -> str:
    bolt, http = deployment.port("neo4j-bolt"), deployment.port("neo4j-http")
    return "\n".join(
        [
            "# Written by `make up`.",
            "server.default_listen_address=127.0.0.1",
            "server.bolt.enabled=true",
            f"server.bolt.listen_address=127.0.0.1:{bolt}",
            f"server.bolt.advertised_address=127.0.0.1:{bolt}",
            "server.http.enabled=true",
            f"server.http.listen_address=127.0.0.1:{http}",
            f"server.http.advertised_address=127.0.0.1:{http}",
            "server.https.enabled=false",
            "dbms.security.auth_enabled=true",
            "dbms.usage_report.enabled=false",
            "server.memory.pagecache.size=256m",
            # Without these three an empty database takes half a gigabyte of disk.
            "db.tx_log.preallocate=false",
            "db.tx_log.rotation.size=64m",
            "db.tx_log.rotation.retention_policy=256M size",
            # Twice five seconds of every stop, in which nobody is connected any more.
            "internal.dbms.bolt.netty_server_shutdown_quiet_period=0",
            "",
        ]
    )


def _qdrant(deployment: Deployment) -> list[Program]:
    folder = deployment.paths.data("qdrant")
    command = _module("qdrant_local", "--host", "127.0.0.1", "--port", str(deployment.port("qdrant")))
    return [
        Program(
            "qdrant",
            "qdrant",
            (*command, "--data", str(folder), "--api-key-env", "QDRANT__SERVICE__API_KEY"),
            {"QDRANT__SERVICE__API_KEY": deployment.secrets.qdrant_api_key},
            folder,
            stop_seconds=20,
        )
    ]


def _embedder(deployment: Deployment) -> list[Program]:
    folder = deployment.paths.data("embedder")
    # No hub can be reached, and none is asked: the model comes from an installed package.
    environment = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}

    def embedder(name: str, *arguments: str) -> Program:
        command = _module("embedding_server", "--host", "127.0.0.1", "--port", str(deployment.port(name)))
        return Program(name, "embedder", (*command, *arguments), environment, folder)

    second = deployment.second_embedder
    return [embedder("embedder"), *([] if second is None else [embedder("second-embedder", *shlex.split(second))])]


def _sidecar(deployment: Deployment) -> list[Program]:
    folder = deployment.paths.data("sidecar")
    command = _module("ingestion_service", "--host", "127.0.0.1", "--port", str(deployment.port("sidecar")))
    stores = ("redis", "neo4j", "qdrant")
    return [Program("sidecar", "sidecar", command, {}, folder, needs=stores, stopped_first=True)]


def _airflow(deployment: Deployment) -> list[Program]:
    environment = airflow_environment(deployment)
    folder = deployment.paths.airflow_home

    def component(name: str, *arguments: str) -> Program:
        command = _module("airflow", name, *arguments)
        needs = ("airflow-migrate",)
        return Program(
            f"airflow-{name}",
            "airflow",
            command,
            environment,
            folder,
            needs=needs,
            stopped_first=name in {"scheduler", "dag-processor"},
            stops_children=True,
            # The triggerer sometimes sees the end of its child only after ten seconds; killed before, it would leave its
            # triggers to nobody for half a minute.
            stop_seconds=13 if name == "triggerer" else 10,
        )

    migrate = Program(
        "airflow-migrate", "airflow", _module("airflow", "db", "migrate"), environment, folder, one_shot=True
    )
    return [
        *([] if migration_stamp(deployment).is_file() else [migrate]),
        component("api-server"),
        component("scheduler", "--skip-serve-logs"),
        component("dag-processor"),
        component("triggerer", "--skip-serve-logs"),
    ]


def migration_stamp(deployment: Deployment) -> Path:
    """Return the file that says Airflow's database has the schema of this version."""
    return deployment.paths.airflow_home / f"migrated-{AIRFLOW_VERSION}"


def _module(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", name, *arguments)
