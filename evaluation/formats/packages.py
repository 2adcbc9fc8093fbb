"""Fetches the public packages whose documentation is measured on; nothing is installed."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

from docgraph.domain.errors import DocgraphError

_SECONDS = 600


class PackageError(DocgraphError):
    """A package of documentation can't be had on this machine; the message says why and what to do."""


@cache
def debian(package: str, folder: Path) -> Path:
    """Return the files of a Debian package, unpacked below `folder`.

    Raises:
        PackageError: it can't be fetched or unpacked.
    """
    target = folder / "debian" / package
    if target.is_dir():
        return target
    loading = folder / "loading" / package
    loading.mkdir(parents=True, exist_ok=True)
    _run(package, ["apt-get", "download", "--quiet", package], loading)
    for archive in loading.glob("*.deb"):
        _run(package, ["dpkg-deb", "--extract", str(archive), str(target)], loading)
    return target


@cache
def npm(package: str, version: str, folder: Path) -> Path:
    """Return the files of a package of npm, unpacked below `folder`.

    Raises:
        PackageError: it can't be fetched or unpacked.
    """
    target = folder / "npm" / f"{package.replace('/', '+')}@{version}"
    if (target / "package").is_dir():
        return target / "package"
    target.mkdir(parents=True, exist_ok=True)
    _run(package, ["npm", "pack", "--silent", f"{package}@{version}"], target)
    for archive in target.glob("*.tgz"):
        _run(package, ["tar", "--extract", "--gzip", "--file", str(archive)], target)
        archive.unlink()
    return target / "package"


def _run(package: str, command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except OSError as error:
        raise PackageError(
            f"The package {package} can't be fetched: there is no {command[0]} ({error}); install it, or run on Debian 12 with npm."
        ) from error
    if done.returncode:
        lines = "\n".join(done.stderr.strip().splitlines()[-4:])
        raise PackageError(
            f"The package {package} could not be fetched ({' '.join(command[:2])}):\n{lines}\n"
            "Run `apt-get update` where it is Debian's, and try again."
        )
