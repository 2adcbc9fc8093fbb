"""A moto server that answers one request at a time, with buckets that behave as some services do; run as a program with a port.

moto looks at a condition (`If-Match`) and then writes without holding a lock: as two steps, which S3 does as one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

#: Everything is forbidden; a listing breaks off after its first page of two keys; `If-Match` is unknown; it compares other ETags.
DENIES, BREAKS_OFF, NO_CONDITIONS, OTHER_ETAGS = "denies", "breaks-off", "no-conditions", "other-etags"
_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


def behaving(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Let the buckets of these names behave as they are called."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        bucket = environ["PATH_INFO"].split("/")[1]
        if bucket == BREAKS_OFF:
            environ["QUERY_STRING"] += "&max-keys=2"
        if bucket == DENIES or (bucket == BREAKS_OFF and "continuation-token" in environ["QUERY_STRING"]):
            start_response("403 Forbidden", [("Content-Type", "application/xml")])
            return [_DENIED]
        if bucket == NO_CONDITIONS:
            environ.pop("HTTP_IF_MATCH", None)
        if bucket == OTHER_ETAGS and "HTTP_IF_MATCH" in environ:
            environ["HTTP_IF_MATCH"] = '"0123456789abcdef0123456789abcdef-2"'
        return app(environ, start_response)

    return answer


if __name__ == "__main__":
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    run_simple("127.0.0.1", int(sys.argv[1]), behaving(DomainDispatcherApplication(create_backend_app)), threaded=False)
