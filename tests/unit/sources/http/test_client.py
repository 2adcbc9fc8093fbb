"""Asking a real web server on this machine: conditions, redirects, limits, manners, and connections to what was checked."""

from __future__ import annotations

import gzip
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from docgraph.domain.errors import DocumentTooLargeError
from docgraph.settings import HttpAccess
from docgraph.sources.http.client import Validators, Web, WebError
from docgraph.sources.http.guard import AllowedHost, ForbiddenAddressError, Guard
from docgraph.sources.http.pace import Pace
from docgraph.sources.http.robots import Robots
from support.unit.certificates import certificate_for
from support.unit.web_site import Site, web_site

LIMIT = 2**20
ROBOTS = """User-agent: *
Disallow: /

User-agent: docgraph
Disallow: /*.pdf$
Disallow: /private
Allow: /private/open
Crawl-delay: 5
"""


@pytest.fixture
def site() -> Iterator[Site]:
    with web_site() as made:
        yield made


@pytest.fixture
def other() -> Iterator[Site]:
    with web_site() as made:
        yield made


def port_of(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


class Slept:
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.naps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.naps.append(round(seconds, 3))
        self.now += seconds


def web(*sites: Site, rate: float = 1000.0, slept: Slept | None = None, **wanted: object) -> Web:
    guard = Guard([AllowedHost.parse(f"127.0.0.1:{port_of(each)}") for each in sites])
    pace = Pace(1 / rate, clock=lambda: slept.now, sleep=slept.sleep) if slept else Pace(1 / rate)
    return Web(guard, pace, **wanted)  # type: ignore[arg-type]


def body(answer: object) -> bytes:
    return b"".join(answer.chunks())  # type: ignore[attr-defined]


def test_a_page_is_given_with_what_its_server_says_of_it(site: Site) -> None:
    url = site.put(
        "/a.md", b"# A\n", Content_Type="text/markdown; charset=utf-8", Last_Modified="Wed, 21 Oct 2026 07:28:00 GMT"
    )
    answer = web(site).get(url, limit=LIMIT)
    assert (answer.status, answer.content_type, answer.size, body(answer), body(answer)) == (
        200,
        "text/markdown",
        4,
        b"# A\n",
        b"# A\n",
    )
    assert answer.validators.etag
    assert site.asked[0].headers["user-agent"].startswith("docgraph/")
    assert "cookie" not in site.asked[0].headers


def test_a_page_that_is_the_same_is_not_sent_again(site: Site) -> None:
    url = site.put("/a.md", b"# A\n")
    asking = web(site)
    first = asking.get(url, limit=LIMIT)
    again = asking.get(url, limit=LIMIT, known=first.validators)
    assert (again.status, again.is_new, body(again)) == (304, False, b"")
    assert site.asked[1].headers["if-none-match"] == first.validators.etag
    site.put("/a.md", b"# B\n")
    assert body(asking.get(url, limit=LIMIT, known=first.validators)) == b"# B\n"


def test_a_page_without_an_etag_is_asked_for_by_its_time(site: Site) -> None:
    url = site.put("/a.md", b"# A\n", etag=False, Last_Modified="Wed, 21 Oct 2026 07:28:00 GMT")
    asking = web(site)
    first = asking.get(url, limit=LIMIT)
    assert asking.get(url, limit=LIMIT, known=first.validators).status == 304


def test_a_page_that_was_changed_just_now_is_not_known_by_its_time(site: Site) -> None:
    asking, present = web(site), datetime.now(UTC)
    for ago, known in ((0, False), (60, True)):
        moment = format_datetime(present - timedelta(seconds=ago), usegmt=True)
        answer = asking.get(site.put("/a.md", b"x", etag=False, Last_Modified=moment), limit=LIMIT)
        assert bool(answer.validators.last_modified) is known


def test_a_server_that_ignores_conditions_is_understood(site: Site) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b'HTTP/1.1 200 OK\r\nConnection: close\r\nETag: "1"\r\nContent-Length: 2\r\n\r\nhi')

    url = site.script("/a.md", answer)
    assert web(site).get(url, limit=LIMIT, known=Validators('"1"')).status == 304


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_has_gone_is_no_error(site: Site, status: int) -> None:
    answer = web(site).get(site.put("/a.md", b"", status=status), limit=LIMIT)
    assert (answer.gone, answer.is_new) == (True, False)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "credentials"),
        (403, "credentials"),
        (407, "credentials"),
        (400, "correct"),
        (451, "owner"),
        (500, "failed"),
        (502, "failed"),
        (204, "correct"),
        (206, "correct"),
        (304, "correct"),
    ],
)
def test_every_other_status_says_what_to_do(site: Site, status: int, says: str) -> None:
    with pytest.raises(WebError, match=rf"/a\.md answered {status}: .*{says}") as failed:
        web(site).get(site.put("/a.md", b"", status=status), limit=LIMIT)
    assert failed.value.status == status


