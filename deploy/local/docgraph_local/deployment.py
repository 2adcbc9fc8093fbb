"""What one local stack is: its settings, its secrets, and which servers are run elsewhere.

Decides and remembers; starts nothing. Secrets are generated once a home (`secrets.json`), `.env` is derived from them at
every `up`, with lines that a person added kept.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from urllib.parse import urlsplit

from docgraph.domain.errors import ConfigurationError
from docgraph.settings import PORT_OFFSETS, Settings, read_env_file
from docgraph_local.paths import Paths, write_private

#: Store -> (the variable that names its address, the name of its port in `docgraph.settings.PORT_OFFSETS`).
EXTERNAL_VARIABLES: Mapping[str, tuple[str, str]] = {
    "redis": ("DOCGRAPH_REDIS_URL", "redis"),
    "neo4j": ("DOCGRAPH_NEO4J_URI", "neo4j-bolt"),
    "qdrant": ("DOCGRAPH_QDRANT_URL", "qdrant"),
    "embedder": ("DOCGRAPH_EMBEDDINGS_URL", "embedder"),
}
_CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "neo4j": ("DOCGRAPH_NEO4J_USER", "DOCGRAPH_NEO4J_PASSWORD"),
    "qdrant": ("DOCGRAPH_QDRANT_API_KEY",),
}
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class Secrets:
    """Generated once for a home; `stack_id` marks every process of the stack in its environment."""

    stack_id: str
    neo4j_password: str
    redis_password: str
    qdrant_api_key: str
    token: str
    airflow_password: str
    airflow_fernet_key: str
    airflow_jwt_secret: str
    airflow_secret_key: str

    @classmethod
    def generate(cls) -> Secrets:
        """Draw fresh secrets from the operating system."""
        return cls(
            stack_id=secrets.token_hex(8),
            neo4j_password=secrets.token_hex(16),
            redis_password=secrets.token_hex(16),
            qdrant_api_key=secrets.token_hex(16),
            token=secrets.token_hex(24),
            airflow_password=secrets.token_hex(8),
            airflow_fernet_key=base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
            airflow_jwt_secret=secrets.token_hex(32),
            airflow_secret_key=secrets.token_hex(32),
        )

    @classmethod
    def read(cls, path: Path) -> Secrets | None:
        """Read the secrets of a home; None when none were generated yet.

        Raises:
            ConfigurationError: the file is damaged; guessing new secrets would lock all users out of the data.
        """
        if not path.is_file():
            return None
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{field.name: str(stored[field.name]) for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{path} can't be read ({error}); restore it, or remove the stack's data with `make clean`."
            ) from error


@dataclass(frozen=True, slots=True)
class Deployment:
    """One local stack, decided: nothing that starts it has to look at the environment again."""

    paths: Paths
    settings: Settings
    secrets: Secrets
    external: frozenset[str]
    passed_on: Mapping[str, str]

    def port(self, name: str) -> int:
        """Return the port of a listener named in `docgraph.settings.PORT_OFFSETS`."""
        return self.settings.port_base + PORT_OFFSETS[name]

    @property
    def second_embedder(self) -> str | None:
        """Arguments of a second embedder beside the first; None: there is none."""
        return self.passed_on.get("DOCGRAPH_SECOND_EMBEDDER") or None

    @property
    def variables(self) -> dict[str, str]:
        """What `make env` prints and every process of the stack gets: addresses and passwords, by variable."""
        settings = self.settings
        named = {
            "DOCGRAPH_PORT_BASE": str(settings.port_base),
            "DOCGRAPH_NEO4J_URI": settings.neo4j_uri,
            "DOCGRAPH_NEO4J_USER": settings.neo4j_user,
            "DOCGRAPH_NEO4J_PASSWORD": settings.neo4j_password,
            "DOCGRAPH_QDRANT_URL": settings.qdrant_url,
            "DOCGRAPH_QDRANT_API_KEY": settings.qdrant_api_key or "",
            "DOCGRAPH_REDIS_URL": settings.redis_url,
            "DOCGRAPH_EMBEDDINGS_URL": settings.embeddings_url,
            "DOCGRAPH_SERVICE_URL": settings.service_url,
            "DOCGRAPH_TOKEN": settings.token,
            "AIRFLOW_API_URL": settings.airflow_api_url,
            "AIRFLOW_USER": settings.airflow_user,
            "AIRFLOW_PASSWORD": settings.airflow_password,
        }
        return {"DOCGRAPH_HOME": str(self.paths.home), **named}


def read_deployment(
    home: Path | None = None,
    port_base: int | None = None,
    environ: Mapping[str, str] | None = None,
    remembered: frozenset[str] = frozenset(),
) -> Deployment:
    """Decide the stack of `home` from the environment, its `.env` and its secrets (drawn, not yet stored, when there are none).

    A store is external when the environment names an address that isn't the stack's own: then that server is used.
    Stores in `remembered` were external at the last `up`; where the environment is silent, `.env` still has their address.

    Raises:
        ConfigurationError: a value of the environment or a file of the home can't be used.
    """
    env = dict(os.environ if environ is None else environ)
    if port_base is not None:
        env["DOCGRAPH_PORT_BASE"] = str(port_base)
    # Addresses in `.env` are what the last `up` decided: they are derived anew, so only the port base is taken from there.
    stored = read_env_file(Settings.load(env, home).home / ".env")
    for store in remembered:
        for name in (EXTERNAL_VARIABLES[store][0], *_CREDENTIALS.get(store, ())):
            if name in stored:
                env.setdefault(name, stored[name])
    base_env = {**{name: value for name, value in stored.items() if name not in _MANAGED}, **env}
    if "DOCGRAPH_PORT_BASE" not in env and "DOCGRAPH_PORT_BASE" in stored:
        base_env["DOCGRAPH_PORT_BASE"] = stored["DOCGRAPH_PORT_BASE"]
    first = Settings.load(base_env, home)
    paths = Paths(first.home)
    drawn = Secrets.read(paths.secrets_file) or Secrets.generate()
    base = first.port_base
    external = frozenset(
        store
        for store, (variable, port_name) in EXTERNAL_VARIABLES.items()
        if env.get(variable) and not _is_own(env[variable], base + PORT_OFFSETS[port_name])
    )
    return Deployment(
        paths=paths,
        settings=Settings.load({**base_env, **_own_values(base, drawn, env, external)}, paths.home),
        secrets=drawn,
        external=external,
        passed_on={
            name: value for name, value in base_env.items() if name.startswith("DOCGRAPH_") and name not in _MANAGED
        },
    )


def store_deployment(deployment: Deployment) -> None:
    """Create the home's folders and write its secrets and `.env`, both 0600; a secret that exists is never replaced."""
    paths = deployment.paths
    paths.create()
    if not paths.secrets_file.is_file():
        write_private(paths.secrets_file, json.dumps(asdict(deployment.secrets), indent=2) + "\n")
    kept = {name: value for name, value in read_env_file(paths.env_file).items() if name not in _MANAGED}
    written = {name: value for name, value in deployment.variables.items() if name != "DOCGRAPH_HOME"}
    lines = ["# Written by `make up` for this stack; lines of your own are kept, the others are derived again."]
    lines += [f"{name}={value}" for name, value in {**written, **kept}.items()]
    text = "\n".join(lines) + "\n"
    if not paths.env_file.is_file() or paths.env_file.read_text(encoding="utf-8") != text:
        write_private(paths.env_file, text)
    passwords = json.dumps({deployment.settings.airflow_user: deployment.settings.airflow_password}) + "\n"
    if not paths.airflow_passwords.is_file() or paths.airflow_passwords.read_text(encoding="utf-8") != passwords:
        write_private(paths.airflow_passwords, passwords)


