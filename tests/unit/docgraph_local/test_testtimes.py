"""The times of a test run are those of its JUnit file, by layer, and a layer that shows nothing is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from docgraph_local.testrun import PARTS, join
from docgraph_local.testtimes import LAYERS, SLOWEST, Layer, read_times, table

ROOT = Path(__file__).resolve().parents[3]


def _junit(folder: Path, *cases: tuple[str, float, str]) -> Path:
    body = "".join(
        f'<testcase classname="tests.{module}" name="test_{number}" time="{seconds}">{inner}</testcase>'
        for number, (module, seconds, inner) in enumerate(cases)
    )
    path = folder / "junit.xml"
    whole = sum(seconds for _, seconds, _ in cases)
    path.write_text(f'<testsuites><testsuite time="{whole}">{body}</testsuite></testsuites>')
    return path


def test_each_layer_has_its_tests_and_their_time(tmp_path: Path) -> None:
    times = read_times(
        _junit(
            tmp_path,
            ("unit.api.test_contract", 0.5, ""),
            ("unit.test_settings.TestClass", 0.25, "<skipped/>"),
            ("e2e.test_watch_folder", 3.0, "<failure/>"),
            ("chaos.test_disasters", 2.0, ""),
        )
    )
    found = {layer.name: layer for layer in times.layers}
    assert tuple(found) == LAYERS
    assert found["unit"] == Layer("unit", tests=2, passed=1, seconds=0.75)
    assert found["e2e"] == Layer("e2e", tests=1, passed=0, seconds=3.0)
    assert found["dags"] == Layer("dags", tests=0, passed=0, seconds=0.0)
    assert times.without_a_pass == ("proofs", "contract", "dags", "integration", "e2e")


def test_the_slowest_tests_are_named_slowest_first(tmp_path: Path) -> None:
    cases = [("unit.test_many", float(number), "") for number in range(SLOWEST + 5)]
    times = read_times(_junit(tmp_path, *cases))
    assert [seconds for seconds, _ in times.slowest] == sorted((s for _, s, _ in cases), reverse=True)[:SLOWEST]
    assert times.slowest[0] == (14.0, "tests.unit.test_many::test_14")
    printed = table(times).splitlines()
    assert printed[1].split() == ["unit", "15", "15", "105.0"]
    assert printed[-SLOWEST].split() == ["14.0", "tests.unit.test_many::test_14"]


def test_a_layer_whose_tests_ran_side_by_side_took_as_long_as_its_suite(tmp_path: Path) -> None:
    parts = [tmp_path / "unit.xml", tmp_path / "engines.xml"]
    for part, (seconds, layers) in zip(parts, ((5.0, ("unit", "unit")), (9.0, ("contract", "e2e"))), strict=True):
        cases = "".join(f'<testcase classname="tests.{layer}.test_x" name="a" time="4"/>' for layer in layers)
        part.write_text(f'<testsuites><testsuite time="{seconds}">{cases}</testsuite></testsuites>')
    join(parts, tmp_path / "junit.xml")
    assert not any(part.exists() for part in parts)
    times = read_times(tmp_path / "junit.xml")
    assert {layer.name: layer.seconds for layer in times.layers if layer.tests} == {
        "unit": 5.0,
        "contract": 4.0,
        "e2e": 4.0,
    }


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_is_a_folder_of_tests(layer: str) -> None:
    assert list((ROOT / "tests" / layer).rglob("test_*.py"))


def test_every_layer_is_in_one_part_of_a_run() -> None:
    run = [word for options in PARTS.values() for word in options if word.startswith("tests/")]
    assert sorted(run) == sorted(f"tests/{layer}" for layer in LAYERS)


def test_every_folder_of_tests_is_a_layer() -> None:
    folders = {path.name for path in (ROOT / "tests").iterdir() if list(path.rglob("test_*.py"))}
    assert folders == set(LAYERS)
