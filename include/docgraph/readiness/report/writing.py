"""Reports on disk: one folder each, written once; links to the latest; an index. Removing old ones is retention's.

A folder is made exclusively, so two runs never share one. `ingest_report.json` appears in it last and whole: a folder
without it is one that a crash left, and is nobody's report.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from docgraph.domain.errors import DocgraphError
from docgraph.domain.identity import is_tag
from docgraph.readiness.report import markdown, page
from docgraph.readiness.report.building import validate
from docgraph.stores.files import explaining

NAME = "ingest_report"
#: Reports that the index lists; older ones are found by their folder.
INDEXED = 200
_REPORT_ID = re.compile(r"[0-9]{8}T[0-9]{6}\.[0-9]{6}Z")
_ID_FORMAT = "%Y%m%dT%H%M%S.%fZ"
_DIGEST = "summary.json"
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


def write_report(reports_root: Path, report: Mapping[str, Any]) -> Path:
    """Write a report as JSON, Markdown and HTML into a folder of its own, and return the folder.

    The folder's name becomes the `report_id`. Afterwards `latest` and `latest-<tag>` point to it, unless a newer one was
    written meanwhile, and the index lists it.

    Raises:
        jsonschema.ValidationError: the report breaks the published schema; nothing is written then.
        WorldError: the disk is full or broken; where the report was not whole yet, nothing is left of it.
    """
    validate({**report, "report_id": _report_id()})
    with explaining("write a report below", reports_root):
        reports_root.mkdir(parents=True, exist_ok=True)
        folder = _new_folder(reports_root)
        try:
            whole = _fill(folder, report)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _sync_folder(reports_root)
        with _locked(reports_root):
            for link in ("latest", f"latest-{whole['tag']}"):
                _point(reports_root / link, folder.name)
            _write_index(reports_root)
    return folder


def _fill(folder: Path, report: Mapping[str, Any]) -> dict[str, Any]:
    """Write the report's files, that which makes it one last; return the report with its id."""
    whole = {**report, "report_id": folder.name}
    _write(folder / f"{NAME}.md", markdown.render_markdown(whole))
    _write(folder / f"{NAME}.html", page.render_html(whole))
    _write(folder / _DIGEST, _json({key: whole[key] for key in _DIGEST_KEYS}))
    _write(folder / f"{NAME}.json", _json(whole))
    _sync_folder(folder)
    return whole


def write_index(reports_root: Path) -> None:
    """Write `index.md` and `index.html` anew: after a report was written, or old ones were removed."""
    with _locked(reports_root):
        _write_index(reports_root)


def remove_reports(reports_root: Path, older_than_seconds: float) -> int:
    """Remove the reports that are older than this, but for the latest of each dataset, and what a crash left; return how many."""
    if not reports_root.is_dir():
        return 0
    removed = 0
    with _locked(reports_root):
        kept = {os.readlink(entry) for entry in os.scandir(reports_root) if entry.is_symlink()}
        for entry in list(os.scandir(reports_root)):
            if _REPORT_ID.fullmatch(entry.name) and entry.name not in kept and _age(entry.name) > older_than_seconds:
                shutil.rmtree(entry.path)
                removed += 1
        if removed:
            _write_index(reports_root)
    return removed


def _age(report_id: str) -> float:
    """Seconds since the report with this id was written."""
    return (datetime.now(UTC) - _time_of(report_id)).total_seconds()


def _time_of(report_id: str) -> datetime:
    return datetime.strptime(report_id, _ID_FORMAT).replace(tzinfo=UTC)


def _write_index(reports_root: Path) -> None:
    names = _report_ids(reports_root)
    reports = [_digest(reports_root / name) for name in names[:INDEXED]]
    left_out = max(0, len(names) - INDEXED)
    _write(reports_root / "index.md", markdown.render_index(reports, left_out))
    _write(reports_root / "index.html", page.render_index(reports, left_out))


def list_reports(reports_root: Path, *, tag: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Return what each report says in short, newest first."""
    found: list[dict[str, Any]] = []
    for name in _report_ids(reports_root):
        digest = _digest(reports_root / name)
        if tag is None or digest["tag"] == tag:
            found.append(digest)
        if len(found) >= limit:
            break
    return found


def report_folder(reports_root: Path, report_id: str | None = None, *, tag: str | None = None) -> Path:
    """Return the folder of a report: the one named, or the latest (of a dataset).

    Raises:
        ReportNotFoundError: there is none.
    """
    if report_id is not None:
        name = report_id if _REPORT_ID.fullmatch(report_id) else ""
    else:
        link = reports_root / ("latest" if tag is None else f"latest-{tag if is_tag(tag) else ''}")
        name = os.readlink(link) if link.is_symlink() else ""
    if not name or not (reports_root / name / f"{NAME}.json").is_file():
        wanted = report_id or (f"of the dataset {tag!r}" if tag else "at all")
        raise ReportNotFoundError(f"There is no report {wanted}; `ingestctl report` lists the latest.")
    return reports_root / name


def read_report(folder: Path) -> dict[str, Any]:
    """Return the JSON of the report in a folder."""
    return dict(json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8")))


def _report_id() -> str:
    return datetime.now(UTC).strftime(_ID_FORMAT)


def _new_folder(reports_root: Path) -> Path:
    """Make a folder whose name is the present time, or just after the newest report where the clock was put back."""
    while True:
        folder = reports_root / max(_report_id(), _after(next(iter(_report_ids(reports_root)), "")))
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder


def _after(report_id: str) -> str:
    """Return the next microsecond's id; empty for none."""
    if not report_id:
        return ""
    return (_time_of(report_id) + timedelta(microseconds=1)).strftime(_ID_FORMAT)


def _report_ids(reports_root: Path) -> list[str]:
    if not reports_root.is_dir():
        return []
    names = (entry.name for entry in os.scandir(reports_root) if _REPORT_ID.fullmatch(entry.name))
    return [name for name in sorted(names, reverse=True) if (reports_root / name / f"{NAME}.json").is_file()]


def _digest(folder: Path) -> dict[str, Any]:
    path = folder / _DIGEST
    if path.is_file():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    report = read_report(folder)
    return {key: report[key] for key in _DIGEST_KEYS}


@contextmanager
def _locked(reports_root: Path) -> Iterator[None]:
    """Let one writer at a time move the links and write the index, so that neither ever goes back."""
    with (reports_root / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _point(link: Path, target: str) -> None:
    """Let a link point to a folder beside it, unless it points to a newer one."""
    if link.is_symlink() and os.readlink(link) > target:
        return
    temporary = link.with_name(f".{link.name}.{secrets.token_hex(6)}")
    temporary.symlink_to(target)
    temporary.replace(link)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            # What came from outside may hold a lone surrogate; a report that can't be written helps nobody.
            file.write(text.encode("utf-8", "replace").decode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
