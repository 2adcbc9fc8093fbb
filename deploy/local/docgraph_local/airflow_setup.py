"""What `up` sets up and waits for once Airflow runs: the pools that the DAGs name, and the parsing of the DAGs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from docgraph.domain.errors import ConfigurationError, StoreUnavailableError
from docgraph.ingest.airflow_api import WHILE_STARTING, AirflowApi
from docgraph_local.airflow_env import POOLS
from docgraph_local.deployment import Deployment
from docgraph_local.paths import repository
from docgraph_local.progress import StackError


@contextmanager
def starting_airflow(deployment: Deployment) -> Iterator[AirflowApi]:
    """Open a session with the stack's own Airflow, which waits while that is starting.

    Raises:
        StackError: Airflow refused what the local stack needs of it, or did not answer in time.
    """
    settings = deployment.settings
    address, user, password = settings.airflow_api_url, settings.airflow_user, settings.airflow_password
    with AirflowApi(address, user, password, retries=WHILE_STARTING, waits_for_server=True) as api:
        try:
            yield api
        except (StoreUnavailableError, ConfigurationError) as error:
            raise StackError(f"{error} Read logs/airflow-api-server.log.") from error


def ensure_pools(api: AirflowApi) -> None:
    """Create the pools that the DAGs name; a pool that a user resized keeps its size."""
    for name in sorted(POOLS.keys() - api.pools()):
        slots, description = POOLS[name]
        api.create_pool(name, slots, description)


def import_errors(api: AirflowApi) -> dict[str, str]:
    """Return the files in `dags/` that can't be imported: name -> last line of the trace."""
    return {name: trace.strip().splitlines()[-1] for name, trace in api.import_errors().items()}


def unparsed_files(api: AirflowApi) -> list[str]:
    """Return the files in `dags/` of which Airflow has seen neither a DAG nor an error yet."""
    seen = api.dag_files() | {Path(name).name for name in api.import_errors()}
    return [name for name in _dag_files() if name not in seen]


def _dag_files() -> list[str]:
    return sorted(path.name for path in (repository() / "dags").glob("*.py") if _may_hold_a_dag(path))


def _may_hold_a_dag(path: Path) -> bool:
    text = path.read_text(encoding="utf-8").lower()
    return "dag" in text and "airflow" in text
