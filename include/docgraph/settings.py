"""Where everything is: addresses, credentials and folders; and the one place that knows where a setting comes from.

The chain: flag > environment (`DOCGRAPH_*`) > `$DOCGRAPH_HOME/.env` > `config/ingest.yaml` > default. The file says what a dataset
contains and how it is processed (`docgraph.runtime.config`); any of its single values can be given as `DOCGRAPH_<SECTION>_<KEY>`.
Addresses and secrets are never read from YAML. Inside Airflow's tasks, connections stand above all of it (`docgraph.airflow.connections`).
Light on purpose: `ingestctl` imports this module at every start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from docgraph.domain.errors import ConfigurationError

DEFAULT_PORT_BASE = 9100
PORT_OFFSETS: Mapping[str, int] = {
    "redis": 1,
    "neo4j-bolt": 2,
    "neo4j-http": 3,
    "qdrant": 4,
    "embedder": 5,
    "airflow": 6,
    "second-embedder": 7,
    "sidecar": 8,
}
HOME_FOLDER = ".docgraph"
#: Sections of `config/ingest.yaml` whose values can also be given as `DOCGRAPH_<SECTION>_<KEY>`.
OPTION_SECTIONS = ("limits", "pipeline", "verdict", "watch", "gate", "dispatch", "liveness", "retention")
#: Settings of this module whose names look like such a value.
_NO_OPTIONS = frozenset({"DOCGRAPH_WATCH_ROOT"})


@dataclass(frozen=True, slots=True)
class AwsAccess:
    """How S3 is reached; what is None comes from where every program that uses AWS takes it: AWS_* variables, files, a role."""

    endpoint_url: str | None = None
    region: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """What is sent to a web server that wants to know who asks."""

    login: str = ""
    password: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """Addresses, credentials and folders of one deployment."""

    home: Path
    workspace: Path
    port_base: int
    config_file: Path
    neo4j_uri: str
    neo4j_user: str
    neo4j_password: str
    qdrant_url: str
    qdrant_api_key: str | None
    redis_url: str
    embeddings_url: str
    embeddings_api_key: str | None
    #: A second embedding server, for datasets that use another model than new ones do, or are moving to it.
    second_embeddings_url: str | None
    second_embeddings_api_key: str | None
    service_url: str
    token: str
    airflow_api_url: str
    airflow_user: str
    airflow_password: str
    watch_root: Path
    reports_root: Path
    artifacts_root: Path
    snapshots_root: Path
    #: What the embedding server computes with: `auto`, or one of its engines.
    embed_engine: str = "auto"
    #: `s3://bucket/prefix` for snapshots, artifacts and reports; None: the three folders above.
    blobs_url: str | None = None
    aws: AwsAccess = AwsAccess()
    #: Of sources in S3, by the connection that they name, "" for those that name none; others are reached as blobs are.
    s3: Mapping[str, AwsAccess] = field(default_factory=dict)
    #: Of sources on web servers, by the id of the connection that they name.
    http: Mapping[str, HttpAccess] = field(default_factory=dict)
    #: What stands above `config/ingest.yaml`: (variable, value) for each of its values that is given elsewhere.
    options: tuple[tuple[str, str], ...] = ()

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        home: Path | None = None,
        flags: Mapping[str, str | None] | None = None,
    ) -> Settings:
        """Read the settings for `home` (default: `DOCGRAPH_HOME`, else the nearest `.docgraph` upwards of the working directory).

        `flags` are what a command line was given, by the variable that each stands for; None is a flag that was not.

        Raises:
            ConfigurationError: a value can't be read as what it has to be.
        """
        env = dict(os.environ if environ is None else environ)
        home = (home or find_home(env)).absolute()
        given = {name: value for name, value in (flags or {}).items() if value is not None}
        values = {**read_env_file(home / ".env"), **env, **given}
        workspace = Path(
            values.get("DOCGRAPH_WORKSPACE") or (home.parent if home.name == HOME_FOLDER else home)
        ).absolute()
        base = _integer(values, "DOCGRAPH_PORT_BASE", DEFAULT_PORT_BASE)

        def address(name: str, scheme: str) -> str:
            return f"{scheme}://127.0.0.1:{base + PORT_OFFSETS[name]}"

        def get(name: str, default: str) -> str:
            return values.get(name) or default

        return cls(
            home=home,
            workspace=workspace,
            port_base=base,
            config_file=Path(get("DOCGRAPH_CONFIG", str(_default_config_file(workspace)))),
            neo4j_uri=get("DOCGRAPH_NEO4J_URI", address("neo4j-bolt", "bolt")),
            neo4j_user=get("DOCGRAPH_NEO4J_USER", "neo4j"),
            neo4j_password=get("DOCGRAPH_NEO4J_PASSWORD", ""),
            qdrant_url=get("DOCGRAPH_QDRANT_URL", address("qdrant", "http")),
            qdrant_api_key=values.get("DOCGRAPH_QDRANT_API_KEY") or None,
            redis_url=get("DOCGRAPH_REDIS_URL", address("redis", "redis") + "/0"),
            embeddings_url=get("DOCGRAPH_EMBEDDINGS_URL", address("embedder", "http") + "/v1"),
            embeddings_api_key=values.get("DOCGRAPH_EMBEDDINGS_API_KEY") or None,
            second_embeddings_url=values.get("DOCGRAPH_SECOND_EMBEDDINGS_URL")
            # With these arguments the local stack runs one of its own.
            or (address("second-embedder", "http") + "/v1" if values.get("DOCGRAPH_SECOND_EMBEDDER") else None),
            second_embeddings_api_key=values.get("DOCGRAPH_SECOND_EMBEDDINGS_API_KEY") or None,
            service_url=get("DOCGRAPH_SERVICE_URL", address("sidecar", "http")),
            token=get("DOCGRAPH_TOKEN", ""),
            airflow_api_url=get("AIRFLOW_API_URL", address("airflow", "http")),
            airflow_user=get("AIRFLOW_USER", "admin"),
            airflow_password=get("AIRFLOW_PASSWORD", ""),
            watch_root=Path(get("DOCGRAPH_WATCH_ROOT", str(workspace / "ingest" / "watch"))),
            reports_root=Path(get("DOCGRAPH_REPORTS_ROOT", str(workspace / "reports" / "ingest"))),
            artifacts_root=Path(get("DOCGRAPH_ARTIFACTS_ROOT", str(home / "data" / "artifacts"))),
            snapshots_root=Path(get("DOCGRAPH_SNAPSHOTS_ROOT", str(home / "data" / "snapshots"))),
            embed_engine=get("DOCGRAPH_EMBED_ENGINE", "auto"),
            blobs_url=values.get("DOCGRAPH_BLOBS_URL") or None,
            options=tuple(sorted((name, value) for name, value in values.items() if _is_option(name) and value)),
        )


def find_home(env: Mapping[str, str]) -> Path:
    """Find the data folder: `DOCGRAPH_HOME`, else the nearest `.docgraph` upwards of the working directory, else one here."""
    if named := env.get("DOCGRAPH_HOME"):
        return Path(named)
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / HOME_FOLDER).is_dir():
            return folder / HOME_FOLDER
    return here / HOME_FOLDER


def project_root() -> Path:
    """Return the folder of the checkout (or site-packages) this code runs from."""
    return Path(__file__).resolve().parents[2]


def _default_config_file(workspace: Path) -> Path:
    own = workspace / "config" / "ingest.yaml"
    return own if own.is_file() else project_root() / "config" / "ingest.yaml"


def _is_option(name: str) -> bool:
    prefixes = tuple(f"DOCGRAPH_{section.upper()}_" for section in OPTION_SECTIONS)
    return name.startswith(prefixes) and name not in _NO_OPTIONS


def read_env_file(path: Path) -> dict[str, str]:
    """Return what a `.env` file sets, as it stands there; nothing where there is no file."""
    if not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {key: value for key, value in dotenv_values(path, interpolate=False).items() if value is not None}


def _integer(values: Mapping[str, str], name: str, default: int) -> int:
    raw = values.get(name)
    if not raw:
        return default
    try:
        return int(raw)
    except ValueError as error:
        raise ConfigurationError(f"{name}={raw!r} is not a whole number; set it to one or unset it.") from error
