"""Reports as blobs: a prefix each, written once; names for the latest; an index. Removing old ones is retention's.

An id belongs to the process that writes its first blob, so two runs never share one. `ingest_report.json` appears last and whole:
an id without it is what a crash left, and nobody's report.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from docgraph.domain.errors import DocgraphError, InfrastructureError
from docgraph.domain.identity import is_tag
from docgraph.readiness.report import markdown, page
from docgraph.readiness.report.building import validate
from docgraph.stores.blobs.base import BlobStore

NAME = "ingest_report"
#: Reports that the index lists; older ones are found by their folder.
INDEXED = 200
_REPORT_ID = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")
_ID_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_DIGEST = "summary.json"
_INDEX = "index.json"
_DIGEST_KEYS = (
    "report_id",
    "created_at",
    "tag",
    "run_id",
    "dag_id",
    "ready_for_queries",
    "summary",
    "drift_pct",
    "counts",
)


class ReportNotFoundError(DocgraphError):
    """No report has this name; `ingestctl report` lists the latest."""

    code = "report_not_found"


def write_report(reports: BlobStore, report: Mapping[str, Any]) -> str:
    """Write a report as JSON, Markdown and HTML under an id of its own, and return the id.

    Afterwards `latest` and `latest-<tag>` stand for it, unless a newer one was written meanwhile, and the index lists it.

    Raises:
        jsonschema.ValidationError: the report breaks the published schema; nothing is written then.
        InfrastructureError: the disk or the service is full or broken; where the report was not whole yet, nothing is left of it.
    """
    validate({**report, "report_id": _now()})
    whole = _begin(reports, report)
    report_id = str(whole["report_id"])
    try:
        _put(reports, f"{report_id}/{NAME}.html", page.render_html(whole))
        _put(reports, f"{report_id}/{_DIGEST}", _json({key: whole[key] for key in _DIGEST_KEYS}))
        _put(reports, f"{report_id}/{NAME}.json", _json(whole))
    except InfrastructureError:
        # What can't be removed either has no JSON, and retention removes it.
        with contextlib.suppress(InfrastructureError):
            _remove(reports, report_id)
        raise
    for name in ("latest", f"latest-{whole['tag']}"):
        reports.point(name, report_id)
    _write_index(reports)
    return report_id


def _begin(reports: BlobStore, report: Mapping[str, Any]) -> dict[str, Any]:
    """Take an id: the present time, or just after the newest report where the clock was put back; return the report with it."""
    while True:
        whole = {**report, "report_id": max(_now(), _after(next(iter(_report_ids(reports)), "")))}
        if _put(reports, f"{whole['report_id']}/{NAME}.md", markdown.render_markdown(whole), new=True):
            return whole


def remove_reports(reports: BlobStore, older_than_seconds: float) -> int:
    """Remove the reports that are older than this, but for the latest of each dataset, and what a crash left; return how many."""
    expired = [each for each in _begun(reports) if _age(each) > older_than_seconds and not _is_latest(reports, each)]
    for report_id in expired:
        _remove(reports, report_id)
    if expired:
        _write_index(reports)
    reports.remove_abandoned()
    return len(expired)


def _is_latest(reports: BlobStore, report_id: str) -> bool:
    digest = _digest(reports, report_id)
    return digest is not None and report_id in {
        reports.target("latest"),
        reports.target(f"latest-{digest['tag']}"),
    }


def _remove(reports: BlobStore, report_id: str) -> None:
    """Remove a report, first that which makes it one."""
    reports.delete(f"{report_id}/{NAME}.json")
    for blob in list(reports.list(f"{report_id}/")):
        reports.delete(blob.key)


def _write_index(reports: BlobStore) -> None:
    """Write the index anew, until no report came or went meanwhile: the last to write has seen them all."""
    listed: list[str] | None = None
    while listed != (names := _report_ids(reports)):
        listed = names
        shown = list(_digests(reports, names[:INDEXED]))
        left_out = max(0, len(names) - INDEXED)
        _put(reports, _INDEX, _json(shown))
        _put(reports, "index.md", markdown.render_index(shown, left_out))
        _put(reports, "index.html", page.render_index(shown, left_out))


def list_reports(reports: BlobStore, *, tag: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Return what each report says in short, newest first."""
    found: list[dict[str, Any]] = []
    for digest in _digests(reports, _report_ids(reports)):
        if tag is None or digest["tag"] == tag:
            found.append(digest)
        if len(found) >= limit:
            break
    return found