def test_redirects_are_followed_and_named(site: Site) -> None:
    site.put("/b.md", b"# B\n")
    site.redirect("/c.md", "b.md", 308)
    answer = web(site).get(site.redirect("/a.md", "/c.md"), limit=LIMIT)
    assert (answer.url, body(answer)) == (f"{site.url}/b.md", b"# B\n")


def test_redirects_end(site: Site) -> None:
    with pytest.raises(WebError, match="redirects more than 5 times"):
        web(site).get(site.redirect("/a.md", "/a.md"), limit=LIMIT)
    assert len(site.paths()) == 6


INWARDS = [
    "http://127.0.0.1:{port}/secret",
    "http://localhost:{port}/secret",
    "http://[::1]:{port}/secret",
    "http://[::ffff:127.0.0.1]:{port}/secret",
    "http://2130706433:{port}/secret",
    "http://0x7f.1:{port}/secret",
    "http://0177.0.0.1:{port}/secret",
    "http://127.1:{port}/secret",
    "//127.0.0.1:{port}/secret",
    "http://169.254.169.254/latest/meta-data/",
    "file:///etc/passwd",
    "ftp://127.0.0.1/x",
    "http://user:pass@127.0.0.1:{port}/",
]


@pytest.mark.parametrize("target", INWARDS)
def test_a_redirect_inwards_is_refused_and_nothing_is_asked(site: Site, other: Site, target: str) -> None:
    other.put("/secret", b"secret")
    url = site.redirect("/a.md", target.format(port=port_of(other)))
    with pytest.raises(ForbiddenAddressError, match=r"/a\.md redirects to "):
        web(site).get(url, limit=LIMIT)
    assert other.asked == []


def test_credentials_go_to_the_origin_of_the_list_and_nowhere_else(site: Site, other: Site) -> None:
    target = other.put("/there.md", b"there")
    access = HttpAccess("me", "hidden", {"X-Key": "k"})
    asking = web(site, other, home=f"{site.url}/list.json", access=access)
    asking.get(site.redirect("/a.md", target), limit=LIMIT)
    asking.get(other.redirect("/back.md", site.put("/home.md", b"home")), limit=LIMIT)
    shown = [(each.path, "authorization" in each.headers, each.headers.get("x-key")) for each in site.asked]
    assert shown == [("/a.md", True, "k"), ("/home.md", True, "k")]
    assert site.asked[0].headers["authorization"] == "Basic bWU6aGlkZGVu"
    assert all("authorization" not in each.headers and "x-key" not in each.headers for each in other.asked)
    assert len(other.asked) == 2
    assert "hidden" not in repr(access)


def test_a_credential_that_can_not_be_sent_is_not_shown(site: Site) -> None:
    asking = web(site, home=site.url, access=HttpAccess(headers={"X-Key": "geheim\r\nX-Evil: 1"}))
    with pytest.raises(WebError, match="a header of the Airflow connection") as failed:
        asking.get(site.put("/a.md", b"x"), limit=LIMIT)
    assert "geheim" not in str(failed.value)
    assert site.asked == []


def stream(header: bytes, piece: bytes, pause: float = 0.0) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer with pieces until the client hangs up."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n")
            while True:
                handler.wfile.write(piece)
                time.sleep(pause)
        except OSError:
            return

    return answer


def test_an_endless_body_ends_at_the_limit(site: Site) -> None:
    url = site.script("/a.md", stream(b"", b"x" * 65536))
    with pytest.raises(DocumentTooLargeError, match=r"more bytes than the limit of 1,048,576; .*max_document_bytes"):
        web(site).get(url, limit=LIMIT)


def test_a_small_body_that_unpacks_to_a_large_one_ends_at_the_limit(site: Site) -> None:
    bomb = gzip.compress(b"\0" * 2**28)
    url = site.put("/a.md", bomb, Content_Encoding="gzip")
    with pytest.raises(DocumentTooLargeError):
        web(site).get(url, limit=LIMIT)


