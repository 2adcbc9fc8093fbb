"""The passwords that `docker-compose.yaml` asks for, generated; nothing is started here."""

from __future__ import annotations

import secrets

from docgraph_local.deployment import Secrets


def compose_environment() -> dict[str, str]:
    """Return fresh values for the variables of `docker-compose.yaml`, for its `.env` file."""
    drawn = Secrets.generate()
    return {
        "DOCGRAPH_NEO4J_PASSWORD": drawn.neo4j_password,
        "DOCGRAPH_QDRANT_API_KEY": drawn.qdrant_api_key,
        "DOCGRAPH_REDIS_PASSWORD": drawn.redis_password,
        "DOCGRAPH_TOKEN": drawn.token,
        "AIRFLOW_PASSWORD": drawn.airflow_password,
        "AIRFLOW_FERNET_KEY": drawn.airflow_fernet_key,
        "AIRFLOW_SECRET_KEY": drawn.airflow_secret_key,
        "AIRFLOW_JWT_SECRET": drawn.airflow_jwt_secret,
        "AIRFLOW_DATABASE_PASSWORD": secrets.token_hex(16),
    }
