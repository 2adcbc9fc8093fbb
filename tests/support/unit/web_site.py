"""A web site on this machine whose pages a test puts, changes and removes, and which notes what it was asked."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

#: Writes a whole answer by itself.
Script = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True, slots=True)
class Page:
    """What the site answers under one path; `etag` None: the site says nothing of versions."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    script: Script | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the site got; names of headers are in lower case."""

    path: str
    headers: Mapping[str, str]


class Site:
    """The pages of a site, by path."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.pages: dict[str, Page] = {}
        self.asked: list[Asked] = []

    def put(self, path: str, body: bytes | str, *, status: int = 200, etag: bool = True, **headers: str) -> str:
        """Put a page, with the ETag that its bytes have; returns its address. Headers are written with _ for -."""
        data = body.encode() if isinstance(body, str) else body
        made = {name.replace("_", "-"): value for name, value in headers.items()}
        if etag:
            made.setdefault("ETag", f'"{hashlib.sha256(data).hexdigest()[:16]}"')
        self.pages[path] = Page(data, status, made)
        return self.url + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        """Put a redirect; returns its address."""
        self.pages[path] = Page(b"", status, {"Location": target})
        return self.url + path

    def script(self, path: str, script: Script) -> str:
        """Let a function answer; returns the address."""
        self.pages[path] = Page(script=script)
        return self.url + path

    def list_as_json(self, path: str, entries: Sequence[Mapping[str, Any]] | None = None) -> str:
        """Put a list of all pages but lists, with their checksums, or of these entries; returns its address."""
        if entries is None:
            entries = [
                {"url": self.url + page, "checksum": hashlib.sha256(each.body).hexdigest()}
                for page, each in sorted(self.pages.items())
                if not page.endswith(".json")
            ]
        return self.put(path, json.dumps(entries), Content_Type="application/json")

    def paths(self) -> list[str]:
        """Return the paths that were asked for since this was asked last."""
        paths = [each.path for each in self.asked]
        self.asked.clear()
        return paths


@contextmanager
def web_site(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Serve a new site on a free port, by TLS where a context is given."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            site.asked.append(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}))
            page = site.pages.get(self.path, Page(b"not here", 404))
            if page.script is not None:
                self.close_connection = True
                page.script(self)
                return
            etag, modified = page.headers.get("ETag"), page.headers.get("Last-Modified")
            known = self.headers.get("If-None-Match"), self.headers.get("If-Modified-Since")
            same = page.status == 200 and ((etag and known[0] == etag) or (modified and known[1] == modified))
            self.send_response(304 if same else page.status)
            for name, value in page.headers.items():
                self.send_header(name, value)
            body = b"" if same else page.body
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the output of tests clean."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that hangs up early is what some tests are about."""

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
