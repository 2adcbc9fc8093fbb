"""Entities and relations are found here, by rule and with the rule's name. Precision first: a rule that guesses is no rule.

Pure: a parsed document in, values out. Kinds, relations and how a plug-in is written: docs/reference/extraction-rules.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from docgraph.domain.computing import uncollected
from docgraph.domain.documents import Entity, Extraction, Mention, ParsedDocument, Relation
from docgraph.domain.errors import ConfigurationError, DocumentError
from docgraph.domain.identity import content_hash, entity_id
from docgraph.extraction.findings import API_SYMBOL, CONFIG_KEY, DocumentView, Extractor, Finding, Named
from docgraph.extraction.registry import extractors
from docgraph.extraction.view import view_of

__all__ = ["EXTRACT_VERSION", "ExtractOptions", "extract"]

#: Version of what `extract` gives for the same parsed document: raise it when any output changes (golden files tell).
EXTRACT_VERSION = 2
_MAX_NAME = 120
_MAX_MENTIONS = 64
_MAX_RELATIONS = 64


@dataclass(frozen=True, slots=True)
class ExtractOptions:
    """Names of the rules that are used; None means all that are installed."""

    rules: tuple[str, ...] | None = None

    def selected(self) -> list[Extractor]:
        """Return the extractors of these rules, in the order in which they are registered.

        Raises:
            ConfigurationError: a rule isn't known, or a plug-in can't be loaded.
        """
        known = extractors()
        if unknown := sorted(set(self.rules or ()) - set(known)):
            raise ConfigurationError(f"Unknown extraction rules: {', '.join(unknown)}; known are {', '.join(known)}.")
        return [extractor for name, extractor in known.items() if self.rules is None or name in self.rules]

    def digest(self) -> str:
        """Return what identifies the rules and their versions, plug-ins included."""
        return content_hash("extract", *(f"{rule.name}={rule.version}" for rule in self.selected()))[:16]


def extract(parsed: ParsedDocument, options: ExtractOptions | None = None) -> Extraction:
    """Find what a document's sections speak of.

    At most 64 mentions and 64 relations a section; longer names than 120 characters are left out. Each (section, entity) is
    one mention, with the first rule that found it.

    Raises:
        DocumentError: a rule failed on this document; the message names it.
        ConfigurationError: see `ExtractOptions.selected`.
    """
    with uncollected():
        return _extract(parsed, options or ExtractOptions())


def _extract(parsed: ParsedDocument, options: ExtractOptions) -> Extraction:
    view = view_of(parsed)
    entities: dict[Named, Entity] = {}
    ids: dict[Named, str] = {}
    mentions: dict[tuple[str, str], Mention] = {}
    relations: dict[tuple[str, str, str, str], Relation] = {}
    room: Counter[tuple[str, str]] = Counter()

    def id_of(named: Named) -> str:
        if named not in ids:
            ids[named] = entity_id(parsed.tag, named.kind, named.name)
        return ids[named]

    def entity(named: Named) -> Entity:
        if named not in entities:
            entities[named] = Entity(id_of(named), named.kind, named.name)
        return entities[named]

    def mention(section: str, named: Named, rule: str) -> bool:
        key = (section, id_of(named))
        if key not in mentions:
            if room[section, "mentions"] == _MAX_MENTIONS:
                return False
            room[section, "mentions"] += 1
            mentions[key] = Mention(section, entity(named).entity_id, rule)
        return True

    findings = list(_findings(view, options.selected(), parsed.source_uri))
    # A dotted name looks like a symbol; where the document shows it to be a configuration key, it is one.
    keys = {finding.entity.name for _, finding in findings if finding.entity.kind == CONFIG_KEY}
    for rule, finding in findings:
        if finding.entity.kind == API_SYMBOL and finding.entity.name in keys:
            continue
        section = parsed.sections[finding.section].section_id
        ends = [finding.entity] if finding.target is None else [finding.entity, finding.target]
        if any(not 0 < len(end.name) <= _MAX_NAME for end in ends):
            continue
        # Both ends of a relation are mentions of its section: an entity lives as long as a section mentions it.
        mentioned = [mention(section, end, rule) for end in ends]
        if finding.target is None or not all(mentioned):
            continue
        source, target = entity(finding.entity).entity_id, entity(finding.target).entity_id
        relation = (section, source, target, finding.relation)
        if relation not in relations and room[section, "relations"] < _MAX_RELATIONS:
            room[section, "relations"] += 1
            relations[relation] = Relation(section, source, target, finding.relation, rule)
    return Extraction(tuple(entities.values()), tuple(mentions.values()), tuple(relations.values()))


def _findings(view: DocumentView, rules: Iterable[Extractor], source_uri: str) -> Iterator[tuple[str, Finding]]:
    for rule in rules:
        try:
            found = list(rule.find(view))
        except Exception as error:
            raise DocumentError(
                f"{source_uri}: the extraction rule {rule.name!r} failed: {type(error).__name__}: {error}; fix the rule, or leave it out, "
                "and resume the job."
            ) from error
        for finding in found:
            yield rule.name, finding
