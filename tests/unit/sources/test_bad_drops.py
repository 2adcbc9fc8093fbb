"""What is bad in the watch folder costs itself a reason, and the files beside it nothing."""

from __future__ import annotations

import functools
import os
import shutil
import tempfile
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentError
from docgraph.sources.base import Change, Place
from docgraph.sources.dropped import dropped_files
from docgraph.sources.filesystem import DropFolder
from support.unit import watch_folder

NOBODY = 65534


drop = functools.partial(watch_folder.drop, ready=True)


def take(folder: DropFolder, seen: list[str] | None = None) -> tuple[dict[str, bytes], list[str]]:
    """Settle everything that is complete; returns the bytes by address, and why the others were refused."""
    taken: dict[str, bytes] = {}
    refused: list[str] = []
    for change in folder.changes(seen=seen or []):
        try:
            text = b"".join(change.open())
            assert change.uri not in taken, "one address, one text"
            taken[change.uri] = text
        except DocumentError as error:
            refused.append(str(error))
        folder.settle(change)
    return taken, refused


def test_a_file_put_aside_where_a_folder_is_needed_blocks_nothing(root: Path) -> None:
    folder = DropFolder(root)
    drop(root, "handbook")
    take(folder)
    drop(root, "handbook/guide.md")
    drop(root, "other/guide.md")
    taken, _ = take(folder)
    assert sorted(taken) == ["fs://ingest/watch/handbook/guide.md", "fs://ingest/watch/other/guide.md"]
    assert folder.left_claimed() == []
    assert (folder.done_root / "handbook").is_file()
    assert (folder.done_root / "~2" / "handbook" / "guide.md").is_file()
    assert folder.locate("fs://ingest/watch/handbook/guide.md").place is Place.SETTLED
    shutil.rmtree(root / "handbook")
    (folder.done_root / "handbook").unlink()
    (folder.done_root / "handbook").mkdir()
    drop(root, "handbook")
    take(folder)
    assert (folder.done_root / "~2" / "handbook").is_dir()
    assert (folder.done_root / "~3" / "handbook").is_file(), "both names before it are folders"


@pytest.mark.parametrize("ready", [True, False])
def test_names_that_differ_only_in_composition_are_not_taken_for_one_document(root: Path, ready: bool) -> None:
    folder = DropFolder(root)
    composed, apart = "caf\u00e9.md", unicodedata.normalize("NFD", "caf\u00e9.md")
    drop(root, f"docs/{apart}", "# Apart\n", ready=ready)
    drop(root, f"docs/{composed}", "# Composed\n", ready=True)
    taken, refused = take(folder)
    assert taken == {"fs://ingest/watch/docs/caf%C3%A9.md": b"# Composed\n"}
    assert len(refused) == 1
    assert "has the address of another file" in refused[0]
    assert dropped_files(root) == []
    assert {path.name for path in (folder.done_root / "docs").iterdir()} == {composed, apart}


def test_a_refusal_outlives_the_process_that_claimed_the_file(root: Path) -> None:
    drop(root, "caf\u00e9.md", "# Composed\n")
    drop(root, unicodedata.normalize("NFD", "caf\u00e9.md"), "# Apart\n")
    next(iter(DropFolder(root).changes()))
    taken, refused = take(DropFolder(root))
    assert (list(taken.values()), len(refused)) == ([b"# Composed\n"], 1)


def test_names_that_differ_only_in_bytes_that_are_no_text_are_two_documents_of_which_one_is_refused(root: Path) -> None:
    folder = DropFolder(root)
    for byte, text in ((b"\xe8", "# One\n"), (b"\xe9", "# Two\n")):
        drop(root, os.fsdecode(b"caf" + byte + b".md"), text)
    taken, refused = take(folder)
    assert (list(taken.values()), len(refused)) == ([b"# One\n"], 1)
    drop(root, os.fsdecode(b"caf\xea.md"), "# Three, later\n")
    assert [len(part) for part in take(folder)] == [0, 1]
    drop(root, os.fsdecode(b"caf\xe8.md"), "# One, changed\n")
    taken, refused = take(folder)
    assert refused, "which of the three names the address stands for can't be known any more"


