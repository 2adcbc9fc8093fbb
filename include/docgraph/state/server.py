"""The connection to Redis: one place for time limits, retries, scripts, and for errors that a person can act on.

It knows no key and no job. A command may be sent again after a lost connection, so what it does must be the same done
twice: reads are, and each script says how it is.
"""

from __future__ import annotations

import asyncio
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import EqualJitterBackoff, NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from docgraph.domain.errors import ConfigurationError, StateUnreadableError, StoreUnavailableError
from docgraph.domain.waits import REDIS, waiting_for
from docgraph.state import keys

#: At most this many events of a job are kept (approximately, at least).
EVENTS_KEPT = 2_000
#: Seconds that the events stay after the job has ended.
EVENTS_TTL_SECONDS = 7 * 24 * 3600
#: Longest wait of one blocking read, milliseconds; a caller that wants to wait longer asks again.
MAX_BLOCK_MS = 30_000

#: Connections that a process may have; the library's own limit (100) is below what event streams may need.
_MOST_CONNECTIONS = 1_000
_CONNECT_SECONDS = 3.0
_ANSWER_SECONDS = 15.0
_PING_SECONDS = 2.0
_RETRIES = 5
_BACKOFF_FIRST, _BACKOFF_MOST = 0.1, 2.0

#: What can be sent as an argument.
Argument = str | int | float


