"""Addresses of documents as they come from outside: one type says what can be one, for every entry point.

`identity.canonical_source_uri` gives an address its one spelling; it says nothing about what may be one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Self

from docgraph.domain.errors import DocumentError
from docgraph.domain.identity import canonical_source_uri

#: Most bytes of a canonical address: Neo4j indexes no text of more than about 8,000.
LONGEST_ADDRESS = 6_000
#: RFC 3986, section 3.1.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_SHOWN = 200


class AddressError(DocumentError):
    """This is not a valid address of a document; give one with a scheme, such as upload:///guide.md."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address that a document may have, in its canonical spelling."""

    uri: str

    @classmethod
    def of(cls, text: str) -> Self:
        """Read an address that was given from outside.

        Raises:
            AddressError: it has no scheme, holds a control character or half a character, is too long, or can't be parsed.
        """
        if len(text) > LONGEST_ADDRESS:
            raise _too_long(text, len(text))
        if not _SCHEME.match(text):
            raise AddressError(
                f"{_shown(text)} is not a valid address; give one with a scheme, such as upload:///guide.md."
            )
        bad = next((character for character in text if unicodedata.category(character) in {"Cc", "Cs"}), None)
        if bad is not None:
            raise AddressError(
                f"{_shown(text)} is not a valid address: it holds the character U+{ord(bad):04X}; percent-encode it, or leave it out."
            )
        try:
            uri = canonical_source_uri(text)
        except ValueError as error:
            raise AddressError(
                f"{_shown(text)} is not a valid address: {error}; percent-encode what is no delimiter (RFC 3986)."
            ) from error
        if len(uri.encode()) > LONGEST_ADDRESS:
            raise _too_long(uri, len(uri.encode()))
        return cls(uri)


def is_address(text: str) -> bool:
    """Tell whether a document may have this address."""
    try:
        Address.of(text)
    except AddressError:
        return False
    return True


def _too_long(text: str, size: int) -> AddressError:
    return AddressError(
        f"{_shown(text)} is not a valid address: it has {size:,} bytes, more than the limit of {LONGEST_ADDRESS:,}; "
        "give the document a shorter name, or put it into fewer folders."
    )


def _shown(text: str) -> str:
    return repr(text[:_SHOWN]) + "…" * (len(text) > _SHOWN)
