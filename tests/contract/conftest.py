"""Fixtures of the contract tests: each module with a server of its own is brought in here."""

from __future__ import annotations

from contract.redis_server import own_redis, raw, redis_url, state

__all__ = ["own_redis", "raw", "redis_url", "state"]
