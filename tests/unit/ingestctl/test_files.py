"""Which documents the paths of a command line come to, and what is said about the others."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from pathlib import Path
from urllib.parse import unquote

import pytest

from docgraph.domain.identity import canonical_source_uri
from ingestctl.files import Selection, read_chunks, select, sha256_of


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: Path, text: str = "# Title\n\ntext\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(selection: Selection) -> list[str]:
    return [document.name for document in selection.documents]


def codes(selection: Selection) -> list[str]:
    return [entry.code for entry in selection.rejected]


def test_a_folder_gives_its_documents_at_any_depth_and_leaves_hidden_and_other_files_out(base: Path) -> None:
    for name in ("b.md", "a/x.markdown", "a/b/c/y.mdx", "z.TXT", "image.png", ".hidden.md", ".git/description.md"):
        write(base / name)
    selection = select(["."], base)
    assert sorted(names(selection)) == ["a/b/c/y.mdx", "a/x.markdown", "b.md", "z.TXT"]
    assert selection.rejected == ()


def test_content_types_follow_the_extension(base: Path) -> None:
    for name in ("a.md", "b.mdx", "c.txt"):
        write(base / name)
    assert [d.content_type for d in select(["."], base).documents] == ["text/markdown", "text/markdown", "text/plain"]


def test_a_pattern_that_no_shell_has_expanded_is_expanded(base: Path) -> None:
    for name in ("one.md", "two.md", "deep/er/three.md", "deep/picture.png"):
        write(base / name)
    assert names(select(["*.md"], base)) == ["one.md", "two.md"]
    assert sorted(names(select(["**/*"], base))) == ["deep/er/three.md", "one.md", "two.md"]


def test_a_file_whose_name_looks_like_a_pattern_is_taken_by_its_name(base: Path) -> None:
    write(base / "what[1].md")
    write(base / "what1.md")
    assert names(select(["what[1].md"], base)) == ["what[1].md"]


@pytest.mark.parametrize(
    "name",
    [
        "plain.md",
        "with space.md",
        'it\'s "quoted".md',
        "größe-日本.md",
        "line\nbreak.md",
        "100%.md",
        "a#b?c.md",
        "%41.md",
        "*.md",
    ],
)
def test_any_text_is_a_file_name_and_comes_back_from_its_address(base: Path, name: str) -> None:
    write(base / "folder" / name)
    (document,) = select(["folder"], base).documents
    assert document.source_uri.isascii()
    assert canonical_source_uri(document.source_uri) == document.source_uri
    assert unquote(document.source_uri) == "upload:///folder/" + unicodedata.normalize("NFC", name)


def test_a_name_of_stray_bytes_is_refused_with_the_bytes_shown_and_the_others_go_on(base: Path) -> None:
    write(base / "good.md")
    Path(os.fsdecode(os.fsencode(base) + b"/caf\xe9.md")).write_text("text")
    selection = select(["."], base)
    assert names(selection) == ["good.md"]
    (rejected,) = selection.rejected
    assert rejected.code == "name_not_utf8"
    assert "caf\\xe9.md" in rejected.message
    assert rejected.as_json()["path"].isprintable()


def test_addresses_are_relative_to_the_base(base: Path) -> None:
    write(base / "project" / "docs" / "a.md")
    (document,) = select(["project"], base / "project").documents
    assert document.source_uri == "upload:///docs/a.md"


def test_a_file_outside_the_base_is_refused(base: Path) -> None:
    write(base / "a.md")
    (base / "other").mkdir()
    assert codes(select(["a.md"], base / "other")) == ["outside_base"]


def test_a_base_reached_through_a_link_is_the_same_folder(base: Path) -> None:
    write(base / "real" / "a.md")
    (base / "link").symlink_to(base / "real")
    (document,) = select([str(base / "real" / "a.md")], base / "link").documents
    assert document.source_uri == "upload:///a.md"


def test_each_bad_input_is_named_with_its_reason_and_the_good_ones_go_on(base: Path) -> None:
    write(base / "good.md")
    write(base / "empty.md", "")
    write(base / "slides.odp")
    (base / "nothing-here").mkdir()
    (base / "dangling.md").symlink_to("nowhere")
    os.mkfifo(base / "pipe.md")
    arguments = ["empty.md", "slides.odp", "nothing-here", "dangling.md", "pipe.md", "missing.md", "*.rst", "good.md"]
    selection = select(arguments, base)
    assert names(selection) == ["good.md"]
    assert codes(selection) == [
        "empty", "unsupported_format", "no_match", "unreadable", "not_a_file", "not_found", "no_match",
    ]  # fmt: skip
    for argument, entry in zip(arguments, selection.rejected, strict=False):
        assert argument in entry.message
        assert entry.hint


def test_a_file_named_in_several_ways_is_one_document(base: Path) -> None:
    write(base / "docs" / "a.md")
    assert names(select(["docs", "docs/a.md", "./docs/../docs/a.md", "docs/*.md"], base)) == ["docs/a.md"]


def test_two_files_with_one_address_are_not_silently_one(base: Path) -> None:
    composed, decomposed = base / "\u00e9.md", base / "e\u0301.md"
    write(composed)
    write(decomposed)
    selection = select(["."], base)
    assert len(selection.documents) == 1
    assert codes(selection) == ["same_address"]


def test_an_address_longer_than_the_service_takes_is_refused_for_that_file_alone(base: Path) -> None:
    write(base / "good.md")
    write(base.joinpath(*["ö" * 100] * 4) / "deep.md")
    selection = select(["."], base)
    assert names(selection) == ["good.md"]
    assert codes(selection) == ["address_too_long"]


def test_what_is_deleted_need_not_exist_any_more(base: Path) -> None:
    write(base / "still" / "here.md")
    selection = select(["gone.md", "still"], base, delete=True)
    assert [d.source_uri for d in selection.documents] == ["upload:///gone.md", "upload:///still/here.md"]
    assert selection.rejected == ()


def test_an_address_is_deleted_as_it_is_and_is_no_path_otherwise(base: Path) -> None:
    addresses = ["fs://ingest/watch/docs/a b.md", "FS://ingest/watch/docs/a%20b.md", "https://example.org/x"]
    selection = select(addresses, base, delete=True)
    assert [d.source_uri for d in selection.documents] == ["fs://ingest/watch/docs/a%20b.md", "https://example.org/x"]
    assert codes(select(addresses[:1], base)) == ["not_found"]


def test_the_hash_of_a_file_of_many_pieces_is_the_hash_of_its_bytes(base: Path) -> None:
    path = write(base / "a.md", "0123456789" * 300_000)
    assert sha256_of(read_chunks(path)) == hashlib.sha256(path.read_bytes()).hexdigest()
