"""The command behind `make eval-sentences`: fetch, ingest, ask the released ranking and the product's, write down the figures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from typing import Annotated

import typer

from docgraph.domain.errors import DocgraphError
from docgraph.domain.identity import content_hash
from docgraph.runtime.connections import Runtime
from docgraph_local.paths import repository
from evaluation import corpus
from evaluation.sentences import asking, findings
from evaluation.sentences.projects import PROJECTS
from evaluation.sentences.questions import Half, Kind, half
from evaluation.stores import console, running

_BEGIN, _END = "<!-- sentences: written by make eval-sentences PUBLISH=1 -->", "<!-- end of sentences -->"

app = typer.Typer(add_completion=False)


@app.command()
def main(
    keep: Annotated[bool, typer.Option(help="Leave the evaluation's stores running, for the next time.")] = False,
    clean: Annotated[bool, typer.Option(help="Remove the evaluation's data first, and ingest anew.")] = False,
    tuning: Annotated[bool, typer.Option(help="Ask about the projects that rankings are tuned on instead.")] = False,
    publish: Annotated[
        bool, typer.Option(help="Bring the figures of docs/explanation/evaluation.md up to date.")
    ] = False,
) -> None:
    """Measure retrieval on questions in whole sentences, for each kind, beside the ranking of 0.1.0; into reports/eval-sentences/."""
    try:
        found, about = _evaluate(keep=keep, clean=clean, held_out=not tuning)
    except DocgraphError as error:
        console.print(f"make eval-sentences: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    text = findings.page(found, about)
    folder = repository() / "reports" / "eval-sentences"
    folder.mkdir(parents=True, exist_ok=True)
    name = "tuning" if tuning else "held-out"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
    body = {"about": about, **found.as_json()}
    (folder / f"{name}.json").write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
    if publish and not tuning:
        _publish(text)
    console.print(text, markup=False)
    console.print(f"Written: {folder / f'{name}.md'}, {name}.json")


def _evaluate(*, keep: bool, clean: bool, held_out: bool) -> tuple[findings.SentenceFindings, dict[str, object]]:
    with running(keep=keep, clean=clean) as settings, Runtime(settings) as runtime:
        folder = repository() / ".docgraph" / "eval-formats"
        asked, other = half(runtime, folder, held_out=held_out), half(runtime, folder, held_out=not held_out)
        corpus.ingest(runtime, asked.tag, asked.files, asked.documents, console.print)
        answers = asking.ask_all(runtime, asked.tag, asked.questions, console.print)
        foreign = [question for question in other.questions if question.kind is not Kind.TITLE]
        elsewhere = asking.ask_all(runtime, asked.tag, foreign, console.print)
        found = findings.find(answers, [answer.confidence for answer in elsewhere])
        return found, _about(runtime, asked, held_out=held_out)


def _about(runtime: Runtime, asked: Half, *, held_out: bool) -> dict[str, object]:
    return {
        "set": f"{len(asked.files)} pages of {len(_names(held_out=held_out))} projects, {asked.sections:,} sections",
        "packages": ", ".join(_names(held_out=held_out)),
        "choice of questions": content_hash(*(f"{q.text}|{q.kind}" for q in asked.questions))[:16],
        "embedding version": f"{runtime.embedding_version.name} ({runtime.embedding_version.model})",
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
    }


def _names(*, held_out: bool) -> Sequence[str]:
    return [f"{p.name} {p.version} ({p.licence})" for p in PROJECTS if p.held_out is held_out]


def _publish(text: str) -> None:
    page = repository() / "docs" / "explanation" / "evaluation.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    _, _, after = rest.partition(_END)
    figures = text.removeprefix("# Questions in sentences\n\n").replace("\n## ", "\n### ").strip()
    page.write_text(f"{before}{_BEGIN}\n\n{figures}\n\n{_END}{after}", encoding="utf-8")


if __name__ == "__main__":
    app()
