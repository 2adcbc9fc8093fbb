"""Reads documents in a child process with limits, so that a bad document costs a child and not the worker.

The child is spawned, not forked: it shares nothing with the worker that started it. It gets its input by pipe, answers with
JSON by pipe, and is limited in memory, processor time, wall time, open files and in what it may write (nothing). It serves a
number of documents before it is replaced, so that its start is paid once a batch.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import IO, Any

from pydantic import TypeAdapter

from docgraph.domain import errors
from docgraph.domain.computing import within
from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError, DocumentTooSlowError, DocumentUnreadableError, InfrastructureError
from docgraph.formats import parse
from docgraph.formats.detection import detect, unpacked
from docgraph.formats.options import ParseOptions
from docgraph.formats.registry import formats
from docgraph.formats.wire import read_frame, write_frame

#: Documents of these formats are read in the process itself up to this size: their readers are our own, run in linear time and
#: take a few milliseconds, a hundredth of a child's start.
_IN_PROCESS = frozenset({"markdown", "plain-text"})
_IN_PROCESS_BYTES = 1 << 20
#: What one of them may take at most, whatever the limit for a child is.
_IN_PROCESS_SECONDS = 30.0
#: What a child says on its standard error is kept up to this size.
_SAID = 2_000
_PARSED: TypeAdapter[ParsedDocument] = TypeAdapter(ParsedDocument)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """What reading one document may take; `documents` is how many a child reads before it is replaced."""

    seconds: float = 120.0
    memory_bytes: int = 2 * 2**30
    answer_bytes: int = 512 * 2**20
    documents: int = 100


class IsolatedReader:
    """Reads documents as `formats.parse` does, those that are not small text in a child process. Not for several threads at once."""

    def __init__(self, limits: ReadLimits | None = None) -> None:
        """Prepare; the child starts with the first document that needs one."""
        self._limits = limits or ReadLimits()
        self._child: _Child | None = None

    def parse(
        self,
        data: bytes,
        *,
        document_id: str,
        source_uri: str,
        tag: str,
        content_type: str,
        flavour: str = "",
        options: ParseOptions | None = None,
    ) -> ParsedDocument:
        """Read a document's bytes into sections; the same answer as `formats.parse`, whichever process gave it.

        Raises:
            DocumentError: what `formats.parse` raises; `DocumentUnreadableError` where the child broke a limit or ended, and
                `DocumentTooSlowError` where the limit was the time.
            InfrastructureError: no child can be started.
        """
        request = {
            "document_id": document_id,
            "source_uri": source_uri,
            "tag": tag,
            "content_type": content_type,
            "flavour": flavour,
        }
        options = options or ParseOptions()
        if len(data) <= _IN_PROCESS_BYTES:
            seconds = min(self._limits.seconds, _IN_PROCESS_SECONDS)
            read = within(
                seconds,
                lambda: _parse_small_text(request, options, data),
                lambda: DocumentTooSlowError.of(source_uri, "reading", seconds, "limits.reader_seconds"),
            )
            if read is not None:
                return read
        is_fresh = self._child is None
        try:
            return self._ask(request, options, data)
        except DocumentUnreadableError as error:
            # A document that took too long takes as long again.
            if is_fresh or isinstance(error, DocumentTooSlowError):
                raise
            # The documents before may have left the child without memory: this one gets a child of its own.
            return self._ask(request, options, data)

    def _ask(self, request: Mapping[str, str], options: ParseOptions, data: bytes) -> ParsedDocument:
        if self._child is None:
            self._child = _Child(self._limits)
        try:
            answer = self._child.ask({"request": request, "options": asdict(options)}, data)
        except _ChildEndedError as ended:
            self.close()
            if ended.is_late:
                raise DocumentTooSlowError.of(
                    request["source_uri"], "reading", self._limits.seconds, "limits.reader_seconds"
                ) from ended
            raise DocumentUnreadableError(
                f"{request['source_uri']} could not be read within the limits ({ended}): its reader was ended, and the "
                "other documents go on. Split the document or convert it to Markdown, or raise limits.reader_seconds or "
                "limits.reader_memory_bytes in config/ingest.yaml."
            ) from ended
        if self._child.served >= self._limits.documents:
            self.close()
        if "error" in answer:
            raise _error(answer["error"])
        return _PARSED.validate_python(answer["parsed"])

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _parse_small_text(request: Mapping[str, str], options: ParseOptions, data: bytes) -> ParsedDocument | None:
    """Read what is small text by its bytes, whatever it is said to be; None for everything else."""
    content = unpacked(data, request["source_uri"], options.max_bytes)
    found = detect(content, formats(), content_type=request["content_type"], source_uri=request["source_uri"])
    if found.format.name not in _IN_PROCESS or len(content) > _IN_PROCESS_BYTES:
        return None
    return parse(data, options=options, **request)


class _ChildEndedError(Exception):
    """The child broke a limit or crashed; the text says which. `is_late`: it took too long."""

    def __init__(self, reason: str, *, is_late: bool) -> None:
        super().__init__(reason)
        self.is_late = is_late


class _Child:
    """One child process and the pipes to it."""

    def __init__(self, limits: ReadLimits) -> None:
        self.served = 0
        self._limits = limits
        # The child outlives no answer, and its last words matter only then.
        self._said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "docgraph.formats.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=environment,
            )
        except OSError as error:
            raise InfrastructureError(f"No process for reading documents can be started: {error}") from error

    def ask(self, header: Mapping[str, Any], data: bytes) -> dict[str, Any]:
        """Send one document and return the child's answer.

        Raises:
            _ChildEndedError: it ended, or was ended because a limit was reached.
        """
        late = threading.Event()

        def end() -> None:
            late.set()
            self._process.kill()

        limits = {"seconds": self._limits.seconds, "memory_bytes": self._limits.memory_bytes}
        timer = threading.Timer(self._limits.seconds, end)
        timer.start()
        try:
            assert self._process.stdin
            assert self._process.stdout
            write_frame(self._process.stdin, json.dumps({**header, "limits": limits}).encode())
            write_frame(self._process.stdin, data)
            answer = read_frame(self._process.stdout, self._limits.answer_bytes)
        except (OSError, EOFError, ValueError) as error:
            reason, is_late = self._reason(late.is_set(), error)
            raise _ChildEndedError(reason, is_late=is_late) from error
        finally:
            timer.cancel()
        self.served += 1
        decoded: dict[str, Any] = json.loads(answer.decode("utf-8", "surrogatepass"))
        return decoded

    def _reason(self, is_late: bool, error: Exception) -> tuple[str, bool]:
        """Return why the child gave no answer, and whether it took too long."""
        if isinstance(error, ValueError):
            return str(error), False
        if is_late:
            return f"more than {self._limits.seconds:g} s", True
        code = self._process.wait()
        self._said.seek(0)
        words = self._said.read().decode("utf-8", "replace").strip()[-_SAID:].splitlines()
        if -code in (signal.SIGXCPU, signal.SIGKILL):
            reason = f"more than {self._limits.seconds:g} s of processor time, or ended from outside"
            return reason, -code == signal.SIGXCPU
        return f"exit {code}{': ' + words[-1] if words else ''}", False

    def close(self) -> None:
        """End the process and its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                pipe.close()
        self._said.close()


def _error(answer: Mapping[str, str]) -> DocumentError:
    """Make again what the child raised."""
    kind = getattr(errors, answer["kind"], DocumentUnreadableError)
    if not (isinstance(kind, type) and issubclass(kind, DocumentError)):
        kind = DocumentUnreadableError
    return kind(answer["message"])
