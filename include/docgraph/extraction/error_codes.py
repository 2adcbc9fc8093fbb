"""Rules on error codes: those that tools print, and HTTP statuses of the classes 4xx and 5xx."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.findings import ERROR_CODE, DocumentView, Finding, Named

_CODE = re.compile(r"[A-Z]{1,4}-?\d{3,5}|[A-Z]{2,5}-\d{3,6}")
_NAMED = re.compile(
    r"ERR_[A-Z0-9]+(?:_[A-Z0-9]+)*|E(?:NOENT|ACCES|EXIST|PERM|PIPE|AGAIN|INVAL|BUSY|NOSPC|MFILE|ADDRINUSE|CONNREFUSED|CONNRESET|TIMEDOUT)"
)
_CONTEXT = re.compile(
    r"\b(?:error|warning|violation|lint|diagnostic|exception|fail(?:s|ed|ure)?|errno|rule)s?\b", re.IGNORECASE
)
#: Letters and digits that name standards, encodings, machines.
_NOT_CODES = re.compile(
    r"(?:SHA|UTF|ISO|RFC|PEP|ES|MD|AES|RSA|CVE|H|EC|TLS|IPV|BASE|INT|UINT|FLOAT|CP|A|M|P|GH|PR|USB|PY|T|V|ECMA|IEEE|HTTP|TCP|UDP|GMT|UTC)-?\d+|X\.?509"
)
_HTTP = re.compile(
    r"\bHTTP(?:/\d(?:\.\d)?)?\s+(?:status\s+(?:code\s+)?|error\s+|code\s+|response\s+)?`?([45]\d\d)\b`?(?!\.\d|[,\d]\d)"
    r"|\bstatus(?:\s+code)?s?(?:\s+of)?\s+`?([45]\d\d)\b`?(?!\.\d|[,\d]\d)"
    r"|(?<![\w.,$#/-])`?([45]\d\d)`?\s+(?:Bad Request|Unauthorized|Forbidden|Not Found|Method Not Allowed|Conflict|Gone|"
    r"Too Many Requests|Internal Server Error|Bad Gateway|Service Unavailable|Gateway Timeout|"
    r"Unprocessable Entity|Payload Too Large)\b",
    re.IGNORECASE,
)


def is_code(text: str) -> bool:
    """Tell whether a text is a code of the kinds that tools print, and not the name of a standard or an encoding."""
    return bool(_NAMED.fullmatch(text) or (_CODE.fullmatch(text) and not _NOT_CODES.fullmatch(text)))


class ToolErrors:
    """Codes such as `E501`, inline or as a heading, where the paragraph or a heading speaks of errors; `ERR_NAME`, `ENOENT`."""

    name = "tool-error"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield error codes."""
        for index, section in enumerate(document.sections):
            under = any(_CONTEXT.search(heading) for heading in section.heading_path)
            if is_code(section.heading) and (under or _NAMED.fullmatch(section.heading)):
                yield Finding(index, Named(ERROR_CODE, section.heading))
            for paragraph in section.paragraphs:
                said = under or _CONTEXT.search(paragraph.text)
                for span in paragraph.spans:
                    if is_code(span.text) and (said or _NAMED.fullmatch(span.text)):
                        yield Finding(index, Named(ERROR_CODE, span.text))


class HttpStatuses:
    """HTTP statuses in defined forms: "HTTP 404", "status code 404", "404 Not Found"."""

    name = "http-status"
    version = 1

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield error codes, as `HTTP 404`."""
        for index, section in enumerate(document.sections):
            for paragraph in section.paragraphs:
                for groups in _HTTP.findall(paragraph.text):
                    yield Finding(index, Named(ERROR_CODE, f"HTTP {''.join(groups)}"))
