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

    format: Format = Field(default=Format.AUTO, description="Form of the list; `auto` looks at it.")
    include: tuple[str, ...] = Field(
        default=(), description="Patterns of the addresses' paths, `*` for anything, slashes too; empty: all."
    )
    exclude: tuple[str, ...] = Field(default=(), description="Patterns of what is left out.")
    hosts: tuple[str, ...] = Field(
        default=(), description="Other hosts than the list's whose documents are taken, `name` or `name:port`."
    )
    allow_hosts: tuple[Host, ...] = Field(
        default=(),
        description="What may be asked although it isn't public: `name`, an address or a network, with or without `:port`.",
    )
    max_entries: int = Field(
        default=50_000,
        ge=1,
        le=1_000_000,
        description="Entries of a list, with its sitemaps where it is an index; a longer one is refused.",
    )
    max_listing_bytes: int = Field(
        default=50 * 2**20, ge=1, le=2**30, description="Bytes of a list, unpacked; a larger one is refused."
    )
    requests_per_second: float = Field(
        default=4.0, gt=0, le=1000, description="Requests that one server gets in a second, at most."
    )
    concurrency: int = Field(
        default=2, ge=1, le=16, description="Requests of a task that are under way at the same time, at most."
    )
    timeout_seconds: float = Field(default=30.0, gt=0, le=600, description="Seconds for which a server may be silent.")
    answer_seconds: float = Field(
        default=300.0, gt=0, le=3600, description="Seconds that one answer may take as a whole."
    )
    document_seconds: float = Field(
        default=3600.0,
        gt=0,
        description="Seconds between two questions for a document of which the list says neither checksum nor time.",
    )
    robots: bool = Field(default=True, description="Whether `robots.txt` is obeyed where the list is a sitemap.")
    contact: Annotated[str, AfterValidator(_is_printable), Field(max_length=200)] = Field(
        default="", description="An address of yours that servers see: `User-Agent: docgraph/VERSION (+contact)`."
    )
