"""Extraction by rule: what is found in sentences as documentation has them, and what is left alone."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from docgraph.domain import plug_ins as plug_ins_module
from docgraph.domain.documents import Extraction, ParsedDocument
from docgraph.domain.errors import ConfigurationError, DocumentError
from docgraph.domain.identity import document_id
from docgraph.extraction import ExtractOptions, extract
from docgraph.extraction.findings import DocumentView, Extractor, Finding, Named
from docgraph.extraction.registry import BUILT_IN, extractors
from docgraph.formats import parse

CASES = yaml.safe_load((Path(__file__).parent / "cases.yaml").read_text(encoding="utf-8"))
KINDS = ("command", "option", "config_key", "env_var", "api_symbol", "error_code", "term")
REFERENCE = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "extraction-rules.md").read_text(
    encoding="utf-8"
)
MIN_PRECISION = 0.95
MIN_RECALL = 0.9


def read(text: str, name: str = "page.md") -> ParsedDocument:
    uri = f"upload:///{name}"
    return parse(
        text.encode(), document_id=document_id("t", uri), source_uri=uri, tag="t", content_type="text/markdown"
    )


def named(found: Extraction) -> set[str]:
    return {f"{entity.kind} {entity.name}" for entity in found.entities}


def relations(found: Extraction) -> set[tuple[str, str, str]]:
    names = {entity.entity_id: entity.name for entity in found.entities}
    return {(names[r.source_id], r.kind, names[r.target_id]) for r in found.relations}


@dataclass(frozen=True)
class Score:
    """How what is found compares with the labels, for one kind of entity or for relations."""

    labelled: int
    found: int
    right: int
    differences: list[str]

    @property
    def precision(self) -> float:
        return self.right / self.found

    @property
    def recall(self) -> float:
        return self.right / self.labelled


@cache
def results() -> list[tuple[str, set[str], set[str]]]:
    """Text, labels and findings of each case; a relation's kind is `relation`."""
    compared = []
    for case in CASES:
        found = extract(read(case["text"]))
        labelled = {*case["expect"], *(f"relation {relation}" for relation in case["relations"])}
        compared.append((case["text"], labelled, named(found) | {f"relation {' '.join(r)}" for r in relations(found)}))
    return compared


def score(kinds: Collection[str]) -> Score:
    labelled = found = right = 0
    differences = []
    for text, labels, findings in results():
        wanted, got = ({name for name in names if name.split()[0] in kinds} for names in (labels, findings))
        labelled, found, right = labelled + len(wanted), found + len(got), right + len(wanted & got)
        if wanted != got:
            differences.append(f"{text!r}: missed {sorted(wanted - got)}, wrong {sorted(got - wanted)}")
    return Score(labelled, found, right, differences)


def test_what_the_rules_find_in_the_labelled_set_is_right() -> None:
    assert len(CASES) >= 200
    assert len({case["text"] for case in CASES}) == len(CASES)
    entities = score(KINDS)
    assert entities.precision >= MIN_PRECISION, "\n".join(entities.differences)
    assert entities.recall >= MIN_RECALL, "\n".join(entities.differences)


@pytest.mark.parametrize("kind", [*KINDS, "relation"])
def test_every_kind_is_found_and_precise_by_itself_and_the_reference_says_how_much(kind: str) -> None:
    measured = score([kind])
    assert measured.labelled >= 10
    assert measured.precision >= MIN_PRECISION, "\n".join(measured.differences)
    figures = f"| {measured.labelled} | {measured.precision:.2f} | {measured.recall:.2f} |"
    row = next(row for row in REFERENCE.splitlines() if re.match(rf"\| `?{kind}s?`? +\| \d", row))
    assert row.endswith(figures), f"docs/reference/extraction-rules.md: {row} should end with {figures}"


def test_a_command_has_the_options_of_its_own_call_only() -> None:
    found = extract(read("```console\n$ pip install --upgrade x | grep -c y\n```"))
    assert relations(found) == {("pip install", "HAS_OPTION", "--upgrade"), ("grep", "HAS_OPTION", "-c")}


def test_a_term_is_part_of_the_term_above_it() -> None:
    found = extract(read("# Scheduler\n\nDecides.\n\n## Work queue\n\nWaits.\n"))
    assert relations(found) == {("Work queue", "PART_OF", "Scheduler")}


