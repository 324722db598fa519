"""Every error that memcli reports to its user.

    MemcliError
    |-- InputError            1   what was typed or piped cannot be used
    |   |-- AmbiguousId       1   an id prefix that fits several items
    |   |-- ConfigError       1   the config file or a value in it
    |   `-- EmbedderChanged   1   the store was bound to another embedder meanwhile
    |-- NothingFound          3   search, show or forget met nothing
    |-- ModelError            4   no model, or the model failed
    |   |-- NoModel           4   none is installed or named
    |   |-- PullError         4   a download failed or is not what the hub promised
    |   `-- EmbedderError     4   the embedder cannot be built or run
    |-- StoreError            5   the store cannot be used as it is
    |   |-- NotAStore         5   the file is something else
    |   |-- StoreNewer        5   written by a newer memcli
    |   |-- StoreDamaged      5   SQLite finds it malformed
    |   |-- StoreLocked       5   another process holds it
    |   |-- WrongPassphrase   5   it is encrypted with another one
    |   `-- NoPassphrase      5   it is encrypted, and there is none and nobody to ask
    |-- StoreUnwritable       1   read-only place, or no space left
    `-- TracesLeft           70   a forgetting left something behind: a bug

The number is the exit status (see the contract in the man page). A message says what is wrong in one line; `hint`
says the next step.
"""

from __future__ import annotations


class MemcliError(Exception):
    """Base of all errors that are reported without a traceback."""

    code = "error"
    exit_status = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(MemcliError):
    """The user can correct this by typing or piping something else."""

    code = "input"


class AmbiguousId(InputError):
    """An id prefix fits more than one item."""

    code = "ambiguous_id"


class ConfigError(InputError):
    """The config file does not parse, or a key or value in it is unknown."""

    code = "config"


class EmbedderChanged(InputError):
    """Another process has bound the store to another embedder."""

    code = "embedder_changed"


class NothingFound(MemcliError):
    """There is nothing of what was asked for."""

    code = "not_found"
    exit_status = 3


class ModelError(MemcliError):
    """A model could not be loaded or failed while running."""

    code = "model"
    exit_status = 4


class NoModel(ModelError):
    """No model is installed, or the named one does not exist."""

    code = "no_model"


class PullError(ModelError):
    """A model cannot be downloaded, or what came is not what the hub promised."""

    code = "pull"


class EmbedderError(ModelError):
    """The embedder could not be found, compiled or run."""

    code = "embedder"


class StoreError(MemcliError):
    """The store cannot be used as it is."""

    code = "store"
    exit_status = 5


class NotAStore(StoreError):
    """The file exists and is not a memcli store."""

    code = "not_a_store"


class StoreNewer(StoreError):
    """The store was written by a newer memcli."""

    code = "store_newer"


class StoreDamaged(StoreError):
    """SQLite reports the file as malformed."""

    code = "store_damaged"


class StoreLocked(StoreError):
    """Another process holds the store for longer than the busy timeout."""

    code = "store_locked"


class WrongPassphrase(StoreError):
    """The store is encrypted, and not with this passphrase; or its first page is lost."""

    code = "passphrase"


class NoPassphrase(StoreError):
    """The store is encrypted, no passphrase was given, and there is no terminal to ask for one on."""

    code = "no_passphrase"


class StoreUnwritable(MemcliError):
    """The place of the store is read-only, or there is no space left."""

    code = "store_unwritable"


class TracesLeft(MemcliError):
    """The proof after a forgetting failed: what is left is a bug in memcli."""

    code = "traces_left"
    exit_status = 70
