"""Rule on environment variables. An upper-case name alone is no evidence: constants look the same."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.findings import ENV_VAR, DocumentView, Finding, Named, SectionView
from docgraph.extraction.shell import IMAGE_LANGUAGES, SCRIPT_LANGUAGES, SESSION_LANGUAGES, command_lines

_NAME = r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+"
_SPAN = re.compile(rf"(\$\{{?)?({_NAME})(?:\}})?(=\S{{0,100}})?")
_CONTEXT = re.compile(r"environment variable|environment setting|env(?:ironment)? var|\benv\b", re.IGNORECASE)
_READ = re.compile(
    rf"(?:environ(?:\.get\(|\.setdefault\(|\[)|[gG]etenv\(|process\.env\.|process\.env\[|ENV\[|env::var\()\s*[\"']?({_NAME})"
)
_SET = re.compile(rf"^[ \t]*(?:[$%] +)?(?:export +|set +)?({_NAME})=", re.MULTILINE)
_IN_IMAGE = re.compile(rf"^[ \t]*(?:ENV|ARG)[ \t]+({_NAME})[ =]", re.MULTILINE)
_IN_LIST = re.compile(rf"^[ \t]*-[ \t]+[\"']?({_NAME})=", re.MULTILINE)
_EXPANDED = re.compile(rf"\$\{{?({_NAME})\b")
_PASSED = re.compile(rf"(?:\s-e|\s--env)[ =]({_NAME})(?:=|\s)")


class EnvironmentVariables:
    """Upper-case names that the document sets, reads, expands or calls an environment variable; all their inline mentions."""

    name = "environment-variable"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield environment variables."""
        evidence = {name for section in document.sections for name in _evident(section)}
        for index, section in enumerate(document.sections):
            names = dict.fromkeys(_in_code(section))
            for paragraph in section.paragraphs:
                for span in paragraph.spans:
                    if (match := _SPAN.fullmatch(span.text)) and match.group(2) in evidence:
                        names[match.group(2)] = None
            if section.heading in evidence:
                names[section.heading] = None
            yield from (Finding(index, Named(ENV_VAR, name)) for name in names)


def _evident(section: SectionView) -> Iterator[str]:
    yield from _in_code(section)
    under = any(_CONTEXT.search(heading) for heading in section.heading_path)
    if under and re.fullmatch(_NAME, section.heading):
        yield section.heading
    for paragraph in section.paragraphs:
        said = under or _CONTEXT.search(paragraph.text)
        for span in paragraph.spans:
            match = _SPAN.fullmatch(span.text)
            if match and (said or match.group(1)):
                yield match.group(2)


def _in_code(section: SectionView) -> Iterator[str]:
    for block in section.code:
        yield from _READ.findall(block.text)
        if block.language in SCRIPT_LANGUAGES | SESSION_LANGUAGES | {"dotenv", "env"}:
            yield from _SET.findall(block.text)
            yield from _PASSED.findall(block.text)
            yield from _EXPANDED.findall(block.text)
            for line in command_lines(block.language, block.text):
                yield from filter(re.compile(_NAME).fullmatch, line.variables)
        if block.language in IMAGE_LANGUAGES:
            yield from _IN_IMAGE.findall(block.text)
        if block.language in {"yaml", "yml"}:
            yield from _IN_LIST.findall(block.text)
