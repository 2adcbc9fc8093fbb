"""The figures of sentence questions are told for each kind, and the release's ranking stays what it was."""

from __future__ import annotations

from docgraph.stores.graph import lucene
from evaluation import released
from evaluation.sentences.asking import SYSTEMS, Answered
from evaluation.sentences.findings import find, page
from evaluation.sentences.projects import PROJECTS
from evaluation.sentences.questions import Asked, Kind


def _answered(kind: Kind, place: str, ours: list[str], theirs: list[str]) -> Answered:
    rankings = dict.fromkeys(SYSTEMS, theirs) | {"hybrid": ours}
    return Answered(Asked("Why is it so?", kind, "tool", frozenset({place})), rankings, 0.9)


def test_each_kind_has_its_own_figures_and_its_own_lead() -> None:
    answers = [_answered(Kind.QUESTION, "a", ["a", "b"], ["b", "a"])] * 3
    answers += [_answered(Kind.PROBLEM, "a", ["b", "a"], ["a", "b"])] * 2
    found = find(answers, [0.1, 0.2])
    assert set(found.kinds) == {"question", "problem or message"}
    assert found.kinds["question"].tables["hybrid"]["MRR@10"] == 1.0
    assert found.kinds["question"].lead["hybrid, 0.1.0"].mean == 0.5
    assert found.kinds["problem or message"].lead["meaning alone"].mean == -0.5
    assert found.auc == 1.0
    assert "## Question (3 questions)" in page(found, {})


def test_a_section_of_the_answer_counts_from_its_first_one() -> None:
    answered = Answered(
        Asked("Why is it so?", Kind.QUESTION, "tool", frozenset({"a1", "a2"})),
        {system: ["x", "a2", "a1"] for system in SYSTEMS},
        0.5,
    )
    figures = find([answered, answered]).kinds["question"].tables["hybrid"]
    assert (figures["recall@1"], figures["recall@5"], figures["MRR@10"]) == (0.0, 1.0, 0.5)


def test_the_release_asked_identifiers_for_all_words_and_fused_evenly() -> None:
    clause = released.clause("how does json.JSONEncoder encode?") or ""
    assert 'identifiers:("json.JSONEncoder" "encode")' in clause
    assert released.clause("?") is None
    assert released.ranking("why is it slow", ["a", "b"], ["b", "c"]) == ["b", "a", "c"]
    assert released.ranking("fs.readFile", ["a", "b"], ["b", "c"])[0] == "b"
    assert lucene.terms("how does json.JSONEncoder encode?") == ["json.JSONEncoder", "encode"]


def test_each_project_is_in_one_half_and_pinned_by_a_digest() -> None:
    names = [project.name for project in PROJECTS]
    assert len(names) == len(set(names)) >= 8
    assert all(len(project.sha256) == 64 and project.licence for project in PROJECTS)
    assert {project.held_out for project in PROJECTS} == {True, False}
