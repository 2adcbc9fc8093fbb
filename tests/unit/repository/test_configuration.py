"""`config/ingest.yaml` and the code say the same, and every key that a page or a message names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

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
    assert {"limits", "pipeline", "verdict", "watch", "gate", "dispatch", "retention"} <= SECTIONS.keys()
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
