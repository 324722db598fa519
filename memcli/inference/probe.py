"""The program `python -m memcli.inference.probe MODEL RUNG [LOG]`: try one way to run a model, crashes included.

Invariants: exit status 0 means that the model loaded and computed; otherwise the last line on stdout is the error, or,
where a signal ended the process, the step it was in.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from memcli.errors import ModelError
from memcli.inference.backend import Context, LoadedModel, new_context
from memcli.inference.cores import default_threads
from memcli.inference.offload import Rung, rung_named

PROMPT_TOKENS = 64  # enough for the kernels of many rows; one more token is for those of one row


def main(arguments: list[str]) -> int:
    """Probe and report; 0 where the model works."""
    _no_core_file()
    path, rung = Path(arguments[0]), rung_named(arguments[1])
    log = Path(arguments[2]) if len(arguments) > 2 else None
    try:
        _try(path, rung, log)
    except ModelError as error:
        _say(error.message)
        return 1
    return 0


def _try(path: Path, rung: Rung, log: Path | None) -> None:
    _say("load")
    model = LoadedModel.load(path, gpu_layers=rung.gpu_layers, extra_buffers=rung.extra_buffers, log=log)
    encoder = is_encoder(model)
    threads = default_threads()
    context = new_context(model, n_ctx=512, n_threads=threads, n_threads_batch=threads, embeddings=encoder)
    most = int(model.library.llama_vocab_n_tokens(model.vocab))
    ids = [index % most for index in range(PROMPT_TOKENS)]
    for step, tokens in (("first decode", ids), ("second decode", ids[:1])):
        _say(step)
        result = _encode(context, tokens) if encoder else context.decode_tokens(tokens)
        if result != 0:
            raise ModelError(f"llama.cpp returned {result} at the {step}")
    _say("end")
    model.close()


def is_encoder(model: LoadedModel) -> bool:
    """Tell whether the model embeds texts (BERT and its like) instead of going on with them.

    llama_model_has_decoder says yes to BERT, so the metadata decide.
    """
    architecture = model.meta("general.architecture") or ""
    return model.meta(f"{architecture}.attention.causal") == "false" or not model.library.llama_model_has_decoder(
        model.handle
    )


def _encode(context: Context, tokens: list[int]) -> int:
    import ctypes

    array: Any = (ctypes.c_int32 * len(tokens))(*tokens)
    return context.encode(context.library.llama_batch_get_one(array, len(tokens)))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()  # a crash loses what is buffered


def _no_core_file() -> None:
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
