"""Rule on terms that headings define, and which term belongs to which by the nesting of headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from docgraph.extraction.error_codes import is_code
from docgraph.extraction.findings import PART_OF, TERM, DocumentView, Finding, Named
from docgraph.extraction.wordlists import phrases, words

_MAX_WORDS = 3
_MAX_LENGTH = 40
_TERM = re.compile(r"[^\W\d_][\w+#./'-]*(?: [^\W\d_][\w+#./'-]*)*")
_VERSION = re.compile(r"v?\d+(?:\.\d+)+\w*")
#: Headings that are about the document or an action, not about a thing.
_GENERIC = words("""
    about acknowledgements acknowledgments added advanced again all also alternatives and announcements api
    appendix arguments author authors background backers basic basics before begin benefits best breaking bug bugfixes bugs cases
    caveats changed changelog changes citation code command common community comparison conclusion configuration
    considerations contents contributing contributors credits customization debugging defaults demo dependencies
    deprecated deprecations depth description design details development discussion docs documentation donate donations
    enhancements environment errors example examples explanation faq features fixed fixes further future general getting
    glossary goals guide guides help highlights history how how-to ideas implementation important improvements
    in index info information installation instructions integrations internals intro introduction issues it
    learn licence license limitations line links logo made maintenance methods misc miscellaneous more motivation new
    next notes notice options other others overview packaging parameters performance philosophy platforms
    practices prerequisites preview problem problems project properties purpose questions quick quickstart
    rationale reading reference references related release releases removed requirements resources results
    return returns roadmap rules running samples security see settings setup solution solutions stable standards
    sponsors start started status steps structure style summary support supported syntax tasks technical templates
    testing tests thanks this tips to todo tools topics tricks troubleshooting tutorial tutorials types unreleased
    update updates upgrade upkeep usage use user value values variables versions warning warnings what what's
    why work workflow works yes you
""")
_GENERIC_PHRASES = phrases("""
    additional resources
    api changes
    api reference
    backward compatibility
    backwards compatibility
    basic usage
    behavior changes
    best practices
    breaking changes
    bug fixes
    bugs fixed
    change log
    code of conduct
    code style
    command line
    command line options
    common issues
    common problems
    complete example
    configuration options
    contributors to this release
    default values
    documentation improvements
    enhancements made
    environment variables
    error codes
    error messages
    example usage
    frequently asked
    frequently asked questions
    full example
    further reading
    getting help
    getting started
    how it works
    index of proxies
    indices and tables
    known issues
    learn more
    maintenance and upkeep
    major changes
    minor changes
    more information
    new features
    next steps
    other changes
    other merged prs
    other resources
    preview style
    quick reference
    quick start
    related work
    release notes
    return value
    see also
    stable style
    step by step
    supported versions
    system requirements
    table of contents
    technical details
    tips and tricks
    use case
    use cases
    user guide
    what's new
    work in progress
""")

_ACTION = words("""
    accept activate add allow analyze apply assign avoid be become begin build call cancel change check
    choose clean clear click clone close collect combine compare compile configure connect consider contribute
    convert copy create customize debug declare define delete deploy describe design determine develop disable
    display do download drop edit enable ensure evaluate exclude execute expand explore export extend extract
    fetch fill find fix follow format generate get give go handle have help hide identify ignore implement
    import improve include increase initialize insert inspect install integrate invoke join keep launch learn
    let limit list listen load locate look maintain make manage mark measure merge migrate modify
    monitor mount move obtain open optimize organize override parse pass perform pick point prepare
    prevent print provide publish pull push put read rebuild receive recover reduce refer refresh
    register reload remove rename replace require reset resolve restart restore restrict retrieve
    return review revoke rotate run save scale schedule search secure see select send serve set share show sign
    skip specify split start stop store submit subscribe switch sync take tell test track transform trigger
    troubleshoot try tune turn understand uninstall unset update upgrade upload use validate verify view visit
    wait want watch wrap write
""")
_FUNCTION_WORDS = words("""
    a an and are as at but by can chapter could did do does first for from he how i if in into is it may might
    must my no not of on onto or our part phase second section she should step than that the their then these
    they third this those to versus via vs was we were what when where which who whom whose why will with
    without would yes you your
""")
#: First or last words of headings that arrange a document instead of naming a thing.
_ARRANGING_FIRST = words("""
    additional after available before common different extra frequently general initial known latest main more next other possible
    previous related several some special supported various
""")
_ARRANGING_LAST = words("""
    additions behavior behaviour bits caveats changes considerations conventions example examples failed faq faqs features guide
    guidelines highlights improvements information instructions issues limitations list notes only options overview policy
    problems process questions recommendations reference references requirements resources rules section sections settings setup
    specifics sponsors steps summary support tables tips tutorial usage variables
""")
#: First words of headings that name a symbol of a programming interface.
_DECLARING = words("""
    class constant constructor enum exception function interface method module namespace struct trait
""")
#: Below these, headings tell variants, versions or steps apart and define nothing.
_LISTING = phrases("""
    change log
    changelog
    contributing
    examples
    faq
    frequently asked questions
    install
    installation
    known issues
    prerequisites
    release notes
    requirements
    setup
    troubleshooting
    tutorial
    tutorials
""")
_QUALIFIED = words("""
    and for in of
""")


class HeadingTerms:
    """A short noun phrase as a heading: the section under it defines the term; a term under another is part of it."""

    name = "heading-term"
    version = 2

    def find(self, document: DocumentView) -> Iterator[Finding]:
        """Yield terms, and the nearest term above each."""
        for index, section in enumerate(document.sections):
            if not section.opens_heading or any(_lists(heading) for heading in section.heading_path[:-1]):
                continue
            term = term_of(section.heading)
            if term is None:
                continue
            entity = Named(TERM, term)
            above = next(
                (found for heading in reversed(section.heading_path[:-1]) if (found := term_of(heading))), None
            )
            if above and above != term:
                yield Finding(index, entity, PART_OF, Named(TERM, above))
            else:
                yield Finding(index, entity)


def _lists(heading: str) -> bool:
    return heading.strip().rstrip(":").lower() in _LISTING


def term_of(heading: str) -> str | None:
    """Return the term that a heading names, or None where it is generic, an action, a sentence or an identifier."""
    text = heading.strip().rstrip(":")
    lowered = text.lower()
    parts = lowered.split()
    if not parts or len(parts) > _MAX_WORDS or not 3 <= len(text) <= _MAX_LENGTH or not _TERM.fullmatch(text):
        return None
    if lowered in _GENERIC or lowered in _GENERIC_PHRASES or "_" in text or text.endswith((".", "!", "?")):
        return None
    if (
        parts[0] in _ACTION | _DECLARING
        or parts[0].endswith("ing")
        or parts[0] in _FUNCTION_WORDS
        or parts[-1] in _FUNCTION_WORDS
    ):
        return None
    if _VERSION.fullmatch(parts[-1]) or is_code(text):
        return None
    if any(word in _FUNCTION_WORDS and word not in _QUALIFIED for word in parts):
        return None
    if all(word in _GENERIC for word in parts) or parts[0] in _ARRANGING_FIRST or parts[-1] in _ARRANGING_LAST:
        return None
    return text
