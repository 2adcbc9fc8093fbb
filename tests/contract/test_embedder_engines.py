"""Each engine of the embedding server, as a process over HTTP: the same model within the stated tolerance, and said which it is."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from docgraph.domain.errors import ConfigurationError
from docgraph.integrity.recompute import SAME_COSINE, is_same
from docgraph.model_servers import EmbeddingClient, EmbeddingServers
from docgraph.model_servers.client import Vectors
from embedding_server import engines
from embedding_server.engines import ENGINES, MOST_DEVIATION, choose
from embedding_server.folder import ModelFolder
from embedding_server.openvino_encoder import BertGraph
from embedding_server.reference import reference_vectors
from embedding_server.torch_encoder import BertEncoder
from support.contract.embedder_process import KEY, free_port, needs_bf16, running, start

REAL = [
    pytest.param(engine, marks=[needs_bf16] if engine == "openvino-bf16" else [])
    for engine in ENGINES
    if engine != "auto"
]
SECTIONS = [
    "Version 2.11.3 of the driver reads the setting from the environment.",
    "Version 2.11.4 of the driver reads the setting from the environment.",
    "Installing > Step 1\nRun make up in the folder of the checkout.",
    "Installing > Step 2\nRun make up in the folder of the checkout.",
    "short",
    "Überschrift > Größe\nDie Warteschlange läßt sich beobachten; 日本語のテキスト。",
    "```bash\nexport AIRFLOW_HOME=/srv/airflow\nairflow db migrate\n```",
    "word " * 254,
    *(f"Section {number} is about {'a longer ' * (number % 19)}topic {number * 37 % 101}." for number in range(40)),
]


@pytest.fixture(scope="module", params=REAL)
def served(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """An engine, and the address of a server that was told by its setting to use it."""
    with running(environment={"DOCGRAPH_EMBED_ENGINE": request.param}) as url:
        yield request.param, url


@pytest.fixture(scope="module")
def expected() -> Vectors:
    """Those of torch, which test_embedder_api.py compares with sentence-transformers'."""
    torch = BertEncoder(ModelFolder(), "mean")
    return torch.encode(torch.tokenize(SECTIONS))


def deviation(vectors: Vectors, expected: Vectors) -> float:
    return float((1 - (vectors.astype(np.float64) * expected.astype(np.float64)).sum(axis=1)).max())


def embedded(url: str) -> Vectors:
    client = EmbeddingClient(f"{url}/v1", KEY)
    try:
        return client.embed(SECTIONS)
    finally:
        client.close()


def test_an_engine_gives_the_models_vectors_within_the_stated_tolerance(
    served: tuple[str, str], expected: Vectors
) -> None:
    engine, url = served
    vectors = embedded(url)
    assert deviation(vectors, expected) < MOST_DEVIATION
    if engine != "openvino-bf16":
        assert np.abs(vectors - expected).max() < 1e-6


def test_a_server_says_what_computes_and_the_version_is_not_changed_by_it(served: tuple[str, str]) -> None:
    engine, url = served
    name, _, precision = engine.partition("-")
    said = httpx.get(f"{url}/health", trust_env=False).json()["engine"]
    assert (said["name"], said["precision"]) == (name, precision or "fp32")
    assert said["tokens_per_cpu_second"] > 100
    assert 0 <= said["deviation"] <= MOST_DEVIATION
    metrics = httpx.get(f"{url}/metrics", trust_env=False).text
    assert f'docgraph_embedder_engine_info{{engine="{name}",precision="{precision or "fp32"}"}} 1.0' in metrics
    client = EmbeddingClient(f"{url}/v1", KEY)
    version = client.version()
    assert client.engine == f"{name} {precision or 'fp32'}"
    assert EmbeddingServers(client).engine(version.name) == client.engine
    # What datasets that were made before there was a choice are stored under.
    assert (version.name, version.revision) == ("6e096890c8", "1b22665f3b9d75c5")
    client.close()


