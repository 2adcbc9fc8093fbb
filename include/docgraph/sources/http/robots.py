"""What a site asks of programs that follow its sitemap: its robots.txt (RFC 9309), asked for once an hour."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from protego import Protego

from docgraph.sources.http.client import PRODUCT, Web, WebError
from docgraph.sources.http.guard import origin_of, parse_address
from docgraph.sources.http.pace import Pace

#: A site may change its mind within a day (RFC 9309, 2.4).
_KEPT_SECONDS = 3600.0
_MAX_BYTES = 2**20
#: A longer pause between two requests than this is not kept: a set of pages would take days.
_LONGEST_DELAY = 30.0
_CLIENT_ERRORS = range(400, 500)


@dataclass(frozen=True, slots=True)
class _Kept:
    rules: Protego
    until: float


class Robots:
    """The wishes of the sites that a source asks."""

    def __init__(self, web: Web, pace: Pace, clock: Callable[[], float] = time.monotonic) -> None:
        """Ask for them as documents are asked for; the pause that a site wishes for is kept by `pace`."""
        self._web = web
        self._pace = pace
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()

    def allows(self, url: str) -> bool:
        """Tell whether the site lets its pages be read at this address.

        Raises:
            WebError: its robots.txt can't be read now, which means that nothing may be (RFC 9309, 2.3.1.4).
            ForbiddenAddressError: it leads to something that must not be read.
            DocumentTooLargeError: it has more than a mebibyte.
        """
        at = parse_address(url)
        origin = origin_of(at)
        # Others wait here: nothing may be asked for before it is known.
        with self._lock:
            kept = self._kept.get(origin)
            if kept is None or self._clock() >= kept.until:
                kept = self._kept[origin] = _Kept(self._read(at), self._clock() + _KEPT_SECONDS)
                if delay := kept.rules.crawl_delay(PRODUCT):
                    self._pace.slow_down(origin, min(delay, _LONGEST_DELAY))
        return bool(kept.rules.can_fetch(str(at), PRODUCT))

    def _read(self, at: httpx.URL) -> Protego:
        try:
            answer = self._web.get(str(at.copy_with(raw_path=b"/robots.txt")), limit=_MAX_BYTES)
        except WebError as error:
            if error.status not in _CLIENT_ERRORS or error.status == httpx.codes.TOO_MANY_REQUESTS:
                raise
            return Protego.parse("")
        return Protego.parse(b"".join(answer.chunks()).decode("utf-8", errors="replace"))
