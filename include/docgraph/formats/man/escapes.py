"""Turns the escapes of roff (groff_char(7), mandoc_char(7)) into text. Fonts, sizes, motions and registers leave nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_MAX_EXPANSIONS = 200
_MAX_STRING = 4_000
_MAX_DEPTH = 5

_CHARACTERS = {
    "-": "-", "aq": "'", "dq": '"', "oq": "‘", "cq": "’", "lq": "“", "rq": "”", "bq": "‚", "Bq": "„", "Fo": "«", "Fc": "»",
    "fo": "‹", "fc": "›", "em": "—", "en": "–", "hy": "-", "mi": "−", "pl": "+", "mu": "×", "di": "÷", "+-": "±", "<=": "≤",
    ">=": "≥", "!=": "≠", "==": "≡", "~~": "≈", "~=": "≅", "ap": "∼", "->": "→", "<-": "←", "<>": "↔", "ua": "↑", "da": "↓",
    "rA": "⇒", "lA": "⇐", "hA": "⇔", "bu": "•", "ci": "○", "sq": "□", "lz": "◊", "co": "©", "rg": "®", "tm": "™", "de": "°",
    "sc": "§", "ps": "¶", "dg": "†", "dd": "‡", "fm": "′", "sd": "″", "ha": "^", "ti": "~", "ga": "`", "rs": "\\", "at": "@",
    "sh": "#", "Do": "$", "sl": "/", "f/": "⁄", "bv": "|", "ba": "|", "br": "│", "ul": "_", "rn": "‾", "bb": "¦", "lB": "[",
    "rB": "]", "lC": "{", "rC": "}", "la": "⟨", "ra": "⟩", "12": "½", "14": "¼", "34": "¾", "S1": "¹", "S2": "²", "S3": "³",
    "r!": "¡", "r?": "¿", "ct": "¢", "Eu": "€", "eu": "€", "Po": "£", "Ye": "¥", "Cs": "¤", "Fn": "ƒ", "no": "¬", "if": "∞",
    "in": "∞", "sr": "√", "sum": "∑", "is": "∫", "pd": "∂", "gr": "∇", "mo": "∈", "nm": "∉", "fa": "∀", "te": "∃", "AN": "∧",
    "OR": "∨", "ca": "∩", "cu": "∪", "sb": "⊂", "sp": "⊃", "ib": "⊆", "ip": "⊇", "es": "∅", "tf": "∴", "ss": "ß", "AE": "Æ",
    "ae": "æ", "OE": "Œ", "oe": "œ", "-D": "Ð", "Sd": "ð", "TP": "Þ", "Tp": "þ", "/O": "Ø", "/o": "ø", "/L": "Ł", "/l": "ł",
    "oA": "Å", "oa": "å", ".i": "ı", "OK": "✓", "CR": "↵", "lh": "☜", "rh": "☞", "ff": "ff", "fi": "fi", "fl": "fl", "Fi": "ffi",
    "Fl": "ffl", "pc": "·", "md": "⋅", "Ah": "ℵ", "Im": "ℑ", "Re": "ℜ", "wp": "℘", "hbar": "ℏ", "CL": "♣", "SP": "♠", "HE": "♥",
    "DI": "♦", "ts": "ς", "nb": "⊄", "nc": "⊅", "u2026": "…",
}  # fmt: skip
_GREEK = dict(zip("ABGDEZYHIKLMNCOPRSTUFXQW", "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩ", strict=True)) | dict(
    zip("abgdezyhiklmncoprstufxqw", "αβγδεζηθικλμνξοπρστυφχψω", strict=True)
)
_ACCENTS = {
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    "~": "\u0303",
    ":": "\u0308",
    ",": "\u0327",
    "v": "\u030c",
    "o": "\u030a",
}
PREDEFINED = {"Aq": "'", "lq": "“", "rq": "”", "Tm": "™", "R": "®", "q": '"', "L": "<", "G": ">", "Le": "≤", "Ge": "≥", "Ne": "≠",
              "Pm": "±", "Ba": "|", "Am": "&", "Lt": "<", "Gt": ">", "Lq": "“", "Rq": "”", "C+": "C++", "PI": "π"}  # fmt: skip
_ESCAPE = re.compile(
    r"""\\(?:
    (?P<char>\((?P<two>..)|\[(?P<long>[^\]\n]{0,80})\]|C'(?P<quoted>[^'\n]{0,80})')
    |\*(?:\((?P<s2>..)|\[(?P<sl>[^\]\n]{0,80})\]|(?P<s1>.))
    |[fFgkmMnVY](?:\(..|\[[^\]\n]{0,80}\]|[-+]?.)
    |s(?:[-+]?\(..|[-+]?\[[^\]\n]{0,20}\]|[-+]?'[^'\n]{0,20}'|\((?:[-+]?\d\d)|[-+]?[1-3]\d|[-+]?\d)
    |h'(?P<move>[^'\n]{0,80})'
    |[BDHLlNRSvwxXZAbo](?P<quote>['"|])[^\n]{0,400}?(?P=quote)
    |z(?:\\\(..|.)
    |(?P<comment>["\#].*)
    |(?P<other>.)
    )""",
    re.VERBOSE,
)
_OTHER = {
    "e": "\\",
    "\\": "\\",
    "-": "-",
    " ": " ",
    "0": " ",
    "~": " ",
    "t": "\t",
    "'": "´",
    "`": "`",
    ".": ".",
    "|": "",
    "^": "",
    "_": "_",
}


def text_of(line: str, strings: Mapping[str, str]) -> str:
    """Return the text of a line; `strings` are what the page defined with `.ds`."""
    if "\\" not in line:
        return line
    budget = [_MAX_EXPANSIONS]
    return _expanded(line, strings, 0, budget)


def _expanded(line: str, strings: Mapping[str, str], depth: int, budget: list[int]) -> str:
    def replace(match: re.Match[str]) -> str:
        if match["char"] is not None:
            return _character(match["two"] or match["long"] or match["quoted"] or "")
        name = match["s2"] or match["sl"] or match["s1"]
        if name is not None:
            budget[0] -= 1
            if name not in strings or depth > _MAX_DEPTH or budget[0] < 0:
                return PREDEFINED.get(name, "")
            return _expanded(strings[name][:_MAX_STRING], strings, depth + 1, budget)
        if match["move"] is not None:
            return " " if match["move"].lstrip("|")[:1] not in ("-", "") else ""
        return _OTHER.get(match["other"] or "", "")

    return _ESCAPE.sub(replace, line)


def _character(name: str) -> str:
    if name in _CHARACTERS:
        return _CHARACTERS[name]
    if name.startswith("*") and name[1:] in _GREEK:
        return _GREEK[name[1:]]
    if re.fullmatch(r"u[0-9A-F]{4,6}(?:_[0-9A-F]{4,6})*", name):
        return "".join(_point(part) for part in name[1:].split("_"))
    if re.fullmatch(r"char\d{1,3}", name):
        return chr(int(name[4:]))
    if len(name) == 2 and name[0] in _ACCENTS and name[1].isalpha():
        return unicodedata.normalize("NFC", name[1] + _ACCENTS[name[0]])
    return ""


def _point(digits: str) -> str:
    point = int(digits, 16)
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else "\ufffd"
