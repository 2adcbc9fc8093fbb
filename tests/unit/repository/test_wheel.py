"""The wheel that images and users install holds the product, all of it and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from docgraph_local.paths import repository

ROOT = repository()
#: Packages of the wheel → their folders.
PACKAGES = {
    "docgraph": ROOT / "include" / "docgraph",
    "ingestctl": ROOT / "cli" / "ingestctl",
    "ingestion_service": ROOT / "ingestion_service",
    "embedding_server": ROOT / "embedding_server",
    "docgraph_local": ROOT / "deploy" / "local" / "docgraph_local",
    "qdrant_local": ROOT / "deploy" / "local" / "qdrant_local",
}
#: What only `make eval` and the tests need.
MEASURING = {"lxml", "matplotlib", "scikit-learn", "scipy"}
DOCKERFILES = sorted((ROOT / "deploy" / "docker").glob("Dockerfile.*"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built by the back end of `pyproject.toml`, which asks no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("docgraph-*.whl")
    return found


@pytest.fixture(scope="module")
def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def metadata(wheel: Path, names: set[str]) -> Message:
    (name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
    with zipfile.ZipFile(wheel) as archive:
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_holds_these_packages_and_nothing_else(names: set[str]) -> None:
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES.keys()
    assert len(tops) == len(PACKAGES) + 1


@pytest.mark.parametrize("package", PACKAGES)
def test_every_file_of_a_package_is_in_the_wheel(names: set[str], package: str) -> None:
    """Scripts of Redis, templates, schemas and word lists are read from the installed package, wherever that is."""
    folder = PACKAGES[package]
    files = {path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    wanted = {f"{package}/{path.relative_to(folder).as_posix()}" for path in files}
    assert f"{package}/__init__.py" in wanted
    assert f"{package}/py.typed" in wanted
    assert wanted - names == set()


def test_data_that_the_code_reads_is_among_them(names: set[str]) -> None:
    endings = {Path(name).suffix for name in names if name.startswith("docgraph/")}
    assert {".lua", ".j2", ".json", ".gz", ".typed"} <= endings


def test_the_licence_comes_along(names: set[str], metadata: Message) -> None:
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata.get_all("License-File") == ["LICENSE"]
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]


def test_what_only_measures_is_installed_for_measuring_only(metadata: Message) -> None:
    extras: dict[str, set[str]] = {}
    for line in metadata.get_all("Requires-Dist") or []:
        requirement = Requirement(line)
        found = re.search(r"extra == ['\"]([a-z]+)['\"]", str(requirement.marker or ""))
        extras.setdefault(requirement.name, set()).add(found.group(1) if found else "")
    assert {name: extras[name] for name in MEASURING} == {name: {"dev", "eval"} for name in MEASURING}


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.name)
def test_an_image_gets_the_licence_and_the_packages_and_neither_evaluation_nor_tests(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in text.splitlines() if re.match(r"COPY (?!--from)", line)]
    sources = {ROOT / source for each in copied for source in each if not source.startswith("--")}
    assert all(source.exists() for source in sources)
    assert ROOT / "LICENSE" in sources
    assert all(any(folder.is_relative_to(source) for source in sources) for folder in PACKAGES.values())
    for kept_out in ("evaluation", "tests"):
        assert not any((ROOT / kept_out).is_relative_to(source) for source in sources), kept_out
    installed = {extra for extras in re.findall(r"docgraph\[([a-z,]+)\]", text) for extra in extras.split(",")}
    assert installed
    assert not installed & {"dev", "eval"}
