"""BERT's parameters by two names: Hugging Face's and llama.cpp's."""

import re

LAYER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
OTHER = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
    "pooler.dense": "cls",
    "classifier": "cls.output",
}


def gguf(name):
    """The llama.cpp name of a Hugging Face parameter."""
    stem, kind = name.removeprefix("bert.").rsplit(".", 1)
    match = re.match(r"encoder\.layer\.(\d+)\.(.*)", stem)
    return f"blk.{match[1]}.{LAYER[match[2]]}.{kind}" if match else f"{OTHER[stem]}.{kind}"


def hugging_face(name):
    """The inverse of gguf."""
    stem, kind = name.rsplit(".", 1)
    match = re.match(r"blk\.(\d+)\.(.*)", stem)
    if match:
        return f"bert.encoder.layer.{match[1]}.{_inverse(LAYER)[match[2]]}.{kind}"
    full = _inverse(OTHER)[stem]
    return f"{full}.{kind}" if full == "classifier" else f"bert.{full}.{kind}"


def _inverse(table):
    return {v: k for k, v in table.items()}
