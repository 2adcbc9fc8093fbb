"""Asking web servers: no faster than agreed, no more than a limit, and only where the guard allows it."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import logging
import os
import ssl
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import IO

import httpcore
import httpx

from docgraph.domain.errors import DocumentTooLargeError, InfrastructureError
from docgraph.settings import HttpAccess
from docgraph.sources.http.connecting import Deadline, GuardedBackend
from docgraph.sources.http.guard import ForbiddenAddressError, Guard, joined, origin_of, parse_address
from docgraph.sources.http.pace import Pace
from docgraph.sources.http.unpacking import gunzipped

logger = logging.getLogger(__name__)

#: What robots.txt calls this program.
PRODUCT = "docgraph"
MAX_REDIRECTS = 5
#: Of 429 that doesn't say when to come back.
_BUSY_SECONDS = 30.0
#: How often one address is asked for while its server says that it is busy.
_TRIES = 3
_LONGEST_BUSY_SECONDS = 24 * 3600.0
_IN_MEMORY = 2**18
_LONGEST_ETAG = 512
#: A time of whole seconds says nothing of what happens later in its second.
_WEAK_SECONDS = 2
_CHUNK_BYTES = 2**16
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, ssl.SSLError, OSError)


class WebError(InfrastructureError):
    """A web server didn't give what it was asked for; it is asked again at a later look."""

    def __init__(self, message: str, status: int = 0, *, again_after: float = 0.0) -> None:
        """Keep the status (0: there was no answer), and after how many seconds the server wants to be asked again."""
        super().__init__(message)
        self.status = status
        self.again_after = again_after


