"""A format for docgraph: WebVTT transcripts of recorded trainings and talks (W3C, "WebVTT: The Web Video Text Tracks Format").

A NOTE block that begins with "Chapter:" opens a section, and its anchor is the time of the first cue after it as a media fragment
(`t=75`), so that `talk.vtt#t=75` is the place to jump to. Cue times, settings and markup are not text; a speaker's name is.
"""

from __future__ import annotations

import re

from docgraph.formats.base import CERTAIN, IMPOSSIBLE, Format, Read, Source
from docgraph.formats.decoding import decode
from docgraph.formats.writer import OutlineWriter

_TIMES = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)[.]\d{3}\s+-->\s")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?\s+([^>]{1,200})>")
_MARKUP = re.compile(r"</?[a-z][^>]{0,200}>|<[\d:.]{5,15}>", re.IGNORECASE)
_CHAPTER = re.compile(r"NOTE\s+Chapter:\s*(\S.*)")


def sniff(data: bytes) -> float:
    """A WebVTT file begins with its name, after an optional byte order mark (section 4.1)."""
    return CERTAIN if data.removeprefix(b"\xef\xbb\xbf")[:7].rstrip() == b"WEBVTT" else IMPOSSIBLE


def read(data: bytes, source: Source) -> Read:
    """Read the cues of a transcript, in their order, under its chapters."""
    writer = OutlineWriter()
    chapter = ""
    spoken: list[str] = []
    for block in re.split(r"\n{2,}", decode(data, source.uri))[1:]:
        if opening := _CHAPTER.match(block):
            writer.paragraph(" ".join(spoken))
            chapter, spoken = opening.group(1), []
            continue
        lines = block.strip().split("\n")
        times = next((number for number, line in enumerate(lines) if _TIMES.match(line)), None)
        if times is None:
            continue
        if chapter:
            hours, minutes, seconds = (int(part or 0) for part in _TIMES.match(lines[times]).groups())  # type: ignore[union-attr]
            begins = hours * 3600 + minutes * 60 + seconds
            writer.place(f"minute {begins // 60}")
            writer.heading(1, chapter, f"t={begins}")
            chapter = ""
        words = _VOICE.sub(lambda voice: f"{voice.group(1)}: ", " ".join(lines[times + 1 :]))
        spoken.append(_MARKUP.sub("", words))
    writer.paragraph(" ".join(spoken))
    text, outline = writer.read()
    return Read(text, outline)


FORMAT = Format("webvtt", 1, "text/vtt", (".vtt",), sniff, read)
