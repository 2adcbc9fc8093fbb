"""A report as one self-contained HTML page, through the templates of this package. Pure; everything from outside is escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jinja2

from docgraph.domain.jobs import STAGES
from docgraph.readiness.report.building import withheld_sentence

#: Rows of a table on the page; what is left out is counted below it. The JSON has all.
MAX_ROWS = 200
_OUTCOMES = ("created", "updated", "unchanged", "empty", "deleted", "failed", "cancelled")


def render_html(report: Mapping[str, Any]) -> str:
    """Return the report as a page that needs nothing else: light and dark, print, phone."""
    counts = report["counts"]
    shares = [{"name": name, "count": counts[name]} for name in _OUTCOMES if counts.get(name)]
    total = sum(share["count"] for share in shares)
    start = 0.0
    for share in shares:
        share["start"], share["width"] = start, 100.0 * share["count"] / total
        start += share["width"]
    return (
        _environment()
        .get_template("report.html.j2")
        .render(report=report, stages=_bars(report["timings"]["stages"]), shares=shares, max_rows=MAX_ROWS)
    )


def render_index(reports: Sequence[Mapping[str, Any]], left_out: int = 0) -> str:
    """Return the list of reports as a page, newest first."""
    return _environment().get_template("index.html.j2").render(reports=reports, left_out=left_out)


def _bars(stages: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a bar for each stage, in the order of the pipeline; widths in percent of the longest."""
    known = [stage for stage in STAGES if stage in stages]
    names = known + [stage for stage in stages if stage not in known]
    longest = max(stages.values(), default=0.0)
    total = sum(stages.values())
    return [
        {
            "name": name.replace("_", " "),
            "seconds": stages[name],
            "width": 100.0 * stages[name] / longest if longest else 0.0,
            "share": 100.0 * stages[name] / total if total else 0.0,
            "y": row * 34,
        }
        for row, name in enumerate(names)
    ]


def _web_address(uri: str) -> str:
    """Return the address when a browser may follow it, else nothing: no `javascript:`, no local files."""
    return uri if urlsplit(uri).scheme in {"http", "https"} else ""


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("docgraph.readiness.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "withheld_sentence": withheld_sentence,
        "web_address": _web_address,
        "duration": _duration,
        "thousands": lambda n: f"{n:,}",
    }
    return environment
