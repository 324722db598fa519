"""The one object that commands are handed: terminal, settings and workspace of this run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from memcli import config as settings
from memcli.config import Config
from memcli.errors import InputError, MemcliError
from memcli.memory import timeline
from memcli.paths import Paths
from memcli.ui.terminal import Terminal
from memcli.workspace import Workspace, local_now

if TYPE_CHECKING:
    from memcli.cli.passphrases import Passphrases


@dataclass
class Run:
    """One invocation. `options` are the settings given on the command line, by key.

    `passphrase` is what came by a file descriptor, None where none was named.
    """

    terminal: Terminal
    paths: Paths
    environ: Mapping[str, str]
    clock: Callable[[], datetime] = local_now
    config_path: Path | None = None
    options: dict[str, object | None] = field(default_factory=dict)
    passphrase: str | None = None
    _config: Config | None = field(default=None, init=False)
    _workspace: Workspace | None = field(default=None, init=False)
    _secret: str | None = field(default=None, init=False, repr=False)

    @property
    def config(self) -> Config:
        if self._config is None:
            self._config = settings.load(self.paths, self.environ, self.options, self.config_path)
        return self._config

    @property
    def workspace(self) -> Workspace:
        if self._workspace is None:
            terminal = self.terminal
            self._workspace = Workspace(
                self.config, self.paths, terminal.notice, terminal.progress, self.clock, self._key
            )
        return self._workspace

    @property
    def passphrases(self) -> Passphrases:
        """Where this run has its passphrases from."""
        from memcli.cli.passphrases import Passphrases

        return Passphrases(self.terminal, self.environ, self.config.text("passphrase_file"), self.passphrase)

    def _key(self) -> str:
        if self._secret is None:
            self._secret = self.passphrases.present(self.workspace.store_path)
        return self._secret

    @property
    def encrypted(self) -> bool:
        """Whether the store of this run is encrypted, as far as can be told."""
        from memcli.store import header

        try:
            return header.is_encrypted(self.workspace.store_path)
        except MemcliError:
            return False

    def now(self, at: str | None = None) -> datetime:
        """Return the present, or what `--at` puts in its place."""
        moment = self.clock()
        if at is None:
            return moment
        return datetime.fromisoformat(timeline.parse(at, moment).start).astimezone(moment.tzinfo)

    def damage(self) -> str | None:
        """Return the first thing that is wrong with the store of this run, None where nothing is or none was opened."""
        return self._workspace.damage() if self._workspace is not None else None

    def close(self) -> None:
        if self._workspace is not None:
            self._workspace.close()


def of(ctx: typer.Context) -> Run:
    """Return the run that a Typer context belongs to."""
    return cast(Run, ctx.find_root().obj)


def words(text: list[str] | None) -> str:
    """Join command-line words to one text."""
    return " ".join(text or ())


def tags(given: Sequence[str] | None) -> tuple[str, ...]:
    """Return each tag once. Raises InputError for what is not one word."""
    unique = tuple(dict.fromkeys(tag.strip() for tag in given or ()))
    if any(not tag or any(char.isspace() for char in tag) for tag in unique):
        raise InputError("a tag is one word", "join words with - or _")
    return unique