_MANAGED = frozenset(
    {
        "DOCGRAPH_HOME",
        "DOCGRAPH_PORT_BASE",
        "DOCGRAPH_NEO4J_URI",
        "DOCGRAPH_NEO4J_USER",
        "DOCGRAPH_NEO4J_PASSWORD",
        "DOCGRAPH_QDRANT_URL",
        "DOCGRAPH_QDRANT_API_KEY",
        "DOCGRAPH_REDIS_URL",
        "DOCGRAPH_EMBEDDINGS_URL",
        "DOCGRAPH_SERVICE_URL",
        "DOCGRAPH_TOKEN",
        "AIRFLOW_API_URL",
        "AIRFLOW_USER",
        "AIRFLOW_PASSWORD",
    }
)


def _own_values(base: int, drawn: Secrets, env: Mapping[str, str], external: frozenset[str]) -> dict[str, str]:
    def own(port_name: str, scheme: str, rest: str = "", user: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{base + PORT_OFFSETS[port_name]}{rest}"

    values = {
        "DOCGRAPH_SERVICE_URL": own("sidecar", "http"),
        "DOCGRAPH_TOKEN": drawn.token,
        "AIRFLOW_API_URL": own("airflow", "http"),
        "AIRFLOW_USER": "admin",
        "AIRFLOW_PASSWORD": drawn.airflow_password,
    }
    if "redis" not in external:
        values["DOCGRAPH_REDIS_URL"] = own("redis", "redis", "/0", user=f":{drawn.redis_password}@")
    if "neo4j" not in external:
        values["DOCGRAPH_NEO4J_URI"] = own("neo4j-bolt", "bolt")
        values["DOCGRAPH_NEO4J_USER"] = "neo4j"
        values["DOCGRAPH_NEO4J_PASSWORD"] = drawn.neo4j_password
    if "qdrant" not in external:
        values["DOCGRAPH_QDRANT_URL"] = own("qdrant", "http")
        values["DOCGRAPH_QDRANT_API_KEY"] = drawn.qdrant_api_key
    elif "DOCGRAPH_QDRANT_API_KEY" not in env:
        values["DOCGRAPH_QDRANT_API_KEY"] = ""
    if "embedder" not in external:
        values["DOCGRAPH_EMBEDDINGS_URL"] = own("embedder", "http", "/v1")
    return values


def _is_own(url: str, port: int) -> bool:
    parts = urlsplit(url)
    return parts.hostname in _LOOPBACK and parts.port == port
