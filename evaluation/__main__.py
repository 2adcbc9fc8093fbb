"""The command behind `make eval`: fetch, ingest, ask, measure, write down; exit code 1 where a promised relation doesn't hold."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from docgraph.domain.errors import DocgraphError
from docgraph.domain.identity import content_hash
from docgraph.retrieval.confidence import COEFFICIENTS, Coefficients, Features
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from evaluation import book_index, calibration, corpus, findings, manual, writing
from evaluation.asking import Asked, ask_all
from evaluation.measures import area_under_roc
from evaluation.questions import Question, choose
from evaluation.stores import console, running

_BEGIN, _END = "<!-- figures: written by make eval PUBLISH=1 -->", "<!-- end of figures -->"

app = typer.Typer(add_completion=False)


@app.command()
def main(
    keep: Annotated[bool, typer.Option(help="Leave the evaluation's stores running, for the next time.")] = False,
    clean: Annotated[bool, typer.Option(help="Remove the evaluation's data first, and ingest anew.")] = False,
    calibrate: Annotated[bool, typer.Option(help="Fit the confidence on the calibration half, and print it.")] = False,
    publish: Annotated[
        bool, typer.Option(help="Bring the figures of docs/explanation/evaluation.md up to date.")
    ] = False,
) -> None:
    """Measure retrieval on the Python manual: figures from the held-out half, into reports/eval/."""
    try:
        found, answers, about = _evaluate(keep=keep, clean=clean, calibrating=calibrate)
    except DocgraphError as error:
        console.print(f"make eval: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    if calibrate:
        fit_confidence([answer for answer in answers if not answer.question.held_out])
    folder = repository() / "reports" / "eval"
    writing.write(folder, found, about)
    if publish:
        _publish(folder, repository() / "docs")
    console.print(writing.comparison(list(found.tables[findings.ALL_JUDGED].items())))
    for promise in found.promises:
        console.print(f"{'holds ' if promise.kept else 'BROKEN'}  {promise.name}: {promise.figures}")
    console.print(f"Written: {folder / 'evaluation.md'}, evaluation.json, rankings.svg, confidence.svg")
    if not all(promise.kept for promise in found.promises):
        console.print("make eval: a promised relation does not hold; the lines with BROKEN say which.", style="red")
        raise typer.Exit(1)


def _evaluate(
    *, keep: bool, clean: bool, calibrating: bool
) -> tuple[findings.Findings, Sequence[Asked], dict[str, object]]:
    with running(keep=keep, clean=clean) as settings, Runtime(settings) as runtime:
        sources = manual.fetch(settings.home / "data" / "manual", console.print)
        documents = list(manual.documents(sources))
        pages = corpus.parsed(documents, runtime)
        questions = choose(
            book_index.general_index(sources.manual),
            pages,
            book_index.music_terms(sources.music),
            book_index.debian_questions(sources.debian),
        )
        corpus.ingest(runtime, corpus.TAG, corpus.files(documents), [page.document for page in pages], console.print)
        asked = [question for question in questions if calibrating or question.held_out]
        answers = ask_all(runtime, asked, console.print)
        held_out = [answer for answer in answers if answer.question.held_out]
        about = _about(runtime, sources, len(documents), sum(len(p.document.sections) for p in pages), questions)
        return findings.find(held_out), answers, about


def _about(
    runtime: Runtime, sources: manual.Sources, documents: int, sections: int, questions: Sequence[Question]
) -> dict[str, object]:
    held_out = sum(question.held_out for question in questions)
    return {
        "set": f"{documents} pages of the Python manual, {sections:,} sections",
        "packages": ", ".join(f"{name} {version}" for name, version in sources.versions.items()),
        "questions": f"{held_out:,} held out, {len(questions) - held_out:,} for calibration",
        "choice of questions": content_hash(*(f"{q.text}|{q.kind}|{q.held_out}" for q in questions))[:16],
        "embedding version": f"{runtime.embedding_version.name} ({runtime.embedding_version.model})",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }


def fit_confidence(answers: Sequence[Asked]) -> Coefficients:
    """Fit the coefficients of `docgraph.retrieval.confidence` on the calibration half, and print them for its table."""
    nothing = Features(*(0.0 for _ in Features.__slots__))
    features = np.array([astuple(answer.features or nothing) for answer in answers])
    right = np.array([float(answer.question.kind.is_answerable) for answer in answers])
    fitted = calibration.fit(features, right)
    sure = calibration.predict(features, fitted)
    rounded = Coefficients(*(round(float(value), 2) for value in fitted))
    console.print(f"fitted on {len(right):,} questions: {rounded}")
    console.print(f"in use:                {COEFFICIENTS}")
    console.print(f"area under the ROC curve on these: {area_under_roc(sure[right == 1], sure[right == 0]):.3f}")
    return rounded


def _publish(reports: Path, docs: Path) -> None:
    """Put the figures between the marks of the explanation, and the plots beside it."""
    page = docs / "explanation" / "evaluation.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    figures = (reports / "evaluation.md").read_text(encoding="utf-8").removeprefix("# Evaluation of retrieval\n\n")
    figures = figures.replace("\n## ", "\n### ").strip()
    page.write_text(f"{before}{_BEGIN}\n\n{figures}\n\n{_END}{after}", encoding="utf-8")
    for name in ("rankings", "confidence"):
        (docs / "images" / f"eval-{name}.svg").write_bytes((reports / f"{name}.svg").read_bytes())


if __name__ == "__main__":
    app()