class Server:
    """A Redis server as the modules of this package use it; connects when it is first asked something."""

    def __init__(
        self,
        url: str,
        *,
        events_ttl_seconds: int = EVENTS_TTL_SECONDS,
        events_kept: int = EVENTS_KEPT,
        answer_seconds: float | None = None,
    ) -> None:
        """Prepare the connections to `url` (`redis://`, `rediss://` or `unix://`).

        A command without an answer is given up after 15 seconds and sent again, some times; with `answer_seconds` it is given
        up after so many, and for good. What a server that is starting refuses is sent again for two to four seconds either way.

        Raises:
            ConfigurationError: the address is none of Redis.
        """
        self._url = url
        self.address = _address(url)
        self._secret = _password(url)
        common: dict[str, Any] = {
            "decode_responses": True,
            # Anybody may write to the streams; what is not UTF-8 must not stop those who read.
            "encoding_errors": "replace",
            "socket_connect_timeout": _CONNECT_SECONDS,
            "client_name": "docgraph",
            "max_connections": _MOST_CONNECTIONS,
        }
        self._common = common
        # At least half of each pause is certain: an outage of two seconds is always waited out.
        backoff = EqualJitterBackoff(base=_BACKOFF_FIRST, cap=_BACKOFF_MOST)
        self._answer_seconds = _ANSWER_SECONDS if answer_seconds is None else answer_seconds
        again: tuple[type[Exception], ...] = (redis.exceptions.ConnectionError,)
        self._sent_again = (
            again if answer_seconds is not None else (*again, redis.exceptions.TimeoutError, TimeoutError)
        )
        try:
            # Any: the library leaves `execute_command` untyped.
            self._client: Any = redis.Redis.from_url(
                url, retry=Retry(backoff, _RETRIES, self._sent_again), socket_timeout=self._answer_seconds, **common
            )
            self._blocking = redis.Redis.from_url(
                url,
                retry=Retry(backoff, _RETRIES, self._sent_again),
                socket_timeout=MAX_BLOCK_MS / 1000 + self._answer_seconds,
                **common,
            )
            self._pinging = redis.Redis.from_url(
                url,
                retry=Retry(NoBackoff(), 0),
                socket_timeout=_PING_SECONDS,
                **{**common, "socket_connect_timeout": _PING_SECONDS},
            )
        except ValueError:
            # Not chained: the library's message may repeat the address with its password.
            raise ConfigurationError(
                f"DOCGRAPH_REDIS_URL does not name a Redis server ({self.address}); "
                "write it as redis://[user:password@]host:port/0."
            ) from None
        self._prelude = keys.lua_constants(EVENTS_KEPT=events_kept, EVENTS_TTL=events_ttl_seconds) + _source("common")
        self._scripts: dict[str, Script] = {}
        self._loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, redis.asyncio.Redis] = (
            weakref.WeakKeyDictionary()
        )

    def call(self, *command: Argument) -> Any:
        """Send one command that may be repeated and return its answer."""
        with self.explaining():
            return self._client.execute_command(*command)

    def call_many(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Send commands that may be repeated in one go, not as a transaction, and return their answers."""
        with self.explaining():
            return self._answers(commands)

    def call_each(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Send commands as `call_many` does; a key of another type gives a `StateUnreadableError` in the place of its answer."""
        with self.explaining():
            answers = self._answers(commands, raise_on_error=False)
            for number, answer in enumerate(answers):
                if not isinstance(answer, redis.exceptions.RedisError):
                    continue
                if "WRONGTYPE" not in str(answer):
                    raise answer
                answers[number] = StateUnreadableError(
                    f"{commands[number][1]} is of another type than docgraph keeps there"
                )
        return answers

    def _answers(self, commands: Sequence[Sequence[Argument]], *, raise_on_error: bool = True) -> list[Any]:
        if not commands:
            return []
        with self._client.pipeline(transaction=False) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            return list(pipeline.execute(raise_on_error=raise_on_error))

    def transaction(self, commands: Sequence[Sequence[Argument]]) -> None:
        """Send commands that take effect together (MULTI … EXEC)."""
        with self.explaining(), self._client.pipeline(transaction=True) as pipeline:
            for command in commands:
                pipeline.execute_command(*command)
            pipeline.execute()

    def script(self, name: str, keys_: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script of this name; it takes effect whole or not at all."""
        script = self._scripts.get(name)
        if script is None:
            script = self._scripts[name] = self._client.register_script(self._prelude + _source(name))
        with self.explaining():
            return script(keys=list(keys_), args=list(arguments))

    def read_streams(self, after: dict[str, str], block_ms: int | None, count: int) -> list[Any]:
        """Read what stands after the given entries, waiting at most `block_ms` (None: not at all)."""
        client: Any = self._client if block_ms is None else self._blocking
        with self.explaining():
            answer = client.xread(after, count=count, block=_block(block_ms))
        return _streams(answer)

    async def read_streams_async(self, after: dict[str, str], block_ms: int | None, count: int) -> list[Any]:
        """Read as `read_streams` does, for event loops; each loop has connections of its own."""
        with self.explaining():
            answer = await self._async_client().xread(after, count=count, block=_block(block_ms))
        return _streams(answer)

    async def call_many_async(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Send commands as `call_many` does, for event loops."""
        if not commands:
            return []
        with self.explaining():
            pipeline: Any
            async with self._async_client().pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())

    def ping(self) -> float:
        """Return the seconds that an answer takes; one try, two seconds at most.

        Raises:
            StoreUnavailableError: no answer, or one that says that Redis can't take writes now.
        """
        start = time.monotonic()
        with self.explaining():
            self._pinging.ping()
        return time.monotonic() - start

    def close(self) -> None:
        """Close the connections of the synchronous half; `aclose` closes those of the running event loop."""
        for client in (self._client, self._blocking, self._pinging):
            client.close()

    async def aclose(self) -> None:
        """Close the connections that the running event loop has."""
        client = self._loops.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _async_client(self) -> Any:
        loop = asyncio.get_running_loop()
        client = self._loops.get(loop)
        if client is None:
            client = self._loops[loop] = redis.asyncio.Redis.from_url(
                self._url,
                retry=AsyncRetry(
                    EqualJitterBackoff(base=_BACKOFF_FIRST, cap=_BACKOFF_MOST), _RETRIES, self._sent_again
                ),
                socket_timeout=MAX_BLOCK_MS / 1000 + self._answer_seconds,
                **self._common,
            )
        return client

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Turn the client's errors into ours: which server, why, what to do; never the password."""
        try:
            with waiting_for(REDIS):
                yield
        except redis.exceptions.RedisError as error:
            if "WRONGTYPE" in str(error):
                raise StateUnreadableError(
                    f"A key in Redis at {self.address} is of another type than docgraph keeps there: {error}. "
                    "Find which in `ingestctl quarantine list`, and remove it there."
                ) from error
            raise StoreUnavailableError(self._message(error)) from error

    def _message(self, error: redis.exceptions.RedisError) -> str:
        reason = str(error).strip() or type(error).__name__
        for secret in self._secret:
            reason = reason.replace(secret, "***")
        if isinstance(error, redis.exceptions.AuthenticationError | redis.exceptions.NoPermissionError):
            return f"Redis at {self.address} refuses the user or password: {reason}. Check DOCGRAPH_REDIS_URL."
        if isinstance(error, redis.exceptions.ConnectionError | redis.exceptions.TimeoutError):
            return (
                f"Redis at {self.address} can't be reached: {reason}. "
                "Check `make status`, Redis's log and DOCGRAPH_REDIS_URL."
            )
        if isinstance(error, redis.exceptions.OutOfMemoryError) or "OOM" in reason:
            return (
                f"Redis at {self.address} is full: {reason}. Raise maxmemory, or shorten the retention of jobs in "
                "config/ingest.yaml."
            )
        if "MISCONF" in reason or isinstance(error, redis.exceptions.ReadOnlyError):
            return f"Redis at {self.address} takes no writes: {reason}. Check its disk, its role and its log."
        return f"Redis at {self.address} refused a command: {reason}. Check its version (7 or newer) and its log."


@cache
def _source(name: str) -> str:
    return resources.files("docgraph.state").joinpath("scripts", f"{name}.lua").read_text(encoding="utf-8")


def _block(block_ms: int | None) -> int | None:
    # 0 would mean "for ever" to Redis.
    return None if block_ms is None else max(1, min(block_ms, MAX_BLOCK_MS))


def _streams(answer: Any) -> list[Any]:
    if not answer:
        return []
    return list(answer.items()) if isinstance(answer, dict) else list(answer)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "an address that can't be read"
    if parts.scheme == "unix":
        return parts.path
    if parts.scheme not in {"redis", "rediss"}:
        return "an address that can't be read"
    return f"{host or 'localhost'}:{port or 6379}{parts.path.rstrip('/')}"


def _password(url: str) -> tuple[str, ...]:
    try:
        password = urlsplit(url).password
    except ValueError:
        return ()
    return (password, unquote(password)) if password else ()
