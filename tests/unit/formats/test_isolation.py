"""Reading in a child process: the same answers as in the process itself, limits that end the child, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import (
    DocumentEmptyError,
    DocumentEncodingError,
    DocumentTooSlowError,
    DocumentUnreadableError,
)
from docgraph.domain.identity import document_id
from docgraph.formats import isolation
from docgraph.formats.isolation import IsolatedReader, ReadLimits
from support.unit.formats_samples import read

GUIDE = "---\ntitle: Guide\n---\n# Guide\n\nText with `code`.\n\n## Part\n\n```sh\nrun --now\n```\n"


@pytest.fixture(autouse=True)
def _children_for_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_IN_PROCESS_BYTES", 0)


@pytest.fixture
def reader() -> Iterator[IsolatedReader]:
    with IsolatedReader() as made:
        yield made


def ask(reader: IsolatedReader, data: bytes, name: str = "guide/page.md") -> ParsedDocument:
    uri = f"upload:///{name}"
    return reader.parse(
        data, document_id=document_id("docs", uri), source_uri=uri, tag="docs", content_type="text/markdown"
    )


def test_a_child_gives_the_same_sections_as_the_process_itself(reader: IsolatedReader) -> None:
    assert ask(reader, GUIDE.encode()) == read(GUIDE)
    assert ask(reader, GUIDE.encode()) == read(GUIDE)


def test_an_error_of_the_document_comes_back_as_itself_and_the_child_goes_on(reader: IsolatedReader) -> None:
    with pytest.raises(DocumentEmptyError, match="only white space"):
        ask(reader, b"  \n ")
    with pytest.raises(DocumentEncodingError, match="not valid UTF-8"):
        ask(reader, b"a\xff")
    assert ask(reader, GUIDE.encode()).title == "Guide"


def test_a_document_that_takes_too_long_costs_its_child_and_no_other_document() -> None:
    with IsolatedReader(ReadLimits(seconds=0.05)) as slow, pytest.raises(DocumentUnreadableError, match=r"0\.05 s"):
        ask(slow, GUIDE.encode())
    with IsolatedReader() as other:
        assert ask(other, GUIDE.encode()).title == "Guide"


def test_a_document_that_took_too_long_is_not_tried_again_in_a_child_of_its_own() -> None:
    with IsolatedReader(ReadLimits(seconds=3)) as reader:
        ask(reader, GUIDE.encode())
        began = time.monotonic()
        with pytest.raises(DocumentTooSlowError, match=r"reading took more than 3 s.*limits\.reader_seconds"):
            ask(reader, b"word " * 20_000_000)
        assert time.monotonic() - began < 5.5
        assert ask(reader, GUIDE.encode()).title == "Guide"


def test_small_text_that_takes_too_long_is_broken_off_in_the_process_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_IN_PROCESS_BYTES", 2**20)
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a child was started"))
    with IsolatedReader(ReadLimits(seconds=0.05)) as reader:
        with pytest.raises(DocumentTooSlowError, match=r"0\.05 s") as raised:
            ask(reader, b"# Name\n\ntext\n\n" * 50_000)
        assert raised.value.code == "too_slow"


def test_a_document_that_needs_too_much_memory_is_refused_with_the_setting_to_raise() -> None:
    with (
        IsolatedReader(ReadLimits(memory_bytes=400 * 2**20)) as small,
        pytest.raises(DocumentUnreadableError, match=r"reader_memory_bytes"),
    ):
        ask(small, b"word " * 30_000_000)


def test_an_answer_above_its_cap_ends_the_child() -> None:
    with (
        IsolatedReader(ReadLimits(answer_bytes=100)) as capped,
        pytest.raises(DocumentUnreadableError, match="an answer of"),
    ):
        ask(capped, GUIDE.encode())


def test_a_child_is_replaced_after_its_share_of_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    begin = subprocess.Popen.__init__

    def count(self: subprocess.Popen[bytes], *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        started.append(self.pid)

    monkeypatch.setattr(subprocess.Popen, "__init__", count)
    with IsolatedReader(ReadLimits(documents=2)) as made:
        for _ in range(5):
            ask(made, GUIDE.encode())
    assert len(started) == 3


def test_the_child_leaves_no_file_behind(
    reader: IsolatedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ask(reader, GUIDE.encode())
    assert list(tmp_path.iterdir()) == []


def test_what_a_child_imports_can_still_be_imported_afterwards(tmp_path: Path) -> None:
    """The child may write little, and byte code that is cut off there would fail in every process after it."""
    (tmp_path / "large.py").write_text("".join(f"name_{n} = 'text {n}'\n" for n in range(5_000)), encoding="utf-8")
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from docgraph.formats import child; child.main(); import large"
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, env=environ, check=True)
    again = subprocess.run([sys.executable, "-c", "import large"], cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr.decode()
