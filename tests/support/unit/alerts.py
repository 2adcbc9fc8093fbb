"""Alerting rules as Prometheus would evaluate them on one scrape, as far as the rules of the intake need it."""

from __future__ import annotations

import re
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

_COMPARISON = re.compile(r"^(?P<metric>\w+)(?:\{(?P<matchers>[^}]*)\})? (?P<operator>==|>|<) (?P<value>[\d.]+)$")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')


def rules_of(file: dict[str, Any], group: str) -> dict[str, dict[str, Any]]:
    """Return the rules of a group of a rules file by the name of their alert."""
    groups = {each["name"]: each["rules"] for each in file["groups"]}
    return {rule["alert"]: rule for rule in groups[group]}


def firing(rules: dict[str, dict[str, Any]], scraped: str) -> dict[str, list[dict[str, str]]]:
    """Return the alerts whose expression holds on what was scraped (`for` aside), each with the labels of the series.

    Raises:
        ValueError: an expression is no comparison of one metric with a number, or names a metric that was not scraped.
    """
    samples = [sample for family in text_string_to_metric_families(scraped) for sample in family.samples]
    found: dict[str, list[dict[str, str]]] = {}
    for name, rule in rules.items():
        parts = _COMPARISON.match(rule["expr"])
        if parts is None:
            raise ValueError(f"{name}: {rule['expr']} is no comparison with a number")
        series = [sample for sample in samples if sample.name == parts["metric"]]
        if not series:
            raise ValueError(f"{name}: {parts['metric']} was not scraped")
        matchers = _MATCHER.findall(parts["matchers"] or "")
        chosen = [
            sample
            for sample in series
            if all(
                re.fullmatch(value if operator == "=~" else re.escape(value), sample.labels.get(label, ""))
                for label, operator, value in matchers
            )
        ]
        holds = {"==": float.__eq__, ">": float.__gt__, "<": float.__lt__}[parts["operator"]]
        if true := [sample.labels for sample in chosen if holds(float(sample.value), float(parts["value"]))]:
            found[name] = true
    return found
