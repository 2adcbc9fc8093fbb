"""A stack whose files were written by version 0.1.0: snapshots, artifacts, vectors under way and reports are read where they are."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import time
import uuid
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from docgraph.readiness.report import find_report, list_reports, read_report, remove_reports, report_id_of
from docgraph.runtime.connections import Runtime
from docgraph.settings import Settings

TEXT = b"# Guide\n\nText.\n"
FINGERPRINT = "5c" * 32
DOCUMENT = str(uuid.uuid5(uuid.NAMESPACE_URL, "upload:///guide.md"))
SECTION = str(uuid.uuid5(uuid.NAMESPACE_URL, "section"))
OLDER, NEWER = "20260101T000000.000000Z", "20260102T000000.000000Z"


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    settings = Settings.load({}, home=tmp_path / "home")
    return Runtime(replace(settings, reports_root=tmp_path / "reports" / "ingest"))


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def write_report_folder(root: Path, report_id: str, tag: str, *, with_digest: bool = True) -> None:
    """What `write_report` of 0.1.0 left: the folder, and the links to it."""
    report = {
        "report_id": report_id, "created_at": "2026-01-01T00:00:00Z", "tag": tag, "run_id": "run", "dag_id": "dag",
        "ready_for_queries": True, "summary": "fine", "drift_pct": 0.0, "counts": {}, "jobs": [],
    }  # fmt: skip
    folder = root / report_id
    for name in ("ingest_report.md", "ingest_report.html"):
        write(folder / name, b"text")
    if with_digest:
        write(folder / "summary.json", json.dumps({key: report[key] for key in report if key != "jobs"}).encode())
    write(folder / "ingest_report.json", json.dumps(report).encode())
    for link in (root / "latest", root / f"latest-{tag}"):
        link.unlink(missing_ok=True)
        link.symlink_to(report_id)
    write(root / ".lock", b"")


def test_snapshots_are_found_and_not_asked_for_again(runtime: Runtime) -> None:
    sha256 = hashlib.sha256(TEXT).hexdigest()
    write(runtime.settings.home / "data" / "snapshots" / sha256[:2] / sha256, TEXT)
    assert runtime.snapshots.size(sha256) == len(TEXT)
    assert runtime.snapshots.open(sha256) == TEXT


def test_a_checkpoint_of_a_job_under_way_finds_its_artifact(runtime: Runtime) -> None:
    data = b'{"sections":[]}'
    ref = f"parse/{FINGERPRINT}-{hashlib.sha256(data).hexdigest()}"
    name = ref.partition("/")[2] + ".json"
    write(runtime.settings.home / "data" / "artifacts" / "parse" / FINGERPRINT[:2] / name, data)
    assert runtime.artifacts.has(ref)
    assert runtime.artifacts.get_json(ref) == {"sections": []}


def test_vectors_that_were_embedded_are_not_embedded_again(runtime: Runtime) -> None:
    vector = np.array([0.6, 0.8], dtype="<f4")
    data = struct.pack("<8sII", b"DGVECT01", 2, 1) + uuid.UUID(SECTION).bytes + vector.tobytes()
    folder = runtime.settings.home / "data" / "artifacts" / "vectors" / "minilm-1" / DOCUMENT[:2] / DOCUMENT
    write(folder / f"{hashlib.sha256(data).hexdigest()}.vectors", data)
    loaded = runtime.journal.load("minilm-1", DOCUMENT, [SECTION])
    assert loaded[SECTION].tobytes() == vector.tobytes()
    runtime.journal.discard("minilm-1", DOCUMENT)
    assert not folder.exists()


def test_reports_are_listed_found_and_read(runtime: Runtime) -> None:
    root = runtime.settings.reports_root
    write_report_folder(root, OLDER, "docs")
    write_report_folder(root, NEWER, "other", with_digest=False)
    reports = runtime.reports
    assert [each["report_id"] for each in list_reports(reports)] == [NEWER, OLDER]
    assert find_report(reports, tag="docs") == OLDER
    assert find_report(reports) == NEWER
    # Its jobs in Redis hold the path of the folder.
    assert read_report(reports, report_id_of(str(root / OLDER)))["tag"] == "docs"


def test_retention_keeps_the_latest_of_each_dataset_and_removes_what_a_crash_left(runtime: Runtime) -> None:
    root = runtime.settings.reports_root
    write_report_folder(root, "20251231T000000.000000Z", "docs")
    write_report_folder(root, OLDER, "docs")
    write_report_folder(root, NEWER, "other")
    write(root / "20251230T000000.000000Z" / "ingest_report.md", b"half")
    crashed = root / "20251229T000000.000000Z" / ".ingest_report.md.0123456789ab"
    write(crashed, b"half")
    os.utime(crashed, (time.time() - 2 * 86_400,) * 2)
    assert remove_reports(runtime.reports, 3_600) == 2
    assert sorted(path.name for path in root.iterdir() if path.is_dir() and not path.is_symlink()) == [OLDER, NEWER]
