"""Lists in every form, and what hostile or broken ones come to."""

from __future__ import annotations

import gzip
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from docgraph.sources.http.listing import Format, Limits, Listing, ListingError, ListingTooLargeError, parse
from docgraph.sources.http.unpacking import gunzipped

LIMITS = Limits(max_bytes=2**20, max_entries=1000)
WITHIN = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def read(
    text: str | bytes, address: str = "https://example.org/list", limits: Limits = LIMITS, **wanted: Format
) -> Listing:
    return parse(text.encode() if isinstance(text, str) else text, limits=limits, address=address, **wanted)


def named(listing: Listing) -> list[tuple[str, str]]:
    return [(each.address, each.version) for each in listing.documents]


def test_json_gives_checksum_before_time_before_nothing() -> None:
    listing = read(
        json.dumps(
            [
                {"url": "https://example.org/a", "checksum": "sha256:abc", "last_modified": "2026-01-01"},
                {"url": "https://example.org/b", "last_modified": "2026-01-01 10:00:00"},
                {"url": "c", "checksum": None, "last_modified": ""},
                {"url": " d ", "last_modified": 1767225600, "title": "ignored"},
            ]
        )
    )
    assert listing.format is Format.JSON
    assert named(listing) == [
        ("https://example.org/a", "checksum:sha256:abc"),
        ("https://example.org/b", "modified:2026-01-01_10:00:00"),
        ("c", ""),
        ("d", "modified:1767225600"),
    ]


def test_a_bad_entry_is_named_and_the_good_ones_go_on() -> None:
    entries = [
        "text",
        1,
        None,
        [],
        {},
        {"url": 5},
        {"url": ""},
        {"url": "a", "checksum": 7},
        {"url": "a", "checksum": "x y"},
    ]
    entries += [{"url": "a", "last_modified": True}, {"url": "a", "last_modified": "\n"}, {"url": "good"}]
    listing = read(json.dumps(entries))
    assert named(listing) == [("good", "")]
    assert [line.partition(":")[0] for line in listing.bad] == [f"entry {number}" for number in range(1, len(entries))]


def test_an_empty_json_list_is_a_list() -> None:
    assert named(read("[]")) == []
    assert named(read("# nothing yet\n")) == []


def test_lines_are_addresses_and_comments() -> None:
    listing = read(
        "\ufeff# docs\r\nhttps://example.org/a\r\n\r\n  https://example.org/b  \rhttps://example.org/c\u2028d\n"
    )
    assert (listing.format, named(listing)) == (
        Format.LINES,
        [("https://example.org/a", ""), ("https://example.org/b", ""), ("https://example.org/c\u2028d", "")],
    )


def test_a_sitemap_gives_its_own_elements_only() -> None:
    listing = read(
        f"""<?xml version="1.0" encoding="UTF-8"?>
        <urlset {WITHIN} xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
          <url><loc> https://example.org/a?x=1&amp;y=2 </loc><lastmod>2026-01-01T10:00:00+00:00</lastmod>
            <image:image><image:loc>https://example.org/picture.png</image:loc></image:image><image:loc>https://x/</image:loc></url>
          <url><loc><![CDATA[https://example.org/b]]></loc><deep><loc>https://example.org/no</loc></deep></url>
          <url><lastmod>2026-01-01</lastmod></url>
          <url><loc>https://example.org/c</loc><lastmod>&lt;script&gt;</lastmod></url>
          <loc>https://example.org/stray</loc>
        </urlset>"""
    )
    assert listing.format is Format.SITEMAP
    assert named(listing) == [
        ("https://example.org/a?x=1&y=2", "modified:2026-01-01T10:00:00+00:00"),
        ("https://example.org/b", ""),
    ]
    assert [line.split(":")[0] for line in listing.bad] == ["line 6", "line 7"]


@pytest.mark.parametrize("prefix", ["", "s:"])
def test_an_index_gives_sitemaps(prefix: str) -> None:
    declared = WITHIN if not prefix else WITHIN.replace("xmlns", "xmlns:s")
    text = f"<{prefix}sitemapindex {declared}><{prefix}sitemap><{prefix}loc>https://example.org/s.xml.gz</{prefix}loc>"
    listing = read(f"{text}<{prefix}lastmod>2026</{prefix}lastmod></{prefix}sitemap></{prefix}sitemapindex>")
    assert [(each.address, each.version) for each in listing.sitemaps] == [
        ("https://example.org/s.xml.gz", "modified:2026")
    ]
    assert not listing.documents


def test_a_sitemap_without_a_namespace_or_in_gzip_is_read() -> None:
    text = b"<urlset><url><loc>https://example.org/a</loc></url></urlset>"
    assert named(read(text)) == named(read(gzip.compress(text))) == [("https://example.org/a", "")]
    assert named(read(gzip.compress(text[:20]) + gzip.compress(text[20:]) + b"\0" * 30)) == [
        ("https://example.org/a", "")
    ]


