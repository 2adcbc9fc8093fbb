"""The walls hold: each import that would tunnel through one breaks a contract, and the house keeps its size.

The contracts are those of pyproject.toml, checked by import-linter on the real graph of imports with one import added to it.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import grimp
import pytest
from importlinter.application import use_cases
from importlinter.application.user_options import UserOptions
from importlinter.configuration import configure
from importlinter.domain.contract import registry

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = (
    "include/docgraph", "cli/ingestctl", "ingestion_service", "embedding_server", "deploy/local/docgraph_local",
    "deploy/local/qdrant_local", "evaluation", "dags", "plugins", "config",
)  # fmt: skip
MOST_LINES = 400
MOST_PACKAGES = 16


@dataclass(frozen=True, slots=True)
class Forbidden:
    """An import that must break this contract."""

    importer: str
    imported: str
    contract: str


#: The first five went through every contract before there were these.
FORBIDDEN = (
    Forbidden("docgraph.retrieval.ranking", "neo4j", "neo4j"),
    Forbidden("docgraph.api.report_links", "ingestion_service.app", "applications"),
    Forbidden("docgraph.runtime.connections", "docgraph_local.stack", "applications"),
    Forbidden("qdrant_local.app", "docgraph.settings", "local-qdrant"),
    Forbidden("ingestctl.files", "docgraph.formats.registry", "command-line"),
    Forbidden("ingestctl.main", "docgraph.settings", "command-line"),
    Forbidden("docgraph.domain.identity", "docgraph.settings", "layers"),
    Forbidden("docgraph.stores.graph.reading", "docgraph.runtime.connections", "layers"),
    Forbidden("docgraph.formats.assembly", "docgraph.extraction.registry", "layers"),
    Forbidden("docgraph.ingest.work", "docgraph.readiness.judgement", "layers"),
    Forbidden("docgraph.integrity.repair", "docgraph.ingest.work", "layers"),
    Forbidden("ingestion_service.app", "embedding_server.app", "applications"),
    Forbidden("embedding_server.app", "ingestctl.main", "applications"),
    Forbidden("ingestion_service.app", "evaluation.measures", "applications"),
    Forbidden("docgraph.ingest.pipeline", "airflow", "airflow"),
    Forbidden("docgraph.readiness.judgement", "qdrant_client", "qdrant"),
    Forbidden("docgraph.ingest.intake", "redis", "redis"),
    Forbidden("docgraph.stores.artifacts", "boto3", "s3"),
    Forbidden("docgraph.model_servers.client", "httpcore", "web"),
    Forbidden("docgraph.extraction.view", "markdown_it", "parsers"),
    Forbidden("docgraph.retrieval.matching", "selectolax", "parsers"),
    Forbidden("evaluation.formats.html", "selectolax", "parsers"),
    Forbidden("evaluation.markdown", "markdown_it", "parsers"),
    Forbidden("docgraph.extraction.terms", "yaml", "yaml"),
    Forbidden("docgraph.runtime.connections", "yaml", "yaml"),
    Forbidden("ingestion_service.app", "yaml", "yaml"),
    Forbidden("docgraph.formats.markdown.reader", "tokenizers", "tokenizers"),
    Forbidden("docgraph.model_servers.client", "tokenizers", "tokenizers"),
    Forbidden("docgraph.formats.html.page", "lxml", "lxml"),
    Forbidden("docgraph_local.demo", "lxml", "lxml"),
    Forbidden("docgraph.retrieval.confidence", "sklearn", "statistics"),
    Forbidden("docgraph.integrity.compare", "scipy", "statistics"),
    Forbidden("docgraph.readiness.report.page", "matplotlib", "statistics"),
    Forbidden("ingestctl.main", "fastapi", "command-line-base"),
    Forbidden("ingestctl.transport", "starlette", "command-line-base"),
    Forbidden("ingestctl.render", "numpy", "command-line-base"),
    Forbidden("ingestctl.files", "markdown_it", "command-line-base"),
    Forbidden("ingestctl.files", "yaml", "command-line-base"),
    Forbidden("ingestctl.integrity", "neo4j", "command-line-base"),
    Forbidden("ingestctl.integrity", "qdrant_client", "command-line-base"),
    Forbidden("ingestctl.follow", "redis", "command-line-base"),
    Forbidden("ingestctl.files", "boto3", "command-line-base"),
    # What the command line imports, brings its own imports along.
    Forbidden("docgraph.api.search", "fastapi", "command-line-base"),
    Forbidden("docgraph.settings", "boto3", "command-line-base"),
    Forbidden("docgraph.ingest.work", "support.contract.redis_server", "product"),
    Forbidden("support.unit.formats_samples", "support.integration.work", "support"),
)


@pytest.fixture(scope="module")
def options() -> UserOptions:
    configure()
    read = use_cases.read_user_options(str(ROOT / "pyproject.toml"))
    use_cases._register_contract_types(read)
    return read


@pytest.fixture(scope="module")
def graph(options: UserOptions) -> grimp.ImportGraph:
    packages = options.session_options["root_packages"]
    return grimp.build_graph(*packages, include_external_packages=True, cache_dir=None)


def broken(options: UserOptions, graph: grimp.ImportGraph, wanted: str) -> bool:
    """Whether the contract with this id is broken."""
    (found,) = [each for each in options.contracts_options if each["id"] == wanted]
    kind = registry.get_contract_class(found["type"])
    contract = kind(name=found["name"], session_options=options.session_options, contract_options=found)
    return not contract.check(deepcopy(graph), verbose=False).kept


def test_every_contract_is_kept_as_the_code_stands(options: UserOptions, graph: grimp.ImportGraph) -> None:
    names = [each["id"] for each in options.contracts_options]
    assert [name for name in names if broken(options, graph, name)] == []


def test_every_contract_has_an_import_that_breaks_it(options: UserOptions) -> None:
    assert {each["id"] for each in options.contracts_options} == {each.contract for each in FORBIDDEN}


@pytest.mark.parametrize("case", FORBIDDEN, ids=lambda case: f"{case.importer}->{case.imported}")
def test_a_forbidden_import_breaks_its_contract(
    options: UserOptions, graph: grimp.ImportGraph, case: Forbidden
) -> None:
    changed = deepcopy(graph)
    assert case.importer in changed.modules
    assert case.imported in changed.modules
    assert case.imported not in changed.find_modules_directly_imported_by(case.importer)
    changed.add_import(
        importer=case.importer, imported=case.imported, line_number=1, line_contents=f"import {case.imported}"
    )
    assert broken(options, changed, case.contract)
    print(f"BROKEN {case.contract}: {case.importer} -> {case.imported}")


def test_docgraph_is_few_packages_and_no_loose_module_but_the_settings() -> None:
    root = ROOT / "include" / "docgraph"
    packages = [path.name for path in root.iterdir() if (path / "__init__.py").is_file()]
    assert len(packages) <= MOST_PACKAGES, packages
    assert sorted(path.name for path in root.glob("*.py")) == ["__init__.py", "settings.py"]


def test_no_file_of_the_product_is_longer_than_a_reader_s_patience() -> None:
    files = [path for folder in PRODUCT for path in (ROOT / folder).rglob("*.py")]
    assert len(files) > 200
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > MOST_LINES} == {}
