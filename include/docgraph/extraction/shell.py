"""Reads command lines: which program is called, with which options. Shared by the rules on commands, options and variables."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from docgraph.extraction.wordlists import words

SESSION_LANGUAGES = frozenset(
    {"console", "shell-session", "terminal", "shellsession", "bash-session", "sh-session", "pycon-shell"}
)
SCRIPT_LANGUAGES = frozenset({"bash", "sh", "shell", "zsh", "fish"})
IMAGE_LANGUAGES = frozenset({"dockerfile", "docker", "containerfile"})
#: Programs whose first argument is a command of its own.
_WITH_SUBCOMMANDS = words("""
    airflow ansible apt apt-get aws az brew bundle cargo composer conda dnf docker docker-compose dotnet flask
    gcloud gem gh git go gradle hatch helm heroku hub ingestctl jupyter kubectl mamba minikube mvn nix npm
    openssl pdm pip pip3 pipenv pipx pnpm podman poetry pre-commit rustup snap svn systemctl terraform tox twine
    uv vagrant yarn yum
""")
#: Programs that a line of inline code may be taken for a command by.
WELL_KNOWN = _WITH_SUBCOMMANDS | words("""
    awk bash black cat chmod chown cp curl dig grep gunicorn kill less make mkdir mv mypy mysql nginx node npx
    psql pytest python python3 rm rsync ruff scp sed sphinx-build ssh ssh-keygen sudo tail tar tmux uvicorn vim
    wget xargs
""")
_NOT_COMMANDS = words("""
    alias bg break case cd continue declare do done echo elif else esac eval exec exit export false fg fi for
    function history if in local popd printf pushd pwd read return select set shift source test then time trap
    true type typeset ulimit umask unalias unset until wait while
""")
_INTERPRETERS = frozenset({"bash", "node", "python", "python3", "sh"})
_CALLING_OTHERS = frozenset({"docker exec", "docker run", "kubectl exec", "podman exec", "podman run", "ssh", "xargs"})
#: Programs whose options are whole words behind one dash.
_WORDS_BEHIND_ONE_DASH = frozenset({"ffmpeg", "find", "java", "openssl", "terraform"})
#: Programs whose one-letter options may share a dash (`-xzf`), and that take no value right behind a letter in such a bundle.
_BUNDLING = words("""
    cp curl docker git grep kubectl ls mkdir podman ps rm rsync tail tar wc
""")
_PREFIXES = frozenset({"sudo", "env", "nohup", "time", "exec", "command"})
_PROMPT = re.compile(
    r"\s*(?:\([\w.-]{1,40}\)\s*)?(?:\[?[\w.-]{1,30}@[\w.:~/ -]{1,60}\]?[$%#]|[$%❯]|[\w:~/\\.-]{0,60}\$|PS [^>\n]{0,80}>)\s+(?=\S)"
)
_BARE_PROMPT = re.compile(r"\s*(?:\([\w.-]{1,40}\)\s*)?\$\s+(?=\S)")
#: A comment looks like root's prompt, but for the option in it.
_ROOT_PROMPT = re.compile(r"\s*#\s+(?=[a-z][\w-]*(?:\s+[\w./:=-]+)*\s+-)")
_IMAGE_STEP = re.compile(r"\s*RUN\s+(?![\[])", re.IGNORECASE)
_PROGRAM = re.compile(r"[a-z][a-z0-9]*(?:[_+-][a-z0-9+]+)*|python3?\.\d+")
_SUBCOMMAND = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)=")
LONG_OPTION = re.compile(r"--[a-zA-Z][\w-]*[a-zA-Z0-9](?![\w-])")
SHORT_OPTION = re.compile(r"-[a-zA-Z]")
_WORD_OPTION = re.compile(r"-[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_BUNDLE = re.compile(r"-[A-Za-z]{2,5}")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)")
_MAX_LINE = 2_000


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One call of a program: its canonical name (with the subcommand), its options, and variables set in front of it."""

    command: str
    options: tuple[str, ...]
    variables: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def command_lines(language: str, text: str) -> tuple[CommandLine, ...]:
    """Return the calls in a block of shell code: behind prompts where there are any, else each line of a script.

    In a Dockerfile: the calls of its RUN steps. Several rules ask for the same blocks, one rule behind the other.
    """
    return tuple(_command_lines(language, text))