def test_a_link_to_a_folder_is_refused_as_a_link_to_a_file_is(root: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "page.md").write_text("# Secret\n")
    (root / "docs").mkdir()
    (root / "docs" / "linked").symlink_to(tmp_path / "secret")
    (root / "gone").symlink_to(tmp_path / "nothing")
    folder = DropFolder(root, settle_seconds=0)
    seen = folder.poll() or folder.poll()
    taken, refused = take(folder, seen)
    assert (taken, len(refused)) == ({}, 2)
    assert "is a link or no regular file" in refused[0]
    assert (folder.done_root / "docs" / "linked").is_symlink()
    assert (folder.poll(), folder.remove_settled(-1)) == (None, 2)
    assert (tmp_path / "secret" / "page.md").is_file()


def test_a_stray_file_among_the_claimed_wakes_nobody(root: Path) -> None:
    folder = DropFolder(root)
    folder.claimed_root.mkdir()
    (folder.claimed_root / "notes.txt").write_text("mine")
    assert (folder.poll(), list(folder.changes())) == (None, [])


@pytest.mark.parametrize("name", ["a" * 300, "a/" * 2_500 + "b.md", "%00.md", "a" * 252 + ".md"])
def test_an_address_that_no_file_can_have_lies_nowhere(root: Path, name: str) -> None:
    assert DropFolder(root).locate(f"fs://ingest/watch/docs/{name}").place is Place.ABSENT


@pytest.fixture
def open_root() -> Iterator[Path]:
    """A watch folder of an ordinary user, as whom the test goes on: for root, no folder is forbidden."""
    base = Path(tempfile.mkdtemp())
    made = base / "ingest" / "watch"
    made.mkdir(parents=True)
    before = os.geteuid()
    if before == 0:
        for path in (base, base / "ingest", made):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    yield made
    for above, folders, _ in os.walk(base):
        for name in folders:
            os.chmod(os.path.join(above, name), 0o700)
    os.seteuid(before)
    shutil.rmtree(base)


@pytest.mark.parametrize("mode", [0o500, 0o400, 0o000, 0o300])
def test_a_folder_that_files_can_not_be_moved_out_of_stops_no_other(open_root: Path, mode: int) -> None:
    folder = DropFolder(open_root)
    drop(open_root, "shut/guide.md")
    (open_root / "shut").chmod(mode)
    assert folder.poll() is None, "a task would be woken for it again and again"
    drop(open_root, "open/guide.md")
    drop(open_root, "zebra/guide.md")
    assert folder.poll() == []
    taken, _ = take(folder)
    assert sorted(taken) == ["fs://ingest/watch/open/guide.md", "fs://ingest/watch/zebra/guide.md"]
    assert folder.poll() is None
    (stuck,) = folder.stuck()
    assert stuck.relative.startswith("shut")
    assert stuck.reason.startswith(("docgraph may not move files out of", "it can't be read (Permission denied)"))
    (open_root / "shut").chmod(0o700)
    assert (folder.stuck(), folder.poll()) == ([], [])
    assert list(take(folder)[0]) == ["fs://ingest/watch/shut/guide.md"]


def test_a_folder_of_settled_files_that_may_not_be_written_blocks_nothing(open_root: Path) -> None:
    folder = DropFolder(open_root)
    drop(open_root, "docs/one.md")
    take(folder)
    (folder.done_root / "docs").chmod(0o500)
    drop(open_root, "docs/two.md")
    drop(open_root, "other/two.md")
    assert len(take(folder)[0]) == 2
    assert folder.left_claimed() == []


def test_a_file_that_fails_to_move_leaves_the_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = DropFolder(root)
    drop(root, "a.md")
    drop(root, "b.md")
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "a.md":
            raise OSError(1, "Operation not permitted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    changes: list[Change] = list(folder.changes())
    assert [change.uri for change in changes] == ["fs://ingest/watch/b.md"]