def test_llms_txt_gives_the_links_of_its_lists() -> None:
    text = """# Handbook

> Read [this](about.md) first.

- [Guide](guide.md): how to begin, see [more](more.md)
* [With a title](<a b.md> "title")
  - [Deeper](/deep.md)
1. [Numbered](no.md)
- no link
```
- [In code](code.md)
```
## Optional
+ [Elsewhere](https://example.org/x_(y).md)
"""
    listing = read(text, "https://example.org/llms.txt")
    assert listing.format is Format.LLMS
    assert [address for address, _ in named(listing)] == ["guide.md", "a b.md", "/deep.md", "https://example.org/x_"]
    assert read("# Empty\n", "https://example.org/llms.txt").format is Format.LLMS
    assert read("- [a](b.md)\n").format is Format.LLMS, "by what it looks like, under any name"
    assert read("- [a](b.md)\n", wanted=Format.LINES).format is Format.LINES


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        ("https://example.org/ä".encode("latin-1"), "not UTF-8"),
        ("https://example.org/".encode("utf-16"), "UTF-16"),
        (b"\xef\xbb\xbf\x00abc", "no text"),
        (b"\x89PNG\r\n\x1a\n", "not UTF-8"),
        (b"<!DOCTYPE html><html><body>Log in</body></html>", "HTML and no list"),
        (b"<html><body>Log in</body></html>", "no sitemap"),
        (b"<rss><channel/></rss>", "no sitemap"),
        (b"<urlset><url>", "not well-formed"),
        (b"<urlset></urlset><urlset/>", "not well-formed"),
        (b"[1,", "not JSON"),
        (b'{"a": 1}', "no list"),
        (b"[" * 5000, "not JSON"),
        (b'["' + b"1" * 5000 + b'"', "not JSON"),
        (b"[" + b"9" * 5000 + b"]", "not JSON"),
        (b"[1, 2]", "names nothing"),
        (gzip.compress(b"https://example.org/a\n", mtime=0)[:-9], "ends too early"),
        (gzip.compress(b"https://example.org/a\n", mtime=0)[:10] + b"\xff" * 20, "damaged gzip"),
        (b"<urlset>" + b"<a>" * 100, "nests elements"),
    ],
)
def test_what_is_no_list_is_an_error_and_never_an_empty_list(data: bytes, says: str) -> None:
    with pytest.raises(ListingError, match=says):
        read(data)


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))


@pytest.mark.parametrize(
    "text",
    [
        f"<!DOCTYPE urlset [{LAUGHS}]><urlset><url><loc>&l9;</loc></url></urlset>",
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><urlset><url><loc>&e;</loc></url></urlset>',
        '<!DOCTYPE urlset SYSTEM "http://127.0.0.1/x.dtd"><urlset/>',
        '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1/">%p;]><urlset/>',
    ],
)
def test_a_document_type_is_refused_before_its_entities_are_anything(text: str) -> None:
    with pytest.raises(ListingError, match="declares a document type"):
        read(text)


@pytest.mark.parametrize(
    "data",
    [
        "\n".join(f"https://example.org/{n}" for n in range(1_000_000)),
        "<urlset>" + "<url><loc>https://example.org/x</loc></url>" * 100_000,
        "- [a](b.md)\n" * 1_000_000,
        "[" + '{"url": "https://example.org/x"},' * 10_000 + "{}]",
        "[" + "[]," * 3_000_000 + "[]]",
        "[" + "{}," * 3_000_000 + "{}]",
    ],
    ids=["lines", "sitemap", "llms", "json", "nested", "objects"],
)
def test_a_list_that_is_too_long_is_refused_quickly_with_one_line(data: str) -> None:
    began = time.monotonic()
    with pytest.raises(ListingTooLargeError, match="names more than 1,000 documents") as refused:
        read(data, limits=Limits(100 * 2**20, 1000))
    assert time.monotonic() - began < 10
    assert "\n" not in str(refused.value)


def test_bytes_are_counted_packed_and_unpacked() -> None:
    with pytest.raises(ListingTooLargeError, match="more than 1,048,576 bytes;"):
        read(b"#" * (2**20 + 1))
    bomb = gzip.compress(b"#" * 2**27)
    assert len(bomb) < 2**21
    with pytest.raises(ListingTooLargeError, match="bytes unpacked"):
        read(bomb, limits=Limits(4 * 2**20, 1000))


@given(st.binary(max_size=50), st.sampled_from([1, 2, 5243, 5244, 10486, 20000]), st.integers(1, 70_000))
def test_gzip_gives_back_what_was_packed(data: bytes, times: int, cut: int) -> None:
    packed = gzip.compress(data * times)
    chunks = [packed[:cut], packed[cut:]]
    assert b"".join(gunzipped(chunks)) == data * times
    assert all(len(piece) <= 2**18 for piece in gunzipped(chunks))


def test_as_many_entries_as_allowed_are_read() -> None:
    assert len(read("\n".join(f"https://example.org/{n}" for n in range(1000))).documents) == 1000


@settings(max_examples=200)
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_are_a_list_or_an_error_of_the_list(data: bytes) -> None:
    try:
        listing = read(data)
    except ListingError:
        return
    assert all(" " not in each.version for each in listing.documents)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.sampled_from(["url", "checksum", "last_modified", "x"]), inner, max_size=4)
        ),
        max_leaves=20,
    )
)
def test_any_json_is_a_list_or_an_error_of_the_list(content: object) -> None:
    try:
        listing = read(json.dumps(content), wanted=Format.JSON)
    except ListingError:
        return
    assert isinstance(content, list)
    assert len(listing.documents) + len(listing.bad) == len(content)
