"""Cuts the text of a section above the budget into parts, at places that the content itself chooses.

Where a text is cut depends on what stands within a budget's length of the place, never on counting from the top: an edit changes
the parts around it and no others. How: a range above the budget is cut at the best of its places (lowest rank, then lowest
hash of what follows), and so are both halves, until all fit. A place is thus a cut if and only if the range around it in which
no better place stands is above the budget, which its neighbourhood decides (the Cartesian tree of the places, cut off at the budget).
A place that would leave less than `min_part` on one side is taken only where there is no other.
"""

from __future__ import annotations

import re
import unicodedata
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from docgraph.formats import ruler
from docgraph.formats.outline import Anatomy, Break, Rank, Wrapper, earliest, trimmed

#: What decides a place's hash: the first characters after it, so that an edit further on does not move it.
_HASHED = 40
#: Groups of words inside an overlong sentence: bytes of UTF-8, because Chinese has a piece for each three of them.
_GROUP_MIN, _GROUP_MAX = 48, 120
_LONG_WORD = 64
_WORD = re.compile(r"\S+\s*")
#: A longer unit is cut into words without being measured first.
_UNMEASURED = 8192
#: Places whose lowest key is kept.
_STRIDE = 256
_JOINERS = frozenset("\u200d\ufe0e\ufe0f\u200c")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a section: its text, and the range of the section's text that it covers."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Unit:
    """The smallest thing that is not cut; `wrapper` is the index of the range it stands in, or -1."""

    start: int
    end: int
    rank: Rank
    size: int
    wrapper: int


class _Nest:
    """Wrappers in their order, each with the one that it stands in; -1 is none."""

    def __init__(self, wrappers: Sequence[Wrapper]) -> None:
        self.wrappers = wrappers
        self._starts = [w.start for w in wrappers]
        self._around: list[int] = []
        for index, wrapper in enumerate(wrappers):
            outer = index - 1
            while outer >= 0 and wrappers[outer].end < wrapper.end:
                outer = self._around[outer]
            self._around.append(outer)

    def innermost(self, offset: int) -> int:
        """Return the innermost wrapper around an offset."""
        index = bisect_right(self._starts, offset) - 1
        while index >= 0 and offset >= self.wrappers[index].end:
            index = self._around[index]
        return index

    def common(self, one: int, other: int) -> int:
        """Return the innermost wrapper around both."""
        while one != other:
            if one > other:
                one = self._around[one]
            else:
                other = self._around[other]
        return one

    def opened_before(self, index: int, start: int) -> Wrapper | None:
        """Return the wrapper, or the nearest one around it, that begins before `start`: what a part from there on repeats."""
        while index >= 0 and start <= self.wrappers[index].start:
            index = self._around[index]
        return self.wrappers[index] if index >= 0 else None

    def closed_after(self, index: int, end: int) -> Wrapper | None:
        """Return the wrapper, or the nearest one around it, that ends after `end`."""
        while index >= 0 and end >= self.wrappers[index].end:
            index = self._around[index]
        return self.wrappers[index] if index >= 0 else None