@dataclass(frozen=True, slots=True)
class Validators:
    """By what a server knows again what it gave."""

    etag: str = ""
    last_modified: str = ""

    @property
    def as_headers(self) -> dict[str, str]:
        """The conditions of a request that wants something newer only; an ETag says more than a date."""
        if self.etag:
            return {"If-None-Match": self.etag}
        return {"If-Modified-Since": self.last_modified} if self.last_modified else {}

    def are_those_of(self, other: Validators) -> bool:
        """Tell whether what is known by these is what the others came with."""
        if self.etag:
            return self.etag == other.etag
        return bool(self.last_modified) and not other.etag and self.last_modified == other.last_modified


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server gave: a body, or word that there is nothing new, or nothing at all."""

    #: Where it came from in the end.
    url: str
    status: int
    validators: Validators = Validators()
    content_type: str = ""
    body: IO[bytes] | None = None
    size: int = 0
    sha256: str = ""

    @property
    def gone(self) -> bool:
        """Whether there is nothing under the address."""
        return self.status in _GONE

    @property
    def is_new(self) -> bool:
        """Whether there is a body."""
        return self.status == httpx.codes.OK

    def chunks(self) -> Iterator[bytes]:
        """Give the body, as often as it is asked for."""
        if self.body is not None:
            self.body.seek(0)
            while chunk := self.body.read(_CHUNK_BYTES):
                yield chunk


@cache
def _authorities(own: tuple[str | None, ...]) -> ssl.SSLContext:
    # Reading the list of authorities takes fifty milliseconds of processor time, and sources are looked at often.
    return httpx.create_ssl_context()


class Web:
    """Asks web servers for one source; connections to a host are used again."""

    def __init__(
        self,
        guard: Guard,
        pace: Pace,
        *,
        home: str = "",
        access: HttpAccess | None = None,
        timeout: float = 30.0,
        total_timeout: float = 300.0,
        patience: float = 30.0,
        contact: str = "",
        connections: int = 4,
    ) -> None:
        """Ask where the guard allows it.

        `access` is shown to the origin of `home` and to nobody else. A server may be silent for `timeout` seconds, and an
        answer may take `total_timeout`. `patience` is how many seconds are waited for a server that is busy.
        """
        self._pace = pace
        self._home = origin_of(parse_address(home)) if home else ""
        self._access = access or HttpAccess()
        self._timeout = timeout
        self._total = total_timeout
        self.patience = patience
        about = f" (+{contact})" if contact else ""
        self._agent = f"{PRODUCT}/{version('docgraph')}{about}"
        self._deadline = Deadline()
        self._pool = httpcore.ConnectionPool(
            ssl_context=_authorities(tuple(map(os.environ.get, ("SSL_CERT_FILE", "SSL_CERT_DIR")))),
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=3.0,
            network_backend=GuardedBackend(guard, self._deadline),
        )

    def get(
        self,
        url: str,
        *,
        limit: int,
        known: Validators = Validators(),
        conditional: bool = True,
        wants: Callable[[Validators], bool] = lambda _: True,
    ) -> Answer:
        """Get what is under an address: status 200 with a body, 304 where it is as `known`, 404 or 410 where there is nothing.

        `wants` may say by an answer's validators that its body is of no interest; the answer is then without one.

        Raises:
            ForbiddenAddressError: the address, or one that it redirects to, must not be asked.
            DocumentTooLargeError: the body is longer than `limit` bytes, unpacked.
            WebError: every other status, no answer, or an answer that can't be read.
        """
        conditions = known.as_headers if conditional else {}
        at = self._allowed(url, url)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._ask(at, url, limit, conditions, known if conditional else Validators(), wants)
            if isinstance(answer, Answer):
                return answer
            if at.scheme == "https" and answer.scheme != "https":
                raise WebError(f"{url} redirects from https to {answer}, which is not encrypted; correct the address.")
            at = answer
        raise WebError(f"{url} redirects more than {MAX_REDIRECTS} times; list the address that it ends at.")

    def _ask(
        self,
        at: httpx.URL,
        url: str,
        limit: int,
        conditions: Mapping[str, str],
        known: Validators,
        wants: Callable[[Validators], bool],
    ) -> Answer | httpx.URL:
        """Ask one address once, or again where its server is only busy for a moment; returns where it redirects to, or the answer."""
        origin = origin_of(at)
        for left in range(_TRIES - 1, -1, -1):
            if wait := self._pace.wait(origin, self.patience):
                raise WebError(f"{origin} asked to be left alone for another {wait:.0f} s.", 0, again_after=wait)
            try:
                return self._once(at, url, limit, conditions, known, wants)
            except WebError as error:
                if not error.again_after:
                    raise
                self._pace.busy(origin, error.again_after)
                if not left or error.again_after > self.patience:
                    raise
                self.patience -= error.again_after
        raise AssertionError("the last try returns or raises")

    def _once(
        self,
        at: httpx.URL,
        url: str,
        limit: int,
        conditions: Mapping[str, str],
        known: Validators,
        wants: Callable[[Validators], bool],
    ) -> Answer | httpx.URL:
        address = httpcore.URL(scheme=at.raw_scheme, host=at.raw_host, port=at.port, target=at.raw_path)
        timeouts = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        self._deadline.begin(self._total)
        try:
            with self._pool.stream(
                "GET", address, headers=self._headers(at, conditions), extensions={"timeout": timeouts}
            ) as response:
                headers = httpx.Headers(response.headers)
                if response.status in _REDIRECTS and "location" in headers:
                    return self._allowed(url, headers["location"], at)
                return self._read(at, url, response, headers, limit, known, wants)
        except ForbiddenAddressError as error:
            leads = "" if str(at) == url else f" redirects to {at}, which"
            raise _explained(error, f"{url}{leads}") from error
        except httpcore.LocalProtocolError:
            # Its text may show the header, and that may be a secret.
            raise WebError(
                f"{_named(at, url)} can't be asked: a header of the Airflow connection is not valid."
            ) from None
        except _FAILURES as error:
            reason = str(error) or type(error).__name__
            raise WebError(f"{_named(at, url)} gave no answer that can be read: {reason}.") from error

    def _read(
        self,
        at: httpx.URL,
        url: str,
        response: httpcore.Response,
        headers: httpx.Headers,
        limit: int,
        known: Validators,
        wants: Callable[[Validators], bool],
    ) -> Answer:
        etag, modified = headers.get("etag", ""), headers.get("last-modified", "")
        if _is_weak(modified, headers.get("date", "")):
            modified = ""
        validators = Validators(etag if len(etag) <= _LONGEST_ETAG else "", modified[:64])
        status = response.status
        if status == httpx.codes.NOT_MODIFIED and known != Validators():
            return Answer(str(at), status, known)
        if status in _GONE:
            return Answer(str(at), status)
        if status != httpx.codes.OK:
            raise _refused(_named(at, url), status, headers)
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        # A server may answer in full although nothing changed.
        if known.are_those_of(validators):
            return Answer(str(at), httpx.codes.NOT_MODIFIED, known, content_type)
        if not wants(validators):
            return Answer(str(at), status, validators, content_type)
        chunks = response.iter_stream()
        match headers.get("content-encoding", "identity").strip().lower():
            case "gzip" | "x-gzip":
                chunks = gunzipped(chunks)
            case "identity" | "":
                pass
            case other:
                raise WebError(f"{_named(at, url)} came packed as {other[:40]}, which was not asked for.", status)
        # It lives as long as the answer, which may be read more than once.
        body = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115
        digest, size = hashlib.sha256(), 0
        try:
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise DocumentTooLargeError(
                        f"{_named(at, url)} has more bytes than the limit of {limit:,}; split the document, or raise "
                        "limits.max_document_bytes in config/ingest.yaml."
                    )
                digest.update(chunk)
                body.write(chunk)
        except ValueError as error:
            raise WebError(f"{_named(at, url)} {error}.", status) from error
        return Answer(str(at), status, validators, content_type, body, size, digest.hexdigest())

    def _headers(self, at: httpx.URL, conditions: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        headers = {
            "Host": at.netloc.decode("ascii"),
            "User-Agent": self._agent,
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
            **conditions,
        }
        if self._home and origin_of(at) == self._home:
            if self._access.login or self._access.password:
                pair = f"{self._access.login}:{self._access.password}".encode()
                headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            headers |= self._access.headers
        return [(name.encode("ascii"), value.encode("utf-8")) for name, value in headers.items()]

    @staticmethod
    def _allowed(url: str, target: str, base: httpx.URL | None = None) -> httpx.URL:
        """Return an address that may be asked by its spelling, the target of a redirect included."""
        try:
            return parse_address(target if base is None else joined(base, target))
        except ForbiddenAddressError as error:
            raise _explained(error, url if base is None else f"{url} redirects to {target[:200]!r}, which") from error


def _explained(error: ForbiddenAddressError, what: str) -> ForbiddenAddressError:
    return error if str(error).endswith(".") else ForbiddenAddressError(f"{what} {error}.")


def _named(at: httpx.URL, url: str) -> str:
    return url if str(at) == url else f"{url} (at {at})"


def _refused(what: str, status: int, headers: httpx.Headers) -> WebError:
    after = headers.get("retry-after", "")
    # A 503 without it is an error like any other: often of one page alone.
    if status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.SERVICE_UNAVAILABLE and after):
        seconds = _retry_after(after)
        return WebError(
            f"{what} answered {status}: its server is busy and wants to be asked again in {seconds:.0f} s.",
            status,
            again_after=seconds,
        )
    if status in {401, 403, 407}:
        advice = "it wants credentials, or refuses those that it got: name an Airflow connection that has them"
    elif status >= httpx.codes.INTERNAL_SERVER_ERROR:
        advice = "its server failed; it is asked again"
    else:
        advice = "correct the address, or ask its owner"
    return WebError(f"{what} answered {status}: {advice}.", status)


def _retry_after(text: str) -> float:
    """Return the seconds that a `Retry-After` means (RFC 9110, 10.2.3): a number of them, or a date."""
    if text.strip().isascii() and text.strip().isdigit():
        return _bounded(float(text.strip()[:9]))
    try:
        until = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return _BUSY_SECONDS
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return _bounded((until - datetime.now(UTC)).total_seconds())


def _is_weak(modified: str, answered: str) -> bool:
    """Tell whether a page was given in the second in which it was changed, and may have been changed again (RFC 9110, 8.8.2.2)."""
    try:
        between = email.utils.parsedate_to_datetime(answered) - email.utils.parsedate_to_datetime(modified)
    except (ValueError, TypeError):
        return False
    return between.total_seconds() < _WEAK_SECONDS


def _bounded(seconds: float) -> float:
    """Never at once, or a server that answers "0" is asked without an end; never for ever."""
    return min(max(seconds, 1.0), _LONGEST_BUSY_SECONDS)
