"""What can't be read is refused with the file's address, the reason and what to do."""

from __future__ import annotations

import pytest

from docgraph.domain.errors import (
    ConfigurationError,
    DocumentEmptyError,
    DocumentEncodingError,
    DocumentError,
    DocumentTooLargeError,
    UnsupportedFormatError,
)
from docgraph.formats import ParseOptions, content_type_of
from support.unit.formats_samples import read


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b" \n\t\r\n",
        b"\xef\xbb\xbf",
        "\u200b\ufeff \n".encode(),
    ],
)
def test_a_document_without_text_is_empty(data: bytes) -> None:
    with pytest.raises(DocumentEmptyError, match=r"upload:///guide/page\.md.*remove the file"):
        read(data)


def test_bytes_that_are_not_utf8_are_named_with_their_offset_and_line() -> None:
    with pytest.raises(DocumentEncodingError, match=r"page\.md is not valid UTF-8: byte 0xE9 at offset 12 \(line 3\)"):
        read(b"# Title\n\nCaf\xe9\n")


@pytest.mark.parametrize(("encoding", "said"), [("utf-16", "UTF-16"), ("utf-32", "UTF-32")])
def test_a_byte_order_mark_of_another_encoding_is_recognised(encoding: str, said: str) -> None:
    with pytest.raises(DocumentEncodingError, match=f"is {said}, not UTF-8.*offset 0"):
        read("# Title\n\nText.".encode(encoding))


def test_utf16_without_a_mark_is_recognised() -> None:
    with pytest.raises(DocumentEncodingError, match="looks like UTF-16 without a byte order mark"):
        read("# Title\n\nText.".encode("utf-16-le"))


@pytest.mark.parametrize("data", [b"<!-- only a comment -->\n", b"---\n", b"---\nlayout: home\n---\n\n<Hero />\n"])
def test_a_page_that_holds_no_text_is_empty_and_no_failure(data: bytes) -> None:
    parsed = read(data)
    assert (parsed.empty, parsed.sections) == (True, ())


def test_what_the_front_matter_of_an_empty_page_says_is_its_section() -> None:
    parsed = read(b"---\ntitle: Guides\ndescription: All guides, by task.\n---\n\n<Cards />\n")
    assert parsed.empty
    assert [(s.heading_path, s.text) for s in parsed.sections] == [(("Guides",), "All guides, by task.")]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x89PNG\r\n\x00", "a PNG image"),
        (b"PK\x03\x04\x00", "a ZIP archive"),
        (b"some\x00bytes", "a NUL byte at offset 4"),
    ],
)
def test_a_binary_file_with_a_markdown_name_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UnsupportedFormatError, match=f"{said}.*[Cc]onvert it to Markdown"):
        read(data)


def test_a_content_type_without_a_reader_is_refused() -> None:
    with pytest.raises(UnsupportedFormatError, match=r"application/x-nothing.*known: \.md, \.markdown"):
        read("text", name="page.unknown", content_type="application/x-nothing")


def test_a_document_above_the_limit_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(DocumentTooLargeError, match=r"has 11 bytes, more than the limit of 10.*max_document_bytes"):
        read(b"\xff" * 11, options=ParseOptions(max_bytes=10))


def test_every_refusal_is_an_error_of_the_document() -> None:
    refusals = (DocumentEmptyError, DocumentEncodingError, DocumentTooLargeError, UnsupportedFormatError)
    assert all(issubclass(refusal, DocumentError) for refusal in refusals)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.md", "text/markdown"),
        ("A.MD", "text/markdown"),
        ("x.markdown", "text/markdown"),
        ("b/c.mdx", "text/markdown"),
        ("notes.txt", "text/plain"),
        ("a.pdf", "application/pdf"),
        ("a.odt", None),
        ("README", None),
        ("a.md.bak", None),
    ],
)
def test_the_extension_decides_the_content_type(name: str, expected: str | None) -> None:
    assert content_type_of(name) == expected


def test_a_parameter_of_the_content_type_does_not_matter() -> None:
    assert read("text", content_type="text/markdown; charset=UTF-8").content_type == "text/markdown"


@pytest.mark.parametrize(
    "sizes",
    [{"section_budget": 300}, {"section_budget": 10}, {"heading_budget": 150}, {"heading_budget": 1}, {"min_part": 90}],
)
def test_sizes_that_can_not_hold_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match="can't be used"):
        ParseOptions(**sizes)


def test_the_digest_has_what_changes_sections_and_nothing_else() -> None:
    assert ParseOptions().digest() == ParseOptions(max_bytes=1).digest()
    assert ParseOptions().digest() != ParseOptions(section_budget=180).digest()
    assert ParseOptions().digest() != ParseOptions(min_part=20).digest()
