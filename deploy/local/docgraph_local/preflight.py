"""Looks before anything is started: is this machine able to run the stack, and are its ports free?

Only looks; the version of Python was checked when `make setup` made the virtual environment. A finding
says what is wrong, why it matters and what to do.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

from docgraph_local import orphans
from docgraph_local.deployment import Deployment
from docgraph_local.paths import neo4j_libraries
from docgraph_local.programs import listeners

LEAST_DISK_BYTES = 2 * 1024**3
COMFORTABLE_DISK_BYTES = 8 * 1024**3
COMFORTABLE_MEMORY_BYTES = 6 * 1024**3
LEAST_JAVA = 17


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that hinders (`fatal`) or may hinder the stack."""

    fatal: bool
    message: str


def inspect(deployment: Deployment, services: Iterable[str], running: frozenset[str] = frozenset()) -> list[Finding]:
    """Inspect the machine for `services`, of which those in `running` hold their ports already."""
    wanted = set(services) - deployment.external
    fresh = wanted - running
    return [
        *_disk(deployment),
        *_memory(fresh),
        *(_redis() if "redis" in fresh else []),
        *(_neo4j() if "neo4j" in fresh else []),
        *_modules(fresh),
        *_ports(deployment, fresh),
    ]


def _disk(deployment: Deployment) -> list[Finding]:
    folder = deployment.paths.home
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free >= COMFORTABLE_DISK_BYTES:
        return []
    said = f"{free / 1024**3:.1f} GiB are free on the disk of {deployment.paths.home}"
    if free < LEAST_DISK_BYTES:
        return [
            Finding(True, f"Only {said}; the stores stop taking writes below 2 GiB: free some, or set DOCGRAPH_HOME.")
        ]
    return [Finding(False, f"{said}; 8 GiB are comfortable for some hundred thousand sections.")]


def _memory(fresh: set[str]) -> list[Finding]:
    available = psutil.virtual_memory().available
    if available >= COMFORTABLE_MEMORY_BYTES or not {"airflow", "embedder"} <= fresh:
        return []
    return [
        Finding(
            False,
            f"{available / 1024**3:.1f} GiB of memory are available; the whole stack takes about 4 GiB and more while "
            "it works: close something large if processes get killed.",
        )
    ]


def _redis() -> list[Finding]:
    if shutil.which("redis-server"):
        return []
    return [Finding(True, "redis-server is not installed; run `make setup` (or `apt-get install redis-server`).")]


def _neo4j() -> list[Finding]:
    if not any(neo4j_libraries().glob("neo4j-*.jar")):
        return [Finding(True, f"Neo4j's jars are not in {neo4j_libraries()}; run `make setup`.")]
    java = shutil.which("java")
    advice = "run `make setup` (or `apt-get install openjdk-17-jre-headless`)"
    if java is None:
        return [Finding(True, f"Java is not installed and Neo4j needs {LEAST_JAVA} or newer; {advice}.")]
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=20).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None:
        return [
            Finding(False, f"The version of {java} can't be read from {said.strip()[:80]!r}; Neo4j needs {LEAST_JAVA}.")
        ]
    if int(version[1]) < LEAST_JAVA:
        return [Finding(True, f"{java} is Java {version[1]} and Neo4j needs {LEAST_JAVA} or newer; {advice}.")]
    return []


def _modules(fresh: set[str]) -> list[Finding]:
    needed = {
        "qdrant": "qdrant_local",
        "embedder": "sentence_transformers",
        "airflow": "airflow",
        "sidecar": "ingestion_service",
    }
    return [
        Finding(True, f"The Python package {module} for {service} is not installed; run `make setup`.")
        for service, module in needed.items()
        if service in fresh and importlib.util.find_spec(module) is None
    ]


def _ports(deployment: Deployment, fresh: set[str]) -> list[Finding]:
    ports = {port: name for name, (_, port) in listeners(deployment, fresh).items()}
    taken: dict[int, int | None] = {}
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports:
            taken[connection.laddr.port] = connection.pid or taken.get(connection.laddr.port)
    return [
        Finding(
            True,
            f"Port {port} ({ports[port]}) is taken by {_describe(pid)}; stop that process, or choose other ports with "
            f"DOCGRAPH_PORT_BASE (now {deployment.settings.port_base}).",
        )
        for port, pid in sorted(taken.items())
    ]


def _describe(pid: int | None) -> str:
    if pid is None:
        return "a process of another user (its id is not visible to you)"
    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())[:120] or process.name()
        environment = process.environ()
    except psutil.Error:
        return f"pid {pid}"
    other = environment.get("DOCGRAPH_HOME") if orphans.MARK in environment else None
    owner = f", the docgraph stack of DOCGRAPH_HOME={other} (`make down` with that variable ends it)" if other else ""
    return f"pid {pid} ({command}){owner}"
