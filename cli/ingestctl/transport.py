"""HTTP as the command line speaks it: the bearer token, retries, decoding, and errors that say what to do.

It knows no route and decides nothing about files, progress or output; the routes are `client.py`'s.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from docgraph.domain.retries import RetryPolicy
from ingestctl.errors import CommandError, NotFoundError, RefusedError, UnreachableError, UsageError

if TYPE_CHECKING:
    from docgraph.api.base import AnswerModel

#: A request that fails on the way is tried again.
RETRIES = RetryPolicy(attempts=5, first_pause=0.2)
_ONCE = RetryPolicy(attempts=1, first_pause=0.0)
#: Seconds: to connect, and between two pieces of an answer.
CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 60.0
#: Seconds without an answer after which a person is told what is waited for.
SAY_AFTER = 2.0
_PASSING = frozenset({429, 502, 503, 504})

A = TypeVar("A", bound="AnswerModel")


def decoded(model: type[A], raw: object) -> A:
    """Read an answer; fields that this version does not know are kept.

    Raises:
        CommandError: a field that the answer must have is missing, or is not what it has to be.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(raw)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:3])
        raise CommandError(
            f"The service described a {model.__name__} in a way that this ingestctl can't read ({wrong}).",
            hint="Use the ingestctl of the same release as the service (`ingestctl version` shows both).",
            code="version_mismatch",
        ) from error


