"""A list on a web server as a source: what is taken, what is deleted, what is left alone, and how little is asked for."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from docgraph.domain.errors import ConfigurationError, DocumentError, InfrastructureError
from docgraph.runtime.config import IngestConfig, SourceConfig
from docgraph.settings import HttpAccess, Settings
from docgraph.sources.base import Change, Place
from docgraph.sources.http.options import HttpOptions
from docgraph.sources.http.source import WebList, make
from docgraph.sources.registry import source_of
from support.unit.web_site import Site, web_site

WITHIN = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


@pytest.fixture
def site() -> Iterator[Site]:
    with web_site() as made:
        yield made


class Reader:
    """docgraph's side: a source as the triggerer keeps it, one as each task makes it, and the cursor."""

    def __init__(self, where: str, **options: object) -> None:
        self.now = 1000.0
        self.cursor: dict[str, str] = {}
        self._where = where
        self._options = HttpOptions.model_validate(
            {"allow_hosts": (where.split("/")[2],), "requests_per_second": 1000, **options}
        )
        self.polled = self.made()

    def made(self, **wanted: object) -> WebList:
        return WebList(
            self._where,
            name="handbook",
            tag="handbook",
            options=self._options,
            max_bytes=100_000,
            clock=lambda: self.now,
            sleep=self.sleep,
            **wanted,  # type: ignore[arg-type]
        )

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def poll(self, seconds: float = 60.0) -> list[str] | None:
        self.now += seconds
        return self.polled.poll(self.cursor)

    def take(self, seen: list[str] | None = None) -> dict[str, str]:
        """Take what a task would; returns path → text, "deleted" or the reason of a refusal."""
        taken: dict[str, str] = {}
        for change in self.made().changes(self.cursor, seen or []):
            path = change.uri.partition("//")[2].partition("/")[2]
            assert path not in taken, "twice"
            taken[path] = self._settle(change)
        return taken

    def look(self) -> dict[str, str]:
        """Take what a task would if polling wakes it."""
        seen = self.poll()
        return {} if seen is None else self.take(seen)

    def _settle(self, change: Change) -> str:
        assert change.tag == "handbook"
        if change.deleted:
            del self.cursor[change.uri]
            return "deleted"
        self.cursor[change.uri] = change.version
        try:
            return b"".join(change.open()).decode()
        except DocumentError as error:
            return str(error)


def twenty(site: Site) -> None:
    for number in range(20):
        site.put(f"/p{number:02}.md", f"# Page {number}\n")


def change_and_remove(site: Site) -> tuple[set[str], set[str]]:
    """Change five pages and remove three; returns their names."""
    for number in range(5):
        site.put(f"/p{number:02}.md", f"# Page {number}, changed\n")
    for number in range(17, 20):
        del site.pages[f"/p{number:02}.md"]
    return {f"p{number:02}.md" for number in range(5)}, {f"p{number:02}.md" for number in range(17, 20)}


def as_json(site: Site) -> str:
    return site.list_as_json("/list.json")


def names(site: Site) -> list[str]:
    return [path for path in sorted(site.pages) if path.startswith("/p")]


def as_sitemap(site: Site, *, moments: bool = True) -> str:
    def moment(path: str) -> str:
        return f"<lastmod>2026-01-01T00:00:{len(site.pages[path].body):02}Z</lastmod>" if moments else ""

    items = "".join(f"<url><loc>{site.url}{path}</loc>{moment(path)}</url>" for path in names(site))
    return site.put("/sitemap.xml", f"<urlset {WITHIN}>{items}</urlset>")


def as_lines(site: Site) -> str:
    return site.put("/list.txt", "# all\n" + "\n".join(f"{site.url}{path}" for path in names(site)))


def as_llms(site: Site) -> str:
    return site.put(
        "/llms.txt", "# Handbook\n\n" + "\n".join(f"- [{path}]({path.lstrip('/')}): notes" for path in names(site))
    )