def test_a_vector_of_any_engine_is_that_of_its_text_and_not_of_a_similar_one(
    served: tuple[str, str], expected: Vectors
) -> None:
    vectors = embedded(served[1])
    for one, two in ((0, 1), (2, 3)):
        # So similar that the bound of earlier releases, 0.99, took one for the other.
        assert 0.99 < float(expected[one] @ expected[two]) < SAME_COSINE
        assert not is_same(vectors[one], expected[two])
        assert not is_same(vectors[two], expected[one])
    assert all(is_same(vector, other) for vector, other in zip(vectors, expected, strict=True))


def test_the_bound_of_sameness_follows_from_what_engines_are_held_to() -> None:
    # Two vectors, each off by the most that is allowed, on opposite sides: 1 - cos(2a) is about 4 (1 - cos a).
    angle = np.arccos(1 - MOST_DEVIATION)
    one, two = np.array([np.cos(angle), np.sin(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    assert is_same(one.tolist(), two.tolist())
    assert 1 - float(one @ two) > 3.9 * MOST_DEVIATION


def test_a_server_that_is_told_nothing_takes_the_fastest_engine_that_is_close_enough() -> None:
    chosen = choose()
    assert chosen.encoder.name.engine == "openvino"
    assert chosen.deviation is not None
    assert chosen.deviation <= MOST_DEVIATION


@needs_bf16
def test_an_engine_that_is_not_close_enough_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Between fp32's and bf16's.
    monkeypatch.setattr(engines, "MOST_DEVIATION", 1e-6)
    monkeypatch.setattr(BertGraph, "has_bf16", lambda graph: True)
    with caplog.at_level(logging.WARNING):
        assert str(choose().encoder.name) == "openvino-fp32"
    assert "openvino-bf16 is not used" in caplog.text
    with pytest.raises(ConfigurationError, match="openvino-bf16 gives other vectors"):
        choose(engine="openvino-bf16")


def test_no_engine_is_taken_whose_vectors_are_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def turned(*arguments: Any) -> Vectors:
        return np.roll(reference_vectors(*arguments), 7, axis=1)

    monkeypatch.setattr(engines, "reference_vectors", turned)
    with pytest.raises(ConfigurationError, match="torch gives other vectors"):
        choose()


def test_without_openvino_torch_computes(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with caplog.at_level(logging.WARNING):
        assert str(choose().encoder.name) == "torch"
    assert "OpenVINO can't be used here" in caplog.text
    with pytest.raises(ConfigurationError, match="openvino-fp32 can't be used here"):
        choose(engine="openvino-fp32")


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_openvino_and_torch_agree_for_each_pooling(pooling: str) -> None:
    ours, theirs = (choose(pooling=pooling, engine=engine).encoder for engine in ("openvino-fp32", "torch"))
    tokens = ours.tokenize(SECTIONS)
    assert tokens == theirs.tokenize(SECTIONS)
    assert np.abs(ours.encode(tokens) - theirs.encode(tokens)).max() < 1e-6
    assert asdict(ours.description) == asdict(theirs.description)


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_weights_that_are_stored_in_another_precision_are_read_as_what_they_are(tmp_path: Path, stored: str) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = ModelFolder()
    for path in folder.path.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "model.safetensors").unlink()
    weights = load_file(folder.safetensors)
    rounded = {
        key: value.to(getattr(torch, stored)) if value.is_floating_point() else value for key, value in weights.items()
    }
    save_file(rounded, tmp_path / "model.safetensors")
    ours, theirs = (choose(str(tmp_path), engine=engine).encoder for engine in ("openvino-fp32", "torch"))
    tokens = ours.tokenize(SECTIONS)
    assert np.abs(ours.encode(tokens) - theirs.encode(tokens)).max() < 1e-6
    assert ours.description == theirs.description


def test_an_engine_that_does_not_exist_ends_the_process_with_what_can_be_chosen() -> None:
    process = start(free_port(), environment={"DOCGRAPH_EMBED_ENGINE": "onnx"})
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    said = process.stderr.read()
    process.stderr.close()
    assert b"DOCGRAPH_EMBED_ENGINE='onnx' is no engine; choose one of auto, torch, openvino-fp32, openvino-bf16" in said


def test_a_model_that_is_no_plain_bert_is_left_to_torch(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"architectures": ["MPNetModel"]}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match="is no plain BERT, so openvino-fp32 can't compute it"):
        choose(str(tmp_path), engine="openvino-fp32")