def find_report(reports: BlobStore, report_id: str | None = None, *, tag: str | None = None) -> str:
    """Return the id of a report: the one named, or the latest (of a dataset).

    Raises:
        ReportNotFoundError: there is none.
    """
    if report_id is not None:
        name = report_id
    elif tag is None:
        name = reports.target("latest") or ""
    else:
        name = (is_tag(tag) and reports.target(f"latest-{tag}")) or ""
    if not _REPORT_ID.fullmatch(name) or reports.stat(f"{name}/{NAME}.json") is None:
        wanted = report_id or (f"of the dataset {tag!r}" if tag else "at all")
        raise ReportNotFoundError(f"There is no report {wanted}; `ingestctl report` lists the latest.")
    return name


def read_report(reports: BlobStore, report_id: str) -> dict[str, Any]:
    """Return the JSON of a report.

    Raises:
        ReportNotFoundError: there is none with this id.
    """
    blob = reports.get(f"{find_report(reports, report_id)}/{NAME}.json")
    if blob is None:
        raise ReportNotFoundError(f"The report {report_id} has just been removed; `ingestctl report` lists the latest.")
    return dict(json.loads(blob.data))


def report_id_of(recorded: str) -> str:
    """Return the id that a job's state names; version 0.1.0 recorded the path of the report's folder."""
    return PurePosixPath(recorded).name


def _now() -> str:
    return datetime.now(UTC).strftime(_ID_FORMAT)


def _age(report_id: str) -> float:
    """Seconds since the report with this id was written."""
    return (datetime.now(UTC) - _time_of(report_id)).total_seconds()


def _time_of(report_id: str) -> datetime:
    return datetime.strptime(report_id, _ID_FORMAT).replace(tzinfo=UTC)


def _after(report_id: str) -> str:
    """Return the next microsecond's id; empty for none."""
    if not report_id:
        return ""
    return (_time_of(report_id) + timedelta(microseconds=1)).strftime(_ID_FORMAT)


def _parts(reports: BlobStore) -> Iterator[tuple[str, str]]:
    for blob in reports.list():
        report_id, _, name = blob.key.partition("/")
        if _REPORT_ID.fullmatch(report_id):
            yield report_id, name


def _begun(reports: BlobStore) -> set[str]:
    return {report_id for report_id, _ in _parts(reports)}


def _report_ids(reports: BlobStore) -> list[str]:
    """Return the ids of whole reports, newest first."""
    return sorted((report_id for report_id, name in _parts(reports) if name == f"{NAME}.json"), reverse=True)


def _digests(reports: BlobStore, names: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield what each of these reports says in short; those of the last index need not be read one by one."""
    blob = reports.get(_INDEX)
    known = {digest["report_id"]: digest for digest in (json.loads(blob.data) if blob else ())}
    for name in names:
        if (digest := known.get(name) or _digest(reports, name)) is not None:
            yield digest


def _digest(reports: BlobStore, report_id: str) -> dict[str, Any] | None:
    """Return what a report says in short; None where it is not whole, or was removed meanwhile."""
    whole = reports.stat(f"{report_id}/{NAME}.json")
    blob = whole and (reports.get(f"{report_id}/{_DIGEST}") or reports.get(whole.key))
    if not blob:
        return None
    said = json.loads(blob.data)
    return {key: said[key] for key in _DIGEST_KEYS}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _put(reports: BlobStore, key: str, text: str, *, new: bool = False) -> bool:
    # What came from outside may hold a lone surrogate; a report that can't be written helps nobody.
    return reports.put(key, text.encode("utf-8", "replace"), new=new)
