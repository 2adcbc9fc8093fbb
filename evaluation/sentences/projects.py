"""The projects whose questions are asked: packages pinned by version and digest, and which of their pages ask.

Split by project: what a ranking is tuned on and what it is judged by share no project. A few kilobytes of each project's other pages
stand beside those that ask, chosen by the hash of their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from evaluation.formats.packages import npm, pypi

#: Bytes of a project's other pages that are in the set, and the largest of them that may be.
BESIDE, LARGEST = 60_000, 30_000
_SUFFIXES = (".md", ".mdx", ".rst", ".adoc")
#: No documentation for readers: what was changed when, and lists of names made from code.
_LEFT_OUT = (
    "change",
    "news",
    "history",
    "release",
    "authors",
    "thanks",
    "license",
    "/test",
    "locale",
    "todo",
    "_template",
)


@dataclass(frozen=True, slots=True)
class Project:
    """A package with the folder of its documentation, and the pages (patterns below it) whose headings are the questions.

    `below` takes of these pages only the headings below the one that says this; `titles` takes the pages' titles instead.
    """

    name: str
    registry: str
    version: str
    sha256: str
    licence: str
    held_out: bool
    folder: str
    asking: tuple[str, ...]
    below: str = ""
    titles: bool = False


PROJECTS = (
    Project(
        "ai", "npm", "6.0.326", "71df15c4429203af31b0ea596c0778664eb913647515639a54672dfb4e7ae5b3",
        "Apache-2.0", True, "docs", ("09-troubleshooting/*.mdx",), titles=True,
    ),
    Project(
        "beets", "pypi", "2.14.1", "b25dc7bf8ed093d8b6e043e88013736902c1082c958b81a598af5db5275539a5",
        "MIT", True, "docs", ("faq.rst",),
    ),
    Project(
        "black", "pypi", "26.10.1", "5f9f83beae62437e060dafd53d7f1fc327e3d3494f74d72ee5c2b73eb90fc4e7",
        "MIT", False, "docs", ("faq.md",),
    ),
    Project(
        "cibuildwheel", "pypi", "4.3.5", "43c30292b9ec8d08a8eb3873436e64d4d1434c5dcbc855fb0afbfc69732048f1",
        "BSD-2-Clause", False, "docs", ("faq.md",),
    ),
    Project(
        "coverage", "pypi", "7.17.5", "4f41d35b798714a2e79ec2097d6b03c92cd3b7de58e422fce7a1ca2c0c25b276",
        "Apache-2.0", False, "doc", ("faq.rst",),
    ),
    Project(
        "dask", "pypi", "2026.8.0", "8a94c37b5de6d869343340dc26c3c3acca7ec48a3abdabe00ea3abb1125884d5",
        "BSD-3-Clause", False, "docs/source", ("faq.rst",),
    ),
    Project(
        "docutils", "pypi", "0.23", "746f5060322511280a1e50eb76846ed6bf2342984b2ac04dc42caa1a8d78799e",
        "public domain", True, ".", ("FAQ.rst",),
    ),
    Project(
        "fabric", "pypi", "3.2.3", "dcbd2c47ad87688facaef5cc11aab6d1ec9ed05645fed97a5de7204d5d17cc44",
        "BSD-2-Clause", False, "sites", ("www/faq.rst",),
    ),
    Project(
        "gunicorn", "pypi", "27.0.1", "b1514965361c8b7e8107a80aa2a92636878df1ccfac6dd204a676426e04d9e3e",
        "MIT", True, "docs/content", ("faq.md",),
    ),
    Project(
        "jinja2", "pypi", "3.1.6", "0137fb05990d35f1275a587e9aee6d56da821fc83491a0fb838183be43f66d6d",
        "BSD-3-Clause", True, "docs", ("faq.rst",),
    ),
    Project(
        "jupyter_repo2docker", "pypi", "2026.4.0", "ad0d25dfcdde50117efae500281a84285a8c4baff8ac755872ef96139350684a",
        "BSD-3-Clause", False, "docs/source", ("faq.md",),
    ),
    Project(
        "jupyterhub", "pypi", "6.1.1", "1d7b6713b31ebd76d61a13c202f9323e66c4e8cf731adc5d3052bb6ee6178a95",
        "BSD-3-Clause", False, "docs/source", ("faq/*.md",),
    ),
    Project(
        "pygments", "pypi", "2.21.0", "610ca751c9bc2492b38eb9a38a7fbc93edbbb2d7182edaf34e66ae493dee5c8c",
        "BSD-2-Clause", False, "doc", ("faq.rst",),
    ),
    Project(
        "pymongo", "pypi", "4.8.0", "454f2295875744dc70f1881e4b2eb99cdad008a33574bc8aaf120530f66c0cde",
        "Apache-2.0", True, "doc", ("faq.rst", "common-issues.rst"),
    ),
    Project(
        "rdiff_backup", "pypi", "2.2.7", "a88a1eb895f3c6c7dcc12d897ab53e301f9f49c9ac61b05039be212891c7d5d7",
        "GPL-2.0-or-later", False, "docs", ("FAQ.adoc",),
    ),
    Project(
        "salt", "pypi", "3008.5", "0259deafd601d783721e5aa8ed10677d8c4d6cc12f5de17499af71590d593315",
        "Apache-2.0", False, "doc", ("faq.rst", "topics/troubleshooting/*.rst", "topics/cloud/troubleshooting.rst"),
    ),
    Project(
        "tornado", "pypi", "6.6.1", "28e6311402af59c8b02e3fa0f5e7d8eb465b25081381803b127d97e6a4395d5a",
        "Apache-2.0", True, "docs", ("faq.rst",),
    ),
    Project(
        "youtube_dl", "pypi", "2021.12.17", "bc59e86c5d15d887ac590454511f08ce2c47698d5a82c27bfe27b5d814bbaed2",
        "Unlicense", True, ".", ("README.md",), below="FAQ",
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A page as the package ships it; `asks` where its headings are questions. `name` starts with the project's."""

    project: Project
    name: str
    data: bytes
    asks: bool


def fetch(project: Project, folder: Path) -> Path:
    """Return the folder with a project's documentation, fetched below `folder` once.

    Raises:
        PackageError: the package can't be fetched, or is not the pinned one.
    """
    get = npm if project.registry == "npm" else pypi
    return get(project.name, project.version, folder, project.sha256) / project.folder


def pages(project: Project, root: Path) -> Iterator[Source]:
    """Yield the pages that ask, then others of the project up to the size that is taken; in the order of their names."""
    asking = {path for pattern in project.asking for path in root.glob(pattern) if path.name != "index.md"}
    chosen = {path: path.read_bytes() for path in asking}
    left = BESIDE
    for path in sorted(set(_documentation(root)) - asking, key=lambda path: _digest(path.relative_to(root))):
        data = path.read_bytes()
        if len(data) <= min(left, LARGEST):
            chosen[path] = data
            left -= len(data)
    for path in sorted(chosen):
        yield Source(project, f"{project.name}/{path.relative_to(root).as_posix()}", chosen[path], path in asking)


def _documentation(root: Path) -> Iterator[Path]:
    for path in root.rglob("*"):
        name = f"/{path.relative_to(root).as_posix()}".lower()
        if path.suffix in _SUFFIXES and path.is_file() and not any(word in name for word in _LEFT_OUT):
            yield path


def _digest(path: Path) -> bytes:
    return hashlib.sha256(path.as_posix().encode()).digest()