def _authorities(url: str) -> ssl.SSLContext | bool:
    """Return what a server's certificate is checked against: for plain HTTP nothing, as reading the authorities takes 20 ms.

    Where there is no authority, no server over TLS is trusted.
    """
    return url.lower().startswith("https:") or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Transport:
    """The connection to the service at `url`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        retries: RetryPolicy = RETRIES,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare the connection; `say` is told what is waited for, and why, once that takes seconds."""
        self.url = url.rstrip("/")
        self._retries = retries
        self._say = say
        self._met = False
        try:
            self._http = httpx.Client(
                base_url=self.url,
                headers={"Authorization": f"Bearer {token}"} if token else {},
                timeout=httpx.Timeout(READ_TIMEOUT, connect=CONNECT_TIMEOUT),
                limits=httpx.Limits(max_connections=None),
                # A proxy from the environment has no business between the operator and a service on the loopback.
                trust_env=False,
                verify=_authorities(self.url),
            )
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UsageError(
                f"The service's address {url!r} or its token can't be used: {error}.",
                hint="Check DOCGRAPH_SERVICE_URL, DOCGRAPH_TOKEN and --service.",
                code="configuration",
            ) from error

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, model: type[A], path: str, **options: Any) -> A:
        """Ask for an answer."""
        return decoded(model, self.json("GET", path, **options))

    def post(self, model: type[A], path: str, **options: Any) -> A:
        """Send a request that may be repeated without harm, and read its answer."""
        return decoded(model, self.json("POST", path, **options))

    def delete(self, model: type[A], path: str) -> A:
        """Delete something, and read what was."""
        return decoded(model, self.json("DELETE", path))

    def text(self, path: str, **options: Any) -> str:
        """Ask for a page."""
        return self.request("GET", path, **options).text

    def stream(self, path: str, *, params: httpx.QueryParams, headers: Mapping[str, str]) -> Any:
        """Open a streamed GET, for server-sent events; the caller handles transport errors."""
        return self._http.stream("GET", path, params=params, headers=dict(headers))

    def check(self, response: httpx.Response, what: str) -> None:
        """Raise what belongs to a response that is an error."""
        if response.status_code >= 400:
            response.read()
            raise self.error(response, what)

    def unreachable(self, error: Exception) -> UnreachableError:
        """Return the error that says the service did not answer."""
        reason = str(error).rstrip(".") or type(error).__name__
        return UnreachableError(
            f"The ingestion service at {self.url} does not answer: {reason}.",
            hint="Start it (`make up`, then `make status`), or name another with --service or DOCGRAPH_SERVICE_URL.",
            code="unreachable",
        )

    def json(self, method: str, path: str, **options: Any) -> Any:
        """Send a request and return the JSON values of its answer."""
        response = self.request(method, path, **options)
        answer = json_of(response)
        if answer is None:
            raise CommandError(
                f"{method} {self.url}{path} answered with something that is not JSON.",
                hint="Is it the ingestion service that listens there? --service names another address.",
                code="not_json",
            )
        return answer

    def request(
        self,
        method: str,
        path: str,
        *,
        accept: Sequence[int] = (),
        retry: bool = True,
        content: Callable[[], Iterator[bytes]] | None = None,
        **options: Any,
    ) -> httpx.Response:
        """Send a request; what fails on the way is tried again (every request here may be repeated without harm)."""

        what = f"{method} {path}"
        is_told = False

        def send() -> httpx.Response:
            # Bytes on their way are no silence.
            with self._saying(what) if content is None else nullcontext():
                response = self._http.request(method, path, content=content() if content else None, **options)
            self._met = True
            return response

        def is_passing(response: httpx.Response) -> bool:
            nonlocal is_told
            if response.status_code not in _PASSING or response.status_code in accept:
                return False
            if retry and self._say is not None and not is_told:
                is_told = True
                self._say(f"{self.error(response, what)} Trying again.")
            return True

        try:
            response = (self._retries if retry else _ONCE).call(
                send,
                # A service that never answered is not started, and waiting won't start it; one that did may be restarting.
                error=lambda error: self._met and isinstance(error, httpx.TransportError),
                result=is_passing,
                pause=lambda response: _retry_after(response) or None,
            )
        except httpx.TransportError as error:
            raise self.unreachable(error) from error
        if response.status_code in accept or response.status_code < 400:
            return response
        raise self.error(response, what)

    @contextmanager
    def _saying(self, what: str) -> Iterator[None]:
        """Say what is waited for where it takes long."""
        if self._say is None:
            yield
            return
        message = f"The service at {self.url} has not answered for {SAY_AFTER:.0f} s ({what}); waiting up to {READ_TIMEOUT:.0f} s."
        timer = threading.Timer(SAY_AFTER, self._say, [message])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def error(self, response: httpx.Response, what: str) -> CommandError:
        """Return the error that an answer says."""
        status = response.status_code
        code, message, hint = _error_body(response)
        if status in {401, 403}:
            return UnreachableError(
                f"The service at {self.url} does not accept the token ({what}): {message or 'not authorised'}.",
                hint=hint or "Set DOCGRAPH_TOKEN to the token in the .env file of the service's DOCGRAPH_HOME.",
                code=code or "unauthorized",
            )
        if status == 404:
            return NotFoundError(
                message or f"{self.url} knows nothing at {what}.",
                hint=hint
                or ("" if message else "Is it the ingestion service that listens there? `ingestctl version` asks it."),
                code=code or "not_found",
            )
        if status in _PASSING:
            return UnreachableError(
                f"The service at {self.url} can't work now ({what}, HTTP {status}): {message or 'no reason given'}",
                hint=hint or "`ingestctl ready` shows which part is missing; try again when it is back.",
                code=code or "unavailable",
            )
        kind = CommandError if status >= 500 else RefusedError
        return kind(
            message or f"{what} failed with HTTP {status}.",
            hint=hint or ("Look at the service's log." if status >= 500 else ""),
            code=code or f"http_{status}",
        )


def json_of(response: httpx.Response) -> Any:
    """Return the JSON values of an answer; None where it holds none."""
    try:
        return response.json()
    except ValueError:
        return None


def _retry_after(response: httpx.Response) -> float | None:
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _error_body(response: httpx.Response) -> tuple[str, str, str]:
    """Read `{"error": {code, message, hint}}`, or FastAPI's own `{"detail": …}`."""
    body = json_of(response)
    if not isinstance(body, dict):
        return "", "", ""
    if isinstance(error := body.get("error"), dict):
        return str(error.get("code") or ""), str(error.get("message") or ""), str(error.get("hint") or "")
    detail = body.get("detail")
    if isinstance(detail, list):
        detail = "; ".join(
            f"{'.'.join(str(part) for part in item.get('loc', ()))}: {item.get('msg', '')}"
            for item in detail
            if isinstance(item, dict)
        )
    return "", str(detail or ""), ""