def split(text: str, anatomy: Anatomy, *, budget: int, hard_budget: int, min_part: int) -> list[Part]:
    """Cut `text` into parts of at most `budget` word pieces; no character of a word is lost, wrappers are repeated.

    `hard_budget` is what no part may exceed, whatever the text: where pieces don't add up, a part is cut again.
    """
    wrappers = [w for w in anatomy.wrappers if ruler.fits(f"{w.opening}\n{w.closing}", budget // 4)]
    nest = _Nest(wrappers)
    units = _units(text, anatomy.breaks, nest, budget)
    costs = [ruler.count(w.opening) + ruler.count(w.closing) for w in wrappers]
    bounds = [0, *_cuts(text, units, nest, costs, budget, min_part), len(units)]
    parts: list[Part] = []
    for first, last in pairwise(bounds):
        parts.extend(_assemble(text, units[first:last], nest, hard_budget))
    return parts


def _units(text: str, breaks: Iterable[Break], nest: _Nest, budget: int) -> list[_Unit]:
    units: list[_Unit] = []
    places = earliest([Break(0, Rank.BLOCK), *breaks])
    ends = [*(place.offset for place in places[1:]), len(text)]
    for place, end in zip(places, ends, strict=True):
        for start, stop, rank, size in _measured(text, place.offset, end, place.rank, budget // 2):
            units.append(_Unit(start, stop, rank, size, nest.innermost(start)))
    return units


def _measured(text: str, start: int, end: int, rank: Rank, largest: int) -> Iterator[tuple[int, int, Rank, int]]:
    """Yield a range with its size, cut into groups of words where it is larger than `largest`."""
    left, right = trimmed(text, start, end)
    if left == right:
        return
    if right - left <= _UNMEASURED:
        size = ruler.count(text[left:right])
        if size <= largest:
            yield start, end, rank, size
            return
    for first, last in pairwise([start, *_word_groups(text, left, right), end]):
        yield first, last, rank if first == start else Rank.WORDS, ruler.count(text[first:last])


def _word_groups(text: str, start: int, end: int) -> Iterator[int]:
    """Yield the offsets between groups of words, chosen by the words where possible; overlong words are cut by characters."""
    weight = 0
    for match in _WORD.finditer(text, start, end):
        word = match.group()
        if len(word) > _LONG_WORD:
            if weight:
                yield match.start()
            yield from _character_groups(text, match.start(), match.end())
            weight = 0
            if match.end() < end:
                yield match.end()
            continue
        encoded = word.rstrip().encode()
        weight += len(encoded) + 1
        if (weight >= _GROUP_MAX or (weight >= _GROUP_MIN and zlib.crc32(encoded) & 3 == 0)) and match.end() < end:
            yield match.end()
            weight = 0


def _character_groups(text: str, start: int, end: int) -> Iterator[int]:
    """Yield offsets that cut a word into slices of at most `_GROUP_MAX` bytes, not inside a composed character."""
    position = start
    while True:
        width = _GROUP_MAX if text[position : position + _GROUP_MAX].isascii() else _GROUP_MAX // 4
        cut = position + width
        if cut >= end:
            return
        cut = next((cut - back for back in range(8) if not _is_joined(text, cut - back)), cut)
        yield cut
        position = cut


def _is_joined(text: str, offset: int) -> bool:
    character = text[offset]
    return (
        character in _JOINERS
        or text[offset - 1] == "\u200d"
        or unicodedata.combining(character) != 0
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )


def _cuts(
    text: str, units: Sequence[_Unit], nest: _Nest, costs: Sequence[int], budget: int, min_part: int
) -> list[int]:
    """Return the indexes of the units in front of which the text is cut."""
    sums = [0, *accumulate(unit.size for unit in units)]
    places = _Places([(unit.rank << 32) | _hash(text, unit) for unit in units], sums)

    def repeats(index: int) -> int:
        """Return what it costs to repeat a wrapper when the text is cut in front of this unit."""
        if not 0 < index < len(units):
            return 0
        cut = nest.common(units[index].wrapper, units[index - 1].wrapper)
        return costs[cut] if cut >= 0 else 0

    def size(first: int, last: int) -> int:
        opened, closed = repeats(first), repeats(last)
        once = opened and closed and units[first].wrapper == units[last - 1].wrapper
        return sums[last] - sums[first] + (opened if once else opened + closed)

    found: list[int] = []
    ranges = [(0, len(units))]
    while ranges:
        first, last = ranges.pop()
        if last - first < 2 or size(first, last) <= budget:
            continue
        low = max(bisect_left(sums, sums[first] + min_part, first + 1, last), first + 1)
        high = bisect_right(sums, sums[last] - min_part, low, last)
        if low >= high:
            low, high = first + 1, last
        place = places.best(low, high, (sums[first] + sums[last]) / 2)
        found.append(place)
        ranges += [(first, place), (place, last)]
    return sorted(found)


class _Places:
    """The places at which a text may be cut, asked for the best one of many ranges: each answer costs about a root of their number."""

    def __init__(self, keys: Sequence[int], sums: Sequence[int]) -> None:
        """`keys` say how good each place is (the lower, the better), `sums` what stands in front of it."""
        self._keys = keys
        self._sums = sums
        self._lowest = [min(keys[start : start + _STRIDE]) for start in range(0, len(keys), _STRIDE)]
        self._places: dict[int, list[int]] = {}
        for place, key in enumerate(keys):
            self._places.setdefault(key, []).append(place)

    def best(self, low: int, high: int, middle: float) -> int:
        """Return the place with the lowest key; of equal ones, between which content can't choose, the one nearest to the middle."""
        equal = self._places[self._least(low, high)]
        first, last = bisect_left(equal, low), bisect_left(equal, high)
        after = bisect_left(equal, middle, first, last, key=self._sums.__getitem__)
        near = [equal[index] for index in (after - 1, after) if first <= index < last]
        nearest = min(near, key=lambda place: abs(self._sums[place] - middle))
        # Of places between which nothing stands, the first.
        return equal[bisect_left(equal, self._sums[nearest], first, last, key=self._sums.__getitem__)]

    def _least(self, low: int, high: int) -> int:
        left, right = -(-low // _STRIDE), high // _STRIDE
        if left >= right:
            return min(self._keys[low:high])
        ends = [*self._keys[low : left * _STRIDE], *self._keys[right * _STRIDE : high]]
        return min([*self._lowest[left:right], *ends])


def _hash(text: str, unit: _Unit) -> int:
    return zlib.crc32(text[unit.start : min(unit.end, unit.start + _HASHED)].strip().encode())


def _assemble(text: str, units: Sequence[_Unit], nest: _Nest, hard_budget: int) -> list[Part]:
    """Make the part of some units; a part that turns out larger than `hard_budget` is halved until it isn't."""
    start, end = units[0].start, units[-1].end
    head, tail = nest.opened_before(units[0].wrapper, start), nest.closed_after(units[-1].wrapper, end)
    opening = f"{head.opening}{head.joint}" if head else ""
    closing = f"\n{tail.closing}" if tail and tail.closing else ""
    body = text[start:end]
    body = body.strip("\n").rstrip() if opening else body.strip()
    whole = f"{opening}{body}{closing}"
    if ruler.fits(whole, hard_budget):
        return [Part(whole, start, end)] if body else []
    if len(units) > 1:
        half = len(units) // 2
        halves: tuple[Sequence[_Unit], Sequence[_Unit]] = (units[:half], units[half:])
    else:
        unit, middle = units[0], (start + end) // 2
        halves = (
            [_Unit(start, middle, unit.rank, unit.size, unit.wrapper)],
            [_Unit(middle, end, unit.rank, unit.size, unit.wrapper)],
        )
    return [part for half_units in halves for part in _assemble(text, half_units, nest, hard_budget)]