def as_index(site: Site) -> str:
    halves = names(site)[:10], names(site)[10:]
    children = []
    for number, paths in enumerate(halves):
        items = "".join(f"<url><loc>{site.url}{path}</loc></url>" for path in paths)
        children.append(site.put(f"/sitemap-{number}.xml", f"<urlset {WITHIN}>{items}</urlset>"))
    text = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in children)
    return site.put("/index.xml", f"<sitemapindex {WITHIN}>{text}</sitemapindex>")


@pytest.mark.parametrize("publish", [as_json, as_sitemap, as_lines, as_llms, as_index])
@pytest.mark.parametrize("etags", [True, False])
def test_twenty_published_five_changed_three_removed(site: Site, publish: object, etags: bool) -> None:
    assert callable(publish)
    twenty(site)
    if not etags:
        strip(site)
    reader = Reader(publish(site), document_seconds=60)
    assert reader.look() == {f"p{number:02}.md": f"# Page {number}\n" for number in range(20)}
    assert reader.look() == {}
    assert reader.take() == {}, "a full look finds nothing either"

    changed, removed = change_and_remove(site)
    if not etags:
        strip(site)
    publish(site)
    taken = reader.look() | reader.look()
    assert {name for name, what in taken.items() if what == "deleted"} == removed
    assert {name for name, what in taken.items() if what.endswith("changed\n")} == changed
    assert len(taken) == 8
    assert reader.look() == {}
    assert reader.take() == {}
    assert len(reader.cursor) == 17


def strip(site: Site) -> None:
    """Let the site say nothing of versions."""
    for path, page in list(site.pages.items()):
        site.put(path, page.body, etag=False)


def test_changes_without_a_poll_find_everything(site: Site) -> None:
    twenty(site)
    reader = Reader(as_lines(site))
    assert len(reader.take()) == 20
    change_and_remove(site)
    as_lines(site)
    assert len(reader.take()) == 8
    assert reader.take() == {}


def test_an_idle_look_is_one_request(site: Site) -> None:
    twenty(site)
    reader = Reader(as_json(site))
    reader.look()
    site.paths()
    for _ in range(60):
        assert reader.poll() is None
    assert site.paths() == ["/list.json"] * 60


def test_documents_without_a_version_are_asked_for_in_turn_and_by_condition(site: Site) -> None:
    twenty(site)
    reader = Reader(as_sitemap(site, moments=False), document_seconds=600, robots=False)
    reader.look()
    site.asked.clear()
    for _ in range(10):
        assert reader.poll() is None
    asked = [each for each in site.asked if each.path != "/sitemap.xml"]
    assert sorted(each.path for each in asked) == names(site), "each once in 600 seconds, two a look"
    assert all("if-none-match" in each.headers for each in asked)
    assert len(site.asked) == 30
    site.put("/p07.md", "# Other\n")
    taken: dict[str, str] = {}
    for _ in range(10):
        taken |= reader.look()
    assert taken == {"p07.md": "# Other\n"}


def test_what_changes_twice_on_the_day_that_its_list_names_is_found(site: Site) -> None:
    today = datetime.now(UTC).strftime("%Y-%m-%d")
    old = (datetime.now(UTC) - timedelta(days=9)).strftime("%Y-%m-%d")
    entries = [
        {"url": site.put("/a.md", "# A\n"), "last_modified": today},
        {"url": site.put("/b.md", "# B\n"), "last_modified": old},
    ]
    reader = Reader(site.list_as_json("/list.json", entries), document_seconds=60)
    reader.look()
    site.put("/a.md", "# A again\n")
    site.put("/b.md", "# B again\n")
    assert reader.look() == {"a.md": "# A again\n"}


