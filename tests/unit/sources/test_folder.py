"""The mirror of a folder: what it takes, what it leaves out, and what it never mistakes for a deletion."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentError, DocumentTooLargeError, InfrastructureError
from docgraph.sources.base import ChangedMeanwhileError, Place
from docgraph.sources.folder import FolderMirror, FolderOptions


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo" / "docs"
    folder.mkdir(parents=True)
    return folder


def put(root: Path, name: str, text: str = "# Page\n") -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def mirror(root: Path, *, settle_seconds: float = 1e-9, max_bytes: int = 1000, **options: object) -> FolderMirror:
    return FolderMirror(
        root,
        name="repo",
        tag="docs",
        settle_seconds=settle_seconds,
        max_bytes=max_bytes,
        options=FolderOptions.model_validate(options),
    )


def names(source: FolderMirror) -> list[str]:
    return [change.uri.removeprefix("fs://repo/") for change in source.changes({})]


def cursor_of(source: FolderMirror) -> dict[str, str]:
    return {change.uri: change.version for change in source.changes({})}


def test_documents_are_taken_and_other_files_are_left(root: Path) -> None:
    for name in ("guide.md", "deep/er/page.rst", "logo.png", "setup.py", ".hidden.md", ".git/notes.md", "a.md.swp"):
        put(root, name)
    assert names(mirror(root)) == ["deep/er/page.rst", "guide.md"]


def test_patterns_choose_what_is_a_document(root: Path) -> None:
    for name in ("guide.md", "draft/page.md", "notes.cfg", "old/guide.md"):
        put(root, name)
    assert names(mirror(root, exclude=["draft/", "/old/*.md"])) == ["guide.md"]
    assert names(mirror(root, include=["*.cfg", "old/**"])) == ["notes.cfg", "old/guide.md"]


def test_what_git_ignores_is_left_out_up_and_down_the_work_tree(root: Path) -> None:
    top = root.parent
    put(top, ".git/info/exclude", "local.md\n")
    put(top, ".gitignore", "build/\n*.tmp.md\n/docs/private.md\n")
    put(root, "sub/.gitignore", "*.md\n!kept.md\n")
    for name in ("a.md", "local.md", "build/b.md", "c.tmp.md", "private.md", "sub/d.md", "sub/kept.md"):
        put(root, name)
    assert names(mirror(root)) == ["a.md", "sub/kept.md"]
    assert len(names(mirror(root, gitignore=False))) == 7


def test_a_link_is_no_document(root: Path, tmp_path: Path) -> None:
    outside = put(tmp_path, "secret.md")
    (root / "link.md").symlink_to(outside)
    (root / "linked").symlink_to(tmp_path)
    source = mirror(root)
    assert names(source) == []
    assert source.locate("fs://repo/link.md").place is Place.IGNORED


def test_names_of_any_kind_have_addresses_of_their_own(root: Path) -> None:
    wanted = ["a b#c?.md", "50%.md", "50%25.md", "Grüße.md", "[x].md"]
    for name in wanted:
        put(root, name)
    source = mirror(root)
    uris = [change.uri for change in source.changes({})]
    assert len(set(uris)) == len(wanted)
    assert sorted(source.locate(uri).name for uri in uris) == sorted(wanted)


def test_a_file_that_is_being_written_waits_until_it_stands_still(root: Path) -> None:
    source = mirror(root, settle_seconds=0.2)
    path = put(root, "guide.md")
    assert source.poll({}) is None
    path.write_text("# Page\n\nmore\n")
    assert source.poll({}) is None
    time.sleep(0.25)
    seen = source.poll({})
    assert seen is not None
    assert [b"".join(change.open()) for change in source.changes({}, seen)] == [b"# Page\n\nmore\n"]
    path.write_text("# Page\n\nmore and more\n")
    assert list(source.changes({}, seen)) == [], "only the state that was seen still"


def test_what_is_gone_for_a_moment_is_not_deleted(root: Path) -> None:
    source = mirror(root, settle_seconds=0.2)
    path = put(root, "guide.md")
    cursor = cursor_of(mirror(root))
    path.rename(root / "guide.bak")
    assert source.poll(cursor) is None
    (root / "guide.bak").rename(path)
    assert source.poll({uri: source.plan({}).versions[uri] for uri in cursor}) is None
    path.unlink()
    (change,) = source.changes(cursor)
    assert (change.uri, change.deleted) == ("fs://repo/guide.md", True)


def test_a_folder_that_is_not_there_is_no_deletion(root: Path) -> None:
    put(root, "guide.md")
    source = mirror(root)
    cursor = cursor_of(source)
    root.rename(root.parent / "elsewhere")
    with pytest.raises(InfrastructureError, match="its disk or share is mounted"):
        source.poll(cursor)
    with pytest.raises(InfrastructureError, match="Can't read"):
        list(source.changes(cursor))


def test_a_file_that_changes_while_it_is_read_is_taken_by_the_next_look(root: Path) -> None:
    path = put(root, "guide.md")
    source = mirror(root)
    (change,) = source.changes({})
    chunks = iter(change.open())
    next(chunks)
    path.write_text("# Other, and longer\n")
    with pytest.raises(ChangedMeanwhileError, match="was written to while it was read"):
        list(chunks)
    path.unlink()
    with pytest.raises(ChangedMeanwhileError, match="has gone"):
        list(change.open())


def test_a_file_that_became_a_link_is_not_followed(root: Path, tmp_path: Path) -> None:
    path = put(root, "guide.md")
    (change,) = mirror(root).changes({})
    path.unlink()
    path.symlink_to(put(tmp_path, "secret.md", "secret"))
    with pytest.raises(ChangedMeanwhileError):
        b"".join(change.open())


def test_a_file_over_the_limit_is_refused_alone(root: Path) -> None:
    put(root, "big.md", "x" * 1001)
    put(root, "good.md")
    big, good = mirror(root).changes({})
    with pytest.raises(DocumentTooLargeError, match=r"big\.md has 1,001 bytes"):
        b"".join(big.open())
    assert b"".join(good.open()) == b"# Page\n"


def test_a_file_that_may_not_be_read_fails_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, "secret.md")
    (change,) = mirror(root).changes({})

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    # The tests' user may be one who reads everything.
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DocumentError, match="let the user who runs the workers read it"):
        b"".join(change.open())
