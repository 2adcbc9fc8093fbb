"""Fixtures of the contract tests: each module with a server of its own is brought in here."""

from __future__ import annotations

from support.contract.qdrant_server import (
    local_qdrant,
    qdrant,
    qdrant_api_key,
    qdrant_collection,
    qdrant_names,
    qdrant_url,
)
from support.contract.redis_server import own_redis, raw, redis_url, state
from support.contract.s3_server import s3_place, s3_server

__all__ = [
    "local_qdrant",
    "own_redis",
    "qdrant",
    "qdrant_api_key",
    "qdrant_collection",
    "qdrant_names",
    "qdrant_url",
    "raw",
    "redis_url",
    "s3_place",
    "s3_server",
    "state",
]
