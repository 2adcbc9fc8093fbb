"""The child process that reads documents: one frame of JSON and one of bytes in, one frame of JSON out, until its input ends.

Started by `isolation` as `python -m docgraph.formats.child`; it writes to nothing but its standard output.
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from pydantic import TypeAdapter

from docgraph.domain.documents import ParsedDocument
from docgraph.domain.errors import DocumentError, DocumentUnreadableError
from docgraph.formats import parse
from docgraph.formats.options import ParseOptions
from docgraph.formats.wire import read_frame, write_frame

_OPEN_FILES = 64
#: What may be written to a file: the traces of its own faults on standard error, and nothing that a document brings.
_WRITTEN_BYTES = 2**16
_REQUEST_BYTES = 2**40
_PARSED: TypeAdapter[ParsedDocument] = TypeAdapter(ParsedDocument)


def main() -> int:
    """Serve until the input ends."""
    # Python writes byte code beside what it imports, and what the limit below cuts off there would break every later import of it.
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN_BYTES, _WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while True:
        try:
            header = json.loads(read_frame(sys.stdin.buffer, _REQUEST_BYTES))
        except EOFError:
            return 0
        data = read_frame(sys.stdin.buffer, _REQUEST_BYTES)
        _limit(header["limits"])
        answer = _answer(header, data)
        write_frame(sys.stdout.buffer, json.dumps(answer, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def _limit(limits: dict[str, float]) -> None:
    """Give the next document its memory and its processor time, beyond what the documents before it took."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(usage.ru_utime + usage.ru_stime + limits["seconds"]) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
    memory = int(limits["memory_bytes"])
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _answer(header: dict[str, Any], data: bytes) -> dict[str, Any]:
    try:
        parsed = parse(data, options=ParseOptions(**header["options"]), **header["request"])
    except DocumentError as error:
        return {"error": {"kind": type(error).__name__, "message": str(error)}}
    except MemoryError:
        return _unreadable(header, "it needs more memory than limits.reader_memory_bytes allows")
    except RecursionError:
        return _unreadable(header, "it is nested too deeply")
    except Exception as error:  # noqa: BLE001
        # A reader's fault on one document is that document's: the trace goes to the log, the others go on.
        sys.excepthook(type(error), error, error.__traceback__)
        return _unreadable(header, f"its reader failed: {type(error).__name__}: {error}")
    return {"parsed": _PARSED.dump_python(parsed, mode="json")}


def _unreadable(header: dict[str, Any], reason: str) -> dict[str, Any]:
    uri = header["request"]["source_uri"]
    message = f"{uri} could not be read: {reason}. Convert it to Markdown or split it, and drop it again."
    return {"error": {"kind": DocumentUnreadableError.__name__, "message": message}}


if __name__ == "__main__":
    sys.exit(main())
