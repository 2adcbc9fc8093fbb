"""What is built in, and what installed packages offer beside it under an entry point: one table by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, TypeVar

from docgraph.domain.errors import ConfigurationError


class Named(Protocol):
    """Has a name by which it is known."""

    @property
    def name(self) -> str:
        """The name."""


T = TypeVar("T", bound=Named)


def with_plug_ins(
    built_in: Iterable[T],
    *,
    group: str,
    noun: str,
    kind: type[T],
    otherwise: Callable[[object], str],
    load: Callable[[EntryPoint], object] = EntryPoint.load,
) -> dict[str, T]:
    """Return all by name: the built-in ones, then plug-ins by name of their entry point in `group`.

    `noun` is what a message calls one of them; `otherwise` ends the sentence about what was loaded and is none of `kind`.

    Raises:
        ConfigurationError: a plug-in can't be loaded, is none of `kind`, or has the name of another one.
    """
    found = {each.name: each for each in built_in}
    for entry in sorted(entry_points(group=group), key=lambda entry: entry.name):
        subject = f"The {noun} {entry.name!r} ({entry.value})"
        try:
            made = load(entry)
        except Exception as error:
            raise ConfigurationError(f"{subject} can't be loaded: {error}; repair or uninstall its package.") from error
        if not isinstance(made, kind):
            raise ConfigurationError(f"{subject} {otherwise(made)}")
        if made.name in found:
            raise ConfigurationError(
                f"{subject} calls itself {made.name!r}, as another one does; rename it or uninstall its package."
            )
        found[made.name] = made
    return found