def _command_lines(language: str, text: str) -> Iterator[CommandLine]:
    if language in IMAGE_LANGUAGES:
        for line in _logical_lines(text):
            if step := _IMAGE_STEP.match(line):
                yield from calls(line[step.end() :])
        return
    session = language in SESSION_LANGUAGES
    if not session and language not in SCRIPT_LANGUAGES and language:
        return
    prompt = _PROMPT if session or language else _BARE_PROMPT
    lines = list(_logical_lines(text))
    prompted = [line[match.end() :] for line in lines if (match := prompt.match(line))]
    if session and not prompted:
        prompted = [line[match.end() :] for line in lines if (match := _ROOT_PROMPT.match(line))]
    if prompted:
        for line in prompted:
            yield from calls(line)
    elif language and not session:
        yield from _script_calls([line for line in lines if line.strip()])


def _script_calls(lines: list[str]) -> Iterator[CommandLine]:
    """Yield the calls of a script without prompts, where anything may stand: output, a configuration file, another language."""
    if sum(line.rstrip().endswith((";", "{", "}", ",")) for line in lines) * 3 > len(lines):
        return
    single = len([line for line in lines if not line.lstrip().startswith("#")]) == 1
    for line in lines:
        for call in calls(line):
            if single or call.options or call.command.split()[0] in WELL_KNOWN:
                yield call


def _logical_lines(text: str) -> Iterator[str]:
    pending, until = "", ""
    for line in text.split("\n"):
        if until:
            until = "" if line.strip() == until else until
            continue
        if line.rstrip().endswith("\\") and len(pending) < _MAX_LINE:
            pending += line.rstrip()[:-1] + " "
            continue
        whole = pending + (line.strip() if pending else line)
        pending = ""
        if heredoc := _HEREDOC.search(whole):
            until = heredoc.group(1)
        yield whole
    if pending:
        yield pending


def calls(line: str) -> Iterator[CommandLine]:
    """Yield the calls of one command line, also behind `|`, `&&`, `||` and `;`."""
    if len(line) > _MAX_LINE or line.lstrip().startswith("#"):
        return
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>()")
    lexer.whitespace_split = True
    words: list[str] = []
    try:
        for word in lexer:
            if word and not word.strip("|&;()"):
                yield from _call(words)
                words = []
            elif word and not word.strip("<>"):
                yield from _call(words)
                return
            else:
                words.append(word)
    except ValueError:
        # An unbalanced quote: what was read up to it is a command all the same.
        pass
    yield from _call(words)


def _call(words: list[str]) -> Iterator[CommandLine]:
    variables: list[str] = []
    rest = list(words)
    while rest:
        if match := _ASSIGNMENT.match(rest[0]):
            variables.append(match.group(1))
        elif rest[0] not in _PREFIXES:
            break
        rest.pop(0)
    if not rest:
        return
    program, arguments = rest[0], rest[1:]
    if program in _NOT_COMMANDS or not _PROGRAM.fullmatch(program) or program.endswith((".py", ".sh", ".md", ".txt")):
        return
    name = program
    if program.startswith("python") and arguments[:1] == ["-m"] and len(arguments) > 1:
        name, arguments = f"python -m {arguments[1]}", arguments[2:]
        if not re.fullmatch(r"[A-Za-z_][\w.]*", name.rpartition(" ")[2]):
            return
    elif program in _WITH_SUBCOMMANDS and arguments and _SUBCOMMAND.fullmatch(arguments[0]):
        name, arguments = f"{program} {arguments[0]}", arguments[1:]
    yield CommandLine(name, tuple(_options(program, _own(name, arguments))), tuple(variables))


def _own(name: str, arguments: list[str]) -> list[str]:
    """Return the arguments that are the program's own where it calls another one."""
    allowed = 0 if name in _INTERPRETERS else 1 if name in _CALLING_OTHERS else len(arguments)
    in_a_row = 0
    for index, argument in enumerate(arguments):
        in_a_row = 0 if argument.startswith("-") else in_a_row + 1
        # One word may be an option's value; the second in a row belongs to the other program.
        if in_a_row > allowed:
            return arguments[:index]
    return arguments


def _options(program: str, arguments: list[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "--":
            return
        name = argument.partition("=")[0]
        whole_word = program in _WORDS_BEHIND_ONE_DASH and _WORD_OPTION.fullmatch(name)
        if LONG_OPTION.fullmatch(name) or SHORT_OPTION.fullmatch(argument) or whole_word:
            yield name
        elif program in _BUNDLING and _BUNDLE.fullmatch(argument):
            yield from (f"-{letter}" for letter in argument[1:])
