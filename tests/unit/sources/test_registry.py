"""Sources as they are configured: kinds, names, folders, and what can't be."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from docgraph.domain import plug_ins as plug_ins_module
from docgraph.domain.errors import ConfigurationError
from docgraph.runtime.config import GuardConfig, IngestConfig, SourceConfig
from docgraph.settings import Settings
from docgraph.sources import registry
from docgraph.sources.filesystem import DropFolder
from docgraph.sources.folder import FolderMirror
from docgraph.sources.memory import MemorySource
from docgraph.sources.registry import SourceKind, kinds, sources_of


def _memory(wanted: SourceConfig, settings: Settings, config: IngestConfig) -> MemorySource:
    del settings, config
    return MemorySource(wanted.name, wanted.tag)


MEMORY = SourceKind("memory", _memory)
SECOND_FILESYSTEM = SourceKind("filesystem", _memory)


def configured(tmp_path: Path, text: str) -> tuple[Settings, IngestConfig]:
    path = tmp_path / "ingest.yaml"
    path.write_text(text, encoding="utf-8")
    settings = replace(Settings.load(), workspace=tmp_path, config_file=path, watch_root=tmp_path / "ingest" / "watch")
    return settings, IngestConfig.load(path)


@pytest.fixture
def plug_ins(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    found: list[EntryPoint] = []
    monkeypatch.setattr(plug_ins_module, "entry_points", lambda group: [each for each in found if each.group == group])
    kinds.cache_clear()
    monkeypatch.setattr(registry, "kinds", kinds.__wrapped__)
    return found


def test_without_sources_the_watch_section_describes_the_one_folder(tmp_path: Path) -> None:
    settings, config = configured(tmp_path, "watch: {default_tag: handbook, settle_seconds: 0.5}\n")
    (source,) = sources_of(settings, config)
    assert isinstance(source, DropFolder)
    assert (source.name, source.root, source.prefix) == ("filesystem", settings.watch_root, "fs://ingest/watch/")
    assert source.locate("fs://ingest/watch/a.md").tag == "handbook"


def test_folders_are_configured_by_name_and_place(tmp_path: Path) -> None:
    text = "sources:\n  - {name: filesystem, tag: handbook}\n  - {name: manuals, where: drops/manuals, tag: manuals}\n"
    settings, config = configured(tmp_path, text)
    first, second = sources_of(settings, config)
    assert isinstance(first, DropFolder)
    assert isinstance(second, DropFolder)
    assert (first.root, second.root) == (settings.watch_root, tmp_path / "drops" / "manuals")
    assert second.locate("fs://manuals/a.md").tag == "manuals"


def test_an_unknown_kind_is_named_with_the_file_and_the_known_ones(tmp_path: Path) -> None:
    settings, config = configured(tmp_path, "sources: [{name: wiki, kind: gopher}]\n")
    with pytest.raises(ConfigurationError, match=r"ingest\.yaml: sources: wiki: kind: 'gopher'.*known are filesystem"):
        sources_of(settings, config)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("sources: [{name: a}, {name: a, where: b}]\n", "names more than one source"),
        ("sources: [{name: 'A b'}]\n", "is not a valid name"),
        ("sources: [{name: a, tag: 'x y'}]\n", "is not a valid name"),
        ("sources: [{name: a, colour: red}]\n", r"sources\.0\.colour"),
        ("sources: [{kind: filesystem}]\n", r"sources\.0\.name"),
    ],
)
def test_what_can_not_be_is_said_when_the_file_is_read(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        configured(tmp_path, text)


@pytest.mark.parametrize("where", ["", "ingest/watch", "ingest/watch/inner", "ingest"])
def test_folders_that_lie_in_each_other_are_refused(tmp_path: Path, where: str) -> None:
    settings, config = configured(tmp_path, f"sources: [{{name: filesystem}}, {{name: other, where: '{where}'}}]\n")
    with pytest.raises(ConfigurationError, match="both would take the same files"):
        sources_of(settings, config)


def test_options_that_a_folder_does_not_have_are_refused(tmp_path: Path) -> None:
    settings, config = configured(tmp_path, "sources: [{name: a, where: a, options: {depth: 3}}]\n")
    with pytest.raises(
        ConfigurationError, match=r"sources: a: options\.depth: .*The options of a source of kind filesystem are: none"
    ):
        sources_of(settings, config)


def test_a_folder_that_is_mirrored_needs_a_place_and_patterns_that_are_texts(tmp_path: Path) -> None:
    text = "sources: [{name: repo, kind: folder, where: repo, tag: repo, options: {include: ['*.md'], gitignore: false}}]\n"
    (source,) = sources_of(*configured(tmp_path, text))
    assert isinstance(source, FolderMirror)
    assert source.root == tmp_path / "repo"
    with pytest.raises(ConfigurationError, match="where: a source of kind folder needs the folder"):
        sources_of(*configured(tmp_path, "sources: [{name: repo, kind: folder}]\n"))
    with pytest.raises(
        ConfigurationError, match=r"sources: repo: options\.include: .*are: include, exclude, gitignore"
    ):
        sources_of(*configured(tmp_path, "sources: [{name: repo, kind: folder, where: repo, options: {include: 3}}]\n"))


@pytest.mark.parametrize("where", ["ingest/watch", "ingest", "ingest/watch/inner"])
def test_a_watch_folder_is_not_mirrored_as_well(tmp_path: Path, where: str) -> None:
    text = f"sources: [{{name: filesystem}}, {{name: repo, kind: folder, where: '{where}'}}]\n"
    with pytest.raises(ConfigurationError, match="both would take the same files"):
        sources_of(*configured(tmp_path, text))


def test_a_look_that_loses_much_is_withheld_and_one_that_loses_little_is_not() -> None:
    guard = GuardConfig(share=0.25, documents=100, spare=3)
    assert not guard.withholds(3, 3), "a small set may lose a page"
    assert guard.withholds(4, 15)
    assert not guard.withholds(4, 16)
    assert guard.withholds(101, 10_000)
    assert not guard.withholds(0, 0)


def test_a_plug_in_adds_a_kind(tmp_path: Path, plug_ins: list[EntryPoint]) -> None:
    plug_ins.append(EntryPoint("memory", f"{__name__}:MEMORY", registry.ENTRY_POINT_GROUP))
    settings, config = configured(tmp_path, "sources: [{name: notes, kind: memory, tag: notes}]\n")
    (source,) = sources_of(settings, config)
    assert isinstance(source, MemorySource)
    assert source.covers("memory://notes/a")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f"{__name__}:NOT_THERE", "can't be loaded"),
        (f"{__name__}:configured", "not a docgraph.sources.registry.SourceKind"),
        (f"{__name__}:SECOND_FILESYSTEM", "calls itself 'filesystem', as another one does"),
    ],
)
def test_a_plug_in_that_can_not_be_used_is_named(plug_ins: list[EntryPoint], value: str, problem: str) -> None:
    plug_ins.append(EntryPoint("broken", value, registry.ENTRY_POINT_GROUP))
    with pytest.raises(ConfigurationError, match=problem):
        registry.kinds()