@pytest.mark.parametrize("status", [404, 410])
def test_a_listed_document_that_is_not_there_any_more_is_deleted(site: Site, status: int) -> None:
    entries = [{"url": site.put(f"/{name}.md", f"# {name}\n")} for name in "ab"]
    reader = Reader(site.list_as_json("/list.json", entries), document_seconds=60)
    reader.look()
    site.put("/a.md", "", status=status)
    assert reader.look() == {"a.md": "deleted"}
    for _ in range(20):
        assert reader.look() == {}
    site.put("/a.md", "# back\n")
    back = [reader.look() for _ in range(4)]
    assert {"a.md": "# back\n"} in back, "it is asked for again, at longer intervals"


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_a_document_that_can_not_be_had_is_left_and_the_others_go_on(site: Site, status: int) -> None:
    # One at a time: what is asked beside a document that is answered with 429 has to wait for a later look, or not.
    reader = Reader(
        site.list_as_json("/list.json", [{"url": f"{site.url}/{name}.md", "checksum": "1"} for name in "ab"]),
        concurrency=1,
    )
    site.put("/a.md", "", status=status, Retry_After="1")
    site.put("/b.md", "# B\n")
    assert reader.look() == {"b.md": "# B\n"}
    woken = sum(reader.poll() is not None for _ in range(30))
    assert woken == 0, "nobody is woken for what can't be had"
    site.put("/a.md", "# A\n")
    assert {"a.md": "# A\n"} in [reader.look() for _ in range(60)]
    site.put("/a.md", "", status=status)
    site.list_as_json("/list.json", [{"url": f"{site.url}/{name}.md", "checksum": "2"} for name in "ab"])
    assert reader.look() == {"b.md": "# B\n"}
    assert len(reader.cursor) == 2, "and nothing of it is deleted"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_list_that_is_refused_or_gone_is_a_matter_of_configuration(site: Site, status: int) -> None:
    twenty(site)
    reader = Reader(as_json(site))
    reader.look()
    site.put("/list.json", "", status=status)
    with pytest.raises(ConfigurationError, match=rf"list .*{status}.*(connection|correct the address)"):
        reader.take()
    with pytest.raises(InfrastructureError, match=str(status)):
        reader.poll()


BROKEN = [
    b"",
    b"<!DOCTYPE html><html>",
    b"[1",
    b"\xff\xfe",
    b'{"documents": []}',
    b"<urlset><url><loc>",
    b'[{"url": "ftp://x"}, 7',
]


@pytest.mark.parametrize("data", BROKEN)
def test_a_list_that_can_not_be_read_deletes_nothing(site: Site, data: bytes) -> None:
    twenty(site)
    reader = Reader(as_json(site))
    reader.look()
    site.put("/list.json", data)
    with pytest.raises(InfrastructureError, match=r"/list\.json .*Nothing is taken or deleted"):
        reader.take()
    with pytest.raises(InfrastructureError, match=r"/list\.json"):
        reader.poll()
    assert len(reader.cursor) == 20


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fails_deletes_nothing(site: Site, status: int) -> None:
    twenty(site)
    reader = Reader(as_json(site))
    reader.look()
    site.put("/list.json", "", status=status, Retry_After="3600")
    with pytest.raises(InfrastructureError):
        reader.take()


def test_a_list_whose_server_is_busy_is_left_alone_for_as_long_as_it_says(site: Site) -> None:
    twenty(site)
    reader = Reader(as_json(site))
    reader.look()
    site.put("/list.json", "", status=503, Retry_After="1800")
    site.paths()
    for _ in range(29):
        assert reader.poll() is None
    assert site.paths() == ["/list.json"]
    as_json(site)
    for _ in range(3):
        assert reader.poll() is None


def test_one_sitemap_of_an_index_that_fails_fails_the_whole(site: Site) -> None:
    twenty(site)
    reader = Reader(as_index(site), robots=False)
    assert len(reader.look()) == 20
    site.put("/sitemap-1.xml", "", status=500)
    with pytest.raises(InfrastructureError, match=r"sitemap-1\.xml answered 500"):
        reader.take()
    del site.pages["/sitemap-1.xml"]
    with pytest.raises(ConfigurationError, match=r"sitemap-1\.xml isn't there"):
        reader.take()


def lists(site: Site) -> list[str]:
    return [path for path in site.paths() if path.endswith(".xml")]


