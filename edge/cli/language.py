"""In which language the command line speaks: asked for, or that of the terminal, else Vietnamese."""

from __future__ import annotations

import os
from collections.abc import Mapping

import click

from edge.events import Language


def language_of(environ: Mapping[str, str] = os.environ) -> Language:
    """The terminal's language, if it is one of ours; Vietnamese where nothing is said.

    English comes with any locale that names another language; "C" and "POSIX" name none.
    """
    locale = next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")
    code = locale.partition("_")[0].partition(".")[0].lower()
    return Language.VI if code in ("", "c", "posix", "vi") else Language.EN


LANGUAGE = click.option(
    "--lang",
    "language",
    type=click.Choice([str(entry) for entry in Language]),
    default=lambda: language_of().value,
    callback=lambda _ctx, _param, value: Language(value),
    help="vi (Vietnamese) or en (English); by default that of the terminal.",
)
