"""The report of a run as one JSON object: figures and facts, no layout. Pure; the published schema is checked when it is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema

from docgraph.domain.jobs import JobState, JobStatus, Outcome, now
from docgraph.domain.site_routes import LinkCounts
from docgraph.domain.verdict import Drift, Verdict

SCHEMA_VERSION = 1
SCHEMA_FILE = "ingest_report.schema.json"
#: Ids that a report names of each kind of drift, and addresses of what is withheld; the totals are beside them.
IDS_SHOWN = 20
_SUMMED = ("embedded", "reused", "removed")


def build_report(
    *,
    tag: str,
    run_id: str,
    dag_id: str,
    jobs: Sequence[JobState],
    verdict: Verdict,
    stage_seconds: Mapping[str, float],
    total_seconds: float,
    versions: Mapping[str, str],
    config_hash: str,
    links: LinkCounts | None = None,
    withheld: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Return the report of a run, complete but for `report_id`, which `write_report` gives it with its folder.

    `stage_seconds` is the work in each stage summed over documents; `total_seconds` the time from the first start to now; `links`
    are those of the documents that were looked at, and `withheld` what stays although its source has lost it: information, which
    speaks against nothing.
    """
    counts = _counts(jobs, verdict)
    if links is not None:
        counts |= {"links": links.pages, "links_unresolved": links.unresolved}
    report: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "dag_id": dag_id,
        "tag": tag,
        "created_at": now(),
        "ready_for_queries": verdict.ready,
        "reasons": [reason.as_json() for reason in verdict.reasons],
        "counts": counts,
        "drift_pct": None if verdict.drift is None else round(verdict.drift.pct, 4),
        "drift": None if verdict.drift is None else _drift(verdict.drift),
        "sample_queries": [result.as_json() for result in verdict.queries],
        "timings": {
            "total": round(max(0.0, total_seconds), 3),
            "stages": {stage: round(max(0.0, seconds), 3) for stage, seconds in stage_seconds.items()},
        },
        "errors": [
            {
                "job_id": state.job.job_id,
                "source_uri": state.job.source_uri,
                "code": state.error_code or "error",
                "message": state.error or "failed without a message; look at the run's log",
            }
            for state in jobs
            if state.status is JobStatus.FAILED
        ],
        "jobs": [_job(state) for state in jobs],
        "versions": {name: str(version) for name, version in versions.items()},
        "config_hash": config_hash,
        "withheld": [dict(each) for each in withheld],
    }
    report["summary"] = summary(report)
    return report


def summary(report: Mapping[str, Any]) -> str:
    """Return the one sentence that says it all."""
    counts = report["counts"]
    outcomes = [f"{counts[name]:,} {name}" for name in (*map(str, Outcome), "failed", "cancelled") if counts[name]]
    done = f"{counts['completed']:,} of {counts['jobs']:,} jobs completed"
    did = f"{done} ({', '.join(outcomes)})" if outcomes else done
    if not counts["jobs"]:
        did = "audited"
    drift = "not compared" if report["drift_pct"] is None else f"drift {report['drift_pct']:.2f} %"
    verdict = "ready for queries" if report["ready_for_queries"] else f"not ready ({_reasons(report['reasons'])})"
    kept = "".join(f" {withheld_sentence(each)}" for each in report["withheld"])
    return (
        f"{did} in {report['timings']['total']:.1f} s; the dataset {report['tag']} has {_number(counts['documents'], 'document')} "
        f"and {_number(counts['sections_graph'], 'section')}, {drift}: {verdict}.{kept}"
    )


def withheld_sentence(withheld: Mapping[str, Any]) -> str:
    """Return what is said of documents that stay although their source has lost them."""
    count = withheld["documents"]
    subject = "1 document that has gone from" if count == 1 else f"{count:,} documents that have gone from"
    verb = "is" if count == 1 else "are"
    if withheld["decision"] == "refused":
        by = f"{withheld['decided_by']} rejected" if withheld["decided_by"] else "nobody approved"
        return f"{subject} the source {withheld['source']} {verb} kept: {by} the deletion."
    return f"{subject} the source {withheld['source']} {verb} kept: the deletion waits for approval."


def validate(report: Mapping[str, Any]) -> None:
    """Check a report against the published schema.

    Raises:
        jsonschema.ValidationError: the report breaks its contract.
    """
    _validator().validate(report)


@cache
def schema() -> dict[str, Any]:
    """Return the published JSON Schema."""
    text = files("docgraph.readiness.report").joinpath(SCHEMA_FILE).read_text(encoding="utf-8")
    return dict(json.loads(text))


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def _counts(jobs: Sequence[JobState], verdict: Verdict) -> dict[str, int]:
    statuses = Counter(str(state.status) for state in jobs)
    outcomes = Counter(state.outcome for state in jobs if state.status is JobStatus.COMPLETED)
    return {
        **{name: int(verdict.counts.get(name, 0)) for name in ("documents", "sections_graph", "sections_vectors")},
        **{name: sum(state.counts.get(name, 0) for state in jobs) for name in _SUMMED},
        "jobs": len(jobs),
        **{status: statuses[status] for status in ("completed", "failed", "cancelled")},
        **{outcome: outcomes[outcome] for outcome in map(str, Outcome)},
    }


def _drift(drift: Drift) -> dict[str, Any]:
    found: dict[str, Any] = {
        "scope": drift.scope,
        "graph_total": drift.graph_total,
        "vector_total": drift.vector_total,
        "staged": drift.staged,
        "checked": drift.checked,
    }
    for name in ("missing", "stray", "mismatched", "broken"):
        ids = getattr(drift, name)
        found[name] = list(ids[:IDS_SHOWN])
        found[f"{name}_total"] = len(ids)
    found["missing_total"] = max(found["missing_total"], drift.deficit)
    return found


def _job(state: JobState) -> dict[str, Any]:
    return {
        "job_id": state.job.job_id,
        "document_id": state.document_id,
        "source_uri": state.job.source_uri,
        "status": str(state.status),
        "outcome": state.outcome,
        "counts": dict(state.counts),
        "seconds": _seconds(state.started_at, state.finished_at),
        "error": state.error or None,
    }


def _seconds(started_at: str, finished_at: str) -> float | None:
    if not started_at or not finished_at:
        return None
    passed = datetime.fromisoformat(finished_at) - datetime.fromisoformat(started_at)
    return round(max(0.0, passed.total_seconds()), 3)


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _reasons(reasons: Sequence[Mapping[str, str]]) -> str:
    codes = list(dict.fromkeys(reason["code"].replace("_", " ") for reason in reasons))
    return ", ".join(codes)
