"""Every page of documentation: links lead somewhere, and commands that it tells people to type exist."""

import os
import re
import shlex
import unicodedata
from pathlib import Path

import click
import pytest

TOP = Path(__file__).parents[2]
FOREIGN = {"node_modules", "build", "dist", "out"}


def pages():
    """Return every Markdown page of the project; caches and environments are not entered."""
    for folder, inside, files in os.walk(TOP):
        inside[:] = [name for name in inside if name not in FOREIGN and not name.startswith(".")]
        yield from (
            (Path(folder) / name).relative_to(TOP).as_posix() for name in files if name.endswith(".md")
        )


PAGES = sorted(pages())
every_page = pytest.mark.parametrize("page", PAGES)


def prose(text):
    """Return a page without its code, in which brackets mean something else."""
    return re.sub(r"```.*?```|^    .*?$|`[^`\n]*`", "", text, flags=re.DOTALL | re.MULTILINE)


def anchors(page):
    """Return the anchors that GitHub makes for a page's headings."""
    found = set()
    for heading in re.findall(r"^#+ +(.+?) *#*$", page.read_text(encoding="utf-8"), re.MULTILINE):
        text = unicodedata.normalize("NFC", re.sub(r"\[([^\]]*)\]\([^)]*\)|[`*]", r"\1", heading)).lower()
        found.add(re.sub(r"[^\w\- ]", "", text).replace(" ", "-"))
    return found


def broken_links(page):
    """Return the relative links of a page that lead nowhere."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)", prose(page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    return broken


@every_page
def test_every_relative_link_leads_somewhere(page):
    """A linked file exists, and so does the heading behind a #."""
    assert broken_links(TOP / page) == []


def test_a_broken_link_would_be_found(tmp_path):
    """The check above can fail: a missing file and a missing heading are both named."""
    page = tmp_path / "page.md"
    page.write_text("# A title\n[a](#a-title) [b](#none) [c](gone.md) `[d](code.md)`\n", encoding="utf-8")
    assert broken_links(page) == ["#none", "gone.md"]


def commands(text):
    """Return each `tuquan …` call of a page as its words, from inline code and from code blocks."""
    code = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text) + re.findall(r"^    (.*)$", text, re.MULTILINE)
    for block in re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL):
        code += block.splitlines()
    for line in code:
        for part in re.split(r"&&|\|\||;|\|", line.split("  #")[0]):
            words = (
                shlex.split(part, comments=True) if part.count("'") % 2 == 0 == part.count('"') % 2 else []
            )
            words = words[1:] if words[:1] == ["$"] else words
            if words[:1] == ["sudo"]:
                words = words[3:] if words[1:2] == ["-u"] else words[1:]
            if words and words[0].rpartition("/")[2] == "tuquan":
                yield words[1:]


def wrong(words, command):
    """Return what is wrong with a call's words, or "" when the command tree knows it all.

    Raises:
        ModuleNotFoundError: The subcommand's module is not in this checkout.
    """
    context = click.Context(command, info_name="tuquan")
    while words:
        word = words.pop(0)
        if word.startswith("-"):
            name, _, value = word.partition("=")
            option = next(
                (p for p in context.command.get_params(context) if name in (*p.opts, *p.secondary_opts)), None
            )
            if option is None:
                return f"{context.command_path} has no option {name}"
            if not value and not getattr(option, "is_flag", False) and not getattr(option, "count", False):
                words = words[1:]
        elif isinstance(context.command, click.Group):
            found = context.command.get_command(context, word)
            if found is None:
                return f"{context.command_path} has no command {word}"
            context = click.Context(found, info_name=word, parent=context)
    return ""


@every_page
def test_every_command_that_is_mentioned_exists(page):
    """Whoever types what stands there is understood: subcommands and options are the program's own."""
    cli = pytest.importorskip("edge.cli", reason="NOT CHECKED: the command line is not in this checkout")
    mistakes, unseen = [], set()
    for words in commands((TOP / page).read_text(encoding="utf-8")):
        if "…" in words:
            continue
        try:
            mistakes.append(wrong(list(words), cli.tuquan))
        except ModuleNotFoundError as error:
            unseen.add(str(error.name))
    assert [mistake for mistake in mistakes if mistake] == []
    if unseen:
        pytest.skip(f"NOT CHECKED: {', '.join(sorted(unseen))} is not in this checkout")


@click.group()
def sample():
    """Stand in for the command tree."""


@sample.command()
@click.option("--config")
@click.option("--json", is_flag=True)
@click.argument("path")
def check(**_):
    """Stand in for a command."""


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("`tuquan check --config a b.toml`", [""]),
        ("    sudo -u tuquan tuquan check --json x && tuquan chekc x", ["", "tuquan has no command chekc"]),
        ("```sh\n$ /opt/tuquan/bin/tuquan check --yaml x  # no\n```", ["tuquan check has no option --yaml"]),
        ("tuquan in prose, and `tuquan-alarm`, `tuquan.target`", []),
    ],
)
def test_a_wrong_command_would_be_found(text, mistakes):
    """The checks above can fail: a misspelt command and an unknown option are both named."""
    assert [wrong(words, sample) for words in commands(text)] == mistakes
