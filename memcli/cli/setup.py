"""Settings: show them, change them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from memcli import config as settings
from memcli.cli import complete
from memcli.cli.context import Run, of
from memcli.cli.options import AsJson
from memcli.errors import InputError
from memcli.ui import render


def register(app: typer.Typer) -> None:
    app.command()(config)


class ConfigAction(StrEnum):
    """What can be done with the settings."""

    SHOW = "show"
    GET = "get"
    SET = "set"
    UNSET = "unset"
    PATH = "path"


def config(
    ctx: typer.Context,
    action: Annotated[
        ConfigAction, typer.Argument(metavar="ACTION", help="show, get, set, unset or path.")
    ] = ConfigAction.SHOW,
    key: Annotated[str | None, typer.Argument(metavar="KEY", help="The setting.", autocompletion=complete.keys)] = None,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="Its new value, for set.")] = None,
    json: AsJson = False,
) -> None:
    """Show the settings and their origins; change one."""
    run = of(ctx)
    if action is ConfigAction.PATH:
        path = str(settings.location(run.paths, run.environ, run.config_path))
        run.terminal.data({"path": path}) if json else run.terminal.out(path)
    elif action is ConfigAction.SHOW:
        _show_config(run, json=json)
    elif key is None:
        raise InputError(f"config {action} needs a setting", "'memcli config show' lists them")
    elif action is ConfigAction.GET:
        settings.find(key)
        found = run.config.values[key]
        run.terminal.data(
            {"key": key, "value": found, "origin": run.config.origins[key]}
        ) if json else run.terminal.out(str(found))
    else:
        _change(run, key, value if action is ConfigAction.SET else None, unset=action is ConfigAction.UNSET, json=json)


def _show_config(run: Run, *, json: bool) -> None:
    current = run.config
    if json:
        shown = {key: {"value": value, "origin": current.origins[key]} for key, value in current.values.items()}
        run.terminal.data({"path": str(current.path), "settings": shown})
        return
    rows = [(key, str(value), current.origins[key], settings.BY_KEY[key].help) for key, value in current.values.items()]
    render.table(run.terminal, ("key", "value", "origin", "meaning"), rows)


def _change(run: Run, key: str, value: str | None, *, unset: bool, json: bool) -> None:
    if value is None and not unset:
        raise InputError(f"config set {key} needs a value", f"'memcli config unset {key}' takes it out")
    path = settings.location(run.paths, run.environ, run.config_path)
    written = settings.write_value(path, key, value)
    if json:
        run.terminal.data({"key": key, "value": settings.find(key).default if written is None else written})
    run.terminal.notice(f"{key} = {written}" if written is not None else f"{key} is back to its default")
