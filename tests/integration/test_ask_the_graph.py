"""The questions of `docs/howto/ask-the-graph.md`, asked of a dataset that was really ingested."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

import neo4j
from docgraph.settings import Settings
from docgraph_local.paths import repository
from docgraph_local.stack import Stack
from support.integration.store_service import Ingest, ingest

__all__ = ["ingest"]

PAGE = (repository() / "docs" / "howto" / "ask-the-graph.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## ([^\n]+\?)\n(?:(?!^## ).)*?^```cypher\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))

DOCUMENTS: dict[str, str | None] = {
    "install": (
        "# Install\n\nSee [its options](options.md#retries-n), [an old page](old.md) and [a page to come](later.md).\n\n"
        "```console\n$ pip install --upgrade agent\n$ agent --retries 3 --once\n```\n"
    ),
    "options": (
        "# Options\n\n## --retries N\n\nHow often a download is tried again; after the last try the error is `E1001`.\n\n"
        "## --quiet\n\nPrints errors only. [Back](install.md).\n"
    ),
    "errors": (
        "# Errors\n\n## E1001\n\nThe error `E1001` means that the server did not answer. Raise `--retries`, or set the "
        "environment variable `AGENT_TIMEOUT`.\n"
    ),
    "broker": (
        "# Message broker\n\nTakes messages and hands them on.\n\n## Dead letter queue\n\nKeeps what nobody could read.\n\n"
        "## Consumer group\n\nShares a topic's messages. Set the `group.lease` setting.\n"
    ),
    "old": "# Old\n\nOnce there was a page.\n",
}


def address(name: str) -> str:
    return f"upload:///{name}.md"


@pytest.fixture
def ask(ingest: Ingest, settings: Settings, tag: str) -> Callable[..., list[dict[str, Any]]]:
    """Ask a question of the page about the documents above; the old one was deleted again."""
    ingest(**DOCUMENTS)
    ingest(old=None)

    def run(title: str, **parameters: str) -> list[dict[str, Any]]:
        login = (settings.neo4j_user, settings.neo4j_password)
        with neo4j.GraphDatabase.driver(settings.neo4j_uri, auth=login) as driver:
            records, _, _ = driver.execute_query(QUESTIONS[title], {"tag": tag, **parameters})
            return [record.data() for record in records]

    return run


def test_every_question_of_the_page_has_its_answer(ask: Callable[..., list[dict[str, Any]]]) -> None:
    retries = {"page": address("options"), "section": ["Options", "--retries N"]}
    failure = {"page": address("errors"), "section": ["Errors", "E1001"]}
    install = {"page": address("install"), "section": ["Install"]}
    asked = {
        "Which pages document an option?": ask("Which pages document an option?", name="--retries"),
        "What else mentions this error?": ask("What else mentions this error?", name="E1001", page=address("errors")),
        "What links here?": ask("What links here?", page=address("options")),
        "Which links lead nowhere?": ask("Which links lead nowhere?"),
        "Which options does a command have?": ask("Which options does a command have?", name="agent"),
        "Which options are used but explained nowhere?": ask("Which options are used but explained nowhere?"),
        "What belongs to a term?": ask("What belongs to a term?", name="Message broker"),
        "What comes up together with it?": ask("What comes up together with it?", kind="error_code", name="E1001"),
        "Which settings are there?": ask("Which settings are there?"),
    }
    assert asked == {
        "Which pages document an option?": [retries, failure, install],
        "What else mentions this error?": [
            {**retries, "begins": "How often a download is tried again; after the last try the "}
        ],
        "What links here?": [{**install, "text": "its options", "anchor": "retries-n"}],
        "Which links lead nowhere?": [
            {"page": address("install"), "text": "a page to come", "target": address("later")},
            {"page": address("install"), "text": "an old page", "target": address("old")},
        ],
        "Which options does a command have?": [
            {"option": "--once", "pages": [address("install")]},
            {"option": "--retries", "pages": [address("install")]},
        ],
        "Which options are used but explained nowhere?": [
            {"option": "--once", "commands": ["agent"]},
            {"option": "--upgrade", "commands": ["pip install"]},
        ],
        "What belongs to a term?": [{"term": "Consumer group"}, {"term": "Dead letter queue"}],
        "What comes up together with it?": [
            {"kind": "option", "name": "--retries", "sections": 2},
            {"kind": "env_var", "name": "AGENT_TIMEOUT", "sections": 1},
        ],
        "Which settings are there?": [
            {"kind": "config_key", "name": "group.lease", "pages": 1},
            {"kind": "env_var", "name": "AGENT_TIMEOUT", "pages": 1},
        ],
    }
    assert asked.keys() == QUESTIONS.keys()


def test_the_graph_can_be_asked_from_the_shell_as_the_page_says(stores: Stack, ingest: Ingest, tag: str) -> None:
    ingest(**DOCUMENTS)
    (question,) = re.findall(r"<<'END'\n(.*?)\nEND\n", PAGE, re.DOTALL)
    env = stores.env()
    assert '"http://127.0.0.1:$((DOCGRAPH_PORT_BASE + 3))/db/neo4j/query/v2"' in PAGE
    answer = httpx.post(
        f"http://127.0.0.1:{int(env['DOCGRAPH_PORT_BASE']) + 3}/db/neo4j/query/v2",
        json={**json.loads(question), "parameters": {"tag": tag}},
        auth=(env["DOCGRAPH_NEO4J_USER"], env["DOCGRAPH_NEO4J_PASSWORD"]),
        trust_env=False,
    )
    assert answer.is_success, answer.text
    assert answer.json()["data"]["values"] == [[address(name)] for name in sorted(DOCUMENTS)]