def test_sitemaps_of_an_index_are_asked_for_when_the_index_says_so(site: Site) -> None:
    twenty(site)
    as_index(site)

    def index(moment: str) -> str:
        text = "".join(
            f"<sitemap><loc>{site.url}/sitemap-{number}.xml</loc><lastmod>{time}</lastmod></sitemap>"
            for number, time in enumerate(("2026-01-01T00:00:00Z", moment))
        )
        return site.put("/index.xml", f"<sitemapindex {WITHIN}>{text}</sitemapindex>")

    reader = Reader(index("2026-01-01T00:00:00Z"), document_seconds=1e9)
    reader.look()
    for _ in range(5):
        assert reader.poll() is None
    site.paths()
    assert reader.poll() is None
    assert lists(site) == ["/index.xml"]
    site.put("/sitemap-1.xml", f"<urlset {WITHIN}><url><loc>{site.url}/p10.md</loc></url></urlset>")
    index("2026-01-02T00:00:00Z")
    assert reader.poll() is not None
    assert lists(site) == ["/index.xml", "/sitemap-1.xml"]
    assert sorted(set(reader.take().values())) == ["deleted"]


def test_an_index_within_an_index_is_refused(site: Site) -> None:
    twenty(site)
    as_index(site)
    site.put(
        "/sitemap-0.xml", f"<sitemapindex {WITHIN}><sitemap><loc>{site.url}/index.xml</loc></sitemap></sitemapindex>"
    )
    with pytest.raises(ConfigurationError, match="within an index"):
        Reader(f"{site.url}/index.xml").take()


HOSTILE = [
    "http://169.254.169.254/latest/meta-data/iam",
    "http://127.0.0.1:6379/",
    "http://2130706433/",
    "http://0x7f.0.0.1/",
    "http://0177.0.0.1/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::1]:7687/",
    "http://localhost/x",
    "http://example.org/elsewhere",
    "http://user:secret@127.0.0.1/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "javascript:alert(1)",
    "http://exa mple/",
    "http://[::1",
    "//evil.example/x",
    "http://" + "x" * 3000,
]


def test_hostile_entries_are_named_one_line_each_and_the_good_ones_go_on(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.put("/good.md", "# Good\n")
    site.put("/%2e%2e/%2e%2e/etc/passwd.md", "# Only a path\n")
    listed = [*HOSTILE, f"{site.url}/good.md", f"{site.url}/good.md#again", f"{site.url}/../../etc/passwd"]
    reader = Reader(site.list_as_json("/list.json", [{"url": url} for url in listed]))
    with caplog.at_level(logging.WARNING):
        taken = reader.take()
    assert taken == {"good.md": "# Good\n"}
    lines = [record.getMessage() for record in caplog.records if "entry" in record.getMessage()]
    assert len(lines) == len(HOSTILE)
    assert all("\n" not in line and len(line) < 500 for line in lines)
    assert "secret" not in lines[9].replace("user:secret@", "")
    assert {path for path in site.paths() if path != "/list.json"} == {"/good.md", "/etc/passwd"}


def test_a_document_that_redirects_inwards_fails_alone_and_once(site: Site) -> None:
    with web_site() as inner:
        inner.put("/secret", "secret")
        site.put("/good.md", "# Good\n")
        entries = [{"url": site.redirect("/evil.md", f"{inner.url}/secret")}, {"url": f"{site.url}/good.md"}]
        reader = Reader(site.list_as_json("/list.json", entries), document_seconds=60)
        taken = reader.look()
        assert taken["good.md"] == "# Good\n"
        assert "evil.md redirects to" in taken["evil.md"]
        assert taken["evil.md"].endswith("options.allow_hosts.")
        assert [reader.look() for _ in range(5)] == [{}] * 5
        assert reader.take() == {}
        assert inner.asked == []
    site.put("/evil.md", "# Good now\n")
    assert reader.look() == {"evil.md": "# Good now\n"}, "what was refused is looked at again"


def test_a_document_that_is_too_long_fails_alone_and_once(site: Site) -> None:
    entries = [{"url": site.put("/long.md", b"x" * 200_000)}, {"url": site.put("/good.md", "# Good\n")}]
    reader = Reader(site.list_as_json("/list.json", entries), document_seconds=60)
    assert "more bytes than the limit of 100,000" in reader.look()["long.md"]
    assert [reader.look() for _ in range(5)] == [{}] * 5
    assert reader.take() == {}


def test_a_list_of_a_million_lines_is_refused_with_one_line(site: Site) -> None:
    url = site.put("/list.txt", "\n".join(f"/p{number}" for number in range(1_000_000)))
    with pytest.raises(
        ConfigurationError, match=r"names more than 50,000 documents; raise options\.max_entries"
    ) as refused:
        Reader(url).take()
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigurationError, match=r"more than 1,000 bytes; raise options\.max_listing_bytes"):
        Reader(url, max_listing_bytes=1000).take()
    assert site.paths() == ["/list.txt"] * 2


