"""What a source of kind `http` wants to know beyond what all have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from docgraph.sources.http.guard import AllowedHost
from docgraph.sources.http.listing import Format
from docgraph.sources.options import Options


def _is_host(text: str) -> str:
    AllowedHost.parse(text)
    return text


def _is_printable(text: str) -> str:
    if not text.isascii() or not text.isprintable() or any(sign in text for sign in "()"):
        raise ValueError("only printable ASCII without brackets can stand in a header")
    return text


Host = Annotated[str, AfterValidator(_is_host)]


class HttpOptions(Options):
    """Which of the listed documents are taken, from where, and how gently."""

    #: Form of the list; `auto` looks at it.
    format: Format = Format.AUTO
    #: Patterns of the addresses' paths, `*` for anything; empty: all.
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    #: Other hosts than the list's whose documents are taken, `name` or `name:port`.
    hosts: tuple[str, ...] = ()
    #: What may be asked although it isn't public: `name`, an address or a network, with or without `:port`.
    allow_hosts: tuple[Host, ...] = ()
    max_entries: int = Field(default=50_000, ge=1, le=1_000_000)
    max_listing_bytes: int = Field(default=50 * 2**20, ge=1, le=2**30)
    requests_per_second: float = Field(default=4.0, gt=0, le=1000)
    #: For how long a server may be silent, and how long one answer may take as a whole.
    timeout_seconds: float = Field(default=30.0, gt=0, le=600)
    answer_seconds: float = Field(default=300.0, gt=0, le=3600)
    #: How often a document is asked for of which the list says neither checksum nor time.
    document_seconds: float = Field(default=3600.0, gt=0)
    #: Whether robots.txt is obeyed where the list is a sitemap.
    robots: bool = True
    #: An address of yours that is shown to servers beside docgraph's name.
    contact: Annotated[str, AfterValidator(_is_printable), Field(max_length=200)] = ""
