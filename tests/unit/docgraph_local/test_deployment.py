"""What one local stack is: secrets that stay, addresses from the environment, servers that somebody else runs."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from docgraph.domain.errors import ConfigurationError
from docgraph.settings import Settings
from docgraph_local.deployment import Secrets, read_deployment, store_deployment


def test_secrets_are_drawn_once_and_stay(tmp_path: Path) -> None:
    first = read_deployment(tmp_path, environ={})
    store_deployment(first)
    assert read_deployment(tmp_path, environ={}).secrets == first.secrets
    assert read_deployment(tmp_path / "other", environ={}).secrets != first.secrets


def test_a_secret_that_exists_is_never_replaced(tmp_path: Path) -> None:
    store_deployment(read_deployment(tmp_path, environ={}))
    before = (tmp_path / "secrets.json").read_text()
    deployment = read_deployment(tmp_path, environ={})
    store_deployment(deployment)
    assert (tmp_path / "secrets.json").read_text() == before


def test_damaged_secrets_are_an_error_and_not_new_secrets(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text("{")
    with pytest.raises(ConfigurationError, match="make clean"):
        read_deployment(tmp_path, environ={})


@pytest.mark.parametrize("name", [".env", "secrets.json", "airflow/passwords.json"])
def test_files_with_passwords_are_for_their_owner_only(tmp_path: Path, name: str) -> None:
    store_deployment(read_deployment(tmp_path, environ={}))
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_the_settings_read_from_the_env_file_are_those_of_the_stack(tmp_path: Path) -> None:
    deployment = read_deployment(tmp_path, 21100, environ={})
    store_deployment(deployment)
    read = Settings.load({}, tmp_path)
    assert read == deployment.settings
    assert read.port_base == 21100
    assert read.redis_url == f"redis://:{deployment.secrets.redis_password}@127.0.0.1:21101/0"


def test_lines_that_a_person_added_to_the_env_file_are_kept_and_reach_the_programs(tmp_path: Path) -> None:
    store_deployment(read_deployment(tmp_path, environ={}))
    env_file = tmp_path / ".env"
    env_file.write_text(env_file.read_text() + "DOCGRAPH_CONFIG=/etc/own.yaml\n")
    again = read_deployment(tmp_path, environ={})
    store_deployment(again)
    assert "DOCGRAPH_CONFIG=/etc/own.yaml" in env_file.read_text().splitlines()
    assert again.passed_on == {"DOCGRAPH_CONFIG": "/etc/own.yaml"}


@pytest.mark.parametrize(
    ("store", "variable", "url"),
    [
        ("neo4j", "DOCGRAPH_NEO4J_URI", "neo4j+s://graph.example:7687"),
        ("redis", "DOCGRAPH_REDIS_URL", "redis://127.0.0.1:6379/0"),
        ("qdrant", "DOCGRAPH_QDRANT_URL", "http://vectors.example:6333"),
        ("embedder", "DOCGRAPH_EMBEDDINGS_URL", "http://models.example/v1"),
    ],
)
def test_a_store_named_in_the_environment_is_external(tmp_path: Path, store: str, variable: str, url: str) -> None:
    deployment = read_deployment(tmp_path, environ={variable: url})
    assert deployment.external == {store}
    assert deployment.variables[variable] == url


def test_the_exports_of_the_stack_itself_do_not_make_it_external(tmp_path: Path) -> None:
    first = read_deployment(tmp_path, 21100, environ={})
    store_deployment(first)
    again = read_deployment(tmp_path, environ=first.variables)
    assert again.external == frozenset()
    assert again.settings == first.settings


def test_a_remembered_external_store_keeps_its_address_and_password_without_the_variable(tmp_path: Path) -> None:
    environ = {
        "DOCGRAPH_NEO4J_URI": "bolt://graph.example:7687",
        "DOCGRAPH_NEO4J_USER": "reader",
        "DOCGRAPH_NEO4J_PASSWORD": "theirs",
    }
    store_deployment(read_deployment(tmp_path, environ=environ))
    later = read_deployment(tmp_path, environ={}, remembered=frozenset({"neo4j"}))
    assert later.external == {"neo4j"}
    assert (later.settings.neo4j_user, later.settings.neo4j_password) == ("reader", "theirs")


def test_without_the_variable_the_next_up_takes_its_own_store_again(tmp_path: Path) -> None:
    store_deployment(read_deployment(tmp_path, environ={"DOCGRAPH_NEO4J_URI": "bolt://graph.example:7687"}))
    later = read_deployment(tmp_path, environ={})
    assert later.external == frozenset()
    assert later.settings.neo4j_uri == "bolt://127.0.0.1:9102"
    assert later.settings.neo4j_password == later.secrets.neo4j_password


def test_a_second_home_with_other_ports_shares_nothing(tmp_path: Path) -> None:
    one = read_deployment(tmp_path / "one", 21100, environ={})
    two = read_deployment(tmp_path / "two", 21200, environ={})
    shared = {name for name, value in one.variables.items() if two.variables[name] == value}
    assert shared == {"DOCGRAPH_NEO4J_USER", "AIRFLOW_USER"}
    assert one.settings.watch_root != two.settings.watch_root
    assert one.settings.reports_root != two.settings.reports_root


def test_no_two_generated_secrets_are_equal() -> None:
    drawn = Secrets.generate()
    values = [getattr(drawn, name) for name in Secrets.__slots__]
    assert len(set(values)) == len(values)
    assert min(map(len, values)) >= 16
