"""Addresses of reports that a browser may open without a token: signed for one run, with the sidecar's secret."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote, urlencode

from docgraph.settings import Settings


def report_path(run_id: str) -> str:
    """Return the path below the sidecar at which a run's report is served."""
    return f"/v1/runs/{quote(run_id, safe='')}/report"


def signature(token: str, run_id: str) -> str:
    """Return the HMAC-SHA-256 (hex, RFC 2104) that allows reading one run's report."""
    return hmac.new(token.encode(), f"report:{run_id}".encode(), hashlib.sha256).hexdigest()


def is_signed(token: str, run_id: str, given: str) -> bool:
    """Whether `given` is the run's signature, compared in constant time."""
    return bool(token) and hmac.compare_digest(signature(token, run_id).encode(), given.encode("utf-8", "replace"))


def signed_report_url(settings: Settings, run_id: str) -> str:
    """Return the address of a run's HTML report, readable with nothing but the address."""
    query = urlencode({"format": "html", "signature": signature(settings.token, run_id)})
    return f"{settings.service_url}{report_path(run_id)}?{query}"
