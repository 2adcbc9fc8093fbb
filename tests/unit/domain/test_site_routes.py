"""Links mean documents by the rules of sites, and never a wrong one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docgraph.domain.site_routes import LinkKind, Page, Site, is_to_page, meant, name_of, route_of, wanted

ROOT = "upload:///"


def follow(
    documents: Sequence[str],
    source: str,
    reference: str,
    *,
    kind: LinkKind = LinkKind.ADDRESS,
    sites: Sequence[Site] = (),
) -> str | None:
    """Return the path of the document that `reference` in `source` leads to."""
    by_route: defaultdict[str, list[Page]] = defaultdict(list)
    by_name: defaultdict[str, list[Page]] = defaultdict(list)
    for path in documents:
        page = Page(path, ROOT + path)
        by_route[route_of(page.source_uri)].append(page)
        by_name[name_of(page.source_uri)].append(page)
    found = meant(wanted(ROOT + source, reference, kind=kind, sites=sites), by_route, by_name)
    return found.document_id if found else None


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("docs/routing.md", "docs/routing"),
        ("docs/routing/index.mdx", "docs/routing"),
        ("docs/routing/_index.md", "docs/routing"),
        ("docs/README.md", "docs"),
        ("docs/01-app/02-Guides/3.%20setup.html", "docs/app/guides/setup"),
        ("docs/routing/", "docs/routing"),
        ("2024-05-01-news.md", "2024-05-01-news"),
        ("releases/7.0.md", "releases/7.0"),
        ("2fa.md", "2fa"),
        ("404.md", "404"),
        ("caf%C3%A9.md", "café"),
        ("page.pdf", "page.pdf"),
        ("index.md", ""),
        (".md", ".md"),
    ],
)
def test_a_route_is_an_address_less_what_sites_leave_out(path: str, route: str) -> None:
    assert route_of(ROOT + path) == f"upload://{'/' if route else ''}{route}"


@pytest.mark.parametrize(
    ("source", "reference", "document"),
    [
        ("docs/a.md", "./routing", "docs/routing.md"),
        ("docs/a.md", "routing/", "docs/routing.md"),
        ("docs/a.md", "routing.html", "docs/routing.md"),
        ("docs/a.md", "routing.md", "docs/routing.md"),
        ("docs/a.md", "routing/index", "docs/routing.md"),
        ("docs/a.md", "/docs/routing/?tab=js", "docs/routing.md"),
        ("docs/a.md", "../docs/routing", "docs/routing.md"),
        ("docs/a.md", "../guides/setup/", "01-guides/10-set%20up.md"),
        ("docs/a.md", "/guides/set%20up", "01-guides/10-set%20up.md"),
        # From the page's address with a slash at its end.
        ("docs/a.md", "../routing/", "docs/routing.md"),
        # From an index that is served without one.
        ("docs/b/index.md", "routing", "docs/routing.md"),
        ("docs/a.md", "missing", None),
        ("docs/a.md", "routing.pdf", None),
        ("docs/a.md", "https://example.org/docs/routing", None),
        ("docs/a.md", "//example.org/docs/routing", None),
        ("docs/a.md", "http://[broken", None),
    ],
)
def test_links_as_sites_write_them(source: str, reference: str, document: str | None) -> None:
    documents = ["docs/a.md", "docs/b/index.md", "docs/routing.md", "01-guides/10-set%20up.md"]
    if reference == "../guides/setup/":
        documents[-1] = document = "01-guides/10-setup.md"
    assert follow(documents, source, reference) == document


def test_an_address_from_the_root_is_tried_below_the_folders_around_the_document_the_widest_first() -> None:
    documents = ["web/docs/01-app/a.md", "web/docs/01-app/b.md", "web/app/b.md"]
    assert follow(documents, documents[0], "/docs/app/b") == "web/docs/01-app/b.md"
    assert follow(documents, documents[0], "/app/b") == "web/app/b.md"
    assert follow([*documents, "app/b.md"], documents[0], "/app/b") == "app/b.md"
    # The root alone says nothing: any folder with an index would do.
    assert follow(["web/docs/index.md", "web/docs/x.md"], "web/docs/x.md", "/") is None


@pytest.mark.parametrize("base", ["/docs", "/docs/", "https://example.org/docs"])
def test_a_site_says_where_its_files_are(base: str) -> None:
    sites = (Site(base, "/content"), Site("/", "upload:///elsewhere"))
    documents = ["content/01-app/a.md", "content/index.md", "elsewhere/docs2/a.md"]
    written = "https://example.org/docs" if base.startswith("https") else "/docs"
    assert follow(documents, "content/x.md", f"{written}/app/a?x=1", sites=sites) == "content/01-app/a.md"
    assert follow(documents, "content/x.md", written, sites=sites) == "content/index.md"
    assert follow(documents, "content/x.md", "/docs2/a", sites=sites) == "elsewhere/docs2/a.md"


def test_the_longest_base_of_a_link_decides() -> None:
    sites = (Site("/", "/a"), Site("/docs", "/b"))
    assert follow(["a/docs/x.md", "b/x.md"], "a/y.md", "/docs/x", sites=sites) == "b/x.md"


def test_what_two_documents_may_be_meant_by_is_meant_by_neither() -> None:
    documents = ["a/x.md", "a/x.html", "x.md"]
    assert follow(documents, "a/y.md", "x") is None
    assert follow(documents, "a/y.md", "x.html") == "a/x.html"
    # A file's own folder and its page's folder both have one.
    assert follow(["g/components.md", "components.md", "g/pages.md"], "g/pages.md", "../components/") is None
    assert (
        follow(["g/components.md", "components.md", "g/pages.md"], "g/pages.md", "../components.md") == "components.md"
    )


def test_a_folder_with_index_and_readme_is_its_index_only_where_that_is_named() -> None:
    documents = ["a/index.md", "a/README.md", "b.md"]
    assert follow(documents, "b.md", "a/") is None
    assert follow(documents, "b.md", "a/README.md") == "a/README.md"
    assert follow(documents, "b.md", "a/index") == "a/index.md"


@pytest.mark.parametrize(
    ("reference", "document"),
    [
        ("tabs", "notes/tabs.md"),
        ("Far Page", "deep/far-page.md"),
        ("deep/far page", "deep/far-page.md"),
        ("twice", None),
    ],
)
def test_a_name_is_looked_for_beside_the_document_then_anywhere(reference: str, document: str | None) -> None:
    documents = ["notes/a.md", "notes/tabs.md", "deep/far-page.md", "deep/tabs.md", "one/twice.md", "two/twice.md"]
    assert follow(documents, "notes/a.md", reference, kind=LinkKind.NAME) == document
    assert follow(documents, "notes/a.md", "far-page") is None


@pytest.mark.parametrize(
    ("reference", "is_page"),
    [
        ("routing", True),
        ("routing.html", True),
        ("v1.2", True),
        ("/", False),
        ("?q=x", False),
        ("a.png", False),
        ("x.tar.gz", False),
    ],
)
def test_pages_are_told_from_other_files(reference: str, is_page: bool) -> None:
    assert is_to_page(reference) is is_page


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_reference_is_read_without_an_error(source: str, reference: str) -> None:
    link = wanted(
        f"upload:///{source}", reference, kind=LinkKind.NAME, sites=(Site("/docs", "/x"), Site("https://a.b/c", "/x"))
    )
    assert all(route == route_of(route) or route for route in link.routes)
