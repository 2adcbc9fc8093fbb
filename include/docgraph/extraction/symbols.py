"""Rules on the symbols of programming interfaces: calls, dotted names and class names in code."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.configuration import is_called_key
from docgraph.extraction.findings import API_SYMBOL, DocumentView, Finding, Named
from docgraph.extraction.wordlists import words

_IDENTIFIER = r"[A-Za-z_]\w*"
_CALL = re.compile(rf"@?({_IDENTIFIER}(?:(?:\.|::){_IDENTIFIER})*)\((?:[^`]*)\)")
_DOTTED = re.compile(rf"@?({_IDENTIFIER}(?:\.{_IDENTIFIER})+)")
_SCOPED = re.compile(rf"({_IDENTIFIER}(?:::{_IDENTIFIER})+)")
_CAMEL = re.compile(r"@?((?:[A-Z]+[a-z0-9]+){2,}[A-Z]*|[A-Z][a-z0-9]+[A-Z]+|[A-Z]{2,}[a-z][A-Za-z0-9]*)")
_DEFINED = re.compile(r"^(?:async\s+)?(?:def|class)\s+([A-Za-z]\w*)", re.MULTILINE)
#: What looks like a dotted name and isn't: file names, domains, abbreviations.
_NOT_LAST = words("""
    bat bin bz2 c cc cfg cnf com conf cpp crt cs css csv db deb dev dll dmg env example exe gif git gitignore go
    gz h hcl htm html http ico ini io ipynb j2 jar java jinja jpeg jpg js json jsonl jsx key kt ldif local lock
    log lua map md mdx mjs mod net org parquet pdf pem php pid png po properties proto ps1 py pyc pyi pyx rb rpm
    rs rst scss service sh so sock sql sqlite sqlite3 srt sum svg swp tar template tex tf tgz toml ts tsv tsx
    ttf txt typed vue war wav whl woff woff2 xls xlsx xml xz yaml yml zip zsh
""")
_NOT_CLASSES = words("""
    AnyIO AppVeyor BitBucket CentOS CircleCI ClickHouse CloudFlare CloudFormation CoffeeScript CommonMark CouchDB
    DevOps DigitalOcean DockerHub DynamoDB ElasticSearch ETag ETags FastAPI FreeBSD GitHub GitLab GitOps GraphQL
    HAProxy HashiCorp InfluxDB IntelliJ iOS IPython JavaScript JetBrains JupyterHub JupyterLab LaTeX LinkedIn
    MacOS macOS MariaDB MathJax MinIO MongoDB MySQL NaN NumPy OAuth OAuth2 OpenAI OpenAPI OpenID OpenSearch
    OpenShift OpenSSL OpenStack OpenTelemetry OpenVPN PagerDuty PayPal PostgreSQL PowerShell PyCharm PyPI PyPy
    PyTorch QuickStart RabbitMQ ReadTheDocs RedHat RocksDB SciPy SonarQube SQLAlchemy SQLite StackOverflow SystemD
    TeamCity TensorFlow TimescaleDB TravisCI TypeScript VirtualBox VSCode WebAssembly WebSocket WebSockets WiFi
    WireGuard WordPress YouTube ZeroMQ ZooKeeper
""")
_NOT_CALLS = words("""
    and calc catch for hsl if in not or return rgb rgba switch url var while
""")
#: Arguments with a unit: a function of a style sheet.
_STYLED = re.compile(r"\d(?:%|px|r?em|v[hw]|fr|deg)(?!\w)")
_PLACEHOLDERS = words("bar baz example foo func function main something")
_NOT_FIRST = frozenset({"www", "e", "i", "example", "localhost"})


class InlineSymbols:
    """Inline code that is a call, a dotted name or a class name in CamelCase."""

    name = "inline-symbol"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield symbols, without call parentheses."""
        for index, section in enumerate(document.sections):
            for paragraph in section.paragraphs:
                for span in paragraph.spans:
                    name = symbol_of(span.text)
                    if name and not is_called_key(span):
                        yield Finding(index, Named(API_SYMBOL, name))


class PythonDefinitions:
    """Functions and classes that a block of Python code defines at its top level."""

    name = "python-definition"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield symbols."""
        for index, section in enumerate(document.sections):
            for block in section.code:
                if block.language in {"python", "py", "python3"}:
                    for name in _DEFINED.findall(block.text):
                        if name not in _PLACEHOLDERS and len(name) > 2 and not name.startswith("test_"):
                            yield Finding(index, Named(API_SYMBOL, name))


def symbol_of(text: str) -> str | None:
    """Return the symbol that a piece of inline code names, or None."""
    if match := _CALL.fullmatch(text):
        name = match.group(1)
        return name if name not in _NOT_CALLS and len(name) > 1 and not _STYLED.search(text) else None
    if match := _SCOPED.fullmatch(text):
        return match.group(1)
    if match := _DOTTED.fullmatch(text):
        name = match.group(1)
        parts = name.split(".")
        looks_like_file = parts[-1].lower() in _NOT_LAST and parts[1:-1] != ["prototype"]
        looks_like_file = looks_like_file or parts[0].lower() in _NOT_FIRST
        return None if looks_like_file or name.isupper() or not all(len(part) > 1 for part in parts[1:]) else name
    if match := _CAMEL.fullmatch(text):
        name = match.group(1)
        return None if name in _NOT_CLASSES else name
    return None
