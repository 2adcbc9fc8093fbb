"""Where a setting comes from: flag, environment, `.env`, `config/ingest.yaml`, default, in this order."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.site_routes import Site
from docgraph.runtime.config import IngestConfig
from docgraph.runtime.connections import Runtime
from docgraph.settings import OPTION_SECTIONS, Settings

SERVICE = "DOCGRAPH_SERVICE_URL"
BATCH = "DOCGRAPH_PIPELINE_EMBED_BATCH"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / ".docgraph").mkdir()
    return tmp_path / ".docgraph"


def load(home: Path, environ: dict[str, str] | None = None, flags: dict[str, str | None] | None = None) -> Settings:
    return Settings.load(environ or {}, home, flags)


def config(home: Path, environ: dict[str, str] | None = None) -> IngestConfig:
    return Runtime(load(home, environ)).config


def test_each_place_stands_above_the_next(home: Path) -> None:
    assert load(home).service_url == "http://127.0.0.1:9108"
    (home / ".env").write_text(f"{SERVICE}=http://file\n")
    assert load(home).service_url == "http://file"
    environ = {SERVICE: "http://environment"}
    assert load(home, environ).service_url == "http://environment"
    assert load(home, environ, {SERVICE: "http://flag"}).service_url == "http://flag"
    assert load(home, environ, {SERVICE: None}).service_url == "http://environment"


def test_a_value_of_the_yaml_file_stands_below_the_environment_and_above_the_default(home: Path) -> None:
    assert config(home, {BATCH: ""}).pipeline.embed_batch == 32
    (home.parent / "config" / "ingest.yaml").write_text("pipeline: {embed_batch: 16, max_batches: 2}\n")
    assert config(home).pipeline.embed_batch == 16
    (home / ".env").write_text(f"{BATCH}=8\n")
    assert config(home).pipeline.embed_batch == 8
    changed = config(home, {BATCH: "4"})
    assert (changed.pipeline.embed_batch, changed.pipeline.max_batches) == (4, 2)
    assert changed.digest != config(home).digest


def test_an_empty_section_and_a_value_of_the_environment_go_together(home: Path) -> None:
    (home.parent / "config" / "ingest.yaml").write_text("pipeline:\n")
    assert config(home, {BATCH: "4"}).pipeline.embed_batch == 4


@pytest.mark.parametrize(("name", "value"), [(BATCH, "many"), ("DOCGRAPH_PIPELINE_EMBED_BACH", "4")])
def test_a_value_that_can_not_be_is_refused_with_its_variable(home: Path, name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}.*pipeline\."):
        config(home, {name: value})


def test_a_file_without_sections_is_refused(home: Path) -> None:
    (home.parent / "config" / "ingest.yaml").write_text("- a\n- list\n")
    with pytest.raises(ConfigurationError, match="holds a list"):
        config(home)


def test_every_section_of_single_values_can_be_given_in_the_environment_and_the_watch_folder_is_none() -> None:
    sections = {
        name
        for name, field in IngestConfig.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
    }
    assert sections == set(OPTION_SECTIONS)
    assert Settings.load({"DOCGRAPH_WATCH_ROOT": "/drop"}, Path("/nowhere/.docgraph")).options == ()


def test_a_dataset_says_what_it_is_published_as(home: Path) -> None:
    path = home.parent / "config" / "ingest.yaml"
    path.write_text(
        "datasets: {book: {sites: [{base: /docs, files: /content}, {base: 'https://x.example/docs'}]}, other: {}}\n"
    )
    assert config(home).published == {"book": (Site("/docs", "/content"), Site("https://x.example/docs", "/"))}
    for wrong in ("docs", "ftp://x.example", "/docs?x=1", "https:///docs"):
        path.write_text(f"datasets: {{book: {{sites: [{{base: '{wrong}'}}]}}}}\n")
        with pytest.raises(ConfigurationError, match=r"datasets\.book\.sites\.0\.base"):
            config(home)
