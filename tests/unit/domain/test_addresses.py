"""What may be the address of a document."""

from __future__ import annotations

import pytest

from docgraph.domain.addresses import LONGEST_ADDRESS, Address, AddressError, is_address
from docgraph.domain.identity import canonical_source_uri


@pytest.mark.parametrize(
    "text",
    [
        "upload:///a b.md",
        "https://Example.org/x?y=1",
        "fs://ingest/watch/größe.md",
        "urn:isbn:1",
        "http://[::1]:8080/x",
        "x:",
    ],
)
def test_an_address_is_read_in_its_canonical_spelling(text: str) -> None:
    assert Address.of(text).uri == canonical_source_uri(text)
    assert Address.of(Address.of(text).uri) == Address.of(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "give one with a scheme"),
        ("guide.md", "give one with a scheme"),
        ("\x00:\x00", "give one with a scheme"),
        ("1x:y", "give one with a scheme"),
        ("upload:///a\x00b", r"U\+0000; percent-encode"),
        ("upload:///a\nb", r"U\+000A; percent-encode"),
        ("upload:///\ud800", r"U\+D800"),
        ("https://[::1", "Invalid IPv6 URL"),
        ("http://ex\u2100ample/", "NFKC"),
        ("x:" + "a" * LONGEST_ADDRESS, "6,002 bytes, more than the limit of 6,000"),
        ("x:" + "\u65e5" * 1_000, "9,002 bytes, more than the limit of 6,000"),
    ],
)
def test_what_can_not_be_an_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(AddressError, match=why) as refused:
        Address.of(text)
    assert len(str(refused.value)) < 700
    str(refused.value).encode()
    assert not is_address(text)