def test_bytes_that_do_not_agree_with_the_listed_sha256_are_left_until_they_do(site: Site) -> None:
    right = hashlib.sha256(b"# New\n").hexdigest()
    url = site.put("/a.md", "# Old\n")
    reader = Reader(site.list_as_json("/list.json", [{"url": url, "checksum": f"sha256:{right}"}]))
    assert reader.look() == {}
    site.put("/a.md", "# New\n")
    assert {"a.md": "# New\n"} in [reader.look() for _ in range(5)]


def test_robots_txt_holds_for_a_sitemap_and_for_no_other_list(site: Site) -> None:
    twenty(site)
    site.put("/robots.txt", "User-agent: *\nDisallow: /p0\n")
    where = as_sitemap(site)
    reader = Reader(where)
    assert len(reader.look()) == 10
    assert [reader.look() for _ in range(10)] == [{}] * 10
    assert site.paths().count("/robots.txt") == 2, "once in the triggerer, once in the task"
    assert len(Reader(where, robots=False).look()) == 20
    assert len(Reader(as_lines(site)).look()) == 20
    site.put("/robots.txt", "User-agent: *\nDisallow: /\n")
    reader.now += 7200
    assert reader.take() == {}, "what is forbidden later stays as it is"
    assert len(reader.cursor) == 10


def test_patterns_and_hosts_choose_what_is_taken(site: Site) -> None:
    with web_site() as other:
        urls = [site.put(path, path) for path in ("/docs/a.md", "/docs/old/b.md", "/blog/c.md")]
        urls.append(other.put("/docs/d.md", "d"))
        where = site.put("/list.txt", "\n".join(urls))
        host = other.url.partition("//")[2]
        reader = Reader(where, include=("/docs/*",), exclude=("*/old/*",), hosts=(host,), allow_hosts=("127.0.0.1",))
        assert sorted(reader.look().values()) == ["/docs/a.md", "d"]
        assert [reader.made().covers(url) for url in urls] == [True, False, False, True]
    source = reader.made()
    assert not source.covers("fs://ingest/watch/x")
    assert not source.covers("http://127.0.0.1:1/docs/x")
    assert not source.covers(f"http://user@{site.url[7:]}/docs/x")


def test_one_address_in_two_spellings_is_one_document(site: Site) -> None:
    site.put("/a%20b.md", "# A\n")
    entries = [{"url": f"{site.url}/a%20b.md"}, {"url": f"{site.url}/./a b.md#x"}]
    reader = Reader(site.list_as_json("/list.json", entries))
    assert reader.look() == {"a%20b.md": "# A\n"}


def test_credentials_of_the_connection_reach_the_list_and_its_documents(site: Site, tmp_path: Path) -> None:
    site.list_as_json("/list.json", [{"url": site.put("/a.md", "# A\n")}])
    settings = Settings.load({"DOCGRAPH_HOME": str(tmp_path)})
    object.__setattr__(settings, "http", {"docs_site": HttpAccess("me", "hidden")})
    wanted = SourceConfig(
        name="handbook",
        kind="http",
        tag="handbook",
        where=f"{site.url}/list.json",
        connection="docs_site",
        options={"allow_hosts": ("127.0.0.1",), "requests_per_second": 1000},
    )
    source = source_of(wanted, settings, IngestConfig())
    assert [change.uri for change in source.changes({})] == [f"{site.url}/a.md"]
    assert [each.headers.get("authorization") for each in site.asked] == ["Basic bWU6aGlkZGVu"] * 2


