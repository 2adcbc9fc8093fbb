"""The documentation that is measured on: parts of the Python manual, and two subjects that it says nothing about.

Debian's packages are fetched with apt-get (no root needed) and unpacked into a folder of the stack; nothing is installed.
Which pages belong to the set is fixed here by a rule, so that everybody measures on the same one.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from docgraph.domain.errors import DocgraphError
from evaluation.markdown import Page, read_page

#: Debian's name of each package, and the folder in it that is read.
MANUAL = ("python3.11-doc", "usr/share/doc/python3.11/html")
MUSIC = ("lilypond-doc-html", "usr/share/doc/lilypond/html/Documentation")
DEBIAN = ("debian-faq", "usr/share/doc/debian/FAQ")
PACKAGES = (MANUAL, MUSIC, DEBIAN)
#: Parts of the manual that are in the set as a whole.
WHOLE_PARTS = ("faq", "reference", "tutorial")
#: Of the library's pages, the share that is in the set (in percent); the rest is what the set can't answer.
LIBRARY_SHARE = 18
#: Parts whose own terms are near misses: the same manual, pages that are not in the set.
LEFT_OUT_PARTS = ("c-api", "distutils", "extending", "library")
_DOWNLOAD_SECONDS = 600


class PackageError(DocgraphError):
    """The documentation can't be had on this machine; the message says why and what to do."""

    code = "eval_package"


@dataclass(frozen=True, slots=True)
class Sources:
    """The unpacked packages, and their versions by name."""

    manual: Path
    music: Path
    debian: Path
    versions: dict[str, str]


@dataclass(frozen=True, slots=True)
class Document:
    """A page of the set: `name` is its path in the manual without the extension."""

    name: str
    page: Page

    @property
    def source_uri(self) -> str:
        """The address it is ingested under."""
        return f"upload:///{self.name}.md"


def fetch(folder: Path, say: Callable[[str], None]) -> Sources:
    """Return the unpacked packages, fetched where they are not there yet.

    Raises:
        PackageError: this is no Debian 12, or the packages can't be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for package, inside in PACKAGES:
        if not (folder / package / ".complete").is_file():
            say(f"Fetching {package} from Debian's archive (once) …")
            _fetch(package, inside, folder)
    versions = {package: (folder / package / ".complete").read_text(encoding="utf-8") for package, _ in PACKAGES}
    manual, music, debian = (folder / package / inside for package, inside in PACKAGES)
    return Sources(manual, music, debian, versions)


def _fetch(package: str, inside: str, folder: Path) -> None:
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise PackageError(
                f"`make eval` measures on Debian's package {package}, and there is no {program} here; run it on Debian 12 "
                f"(bookworm), or unpack the package elsewhere and put its files under {folder / package}, with its version "
                "in a file .complete."
            )
    loading = folder / f"{package}.loading"
    shutil.rmtree(loading, ignore_errors=True)
    loading.mkdir()
    _run(package, ["apt-get", "download", "--quiet", package], loading)
    archives = list(loading.glob("*.deb"))
    if len(archives) != 1:
        raise PackageError(
            f"apt-get fetched {len(archives)} files for {package} instead of one; try `make eval` again."
        )
    version = _run(package, ["dpkg-deb", "--field", str(archives[0]), "Version"], loading).strip()
    target = folder / package
    shutil.rmtree(target, ignore_errors=True)
    _run(package, ["dpkg-deb", "--extract", str(archives[0]), str(target)], loading)
    if not (target / inside).is_dir():
        raise PackageError(f"{package} {version} has no folder {inside}; `make eval` knows the packages of Debian 12.")
    (target / ".complete").write_text(version, encoding="utf-8")
    shutil.rmtree(loading)


def _run(package: str, command: list[str], folder: Path) -> str:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_DOWNLOAD_SECONDS, check=False)
    if result.returncode:
        lines = "\n".join(result.stderr.strip().splitlines()[-4:])
        raise PackageError(
            f"{package} could not be fetched ({' '.join(command[:2])}):\n{lines}\n"
            "Run `apt-get update` and try again; `make eval` needs Debian 12 (bookworm) and its archive."
        )
    return result.stdout


def is_in_set(name: str) -> bool:
    """Whether a page of the manual (its path without extension) belongs to the set: parts in whole, of the library by hash."""
    part, _, page = name.partition("/")
    if part in WHOLE_PARTS:
        return page != "index"
    digest = hashlib.sha256(name.encode()).digest()
    return part == "library" and page != "index" and int.from_bytes(digest[:4], "big") % 100 < LIBRARY_SHARE


def documents(sources: Sources) -> Iterator[Document]:
    """Yield the pages of the set as Markdown, in the order of their names."""
    root = sources.manual
    names = sorted(str(path.relative_to(root).with_suffix("")) for path in root.glob("*/*.html"))
    for name in names:
        if is_in_set(name):
            yield Document(name, read_page((root / f"{name}.html").read_bytes()))
