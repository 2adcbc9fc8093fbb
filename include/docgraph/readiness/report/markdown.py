"""A report as Markdown: verdict first, then what it rests on. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from docgraph.readiness.report.building import withheld_sentence

#: Rows of a table; what is left out is counted below it. The JSON has all.
MAX_ROWS = 100
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~&$!])")


def escape(text: object, length: int = 300) -> str:
    """Return text that Markdown shows as it is, on one line, cut to `length` characters."""
    flat = " ".join(str(text).split())
    if len(flat) > length:
        flat = flat[: length - 1].rstrip() + "…"
    return _SPECIAL.sub(r"\\\1", flat)


def code(text: str) -> str:
    """Return text as inline code, whatever back-ticks it holds."""
    flat = " ".join(text.split())
    fence = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    pad = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def render_markdown(report: Mapping[str, Any]) -> str:
    """Return the report for people."""
    blocks = [
        f"# Ingest report: {escape(report['tag'])}",
        _verdict(report),
        _counts(report),
        _drift(report),
        _queries(report),
        _timings(report),
        _errors(report),
        _withheld(report),
        _documents(report),
        _origin(report),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def render_index(reports: Sequence[Mapping[str, Any]], left_out: int = 0) -> str:
    """Return the list of reports, newest first, with links to each."""
    rows = [
        (
            f"[{r['report_id']}]({r['report_id']}/ingest_report.md)",
            escape(r["tag"]),
            "ready" if r["ready_for_queries"] else "**not ready**",
            escape(r["summary"], 400),
        )
        for r in reports
    ]
    more = f"\n\nand {left_out:,} more" if left_out else ""
    return "# Ingest reports\n\n" + _table(("report", "dataset", "verdict", "what happened"), rows) + more + "\n"


def _verdict(report: Mapping[str, Any]) -> str:
    head = "**Ready for queries.**" if report["ready_for_queries"] else "**Not ready for queries.**"
    lines = [f"{head} {escape(report['summary'], 500)}"]
    if report["reasons"]:
        lines.append("")
    for reason in report["reasons"]:
        lines.append(
            f"- {escape(reason['message'], 1000)} ({code(reason['code'])})  \n  Fix: {code(reason['command'])}"
        )
    return "\n".join(lines)


def _counts(report: Mapping[str, Any]) -> str:
    counts = report["counts"]
    named = (
        ("documents in the dataset", "documents"),
        ("sections in the graph", "sections_graph"),
        ("sections in the vectors", "sections_vectors"),
        ("sections embedded", "embedded"),
        ("sections reused", "reused"),
        ("sections removed", "removed"),
        ("jobs", "jobs"),
        ("jobs completed", "completed"),
        ("jobs failed", "failed"),
        ("jobs cancelled", "cancelled"),
        ("documents created", "created"),
        ("documents updated", "updated"),
        ("documents unchanged", "unchanged"),
        ("documents without text", "empty"),
        ("documents deleted", "deleted"),
    )
    rows = [(name, f"{counts.get(key, 0):,}") for name, key in named]
    if "links" in counts:
        rows.append(("links to pages of the dataset", f"{counts['links']:,}"))
        rows.append(("of these, links that reach no document", f"{counts['links_unresolved']:,}"))
    return "## Counts\n\n" + _table(("what", "count"), rows)


def _drift(report: Mapping[str, Any]) -> str:
    drift = report["drift"]
    if drift is None:
        return "## Drift\n\nGraph and vectors were not compared."
    where = (
        "the whole dataset" if drift["scope"] == "dataset" else "the documents of this run; the rest by exact counts"
    )
    lines = [f"## Drift\n\n**{report['drift_pct']:.2f} %**. Compared id by id: {drift['checked']:,} sections, {where}."]
    rows = []
    for name in ("missing", "stray", "mismatched", "broken"):
        total = drift.get(f"{name}_total", len(drift.get(name, ())))
        ids = " ".join(code(i) for i in drift.get(name, ())[:5])
        rows.append((name, f"{total:,}", ids))
    rows.append(("staged (work in progress, no drift)", f"{drift['staged']:,}", ""))
    lines.append(_table(("kind", "count", "first ids"), rows))
    return "\n\n".join(lines)


def _queries(report: Mapping[str, Any]) -> str:
    if not report["sample_queries"]:
        return "## Sample queries\n\nNone were asked."
    blocks = ["## Sample queries"]
    for query in report["sample_queries"]:
        mark = "ok" if query["ok"] else "**missed**"
        head = f"### {escape(query['q'])}\n\n{mark}, confidence {query['confidence']:.2f}, from {query['source']}"
        if query.get("expect"):
            head += f", expected {code(query['expect'])}"
        lines = [head, ""]
        for rank, evidence in enumerate(query["top_evidence"], start=1):
            where = " > ".join(evidence["heading_path"]) or evidence["document"]
            address = evidence["source_uri"] + (f"#{evidence['anchor']}" if evidence["anchor"] else "")
            lines.append(f"{rank}. **{escape(where)}** ({code(address)})  \n   {escape(evidence['snippet'])}  ")
            lines.append(f"   *{escape('; '.join(evidence['why']))}*")
        if not query["top_evidence"]:
            lines.append("No evidence.")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _timings(report: Mapping[str, Any]) -> str:
    timings = report["timings"]
    rows = [(escape(stage), f"{seconds:.2f} s") for stage, seconds in timings["stages"].items()]
    rows.append(("**run, from start to verdict**", f"**{timings['total']:.2f} s**"))
    return "## Timings\n\nSeconds of work in each stage, summed over documents.\n\n" + _table(("stage", "time"), rows)


def _errors(report: Mapping[str, Any]) -> str:
    if not report["errors"]:
        return ""
    rows = [
        (
            code(error["source_uri"]),
            code(error["code"]),
            escape(error["message"], 500),
            code(f"ingestctl resume {error['job_id']}"),
        )
        for error in report["errors"]
    ]
    return "## Errors\n\n" + _bounded(("document", "code", "what is wrong", "once repaired"), rows)


def _withheld(report: Mapping[str, Any]) -> str:
    blocks = []
    for each in report.get("withheld", ()):
        uris = "\n".join(f"- {code(uri)}" for uri in each["first"])
        more = each["documents"] - len(each["first"])
        rest = f"\n- and {more:,} more" if more else ""
        blocks.append(f"{escape(withheld_sentence(each))} Seen at {escape(each['since'])}.\n\n{uris}{rest}")
    return "## Kept although gone\n\n" + "\n\n".join(blocks) if blocks else ""


def _documents(report: Mapping[str, Any]) -> str:
    rows = [
        (
            code(job["source_uri"]),
            escape(job["outcome"] or job["status"]),
            "" if job["seconds"] is None else f"{job['seconds']:.1f} s",
            escape(", ".join(f"{name} {count:,}" for name, count in sorted(job["counts"].items()))),
        )
        for job in report["jobs"]
    ]
    return "## Documents of the run\n\n" + (
        _bounded(("document", "outcome", "time", "counts"), rows) if rows else "None."
    )


def _origin(report: Mapping[str, Any]) -> str:
    rows = [(escape(name), escape(version)) for name, version in report["versions"].items()]
    rows += [
        ("run", code(f"{report['dag_id']} {report['run_id']}")),
        ("report", code(report.get("report_id", ""))),
        ("written", escape(report["created_at"])),
        ("configuration", code(report["config_hash"][:16])),
    ]
    return "## Versions\n\n" + _table(("what", "version"), rows)


def _bounded(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    table = _table(head, rows[:MAX_ROWS])
    return (
        table
        if len(rows) <= MAX_ROWS
        else f"{table}\n\nand {len(rows) - MAX_ROWS:,} more (all of them in ingest_report.json)"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    # A pipe ends a cell even inside inline code.
    body = "\n".join("| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows)
    return f"| {' | '.join(head)} |\n|{' --- |' * len(head)}\n{body}"


def _cell(cell: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", cell)
