"""gzip, unpacked piece by piece, so that a small body can't become a large one before it is counted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

MAGIC = b"\x1f\x8b"
_PIECE = 2**18
_GZIP = 16 + zlib.MAX_WBITS


def gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack gzip, several members one after the other too, in pieces of at most 256 KiB.

    Raises:
        ValueError: it is damaged, or ends too early.
    """
    inflater = zlib.decompressobj(_GZIP)
    begun = False
    for chunk in chunks:
        data, full = chunk, False
        # All of the input may have been taken although some output waits.
        while data or full:
            begun = True
            try:
                piece = inflater.decompress(data, _PIECE)
            except zlib.error as error:
                raise ValueError(f"is damaged gzip ({error})") from error
            if piece:
                yield piece
            data, full = inflater.unconsumed_tail, len(piece) == _PIECE
            if inflater.eof:
                data, full, inflater, begun = inflater.unused_data, False, zlib.decompressobj(_GZIP), False
                if not data.startswith(MAGIC[:1]):
                    # What pads an archive behind its end.
                    data = b""
    if begun:
        raise ValueError("is gzip that ends too early")
