"""The watch folder, claim by claim, without Airflow and without a store."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentError, DocumentTooLargeError, InfrastructureError
from docgraph.sources.base import Change, Place
from docgraph.sources.dropped import Dropped, dropped_files
from docgraph.sources.filesystem import DropFolder, tag_of
from docgraph.sources.stillness import Stillness
from support.unit.watch_folder import drop

DAY = 86_400.0


def take(folder: DropFolder, seen: list[str] | None = None) -> list[Change]:
    """Settle everything that is complete."""
    taken = []
    for change in folder.changes(seen=seen or []):
        folder.settle(change)
        taken.append(change)
    return taken


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def still_names(stillness: Stillness, root: Path) -> list[str]:
    files = dropped_files(root)
    still = stillness.of(file.state for file in files)
    return [file.relative for file in files if file.state in still]


def test_a_file_is_still_once_it_was_seen_unchanged_for_long_enough(root: Path) -> None:
    clock = Clock()
    stillness = Stillness(2.0, clock)
    path = drop(root, "guide.md")
    assert still_names(stillness, root) == []
    clock.now += 1.9
    assert still_names(stillness, root) == []
    clock.now += 0.2
    assert still_names(stillness, root) == ["guide.md"]
    path.write_text("# Page\n\nmore\n")
    assert still_names(stillness, root) == [], "a file that is written to begins anew"


@pytest.mark.parametrize("offset", [-DAY, DAY])
def test_the_times_of_a_file_say_nothing_about_its_stillness(root: Path, offset: float) -> None:
    clock = Clock()
    stillness = Stillness(2.0, clock)
    path = drop(root, "guide.md")
    os.utime(path, (path.stat().st_mtime + offset,) * 2)
    assert still_names(stillness, root) == []
    clock.now += 2.1
    assert still_names(stillness, root) == ["guide.md"]


def test_a_file_that_was_replaced_is_another_one(root: Path) -> None:
    clock = Clock()
    stillness = Stillness(2.0, clock)
    drop(root, "guide.md")
    still_names(stillness, root)
    clock.now += 2.1
    other = drop(root.parent, "other.md")
    other.replace(root / "guide.md")
    assert still_names(stillness, root) == []


def test_a_marker_makes_a_file_complete_at_once_and_goes_with_it(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "docs/guide.md", ready=True)
    drop(root, "docs/half.md")
    assert folder.poll() == []
    assert [change.uri for change in take(folder)] == ["fs://ingest/watch/docs/guide.md"]
    assert sorted(path.name for path in root.rglob("*.*")) == ["half.md"]
    assert (folder.done_root / "docs" / "guide.md").is_file()
    assert folder.left_claimed() == []


def test_a_file_that_is_neither_announced_nor_still_stays_where_it_is(root: Path) -> None:
    folder = DropFolder(root, settle_seconds=3600)
    path = drop(root, "guide.md")
    assert folder.poll() is None
    assert take(folder) == []
    assert path.is_file()


def test_only_the_state_that_was_seen_still_is_taken(root: Path) -> None:
    folder = DropFolder(root, settle_seconds=0.001)
    path = drop(root, "guide.md")
    folder.poll()
    (seen,) = [file.state for file in dropped_files(root)]
    path.write_text("# Other, and longer\n")
    assert take(folder, [seen]) == []
    (seen,) = [file.state for file in dropped_files(root)]
    assert len(take(folder, [seen])) == 1


def test_a_marker_without_its_file_is_a_document_error_that_names_both(root: Path) -> None:
    folder = DropFolder(root)
    (root / "guide.md.ready").touch()
    assert take(folder) == [], "the file may still come"
    seen = [file.state for file in dropped_files(root)]
    (change,) = folder.changes(seen=seen)
    assert change.uri == "fs://ingest/watch/guide.md"
    with pytest.raises(DocumentError, match=r"guide\.md\.ready announces guide\.md.*drop the file, then the marker"):
        list(change.open())


@pytest.mark.parametrize(
    "name", [".hidden.md", "guide.md~", "guide.md.part", "guide.tmp", "x.swp", "a.crdownload", ".git/x.md"]
)
def test_what_editors_and_tools_leave_for_a_moment_is_never_taken(root: Path, name: str) -> None:
    drop(root, name, ready=True)
    found = [file for file in dropped_files(root) if not file.missing]
    assert found == []


@pytest.mark.parametrize(
    ("relative", "tag"),
    [
        ("guide.md", "fallback"),
        ("handbook/guide.md", "handbook"),
        ("handbook/deep/guide.md", "handbook"),
        ("Handbook/guide.md", "handbook"),
        ("my docs/guide.md", "fallback"),
        ("-x/guide.md", "fallback"),
        ("a" * 63 + "/guide.md", "a" * 63),
        ("a" * 64 + "/guide.md", "fallback"),
    ],
)
def test_the_first_folder_is_the_tag_where_it_can_be_one(relative: str, tag: str) -> None:
    assert tag_of(relative, "fallback") == tag


def test_the_same_name_dropped_again_is_put_aside_over_the_former(root: Path) -> None:
    folder = DropFolder(root)
    versions = []
    for text in ("# One\n", "# Two\n"):
        drop(root, "docs/guide.md", text, ready=True)
        versions += [change.version for change in take(folder)]
    assert len(set(versions)) == 2
    assert (folder.done_root / "docs" / "guide.md").read_text() == "# Two\n"


def test_a_file_dropped_under_a_name_that_is_claimed_is_another_drop(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "guide.md", "# One\n", ready=True)
    changes = folder.changes()
    first = next(iter(changes))
    drop(root, "guide.md", "# Two\n", ready=True)
    assert b"".join(first.open()) == b"# One\n"
    texts = [b"".join(change.open()) for change in folder.changes()]
    assert sorted(texts) == [b"# One\n", b"# Two\n"]


def test_what_a_crash_left_claimed_is_seen_and_given_again(root: Path) -> None:
    drop(root, "docs/guide.md", ready=True)
    next(iter(DropFolder(root).changes()))
    again = DropFolder(root)
    assert dropped_files(root) == []
    assert again.poll() == []
    assert again.locate("fs://ingest/watch/docs/guide.md").place is Place.CLAIMED
    assert [change.tag for change in take(again)] == ["docs"]
    assert again.poll() is None
    assert again.locate("fs://ingest/watch/docs/guide.md").place is Place.SETTLED


def test_a_file_that_goes_away_before_it_is_claimed_is_no_error(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DropFolder(root)
    drop(root, "one.md", ready=True)
    two = drop(root, "two.md", ready=True)

    def vanishing(watched: Path, files: Callable[[Path], list[Dropped]] = dropped_files) -> list[Dropped]:
        found = files(watched)
        two.unlink(missing_ok=True)
        return found

    monkeypatch.setattr("docgraph.sources.filesystem.dropped_files", vanishing)
    assert [Path(change.uri).name for change in folder.changes()] == ["one.md"]


def test_links_and_things_that_are_no_files_are_refused_and_not_followed(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("# Secret\n")
    (root / "link.md").symlink_to(secret)
    (root / "link.md.ready").touch()
    os.mkfifo(root / "pipe.md")
    (root / "pipe.md.ready").touch()
    folder = DropFolder(root)
    changes = list(folder.changes())
    assert len(changes) == 2
    for change in changes:
        with pytest.raises(DocumentError, match="link or no regular file"):
            list(change.open())
        folder.settle(change)
    assert secret.read_text() == "# Secret\n"
    assert (folder.done_root / "link.md").is_symlink()


def test_a_file_above_the_limit_is_refused_before_a_byte_is_read(root: Path) -> None:
    drop(root, "big.md", "x" * 11, ready=True)
    (change,) = DropFolder(root, max_bytes=10).changes()
    with pytest.raises(DocumentTooLargeError, match=r"big\.md has 11 bytes, more than the limit of 10"):
        next(iter(change.open()))


def test_names_that_are_no_text_are_shown_as_text_and_kept_as_they_are(root: Path) -> None:
    raw = os.fsdecode(b"caf\xe9.md")
    drop(root, raw, ready=True)
    folder = DropFolder(root)
    (change,) = take(folder)
    assert change.uri == "fs://ingest/watch/caf%EF%BF%BD.md"
    assert (folder.done_root / raw).is_file()


def test_unknown_kinds_of_files_are_given_and_left_to_the_readers(root: Path) -> None:
    drop(root, "data.xyz", ready=True)
    (change,) = DropFolder(root).changes()
    assert change.content_type == "application/octet-stream"


def test_a_look_that_settles_nothing_changes_nothing(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "docs/guide.md", ready=True)
    for _ in range(3):
        assert [b"".join(change.open()) for change in folder.changes()] == [b"# Page\n"]


def test_a_file_where_the_folder_of_settled_ones_should_be_is_said(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "docs/guide.md", ready=True)
    folder.done_root.write_text("in the way")
    (change,) = folder.changes()
    with pytest.raises(InfrastructureError, match="Can't put aside"):
        folder.settle(change)
    assert len(folder.left_claimed()) == 1


@pytest.mark.parametrize(
    "uri", ["fs://ingest/watch/../secret.md", "fs://ingest/watch/a/%2E%2E/b.md", "fs://other/x.md", "upload:///x.md"]
)
def test_addresses_that_lead_out_of_the_folder_are_none_of_its(root: Path, uri: str) -> None:
    assert not DropFolder(root).covers(uri)


def test_it_says_where_each_address_stands(root: Path) -> None:
    folder = DropFolder(root, settle_seconds=3600)
    drop(root, "docs/new.md")
    drop(root, "docs/told.md", ready=True)
    drop(root, "docs/.draft.md")
    (root / "docs" / "lost.md.ready").touch()
    places = {
        name: folder.locate(f"fs://ingest/watch/docs/{name}.md").place
        for name in ("new", "told", ".draft", "lost", "no")
    }
    assert places == {
        "new": Place.SETTLING,
        "told": Place.WAITING,
        ".draft": Place.IGNORED,
        "lost": Place.ANNOUNCED_ONLY,
        "no": Place.ABSENT,
    }


def test_a_second_folder_has_addresses_and_folders_of_its_own(root: Path) -> None:
    other = root.parent / "manuals"
    other.mkdir()
    one, two = DropFolder(root), DropFolder(other, name="manuals", default_tag="manuals")
    drop(root, "a.md", ready=True)
    drop(other, "b.md", ready=True)
    assert [(change.uri, change.tag) for change in take(one)] == [("fs://ingest/watch/a.md", "docs")]
    assert [(change.uri, change.tag) for change in take(two)] == [("fs://manuals/b.md", "manuals")]
    assert not {one.claimed_root, one.done_root} & {two.claimed_root, two.done_root}


def test_originals_are_kept_for_their_time_and_only_settled_ones_go(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "docs/deep/old.md", ready=True)
    take(folder)
    drop(root, "docs/waiting.md")
    drop(root, "docs/claimed.md", ready=True)
    next(iter(folder.changes()))
    assert folder.remove_settled(3600) == 0
    assert (folder.done_root / "docs" / "deep" / "old.md").is_file()
    assert folder.remove_settled(-1) == 1
    assert list(folder.done_root.iterdir()) == [], "empty folders go, too"
    assert (root / "docs" / "waiting.md").is_file()
    assert len(folder.left_claimed()) == 1
    assert folder.remove_settled(-1) == 0


def test_the_age_of_an_original_counts_from_when_it_was_put_aside(root: Path) -> None:
    folder = DropFolder(root)
    path = drop(root, "old.md", ready=True)
    os.utime(path, (1_000_000.0, 1_000_000.0))
    take(folder)
    assert folder.remove_settled(3600) == 0
    assert (folder.done_root / "old.md").stat().st_mtime == 1_000_000.0