def test_every_finding_names_its_rule_and_both_ends_of_a_relation_are_mentioned() -> None:
    found = extract(read("# Worker pool\n\nRun `pip install --pre x`.\n\n```yaml\npool_size: 3\n```\n"))
    rules = {extractor.name for extractor in BUILT_IN}
    assert {m.rule for m in found.mentions} | {r.rule for r in found.relations} <= rules
    mentioned = {(m.section_id, m.entity_id) for m in found.mentions}
    for relation in found.relations:
        assert {(relation.section_id, relation.source_id), (relation.section_id, relation.target_id)} <= mentioned


def test_a_section_has_a_bounded_number_of_mentions_and_no_endless_names() -> None:
    keys = " ".join(f"`--option-{number}`" for number in range(60))
    parsed = read(f"{keys} `--{'x' * 150}`")
    found = extract(parsed)
    for section in parsed.sections:
        assert sum(m.section_id == section.section_id for m in found.mentions) <= 64
    assert all(len(entity.name) <= 120 for entity in found.entities)


def test_only_the_chosen_rules_are_used() -> None:
    found = extract(read("Use `--flag` and `call()`."), ExtractOptions(rules=("inline-option",)))
    assert named(found) == {"option --flag"}


def test_an_unknown_rule_is_named() -> None:
    with pytest.raises(ConfigurationError, match="no-such-rule"):
        ExtractOptions(rules=("no-such-rule",)).digest()


def test_the_digest_says_which_rules_are_used() -> None:
    assert ExtractOptions().digest() == ExtractOptions().digest()
    assert ExtractOptions().digest() != ExtractOptions(rules=("inline-option",)).digest()


@pytest.mark.parametrize(
    "text",
    [
        "```toml\n[ " + " " * 100_000 + "\n```",
        "```toml\n" + ("[ " + " " * 900 + "x\n") * 300 + "```",
        "```bash\n" + "\n" * 100_000 + "x\n```",
        "```console\n" + (" " * 1900 + "x\n") * 300 + "```",
        "```sh\n" + "a '\n" * 10_000 + "```",
        "```sh\n" + "cat << E\n" * 10_000 + "```",
        "status " + " " * 50_000 + "status code " * 5_000,
        ("`" + "Aa" * 95 + "!` ") * 1_000,
        "`" * 999 + " `a` " * 10_000,
    ],
    ids=lambda text: text[:12].strip(),
)
def test_hostile_text_is_searched_in_bounded_time(text: str) -> None:
    parsed = read(text)
    started = time.process_time()
    extract(parsed)
    assert time.process_time() - started < 5


class _Tickets:
    name = "ticket"
    version = 1

    def find(self, document: DocumentView) -> list[Finding]:
        return [Finding(i, Named("ticket", "T-1")) for i, s in enumerate(document.sections) if "T-1" in s.text]


class _Broken(_Tickets):
    name = "broken"

    def find(self, document: DocumentView) -> list[Finding]:
        raise KeyError(document.title)


class _EntryPoint:
    """An installed package's entry point, as importlib.metadata hands it out."""

    def __init__(self, name: str, made: object) -> None:
        self.name, self.value, self._made = name, f"package:{name}", made

    def load(self) -> object:
        return self._made


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(*plugins: object) -> None:
        points = [_EntryPoint(getattr(made, "__name__", "thing"), made) for made in plugins]
        monkeypatch.setattr(
            plug_ins_module, "entry_points", lambda group: points if group == "docgraph.extractors" else []
        )
        extractors.cache_clear()

    yield put
    extractors.cache_clear()


def test_a_plug_in_takes_part_and_changes_the_digest(install: Any) -> None:
    before = ExtractOptions().digest()
    install(_Tickets)
    assert named(extract(read("As T-1 says."))) == {"ticket T-1"}
    assert ExtractOptions().digest() != before


def test_a_rule_that_fails_is_an_error_of_the_document_that_names_both(install: Any) -> None:
    install(_Broken)
    with pytest.raises(DocumentError, match=r"upload:///page\.md.*'broken' failed: KeyError"):
        extract(read("text"))


@pytest.mark.parametrize("plugins", [(dict,), (_Tickets, _Tickets)])
def test_a_plug_in_that_is_no_extractor_or_a_second_one_is_refused(install: Any, plugins: tuple[object, ...]) -> None:
    install(*plugins)
    with pytest.raises(ConfigurationError, match="extractor"):
        extractors()


def test_built_in_rules_are_extractors_with_names_of_their_own() -> None:
    assert all(isinstance(extractor, Extractor) for extractor in BUILT_IN)
    assert len({extractor.name for extractor in BUILT_IN}) == len(BUILT_IN)
