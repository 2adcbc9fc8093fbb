"""Fetches the public packages whose documentation is measured on; nothing is installed."""

from __future__ import annotations

import hashlib
import subprocess
import sys
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
    target.parent.mkdir(parents=True, exist_ok=True)
    _run(package, ["apt-get", "download", "--quiet", package], loading)
    for archive in loading.glob("*.deb"):
        _run(package, ["dpkg-deb", "--extract", str(archive), str(target)], loading)
    return target


@cache
def npm(package: str, version: str, folder: Path, sha256: str | None = None) -> Path:
    """Return the files of a package of npm, unpacked below `folder`; `sha256` is the digest that the archive must have.

    Raises:
        PackageError: it can't be fetched or unpacked, or is another than the pinned one.
    """
    target = folder / "npm" / f"{package.replace('/', '+')}@{version}"
    if (target / "package").is_dir():
        return target / "package"
    target.mkdir(parents=True, exist_ok=True)
    _run(package, ["npm", "pack", "--silent", f"{package}@{version}"], target)
    for archive in target.glob("*.tgz"):
        _check(archive, sha256)
        _run(package, ["tar", "--extract", "--gzip", "--file", str(archive)], target)
        archive.unlink()
    return target / "package"


@cache
def pypi(package: str, version: str, folder: Path, sha256: str | None = None) -> Path:
    """Return the sources of a package of PyPI, unpacked below `folder`; `sha256` is the digest that the archive must have.

    Raises:
        PackageError: it can't be fetched or unpacked, or is another than the pinned one.
    """
    target = folder / "pypi" / f"{package}-{version}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [str(_environment("pip", folder) / "pip"), "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    _run(package, [*command, f"{package}=={version}"], target.parent)
    for archive in target.parent.glob(f"{package}-*.tar.gz"):
        _check(archive, sha256)
        _run(package, ["tar", "--extract", "--gzip", "--file", str(archive)], target.parent)
        archive.unlink()
    return target


def _check(archive: Path, sha256: str | None) -> None:
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if sha256 is not None and digest != sha256:
        raise PackageError(
            f"{archive} has SHA-256 {digest} instead of the pinned {sha256}, so figures would be of another text than those "
            "published; remove it and try again, or pin the new text with its digest."
        )


def tool(requirement: str, program: str, arguments: list[str], folder: Path) -> None:
    """Run a program of a package of PyPI, which is installed into an environment of its own below `folder`.

    Raises:
        PackageError: it can't be installed, or fails.
    """
    _run(requirement, [str(_environment(requirement, folder) / program), *arguments], folder)


@cache
def _environment(requirement: str, folder: Path) -> Path:
    """Return the folder of programs of an environment in which a package is installed."""
    target = folder / "environments" / requirement
    if not (target / "ready").is_file():
        _run(requirement, [sys.executable, "-m", "venv", "--clear", str(target)], folder)
        _run(requirement, [str(target / "bin" / "pip"), "install", "--quiet", requirement], folder)
        (target / "ready").touch()
    return target / "bin"


def node(requirement: str, program: Path, folder: Path, packages: Path) -> None:
    """Run a program in `folder` on Node, with a package of npm and what that needs installed below `packages`.

    Raises:
        PackageError: it can't be installed, or the program fails.
    """
    target = packages / "node" / requirement.replace("/", "+")
    if not (target / "ready").is_file():
        target.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(target)]
        _run(requirement, [*command, requirement], target)
        (target / "ready").touch()
    link = folder / "node_modules"
    link.unlink(missing_ok=True)
    link.symlink_to(target / "node_modules")
    _run(requirement, ["node", "--preserve-symlinks-main", str(program)], folder)


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
