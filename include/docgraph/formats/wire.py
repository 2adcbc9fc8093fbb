"""Frames between a worker and the child that reads for it: eight bytes of length (big-endian), then the content."""

from __future__ import annotations

from typing import IO

_LENGTH_BYTES = 8


def write_frame(stream: IO[bytes], content: bytes) -> None:
    """Write one frame."""
    stream.write(len(content).to_bytes(_LENGTH_BYTES, "big"))
    stream.write(content)
    stream.flush()


def read_frame(stream: IO[bytes], most: int) -> bytes:
    """Read one frame.

    Raises:
        EOFError: the stream ends before or inside it.
        ValueError: it is longer than `most` bytes.
    """
    length = int.from_bytes(_exactly(stream, _LENGTH_BYTES), "big")
    if length > most:
        raise ValueError(f"an answer of {length:,} bytes, more than {most:,}")
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise EOFError
    return content