@pytest.mark.parametrize(
    ("where", "options", "says"),
    [
        ("", {}, r"where: '' is neither http nor https\.$"),
        ("http://127.0.0.1/list", {}, r"where: .* is loopback; .*options\.allow_hosts\.$"),
        ("https://me:secret@example.org/list", {}, "Airflow connection"),
        (
            "https://example.org/list",
            {"formt": "json"},
            r"options\.formt: .*options of a source of kind http are: format, ",
        ),
        ("https://example.org/list", {"format": "xml"}, r"options\.format: "),
        ("https://example.org/list", {"allow_hosts": ("a b",)}, r"options\.allow_hosts\.0: .*is no host"),
        ("https://example.org/list", {"requests_per_second": 0}, r"options\.requests_per_second: "),
        ("https://example.org/list", {"contact": "x\ny"}, r"options\.contact: "),
    ],
)
def test_what_can_not_be_is_said_when_the_configuration_is_read(
    tmp_path: Path, where: str, options: dict[str, object], says: str
) -> None:
    settings = Settings.load({"DOCGRAPH_HOME": str(tmp_path)})
    wanted = SourceConfig.model_validate({"name": "handbook", "kind": "http", "where": where, "options": options})
    with pytest.raises(ConfigurationError, match=rf"sources: handbook: .*{says}") as refused:
        make(wanted, settings, IngestConfig())
    assert str(settings.config_file) in str(refused.value)


def test_types_are_those_that_are_declared_or_else_those_of_the_name(site: Site) -> None:
    types = {
        "/a.md": "text/plain",
        "/b": "text/html; charset=utf-8",
        "/c.html": "",
        "/d": "application/octet-stream",
        "/e": "text/plain",
    }
    for path, declared in types.items():
        site.put(path, path, Content_Type=declared)
    reader = Reader(site.put("/list.txt", "\n".join(site.url + path for path in types)))
    found = {change.uri[-2:]: change.content_type for change in reader.made().changes({})}
    assert found == {
        "md": "text/markdown",
        "/b": "text/html",
        "ml": "text/html",
        "/d": "application/octet-stream",
        "/e": "text/plain",
    }


def test_json_with_an_endless_body_ends_at_the_limit_of_lists(site: Site) -> None:
    def answer(handler: object) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n[")  # type: ignore[attr-defined]
        try:
            while True:
                handler.wfile.write(json.dumps({"url": "x"}).encode() * 1000)  # type: ignore[attr-defined]
        except OSError:
            return

    with pytest.raises(ConfigurationError, match=r"more than 100,000 bytes; raise options\.max_listing_bytes"):
        Reader(site.script("/list.json", answer), max_listing_bytes=100_000).take()


def test_a_few_documents_are_asked_for_at_a_time_and_come_in_order(site: Site) -> None:
    running, most, lock = 0, 0, threading.Lock()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.05)
        with lock:
            running -= 1
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi")

    urls = [site.script(f"/{number:02}.md", answer) for number in range(12)]
    where = site.list_as_json("/list.json", [{"url": url} for url in urls])
    for at_once in (1, 3):
        most = 0
        reader = Reader(where, concurrency=at_once)
        taken = list(reader.take())
        assert sorted(taken) == [f"{number:02}.md" for number in range(12)]
        first = taken.index("00.md")
        assert taken[first:] + taken[:first] == sorted(taken)
        assert most == at_once


def test_a_reader_that_stops_asks_for_no_more(site: Site) -> None:
    twenty(site)
    changes = iter(Reader(as_json(site), concurrency=2).made().changes({}))
    next(changes)
    changes.close()  # type: ignore[attr-defined]
    time.sleep(0.2)
    assert len(site.paths()) <= 1 + 3


def test_where_a_document_stands_is_not_known_where_its_list_can_not_be_read(site: Site) -> None:
    where = site.list_as_json("/list.json", [{"url": f"{site.url}/a.md"}])
    source = Reader(where).made()
    assert source.locate(f"{site.url}/a.md").place is Place.WAITING
    site.put("/list.json", "", status=401)
    location = Reader(where).made().locate(f"{site.url}/a.md")
    assert (location.place, location.tag, location.name) == (Place.ABSENT, "handbook", "a.md")
