"""Finds the encoding of a page as browsers do: byte order mark, declaration, UTF-8, else Windows-1252 (WHATWG Encoding Standard)."""

from __future__ import annotations

import codecs
import re

from docgraph.domain.errors import DocumentEmptyError, UnsupportedFormatError
from docgraph.domain.identity import canonical_text

#: Where browsers look for a declaration; templates put licence comments in front of it, so this is more than their 1,024 bytes.
_PRESCAN = 4096
_DECLARED = re.compile(
    rb"<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([\w.:-]{1,40})|<meta[^>]{0,400}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})",
    re.IGNORECASE,
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
#: The encodings of the standard that Python has, by Python's name. What is declared as Latin-1 or ASCII is Windows-1252.
_ENCODINGS = frozenset(
    ["big5", "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "cp866", "cp874"]
    + ["euc_jp", "euc_kr", "gb18030", "gbk", "iso2022_jp", "koi8-r", "koi8-u", "mac-roman", "shift_jis", "utf-8"]
    + [f"iso8859-{number}" for number in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)]
)
_SINGLE_BYTE = ("cp", "iso8859", "koi8", "mac")
_AS_WINDOWS = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "gb2312": "gbk", "tis-620": "cp874"}


def decode_html(data: bytes, source_uri: str) -> tuple[str, tuple[str, ...]]:
    """Return the canonical text of a page, and what should be said about its encoding.

    Raises:
        UnsupportedFormatError: the bytes are binary.
        DocumentEmptyError: nothing but white space.
    """
    encoding, start = _encoding(data)
    if encoding.startswith("utf-16"):
        text = data[start:].decode(encoding, "replace")
    elif b"\x00" in data:
        raise UnsupportedFormatError(
            f"{source_uri} is no HTML: a NUL byte at offset {data.index(0)}. Save it as UTF-8, or remove the NUL bytes, and drop it again."
        )
    else:
        text = data[start:].decode(encoding, "replace")
    if not text.strip():
        raise DocumentEmptyError(
            f"{source_uri} is empty or has only white space ({len(data)} bytes): there is nothing to index. Add text or remove the file."
        )
    return canonical_text(text), _bad_characters(data[start:], text, encoding)


def _bad_characters(data: bytes, text: str, encoding: str) -> tuple[str, ...]:
    if "\ufffd" not in text:
        return ()
    try:
        data.decode(encoding)
    except UnicodeDecodeError as error:
        return (
            f"The page is not valid {encoding} (first at offset {error.start}): {text.count(chr(0xFFFD))} characters stand "
            "as \ufffd in its text. Save it as UTF-8, or declare its encoding.",
        )
    return ()


def _encoding(data: bytes) -> tuple[str, int]:
    """Return Python's name of the encoding, and the length of the mark in front of the text."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name, len(mark)
    declared = _DECLARED.search(data[:_PRESCAN])
    if declared:
        label = (declared.group(1) or declared.group(2)).decode("ascii")
        try:
            name = codecs.lookup(label).name
        except LookupError:
            name = ""
        # A page whose declaration can be read in ASCII is not in UTF-16, whatever the declaration says.
        name = "utf-8" if name.startswith("utf-16") else _AS_WINDOWS.get(name, name)
        # Text of a single-byte encoding that is valid UTF-8 by chance is as good as never met; a wrong declaration is.
        if name in _ENCODINGS and not (name.startswith(_SINGLE_BYTE) and _is_utf8(data)):
            return name, 0
    return ("utf-8" if _is_utf8(data) else "cp1252"), 0


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
