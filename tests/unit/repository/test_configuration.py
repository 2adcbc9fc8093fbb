"""`config/ingest.yaml` and the code say the same, and every key that a page or a message names exists."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import IngestConfig
from docgraph_local.paths import repository

ROOT = repository()
FILE = ROOT / "config" / "ingest.yaml"
#: Sections of single values; `datasets` holds what is a user's own.
SECTIONS = {
    name: field.default for name, field in IngestConfig.model_fields.items() if isinstance(field.default, BaseModel)
}
KEYS = [(section, key) for section, default in SECTIONS.items() for key in type(default).model_fields]
#: A key as pages name it, and as messages do: "..., or raise limits.max_document_bytes in config/ingest.yaml".
NAMED_ON_A_PAGE = re.compile(rf"`((?:{'|'.join(SECTIONS)})\.(?!py`)[a-z_]+)(?::[^`]*)?`")
NAMED_IN_A_MESSAGE = re.compile(rf"((?:{'|'.join(SECTIONS)})\.[a-z_]+) in[\s\"]+(?:f?\")?config/ingest\.yaml")


def named(pattern: re.Pattern[str], files: list[Path]) -> set[tuple[str, str]]:
    return {
        (path.relative_to(ROOT).as_posix(), key) for path in files for key in pattern.findall(path.read_text("utf-8"))
    }


def python_files() -> list[Path]:
    folders = ("include", "ingestion_service", "embedding_server", "cli", "deploy", "dags")
    return [path for folder in folders for path in (ROOT / folder).rglob("*.py")]


def pages() -> list[Path]:
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


def test_there_are_sections_and_keys_to_compare() -> None:
    assert {"limits", "pipeline", "verdict", "watch", "gate", "dispatch", "liveness", "retention"} <= SECTIONS.keys()
    assert len(KEYS) > 20


@pytest.mark.parametrize(("section", "key"), KEYS)
def test_a_default_in_the_code_is_the_value_in_the_file(section: str, key: str) -> None:
    written = yaml.safe_load(FILE.read_text("utf-8"))[section]
    assert key in written, f"{section}.{key} is missing in config/ingest.yaml"
    assert written[key] == getattr(SECTIONS[section], key)


def test_without_the_file_everything_is_as_with_it_but_the_datasets() -> None:
    assert IngestConfig.load(FILE).model_copy(update={"datasets": {}}) == IngestConfig()


def test_every_key_that_a_page_names_exists() -> None:
    found = named(NAMED_ON_A_PAGE, pages())
    assert len(found) > 5
    assert {pair for pair in found if tuple(pair[1].split(".")) not in KEYS} == set()


def test_every_key_that_a_message_names_exists() -> None:
    found = named(NAMED_IN_A_MESSAGE, python_files())
    assert found
    assert {pair for pair in found if tuple(pair[1].split(".")) not in KEYS} == set()


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    path = ROOT / "scripts" / "write_configuration_reference.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_schema_and_the_page_are_those_of_the_models(writer: ModuleType) -> None:
    again = "run scripts/write_configuration_reference.py"
    assert json.loads(writer.SCHEMA.read_text("utf-8")) == writer.schema(), again
    assert writer.PAGE.read_text("utf-8") == writer.page(), again


def test_the_page_names_every_key_and_says_what_it_is(writer: ModuleType) -> None:
    rows = [line.split(" | ") for line in writer.page().splitlines() if line.startswith("| `")]
    assert {row[0].strip("| `") for row in rows} >= {key for _, key in KEYS} | {"sample_queries", "sites", "exclude"}
    assert [row for row in rows if len(row[3].strip("| ")) < 10] == []


def test_the_file_keeps_to_the_published_schema(writer: ModuleType) -> None:
    published = json.loads(writer.SCHEMA.read_text("utf-8"))
    validator = jsonschema.Draft202012Validator(published)
    validator.check_schema(published)
    validator.validate(yaml.safe_load(FILE.read_text("utf-8")))
    named = FILE.read_text("utf-8").splitlines()[0].partition("$schema=")[2]
    assert (FILE.parent / named).resolve() == writer.SCHEMA
    wrongs: tuple[dict[str, object], ...] = (
        {"limit": {}},
        {"datasets": {"A b": {}}},
        {"gate": {"open_after": 0}},
        {"sources": [{"kind": "folder"}]},
    )
    for wrong in wrongs:
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limits:\n  max_documents: 3\n", ":2: limits.max_documents: unknown key; did you mean max_document_bytes?"),
        ("\n\nlimit: {}\n", ":3: limit: unknown key; did you mean limits?"),
        ("gate:\n  xyz: 1\n", ":2: gate.xyz: unknown key; known are close_after, interval_seconds"),
        (
            "gate:\n  open_after: 2\n  close_after: many\n",
            ":3: gate.close_after: Input should be a valid integer",
        ),
        (
            "sources:\n  - name: a\n  - name: b\n    guard: {shares: 1}\n",
            ":4: sources.1.guard.shares: unknown key; did you mean share?",
        ),
        ("sources:\n  - {kind: folder}\n", ":2: sources.0.name: Field required"),
        ("datasets:\n  docs: {}\n  Docs b: {}\n", ":3: datasets.Docs b"),
        ("datasets:\n  docs:\n    site: []\n", ":3: datasets.docs.site: unknown key; did you mean sites?"),
    ],
)
def test_what_can_not_be_is_said_with_file_line_and_key(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as raised:
        IngestConfig.load(path)
    assert f"{path}{problem}" in str(raised.value)


def test_a_value_of_the_environment_that_can_not_be_is_said_with_its_name(tmp_path: Path) -> None:
    path = tmp_path / "ingest.yaml"
    path.write_text("limits: {max_sections: 3}\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"^DOCGRAPH_GATE_OPEN_AFTER: gate\.open_after: Input should be"):
        IngestConfig.load(path, (("DOCGRAPH_GATE_OPEN_AFTER", "none"),))
