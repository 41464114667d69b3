"""What is wrong with how a command was given: whose option it is, and where help is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cyclopts import UnknownOptionError

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError


def usage_error(error: CycloptsError, app: App) -> str:
    """Return a usage error in one sentence, with where to read on."""
    chain = [word for word in error.command_chain or () if word in app]
    said = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, UnknownOptionError) and error.token.keyword and chain:
        option = error.token.keyword
        owners = _owners(app, option)
        if owners:
            whose = _whose(option, owners, chain[0])
            said = f"{option} is no option of `evenface {chain[0]}`. {whose}"
    return f"{said} (see {' '.join(['evenface', *chain[:1], '--help'])})"


def _owners(app: App, option: str) -> list[str]:
    """Return the commands that have an option."""
    return [
        name
        for name in app
        if not name.startswith("-")
        and any(option in a.names for a in app[name].assemble_argument_collection())
    ]


def _whose(option: str, owners: list[str], command: str) -> str:
    from evenface.config import StudyConfig
    from evenface.studies.table import STUDIES

    many = ", ".join(owners[:-1]) + " and " if len(owners) > 1 else ""
    said = f"It belongs to {many}{owners[-1]}"
    key, asked = option.lstrip("-").replace("-", "_"), StudyConfig()
    studies = [
        name
        for name in owners
        if name in STUDIES and key in type(asked.options_of(name)).model_fields
    ]
    if command == "run" and studies:
        heads = " or ".join(f"[{name}]" for name in studies)
        return f"{said}; `evenface run` takes it in a study file (--study), under {heads}"
    return said
