"""The settings of a task: those of the environment, with what Airflow's connections say in their place.

A platform team sets addresses and credentials where it sets all others: in the connections `neo4j_default`, `redis_default` and
`aws_default`, from whatever secrets backend Airflow has. A connection that doesn't exist leaves the environment's value. Airflow
masks what it reads from a connection in every log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import AwsAccess, HttpAccess, Settings

if TYPE_CHECKING:
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    from docgraph.runtime.connections import Runtime

NEO4J, REDIS, AWS = "neo4j_default", "redis_default", "aws_default"
#: What the providers' own hook for Redis takes from `extra`, and an address can say.
_REDIS_TLS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_keyfile", "ssl_certfile", "ssl_check_hostname")

logger = logging.getLogger(__name__)


def runtime() -> Runtime:
    """Return the runtime of a task; close it, or use it as a context manager.

    Raises:
        ConfigurationError: a setting or a connection can't be used as it is.
    """
    # Here and not at the top: it brings the stores' clients along, and DAG files import this module.
    from docgraph.runtime.connections import Runtime

    return Runtime(task_settings())


def task_settings() -> Settings:
    """Return the settings of a task.

    Raises:
        ConfigurationError: a setting or a connection can't be used as it is.
    """
    settings = Settings.load()
    if (neo4j := _connection(NEO4J)) is not None:
        settings = replace(
            settings, neo4j_uri=_neo4j_uri(neo4j), neo4j_user=neo4j.login or "", neo4j_password=neo4j.password or ""
        )
    if (redis := _connection(REDIS)) is not None:
        settings = replace(settings, redis_url=_redis_url(redis))
    if settings.blobs_url is not None and _connection(AWS) is not None:
        settings = replace(settings, aws=_aws_access())
    return settings


def source_settings(wanted: SourceConfig) -> Settings:
    """Return the settings of a task or a trigger that asks a source: with the credentials of the connection that it names.

    Raises:
        ConfigurationError: a setting or a connection can't be used as it is, or the source names a connection that doesn't exist.
    """
    settings = task_settings()
    if wanted.kind == "s3":
        conn_id = wanted.connection or AWS
        if _connection(conn_id) is not None:
            # Not in the place of `aws`: snapshots may be kept in another bucket, which these credentials don't open.
            return replace(settings, s3={wanted.connection: _aws_access(conn_id)})
    elif wanted.connection and (found := _connection(wanted.connection)) is not None:
        headers = {str(name): str(value) for name, value in (found.extra_dejson.get("headers") or {}).items()}
        access = HttpAccess(found.login or "", found.password or "", headers)
        return replace(settings, http={wanted.connection: access})
    if wanted.connection:
        raise ConfigurationError(
            f"The source {wanted.name} names the Airflow connection {wanted.connection!r}, which does not exist; create it, or "
            "take the key `connection` out."
        )
    return settings


@contextmanager
def source_runtime(name: str) -> Iterator[tuple[Runtime, SourceConfig]]:
    """Open the runtime of a task that works on a configured source.

    Raises:
        ConfigurationError: no source of this name is configured, or a setting can't be used.
    """
    from docgraph.runtime.connections import Runtime

    settings = Settings.load()
    configured = IngestConfig.load(settings.config_file, settings.options).configured_sources
    wanted = next((each for each in configured if each.name == name), None)
    if wanted is None:
        raise ConfigurationError(
            f"{settings.config_file}: sources: none is called {name!r}; it was renamed or removed since. Its documents stay as they are."
        )
    with Runtime(source_settings(wanted)) as opened:
        yield opened, wanted


def _connection(conn_id: str) -> Connection | None:
    try:
        found: Connection = Connection.get(conn_id)
    except AirflowNotFoundException:
        logger.debug("no Airflow connection %s: the environment says where that is", conn_id)
        return None
    return found


def _neo4j_uri(connection: Connection) -> str:
    """Return the address that the provider's hook would connect to."""
    from airflow.providers.neo4j.hooks.neo4j import Neo4jHook

    _check_host(connection)
    if connection.schema not in {None, "", "neo4j"}:
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id} names the database {connection.schema!r}; docgraph uses the user's home "
            "database. Leave the schema empty, and set that user's home database in Neo4j."
        )
    uri = str(Neo4jHook().get_uri(cast(Any, connection)))
    scheme, _, rest = uri.partition("://")
    # The hook hands this flag to the driver; in an address it is the scheme's.
    return f"{scheme}+s://{rest}" if connection.extra_dejson.get("encrypted") and "+" not in scheme else uri


def _redis_url(connection: Connection) -> str:
    _check_host(connection)
    extra: dict[str, Any] = connection.extra_dejson
    if extra.get("cluster"):
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id} asks for a Redis cluster; docgraph changes several keys at once, "
            "which a cluster can't. Name a single server."
        )
    user, password = connection.login or "", connection.password or ""
    credentials = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    host = f"[{connection.host}]" if ":" in str(connection.host) else connection.host
    tls = {name: extra[name] for name in _REDIS_TLS if name in extra}
    query = f"?{urlencode(tls)}" if extra.get("ssl") and tls else ""
    scheme = "rediss" if extra.get("ssl") else "redis"
    return f"{scheme}://{credentials}{host}:{connection.port or 6379}/{int(extra.get('db') or 0)}{query}"


def _aws_access(conn_id: str = AWS) -> AwsAccess:
    """Return what the provider's hook makes of the connection: a role that it names is assumed."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    hook: AwsGenericHook[Any] = AwsGenericHook(aws_conn_id=conn_id, client_type="s3")
    credentials = hook.get_credentials()
    return AwsAccess(
        endpoint_url=hook.conn_config.get_service_endpoint_url("s3"),
        region=hook.region_name,
        access_key_id=credentials.access_key,
        secret_access_key=credentials.secret_key,
        session_token=credentials.token,
    )


def _check_host(connection: Connection) -> None:
    if not connection.host:
        raise ConfigurationError(
            f"The Airflow connection {connection.conn_id} names no host; give it one, or remove it: then the environment's "
            "address is used."
        )
