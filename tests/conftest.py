"""One stack for the whole test session, on ports and in a folder of its own; each test has a dataset of its own.

`DOCGRAPH_TEST_HOME` names a folder whose stack is used, and left running, by several sessions in a row.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from docgraph.domain.documents import EmbeddingVersion
from docgraph.runtime.connections import Runtime
from docgraph.settings import AwsAccess, Settings
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from docgraph_local.testrun import EVIDENCE_VARIABLE
from support.contract.s3_server import s3_serving
from support.e2e.sources import S3_PORT_OFFSET, bucket_connection, configure
from support.integration.ports import free_port_base

#: Fixtures that start Airflow and the sidecar on the session's stack.
WHOLE_STACK = {"stack", "stack_env"}
_COMPILED = shutil.ignore_patterns("__pycache__")
STORES = ("redis", "neo4j", "qdrant", "embedder")


def _environment(home: Path) -> dict[str, str]:
    """The environment of the session's own stack: nothing of a stack that runs beside it."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("DOCGRAPH_", "AIRFLOW"))}
    return {**clean, "DOCGRAPH_HOME": str(home), "DOCGRAPH_FAILPOINT": f"@{home}/run/failpoint"}


@pytest.fixture(scope="session")
def stack_home() -> Iterator[tuple[Path, int, bool]]:
    """Folder and ports of the session's stack, and whether it outlives the session."""
    if named := os.environ.get("DOCGRAPH_TEST_HOME"):
        home = Path(named)
        record = home / "port-base"
        base = int(record.read_text()) if record.is_file() else free_port_base()
        home.mkdir(parents=True, exist_ok=True)
        record.write_text(str(base))
        yield home, base, True
        return
    home = Path(tempfile.mkdtemp(prefix="docgraph-test-"))
    yield home, free_port_base(), False
    _keep_reports(home)
    shutil.rmtree(home)


def _keep_reports(home: Path) -> None:
    """Put the reports of the session's stack where `make test` looks for what its gates want."""
    target = os.environ.get(EVIDENCE_VARIABLE)
    for report in (home / "reports" / "ingest").glob("*Z/ingest_report.json") if target else ():
        kept = Path(str(target)) / report.parent.name
        kept.mkdir(parents=True, exist_ok=True)
        for path in report.parent.glob("ingest_report.[jm]*"):
            shutil.copy2(path, kept)


@pytest.fixture(scope="session")
def stores(stack_home: tuple[Path, int, bool]) -> Iterator[Stack]:
    """The real stores and the embedder, running."""
    home, base, kept = stack_home
    made = Stack(home, base, only=STORES, environ=_environment(home))
    made.up()
    yield made
    if not kept:
        made.down()


@pytest.fixture(scope="session")
def bucket_access(stack_home: tuple[Path, int, bool]) -> Iterator[AwsAccess]:
    """The service with the bucket that the whole stack follows; it is as old as the session."""
    home, base, _ = stack_home
    with s3_serving(base + S3_PORT_OFFSET, home / "s3.log") as access, pytest.MonkeyPatch.context() as patch:
        # What a stack's programs inherit is this process' environment.
        for name, value in bucket_connection(access).items():
            patch.setenv(name, value)
        yield access


@pytest.fixture(scope="session")
def stack(stores: Stack, stack_home: tuple[Path, int, bool], bucket_access: AwsAccess) -> Stack:
    """The whole stack, Airflow and the sidecar included."""
    del bucket_access
    home, base, _ = stack_home
    # The examples of the documentation are DAGs of the stack's owner here.
    shutil.copytree(repository() / "docs" / "examples", home / "dags", ignore=_COMPILED, dirs_exist_ok=True)
    configure(home, repository())
    whole = Stack(home, base, environ=_environment(home))
    whole.up()
    return whole


@pytest.fixture(scope="session")
def settings(stores: Stack) -> Settings:
    """Addresses and credentials of the session's stack."""
    return Settings.load({**_environment(Path(stores.env()["DOCGRAPH_HOME"])), **stores.env()})


@pytest.fixture(scope="session")
def stack_env(stack: Stack) -> Mapping[str, str]:
    """What a client of the whole stack needs in its environment."""
    return stack.env()


@pytest.fixture(scope="session")
def session_runtime(settings: Settings) -> Iterator[Runtime]:
    """One set of connections for all tests of the session."""
    with Runtime(settings) as runtime:
        runtime.graph.ensure_schema()
        yield runtime


@pytest.fixture
def runtime(session_runtime: Runtime) -> Runtime:
    """Connections to the session's stores."""
    return session_runtime


@pytest.fixture
def version(runtime: Runtime) -> EmbeddingVersion:
    """The embedding version of the session's embedder, its collection made."""
    runtime.vectors.ensure(runtime.embedding_version)
    return runtime.embedding_version


@pytest.fixture
def tag() -> str:
    """A dataset that no other test knows."""
    return f"t{uuid.uuid4().hex[:12]}"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that ties a test to a task of the specification's phase 6."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what runs in the background so, and every process that a test interrupts would inherit it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    config.addinivalue_line("markers", "task(number): the task of phase 6 (6.1 to 6.4) whose gate the test belongs to")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the JUnit file say which task a test belongs to, and run what needs the whole stack last.

    While only the stores run, nobody but the test itself works on its jobs; the sidecar's reaper would take those of a run
    that Airflow doesn't know.
    """
    items.sort(key=lambda item: bool(WHOLE_STACK & set(getattr(item, "fixturenames", ()))))
    for item in items:
        for mark in item.iter_markers("task"):
            item.user_properties.append(("task", mark.args[0]))
