"""The port of a format: what a reader is given, what it leaves, and what the registry knows about it.

A reader finds structure in bytes. It measures, cuts and names nothing (that is `splitting` and `assembly`), it reads nothing
but the bytes it is given, and it runs nothing that stands in them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from docgraph.domain.content_types import Kind
from docgraph.formats.outline import Outline

#: Scores of `Format.sniff`: the bytes can't be this format, may be, look like it, or carry its mark.
IMPOSSIBLE, POSSIBLE, LIKELY, CERTAIN = 0.0, 0.1, 0.6, 1.0

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Source:
    """What is known of a document beside its bytes: its address and the flavour that its source is written in."""

    uri: str
    #: Dialect of the set that the document belongs to, such as `mkdocs` or `docusaurus`; empty: not known.
    flavour: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """What a reader leaves: a text, and its outline in offsets of that text.

    For a text format the text is the canonical text of the bytes (UTF-8, no byte order mark, LF, NFC); for the others it is
    what the reader has written (see `writer.OutlineWriter`).
    """

    text: str
    outline: Outline
    front_matter: Mapping[str, str] = field(default_factory=lambda: _NOTHING)
    warnings: tuple[str, ...] = ()


Reader = Callable[[bytes, Source], Read]
Sniffer = Callable[[bytes], float]


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of document.

    `name` is the short name that configuration and reports use; `version` rises whenever `read` gives something else for the
    same bytes, and is part of the fingerprint of documents of this format only. `sniff` looks at the bytes and answers between
    `IMPOSSIBLE` and `CERTAIN`. `read` raises a `DocumentError` for what it can't read.
    """

    name: str
    version: int
    media_type: str
    extensions: tuple[str, ...]
    sniff: Sniffer
    read: Reader
    aliases: tuple[str, ...] = ()


def built_in(kind: Kind, version: int, sniff: Sniffer, read: Reader) -> Format:
    """Give a line of the table of content types its reader."""
    return Format(kind.format, version, kind.media_type, kind.extensions, sniff, read, kind.aliases)
