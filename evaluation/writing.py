"""Writes findings down: JSON, a page of Markdown with its tables, and two plots. Measures nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.asking import SYSTEMS
from evaluation.findings import ALL_JUDGED, MEASURES, Findings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stay apart for colour-blind readers (Okabe, Ito 2008), in the order of the systems.
_COLOURS = ("#0072B2", "#E69F00", "#CC79A7", "#009E73", "#999999")
_PLOTTED = ("recall@1", "recall@5", "recall@10", "MRR@10", "nDCG@10")


def write(folder: Path, findings: Findings, about: Mapping[str, object]) -> None:
    """Write `evaluation.json`, `evaluation.md`, `rankings.svg` and `confidence.svg` into the folder."""
    # It takes a second to import, and only this function needs it.
    import matplotlib as mpl

    folder.mkdir(parents=True, exist_ok=True)
    body = {"about": dict(about), **findings.as_json()}
    (folder / "evaluation.json").write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    (folder / "evaluation.md").write_text(page(findings, about), encoding="utf-8")
    # The same drawing for the same figures: ids by a fixed salt, text as text, no date.
    with mpl.rc_context({"svg.hashsalt": "docgraph", "svg.fonttype": "none", "font.size": 9}):
        _draw_rankings(folder / "rankings.svg", findings)
        _draw_confidence(folder / "confidence.svg", findings)


def page(findings: Findings, about: Mapping[str, object]) -> str:
    """Return the findings as Markdown."""
    lines = ["# Evaluation of retrieval", "", *(f"- {name}: {value}" for name, value in about.items()), ""]
    for group, systems in findings.tables.items():
        lines += [f"## {group.capitalize()} ({findings.groups[group]:,} questions)", "", *_table(systems), ""]
        if gain := findings.since_release.get(group):
            lines += [f"MRR@10 beside 0.1.0: {gain.mean:+.3f}, 95 % interval {gain.low:+.3f} to {gain.high:+.3f}.", ""]
    lines += ["## What must hold", "", "| relation | figures | holds |", "| --- | --- | --- |"]
    lines += [f"| {p.name} | {p.figures} | {'yes' if p.kept else '**no**'} |" for p in findings.promises]
    lines += ["", "## Confidence", "", "| questions | number | lowest tenth | median | highest tenth |"]
    lines += ["| --- | ---: | ---: | ---: | ---: |"]
    for kind, q in findings.confidence.items():
        figures = " | ".join(f"{value:.2f}" for value in q.values())
        lines.append(f"| {kind} | {findings.questions[kind]:,} | {figures} |")
    areas = ", ".join(f"{name} {value:.3f}" for name, value in findings.auc.items())
    lines += [
        "",
        f"Area under the ROC curve, answerable against: {areas}. Expected calibration error "
        f"{findings.calibration_error:.3f}, Brier score {findings.brier:.3f}.",
        "",
    ]
    return "\n".join(lines)


def _table(systems: Mapping[str, Mapping[str, float]]) -> list[str]:
    best = {
        name: max(figures[name] for system, figures in systems.items() if "graph" not in system) for name in MEASURES
    }
    rows = ["| | " + " | ".join(MEASURES) + " |", "| --- |" + " ---: |" * len(MEASURES)]
    for system, figures in systems.items():
        cells = (f"**{figures[m]:.3f}**" if 0 < figures[m] == best[m] else f"{figures[m]:.3f}" for m in MEASURES)
        rows.append(f"| {system} | " + " | ".join(cells) + " |")
    return rows


def _draw_rankings(path: Path, findings: Findings) -> None:
    figure, axes = _figure(7.2, 3.2)
    width = 0.8 / len(SYSTEMS)
    for number, (system, colour) in enumerate(zip(SYSTEMS, _COLOURS, strict=True)):
        figures = findings.tables[ALL_JUDGED][system]
        places = [index + (number - (len(SYSTEMS) - 1) / 2) * width for index in range(len(_PLOTTED))]
        bars = axes.bar(places, [figures[m] for m in _PLOTTED], width * 0.92, label=system, color=colour)
        axes.bar_label(bars, fmt="%.2f", fontsize=6.5, padding=1)
    axes.set_xticks(range(len(_PLOTTED)), _PLOTTED)
    axes.set_ylim(0, 1)
    axes.set_title("Held-out entries of the Python manual's index", loc="left", fontsize=10)
    axes.legend(ncols=len(SYSTEMS), frameon=False, loc="upper left", fontsize=8)
    _save(path, figure, axes)


def _draw_confidence(path: Path, findings: Findings) -> None:
    figure, axes = _figure(3.6, 3.4)
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle=":")
    xs, ys = ([getattr(b, name) for b in findings.reliability] for name in ("confidence", "share"))
    axes.plot(xs, ys, color=_COLOURS[0], linewidth=1.2)
    largest = max(b.count for b in findings.reliability)
    axes.scatter(xs, ys, s=[12 + 120 * b.count / largest for b in findings.reliability], color=_COLOURS[0], zorder=3)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share of questions that the set answers")
    axes.set_xlim(0, 1)
    axes.set_ylim(-0.02, 1.02)
    axes.set_title(f"Held out, area under ROC {findings.auc['both']:.3f}", loc="left", fontsize=10)
    _save(path, figure, axes)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def _save(path: Path, figure: Figure, axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None})


def comparison(rows: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Return a table of named figures, for the terminal."""
    lines = [" " * 16 + "".join(f"{name:>11}" for name in MEASURES)]
    lines += [f"{name:<16}" + "".join(f"{figures[m]:11.3f}" for m in MEASURES) for name, figures in rows]
    return "\n".join(lines)
