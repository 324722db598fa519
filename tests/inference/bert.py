"""A BERT of two thousand weights in a sentence-transformers folder: everything about it is real but its sense."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DIMENSION, INNER, LAYERS, POSITIONS, WINDOW = 32, 64, 1, 64, 16
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh", *(f"##{c}" for c in "abcdefgh"), "tea", "##cup"]

FILES: dict[str, Any] = {
    "config.json": {
        "model_type": "bert",
        "architectures": ["BertModel"],
        "hidden_act": "gelu",
        "hidden_size": DIMENSION,
        "intermediate_size": INNER,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": POSITIONS,
        "num_attention_heads": 2,
        "num_hidden_layers": LAYERS,
        "type_vocab_size": 2,
        "vocab_size": len(PIECES),
    },
    "modules.json": [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ],
    "1_Pooling/config.json": {
        "word_embedding_dimension": DIMENSION,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True,
        "pooling_mode_max_tokens": False,
    },
    "sentence_bert_config.json": {"max_seq_length": WINDOW, "do_lower_case": False},
    "tokenizer_config.json": {"do_lower_case": True, "tokenizer_class": "BertTokenizer", "model_max_length": POSITIONS},
}


def write_bert(folder: Path, changes: dict[str, dict[str, Any]] | None = None, *, seed: int = 0) -> Path:
    """Write the model to `folder`; `changes` are merged into its JSON files."""
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        changed = (changes or {}).get(name)
        file.write_text(json.dumps({**content, **changed} if changed else content))
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n", "utf-8")
    write_weights(folder, seed=seed)
    return folder


def write_weights(folder: Path, *, seed: int = 0, without: str = "") -> None:
    import numpy as np
    from safetensors.numpy import save_file

    random = np.random.default_rng(seed)

    def weight(*shape: int) -> Any:
        return random.normal(0, 0.5, shape).astype(np.float32)

    tensors = {
        "embeddings.word_embeddings.weight": weight(len(PIECES), DIMENSION),
        "embeddings.position_embeddings.weight": weight(POSITIONS, DIMENSION),
        "embeddings.token_type_embeddings.weight": weight(2, DIMENSION),
    }
    shapes = {"embeddings.LayerNorm": (DIMENSION,)}
    for layer in range(LAYERS):
        own = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes[f"{own}.attention.{part}"] = (DIMENSION, DIMENSION)
        shapes |= {f"{own}.attention.output.LayerNorm": (DIMENSION,), f"{own}.output.LayerNorm": (DIMENSION,)}
        shapes |= {f"{own}.intermediate.dense": (INNER, DIMENSION), f"{own}.output.dense": (DIMENSION, INNER)}
    for name, shape in shapes.items():
        tensors[f"{name}.weight"] = weight(*shape)
        tensors[f"{name}.bias"] = weight(shape[0])
    tensors.pop(without, None)
    save_file(tensors, folder / "model.safetensors")
