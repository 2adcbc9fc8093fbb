"""The pinned packages install on every Python that docgraph says it runs on, not only on the one they were pinned with."""

from __future__ import annotations

from importlib.metadata import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from docgraph_local.paths import repository

#: Debian's own Python may be any patch release of the oldest version that `pyproject.toml` allows.
OLDEST = "3.11.0"


def test_every_pinned_package_accepts_the_oldest_python() -> None:
    lines = (repository() / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith(("#", " "))]
    refusing: dict[str, str] = {}
    for pin in pins:
        wanted = ",".join(metadata(pin.name).get_all("Requires-Python") or ())
        if OLDEST not in SpecifierSet(wanted):
            refusing[str(pin)] = wanted
    assert len(pins) > 100
    assert not refusing, f"compile requirements.txt again, with --python-version {OLDEST} as its second line says"
