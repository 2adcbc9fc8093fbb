"""The example plug-in of docs/howto/add-a-format.md, built and installed as a user installs one, then used by docgraph."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLUG_IN = ROOT / "docs" / "examples" / "docgraph-webvtt"
TALK = """WEBVTT - Pump training

NOTE Chapter: Before you start

00:05.000 --> 00:09.000 align:start
<v Ada>Close the <b>upper valve</b> first.

00:09.500 --> 00:12.000
Then wait.

NOTE made by hand

NOTE Chapter: Starting

cue-7
01:01:15.000 --> 01:01:20.000
<v.loud Ben>Press start<01:01:17.000> twice.
"""
SCRIPT = """
import json, sys
from pydantic import TypeAdapter
from docgraph.domain.documents import ParsedDocument
from docgraph.formats import parse
from docgraph.formats.isolation import IsolatedReader
from docgraph.formats.registry import versions

asked = dict(document_id="6c5b4a39-0000-5000-8000-000000000001", source_uri="upload:///talk.vtt", tag="docs", content_type=sys.argv[1])
data = sys.stdin.buffer.read()
with IsolatedReader() as reader:
    isolated = reader.parse(data, **asked)
assert isolated == parse(data, **asked)
print(json.dumps({"versions": dict(versions()), "parsed": TypeAdapter(ParsedDocument).dump_python(isolated, mode="json")}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("plug-in")
    command = ["-m", "uv", "pip", "install", "--quiet", "--offline", "--no-deps", "--no-build-isolation"]
    environment = {**os.environ, "VIRTUAL_ENV": sys.prefix}
    subprocess.run([sys.executable, *command, f"--target={target}", str(PLUG_IN)], check=True, env=environment)
    return target


def parsed(installed: Path, content_type: str, data: str = TALK) -> dict[str, Any]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(installed), str(ROOT / "include")])}
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT, content_type],
        input=data.encode(),
        capture_output=True,
        check=False,
        env=environment,
    )
    assert answer.returncode == 0, answer.stderr.decode()
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def test_an_installed_format_is_found_and_reads_its_documents(installed: Path) -> None:
    answer = parsed(installed, "text/vtt")
    assert answer["versions"]["webvtt"] == 1
    sections, places = answer["parsed"]["sections"], answer["parsed"]["places"]
    assert [section["heading_path"] for section in sections] == [["Before you start"], ["Starting"]]
    assert [section["text"] for section in sections] == [
        "Ada: Close the upper valve first. Then wait.",
        "Ben: Press start twice.",
    ]
    assert [(place["anchor"], place["where"]) for place in places] == [("t=5", "minute 0"), ("t=3675", "minute 61")]


def test_its_mark_in_the_bytes_outweighs_what_the_document_was_declared_as(installed: Path) -> None:
    answer = parsed(installed, "text/markdown")["parsed"]
    assert answer["format"] == "webvtt"
    assert "declared as text/markdown, but its bytes are webvtt" in answer["warnings"][0]