def test_a_packed_body_is_unpacked(site: Site) -> None:
    assert (
        body(web(site).get(site.put("/a.md", gzip.compress(b"hello"), Content_Encoding="gzip"), limit=LIMIT))
        == b"hello"
    )
    for encoding in ("br", "gzip, gzip"):
        with pytest.raises(WebError, match="not asked for"):
            web(site).get(site.put("/b.md", b"x", Content_Encoding=encoding), limit=LIMIT)


@pytest.mark.parametrize("header", [b"", b"X-Slow: "], ids=["body", "headers"])
def test_a_body_that_drips_ends_with_the_time_that_an_answer_has(site: Site, header: bytes) -> None:
    url = site.script("/a.md", stream(header, b"x", 0.05))
    began = time.monotonic()
    with pytest.raises(WebError, match=r"timed out|took too long as a whole"):
        web(site, total_timeout=0.7, timeout=5.0).get(url, limit=LIMIT)
    assert time.monotonic() - began < 3


def test_a_server_that_says_nothing_is_not_waited_for(site: Site) -> None:
    url = site.script("/a.md", lambda _: time.sleep(3))
    began = time.monotonic()
    with pytest.raises(WebError, match="no answer"):
        web(site, timeout=0.3).get(url, limit=LIMIT)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
    ],
)
def test_an_answer_that_is_cut_or_none_is_an_error_of_the_server(site: Site, answer: bytes) -> None:
    url = site.script("/a.md", lambda handler: write(handler, answer))
    with pytest.raises(WebError, match="gave no answer that can be read"):
        web(site).get(url, limit=LIMIT)


def write(handler: BaseHTTPRequestHandler, data: bytes) -> None:
    handler.wfile.write(data)


def test_a_port_where_nobody_listens_is_an_error_of_the_server() -> None:
    with web_site() as gone:
        pass
    with pytest.raises(WebError, match="gave no answer"):
        web(gone).get(gone.url + "/", limit=LIMIT)


def test_a_name_that_does_not_exist_is_an_error_of_the_server() -> None:
    with pytest.raises(WebError, match="can't be resolved"):
        Web(Guard(), Pace(0.001)).get("http://nowhere.invalid/x", limit=LIMIT)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(site: Site, status: int) -> None:
    slept = Slept()
    answers = [status, status, 200]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 %d Busy\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\nhi" % answers.pop(0))

    assert body(web(site, slept=slept).get(site.script("/a.md", answer), limit=LIMIT)) == b"hi"
    assert slept.naps == [7.0, 7.0]


def test_a_server_that_is_busy_for_long_is_left_alone(site: Site) -> None:
    slept = Slept()
    asking = web(site, slept=slept)
    url = site.put("/a.md", b"", status=429, Retry_After="120")
    with pytest.raises(WebError, match="wants to be asked again in 120 s") as failed:
        asking.get(url, limit=LIMIT)
    assert failed.value.again_after == 120
    with pytest.raises(WebError, match="left alone for another 120 s"):
        asking.get(site.put("/b.md", b"x"), limit=LIMIT)
    assert (len(site.asked), slept.naps) == (1, [])
    slept.now += 121
    assert body(asking.get(f"{site.url}/b.md", limit=LIMIT)) == b"x"


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("0", 1, 1),
        ("soon", 30, 30),
        ("9" * 30, 86400, 86400),
        ("-5", 30, 30),
        ("DATE", 50, 61),
        ("PAST", 1, 1),
    ],
)
def test_every_form_of_retry_after_has_a_bound(site: Site, text: str, least: float, most: float) -> None:
    dates = {"DATE": 60, "PAST": -60}
    if text in dates:
        text = format_datetime(datetime.now(UTC) + timedelta(seconds=dates[text]), usegmt=True)
    with pytest.raises(WebError) as failed:
        web(site, patience=0.0).get(site.put("/a.md", b"", status=503, Retry_After=text), limit=LIMIT)
    assert least <= failed.value.again_after <= most


def test_a_busy_server_that_does_not_say_for_how_long_gets_a_pause_and_a_page_that_fails_none(site: Site) -> None:
    for status, after in ((429, 30), (503, 0)):
        with pytest.raises(WebError) as failed:
            web(site, patience=0.0).get(site.put("/a.md", b"", status=status), limit=LIMIT)
        assert failed.value.again_after == after


