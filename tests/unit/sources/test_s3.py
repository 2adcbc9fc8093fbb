"""Addresses of objects, and what an S3 source can't be configured as; nothing here asks a service."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from docgraph.domain.errors import ConfigurationError
from docgraph.domain.identity import canonical_source_uri, document_id, resolve_reference
from docgraph.runtime.config import IngestConfig
from docgraph.settings import AwsAccess, Settings
from docgraph.sources.registry import source_of
from docgraph.sources.s3 import S3Mirror, S3Options, uri_of

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda key: not {".", ".."} & set(key.split("/"))
)
#: What keys are made of that look alike, or that addresses read as something else.
HOSTILE = st.lists(
    st.sampled_from(
        ["a", "A", "/", "%", "%25", "%2F", "%2f", "+", " ", "?", "#", "&", "=", ";", ":", "é", "e\u0301", "..a", "\\"]
    ),
    min_size=1,
).map("".join)


def mirror(prefix: str = "", options: S3Options | None = None) -> S3Mirror:
    return S3Mirror("manuals", prefix, AwsAccess(), name="m", tag="docs", options=options)


@given(KEYS | HOSTILE)
@example("/leading")
@example("a//b")
@example("a%2Fb")
@example("100%.md")
@example("a?b=c#d.md")
@example("tab\tand\nline.md")
@example("[x].md")
def test_a_key_is_read_back_from_its_address(key: str) -> None:
    uri = uri_of("manuals", key)
    assert canonical_source_uri(uri) == uri
    assert not {"?", "#"} & set(uri)
    assert mirror()._key(uri) == key


@given(KEYS | HOSTILE, KEYS | HOSTILE)
@example("a/b", "a%2Fb")
@example("a b", "a+b")
@example("a b", "a%20b")
@example("a", "A")
@example(unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é"))
@example("a/b", "a//b")
@example("a", "/a")
@example("a#x", "a#y")
@example("a?x", "a?y")
def test_two_keys_never_become_one_document(one: str, other: str) -> None:
    same = document_id("docs", uri_of("manuals", one)) == document_id("docs", uri_of("manuals", other))
    assert same == (one == other)


@pytest.mark.parametrize(
    "uri",
    [
        "s3://manuals",
        "s3://manuals/",
        "s3://manuals/guides",
        "s3://manuals/guides/",
        "s3://manuals/guides-old/a.md",
        "s3://manuals/guides/../secret.md",
        "s3://manuals/guides/%2E%2E/secret.md",
        "s3://manuals/guides/a.md?x=y",
        "s3://manuals2/guides/a.md",
        "s3://manuals@elsewhere/guides/a.md",
        "upload:///guides/a.md",
        "s3://[/guides/a.md",
        "",
    ],
)
def test_an_address_outside_the_prefix_is_not_covered(uri: str) -> None:
    assert not mirror("guides/").covers(uri)


def test_an_address_below_the_prefix_is_covered_however_it_is_written() -> None:
    source = mirror("guides/")
    for uri in ("s3://manuals/guides/a.md", "s3://manuals/guides/x/../a.md", "s3://manuals/guides/%61.md#top"):
        assert source.covers(uri), uri
        assert source._key(uri) == "guides/a.md"


def test_links_between_objects_lead_to_their_addresses() -> None:
    base = uri_of("manuals", "guides/a b/start here.md")
    assert resolve_reference(base, "../other%20page.md#top") == (uri_of("manuals", "guides/other page.md"), "top")


def configured(tmp_path: Path, where: str, more: str = "") -> S3Mirror:
    path = tmp_path / "ingest.yaml"
    path.write_text(f"sources: [{{name: manuals, kind: s3, where: '{where}', tag: manuals{more}}}]\n", encoding="utf-8")
    settings = Settings.load({"DOCGRAPH_CONFIG": str(path)}, home=tmp_path / "home")
    config = IngestConfig.load(path)
    source = source_of(config.sources[0], settings, config)
    assert isinstance(source, S3Mirror)
    return source


@pytest.mark.parametrize(
    ("where", "bucket", "prefix"),
    [
        ("s3://manuals", "manuals", ""),
        ("s3://manuals/", "manuals", ""),
        ("s3://manuals/guides", "manuals", "guides/"),
        ("s3://manuals/guides/", "manuals", "guides/"),
        ("s3://manuals//guides", "manuals", "/guides/"),
        ("s3://my.manuals/50% off? #1", "my.manuals", "50% off? #1/"),
    ],
)
def test_the_place_is_a_bucket_and_a_folder_taken_as_it_is_written(
    tmp_path: Path, where: str, bucket: str, prefix: str
) -> None:
    source = configured(tmp_path, where)
    assert (source.bucket, source.prefix) == (bucket, prefix)
    assert source.covers(uri_of(bucket, f"{prefix}a.md"))


@pytest.mark.parametrize(
    "where", ["", "manuals", "s3://", "s3:///guides", "http://manuals/x", "s3://a b/x", "s3://m/a/../b"]
)
def test_a_place_that_is_none_is_named_with_the_file(tmp_path: Path, where: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"ingest\.yaml: sources: manuals: where: .* names no place in a bucket"
    ):
        configured(tmp_path, where)


def test_an_option_that_is_none_is_named_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"ingest\.yaml: sources: manuals: options\.colour"):
        configured(tmp_path, "s3://manuals", ", options: {colour: red}")


def test_the_first_folder_is_the_dataset_unless_the_source_says_otherwise() -> None:
    assert mirror("guides/")._tag_of("guides/Pumps/a.md") == "pumps"
    assert mirror("guides/")._tag_of("guides/two words/a.md") == "docs"
    assert mirror("guides/")._tag_of("guides/a.md") == "docs"
    assert mirror("guides/", S3Options(folders_are_tags=False))._tag_of("guides/pumps/a.md") == "docs"


def test_what_is_a_document_is_said_by_its_name_and_by_patterns() -> None:
    plain = mirror("g/")
    assert [key for key in ("g/a.md", "g/x/b.pdf", "g/picture.png", "g/README", "g/x/", "g/") if plain._wants(key)] == [
        "g/a.md",
        "g/x/b.pdf",
    ]
    assert not any(map(plain._wants, ("g/.hidden.md", "g/.git/a.md", "g/../a.md", "g/a.md~", "g/a.md.part")))
    chosen = mirror("g/", S3Options(include=("*.md", "/README"), exclude=("drafts/", "\\[x].md")))
    assert all(map(chosen._wants, ("g/a.md", "g/x/a.md", "g/README", "g/a [1].md")))
    assert not any(map(chosen._wants, ("g/b.pdf", "g/x/README", "g/drafts/a.md", "g/x/drafts/a.md", "g/[x].md")))
