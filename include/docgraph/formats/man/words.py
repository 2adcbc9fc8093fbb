"""The vocabulary of mdoc(7)."""

from __future__ import annotations

CLOSING = frozenset({".", ",", ":", ";", ")", "]", "?", "!"})
OPENING = frozenset({"(", "["})
#: Macros that enclose the rest of their line.
ENCLOSING = {
    "Op": ("[", "]"),
    "Pq": ("(", ")"),
    "Bq": ("[", "]"),
    "Brq": ("{", "}"),
    "Aq": ("<", ">"),
    "Dq": ("“", "”"),
    "Sq": ("‘", "’"),
    "Qq": ('"', '"'),
    "Ql": ("‘", "’"),
}
#: The same as two macros, which may stand on lines apart.
OPENERS = {"Oo": "[", "Po": "(", "Bo": "[", "Bro": "{", "Ao": "<", "Do": "“", "So": "‘", "Qo": '"'}
CLOSERS = {"Oc": "]", "Pc": ")", "Bc": "]", "Brc": "}", "Ac": ">", "Dc": "”", "Sc": "’", "Qc": '"'}
SYSTEMS = {
    "At": "AT&T UNIX",
    "Bsx": "BSD/OS",
    "Bx": "BSD",
    "Dx": "DragonFly",
    "Fx": "FreeBSD",
    "Nx": "NetBSD",
    "Ox": "OpenBSD",
    "Ux": "UNIX",
}
#: What a macro says that has no words of its own.
TEXTS = {
    "Ar": "file ...",
    "Pa": "~",
    "Bt": "is currently in beta test.",
    "Ud": "currently under development.",
    "Li": "",
    "No": "",
}
_CONTENT = frozenset(
    [
        *(
            "Ad",
            "An",
            "Ar",
            "Cd",
            "Cm",
            "Dv",
            "Em",
            "Er",
            "Ev",
            "Fa",
            "Fc",
            "Fl",
            "Fn",
            "Fo",
            "Ft",
            "Ic",
            "In",
            "Li",
            "Lk",
            "Ms",
            "Mt",
        ),
        *("Nm", "Pa", "Sx", "Sy", "Tn", "Va", "Vt", "Xr", "Ot"),
    ]
)
#: Macros that leave the words behind them as they are.
PLAIN = frozenset({"Li", "No", "Sy", "Em", "Tn", "Ms"})
CALLABLE = frozenset(
    [
        *_CONTENT,
        *ENCLOSING,
        *OPENERS,
        *CLOSERS,
        *SYSTEMS,
        "Ap",
        "Ec",
        "Eo",
        "No",
        "Ns",
        "Pf",
        "Ta",
        "Xc",
        "Xo",
        "Bk",
        "Ek",
    ]
)
#: Requests and macros that say nothing.
IGNORED = frozenset(
    [
        *(
            "Dd",
            "Os",
            "Tg",
            "Db",
            "Bf",
            "Ef",
            "Hf",
            "nr",
            "ft",
            "ad",
            "na",
            "hy",
            "nh",
            "in",
            "ti",
            "ne",
            "ps",
            "vs",
            "ta",
            "so",
            "PD",
            "rm",
            "tr",
            "ce",
        ),
        *(
            "if",
            "Bk",
            "Ek",
            "Sm",
            "TH",
            "ll",
            "pl",
            "it",
            "mso",
            "UC",
            "cu",
            "ul",
            "rr",
            "rn",
            "als",
            "ev",
            "di",
            "da",
            "wh",
        ),
    ]
)