def test_a_page_that_is_always_busy_is_asked_for_three_times(site: Site) -> None:
    slept = Slept()
    with pytest.raises(WebError):
        web(site, slept=slept).get(site.put("/a.md", b"", status=503, Retry_After="2"), limit=LIMIT)
    assert (len(site.asked), slept.naps) == (3, [2.0, 2.0])


def test_a_host_is_not_asked_faster_than_agreed(site: Site, other: Site) -> None:
    slept = Slept()
    asking = web(site, other, rate=4.0, slept=slept)
    for number in range(3):
        asking.get(site.put(f"/{number}.md", b"x"), limit=LIMIT)
    assert slept.naps == [0.25, 0.25]
    asking.get(other.put("/a.md", b"x"), limit=LIMIT)
    assert slept.naps == [0.25, 0.25], "another host has a pace of its own"


def test_a_name_is_resolved_once_and_the_connection_goes_there(site: Site) -> None:
    answers = [["127.0.0.1"], ["10.255.255.1"], ["10.255.255.1"]]
    guard = Guard([AllowedHost.parse("127.0.0.1")], resolver=lambda *_: answers.pop(0))
    asking = Web(guard, Pace(0.001))
    site.put("/a.md", b"x")
    url = f"http://rebound.test:{port_of(site)}/a.md"
    assert body(asking.get(url, limit=LIMIT)) == b"x"
    assert len(answers) == 2
    assert site.asked[0].headers["host"] == f"rebound.test:{port_of(site)}"
    with pytest.raises(ForbiddenAddressError, match=r"leads to 10\.255\.255\.1, which is private"):
        Web(guard, Pace(0.001)).get(url, limit=LIMIT)
    assert len(answers) == 1


def test_tls_is_verified_for_the_name_and_not_for_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, chain = certificate_for("docs.test", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    guard = Guard([AllowedHost.parse("127.0.0.1")], resolver=lambda *_: ["127.0.0.1"])
    with web_site(context) as site:
        site.put("/a.md", b"x")
        asking = Web(guard, Pace(0.001))
        assert body(asking.get(f"https://docs.test:{port_of(site)}/a.md", limit=LIMIT)) == b"x"
        for host in ("other.test", "127.0.0.1"):
            with pytest.raises(WebError, match="certificate"):
                asking.get(f"https://{host}:{port_of(site)}/a.md", limit=LIMIT)
        site.redirect("/down.md", "http://127.0.0.1/a.md")
        with pytest.raises(WebError, match="not encrypted"):
            asking.get(f"https://docs.test:{port_of(site)}/down.md", limit=LIMIT)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(WebError, match="certificate"):
            Web(guard, Pace(0.001)).get(f"https://docs.test:{port_of(site)}/a.md", limit=LIMIT)


def robots(site: Site, slept: Slept) -> tuple[Robots, Web]:
    guard = Guard([AllowedHost.parse(f"127.0.0.1:{port_of(site)}")])
    pace = Pace(0.001, clock=lambda: slept.now, sleep=slept.sleep)
    asking = Web(guard, pace)
    return Robots(asking, pace, lambda: slept.now), asking


def test_robots_txt_is_asked_for_once_an_hour_and_obeyed(site: Site) -> None:
    slept = Slept()
    site.put("/robots.txt", ROBOTS)
    rules, asking = robots(site, slept)
    wanted = {"/a.md": True, "/a.pdf": False, "/a.pdf?x": True, "/private/x": False, "/private/open/x": True}
    assert {path: rules.allows(site.url + path) for path in wanted} == wanted
    assert site.paths() == ["/robots.txt"]
    slept.now += 3601
    assert rules.allows(f"{site.url}/a.md")
    assert site.paths() == ["/robots.txt"]
    slept.now += 60
    for number in range(3):
        asking.get(site.put(f"/{number}.md", b"x"), limit=LIMIT)
    assert slept.naps == [5.0, 5.0], "the pause that the site wishes for is kept"


@pytest.mark.parametrize("status", [404, 403, 401, 410])
def test_a_site_without_robots_txt_may_be_read(site: Site, status: int) -> None:
    site.put("/robots.txt", "", status=status)
    assert robots(site, Slept())[0].allows(f"{site.url}/a.md")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_site_whose_robots_txt_fails_is_left_alone(site: Site, status: int) -> None:
    site.put("/robots.txt", "", status=status, Retry_After="600")
    with pytest.raises(WebError):
        robots(site, Slept())[0].allows(f"{site.url}/a.md")
