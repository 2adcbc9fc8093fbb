"""Writes the description of an API: an operation a section, under its tag; then schemas and security schemes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from docgraph.formats.description.loading import Map, items, mapping, text
from docgraph.formats.description.prose import write_prose
from docgraph.formats.description.schemas import (
    Row,
    name_of_reference,
    type_of,
    write_examples,
    write_rows,
    write_schema,
)
from docgraph.formats.writer import Inline, OutlineWriter

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
#: Where operations are; `x-webhooks` is how webhooks were written before 3.1.
_OPERATIONS = ("paths", "webhooks", "x-webhooks")
_MAX_STEPS = 20


@dataclass(frozen=True, slots=True)
class _Operation:
    """An operation with its place in the document."""

    method: str
    path: str
    pointer: str
    content: Map
    shared: Map

    @property
    def tag(self) -> str:
        return next((text(tag) for tag in items(self.content.get("tags"))), "")

    @property
    def heading(self) -> str:
        return (
            text(self.content.get("summary")).strip()
            or text(self.content.get("operationId"))
            or f"{self.method} {self.path}"
        )


class _Api:
    """One description while it is being written."""

    def __init__(self, root: Map, writer: OutlineWriter) -> None:
        self.root = root
        self.writer = writer

    def resolved(self, value: object) -> Map:
        """Follow references inside the document; one that leads nowhere or outside stays what it is."""
        found = mapping(value)
        for _ in range(_MAX_STEPS):
            reference = text(found.get("$ref"))
            if not reference.startswith("#/"):
                return found
            target: object = self.root
            for part in reference[2:].split("/"):
                target = mapping(target).get(part.replace("~1", "/").replace("~0", "~"))
            if not isinstance(target, dict):
                return found
            found = target
        return found

    def write(self) -> None:
        information = mapping(self.root.get("info"))
        title = text(information.get("title")).strip() or "API"
        self.writer.heading(1, title, slug=False)
        if version := text(information.get("version")):
            self.writer.paragraph(f"Version {version}")
        if summary := text(information.get("summary")):
            self.writer.paragraph(summary)
        self._servers(self.root)
        write_prose(text(information.get("description")), self.writer)
        self._outside_documentation(self.root)
        operations = [found for key in _OPERATIONS for found in self._operations(key)]
        tags = {text(mapping(tag).get("name")): mapping(tag) for tag in items(self.root.get("tags"))}
        for operation in operations:
            if not operation.tag:
                self._operation(operation, 2)
        for tag in dict.fromkeys([*tags, *(operation.tag for operation in operations)]):
            if tag:
                self._tag(tag, tags.get(tag, {}), [operation for operation in operations if operation.tag == tag])
        self._schemas()
        self._security_schemes()

    def _servers(self, around: Map) -> None:
        for server in map(mapping, items(around.get("servers"))):
            if url := text(server.get("url")):
                self.writer.paragraph(
                    f"Server: {url}" + (f" ({said})" if (said := text(server.get("description"))) else "")
                )

    def _outside_documentation(self, around: Map) -> None:
        found = mapping(around.get("externalDocs"))
        if url := text(found.get("url")):
            self.writer.paragraph([Inline(text(found.get("description")) or url, url)])

    def _operations(self, key: str) -> Iterator[_Operation]:
        for path, written in mapping(self.root.get(key)).items():
            shared = self.resolved(written)
            for method in _METHODS:
                if isinstance(shared.get(method), dict):
                    pointer = f"/{key}/{path.replace('~', '~0').replace('/', '~1')}/{method}"
                    yield _Operation(method.upper(), path, pointer, shared[method], shared)

    def _tag(self, name: str, tag: Map, operations: list[_Operation]) -> None:
        self.writer.heading(2, name, slug=False)
        write_prose(text(tag.get("description")), self.writer)
        self._outside_documentation(tag)
        for operation in operations:
            self._operation(operation, 3)

    def _operation(self, operation: _Operation, level: int) -> None:
        content = operation.content
        anchor = text(content.get("operationId")) or operation.pointer
        self.writer.place(operation.pointer)
        self.writer.heading(level, operation.heading, anchor)
        self.writer.paragraph(f"`{operation.method} {operation.path}`")
        if text(content.get("deprecated")) == "true":
            self.writer.paragraph("Deprecated.")
        write_prose(text(operation.shared.get("description")), self.writer)
        write_prose(text(content.get("description")), self.writer)
        self._outside_documentation(content)
        self._parameters([*items(operation.shared.get("parameters")), *items(content.get("parameters"))])
        self._body(content.get("requestBody"))
        self._responses(mapping(content.get("responses")))
        needed = [name for option in items(content.get("security")) for name in mapping(option)]
        if needed:
            self.writer.paragraph(f"Security: {', '.join(dict.fromkeys(needed))}")
        self.writer.place("")

    def _parameters(self, parameters: list[object]) -> None:
        rows: dict[tuple[str, str], Row] = {}
        examples: list[Map] = []
        for written in parameters:
            parameter = self.resolved(written)
            name, place = text(parameter.get("name")), text(parameter.get("in"))
            if not name:
                reference = text(parameter.get("$ref"))
                rows[reference, ""] = Row(name_of_reference(reference), (Inline(reference, reference),), False, "")
                continue
            schema = parameter.get("schema") or next(
                (mapping(media).get("schema") for media in mapping(parameter.get("content")).values()), None
            )
            said = (Inline(f"{place}, "), *type_of(schema)) if schema else (Inline(place),)
            is_required = text(parameter.get("required")) == "true"
            # What the operation says of a parameter replaces what its path says.
            rows[name, place] = Row(name, said, is_required, text(parameter.get("description")))
            examples.append(parameter)
        write_rows(list(rows.values()), self.writer, head="Parameter")
        for parameter in examples:
            write_examples(parameter, self.writer, self.resolved)

    def _body(self, written: object) -> None:
        body = self.resolved(written)
        if not body:
            return
        required = " (required)" if text(body.get("required")) == "true" else ""
        self.writer.paragraph(f"Request body{required}", leads_in=True)
        if reference := text(body.get("$ref")):
            self.writer.paragraph([Inline(reference, reference)])
        write_prose(text(body.get("description")), self.writer, as_sections=False)
        self._content(mapping(body.get("content")))

    def _content(self, content: Map) -> None:
        for media_type, media in content.items():
            schema = mapping(media).get("schema")
            self.writer.paragraph([Inline(f"{media_type}: "), *type_of(schema)] if schema else media_type)
            if isinstance(schema, dict) and "$ref" not in schema:
                write_schema(schema, self.writer, with_type=False)
            write_examples(mapping(media), self.writer, self.resolved)

    def _responses(self, responses: Map) -> None:
        cells: list[list[str | list[Inline]]] = [["Response", "Content", "Description"]]
        long: list[tuple[str, Map]] = []
        for status, written in responses.items():
            response = self.resolved(written)
            said = text(response.get("description"))
            content: list[Inline] = []
            for media_type, media in mapping(response.get("content")).items():
                content += [Inline(f"{', ' if content else ''}{media_type}: "), *type_of(mapping(media).get("schema"))]
            if reference := text(response.get("$ref")):
                content.append(Inline(reference, reference))
            cells.append([status, content, "" if "\n" in said.strip() else said])
            long.append((status, response))
        if len(cells) > 1:
            self.writer.table(cells)
        for status, response in long:
            self._response(status, response)

    def _response(self, status: str, response: Map) -> None:
        """Write what has no room in a row: long descriptions, inline schemas, examples, headers."""
        said = text(response.get("description"))
        if "\n" in said.strip():
            self.writer.paragraph(f"{status}:")
            write_prose(said, self.writer, as_sections=False)
        for media in map(mapping, mapping(response.get("content")).values()):
            schema = media.get("schema")
            if isinstance(schema, dict) and "$ref" not in schema:
                write_schema(schema, self.writer, with_type=False)
            write_examples(media, self.writer, self.resolved)
        headers = {name: self.resolved(header) for name, header in mapping(response.get("headers")).items()}
        rows = [Row(n, tuple(type_of(h.get("schema"))), False, text(h.get("description"))) for n, h in headers.items()]
        write_rows(rows, self.writer, head=f"Header of {status}")

    def _schemas(self) -> None:
        schemas = mapping(mapping(self.root.get("components")).get("schemas"))
        if not schemas:
            return
        self.writer.heading(2, "Schemas", "/components/schemas")
        for name, schema in schemas.items():
            pointer = f"/components/schemas/{name}"
            self.writer.place(pointer)
            self.writer.heading(3, name, pointer)
            described = mapping(schema)
            if (title := text(described.get("title"))) and title != name:
                self.writer.paragraph(title)
            write_prose(text(described.get("description")), self.writer)
            write_schema(schema, self.writer)
        self.writer.place("")

    def _security_schemes(self) -> None:
        schemes = mapping(mapping(self.root.get("components")).get("securitySchemes"))
        rows = []
        for name, written in schemes.items():
            scheme = self.resolved(written)
            keys = ("type", "scheme", "bearerFormat", "in", "name", "openIdConnectUrl")
            said = ", ".join(text(scheme.get(key)) for key in keys if text(scheme.get(key)))
            rows.append(Row(name, (Inline(said),), False, text(scheme.get("description"))))
        if rows:
            self.writer.heading(2, "Security schemes", "/components/securitySchemes")
            write_rows(rows, self.writer, head="Scheme")


def write_openapi(root: Map, writer: OutlineWriter) -> None:
    """Write the description of an API."""
    _Api(root, writer).write()
