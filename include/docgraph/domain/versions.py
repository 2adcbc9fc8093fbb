"""Which embedding versions a dataset has, and the only ways in which that changes. Pure; the graph store makes a change atomic.

```
           build               switch               retire             (points deleted)
  others ─────────► building ─────────► current … kept ───────► retiring ─────────► nothing
                        └───────────── abandon ───────────────────►
```
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from docgraph.domain.errors import DatasetVersionsError


@dataclass(frozen=True, slots=True)
class DatasetVersions:
    """Names of embedding versions. Each change, repeated, leaves what it made before."""

    #: The one that readers use.
    current: str
    #: The one that is made beside it; commits go to both.
    building: str | None = None
    #: Earlier ones, whose points stay until they are retired; nothing is written there.
    kept: tuple[str, ...] = ()
    #: Those whose points are being deleted.
    retiring: tuple[str, ...] = ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The versions that a commit must have vectors in, the readers' first."""
        return (self.current,) if self.building is None else (self.current, self.building)

    @property
    def all(self) -> tuple[str, ...]:
        """Every version that has or may have points of the dataset."""
        return (*self.wanted, *self.kept, *self.retiring)

    def build(self, name: str) -> DatasetVersions:
        """Begin to make a version beside the readers'.

        Raises:
            DatasetVersionsError: readers use it already, another one is being built, or its points are being deleted.
        """
        if name == self.current:
            raise DatasetVersionsError(f"The dataset uses embedding version {name} already.")
        if self.building not in {None, name}:
            raise DatasetVersionsError(
                f"Embedding version {self.building} is being built; let it become the dataset's, or drop it with "
                "`ingestctl reembed --abort`, before another is begun."
            )
        if name in self.retiring:
            raise DatasetVersionsError(
                f"The points of embedding version {name} are being deleted; finish that with `ingestctl retire-embeddings {name}`."
            )
        return replace(self, building=name, kept=_without(self.kept, name))

    def switch(self, name: str) -> DatasetVersions:
        """Give readers the version that was built; theirs until now is kept.

        Raises:
            DatasetVersionsError: it is not the one that is being built.
        """
        if name == self.current and self.building is None:
            return self
        if name != self.building:
            raise DatasetVersionsError(
                f"Embedding version {name} is not being built (any more); `ingestctl reembed --status` shows what is."
            )
        return replace(self, current=name, building=None, kept=(*_without(self.kept, self.current), self.current))

    def abandon(self, name: str) -> DatasetVersions:
        """Give up the version that is being built: its points are to be deleted.

        Raises:
            DatasetVersionsError: it is not being built.
        """
        if name in self.retiring:
            return self
        if name != self.building:
            raise DatasetVersionsError(f"Embedding version {name} is not being built, so there is nothing to give up.")
        return replace(self, building=None, retiring=(*self.retiring, name))

    def retire(self, name: str) -> DatasetVersions:
        """Give up a version that was the readers' earlier: its points are to be deleted.

        Raises:
            DatasetVersionsError: it is used or being built, or was never this dataset's.
        """
        if name in self.retiring:
            return self
        if name not in self.kept:
            raise DatasetVersionsError(
                f"Embedding version {name} is {self._described(name)}; only an earlier one that is kept can be retired "
                f"({', '.join(self.kept) or 'there is none'})."
            )
        return replace(self, kept=_without(self.kept, name), retiring=(*self.retiring, name))

    def forget(self, name: str) -> DatasetVersions:
        """Note that the points of a version that was given up are gone."""
        return replace(self, retiring=_without(self.retiring, name))

    def _described(self, name: str) -> str:
        if name == self.current:
            return "what the dataset's readers use"
        return "being built" if name == self.building else "none of the dataset's"


def _without(names: Collection[str], name: str) -> tuple[str, ...]:
    return tuple(each for each in names if each != name)
