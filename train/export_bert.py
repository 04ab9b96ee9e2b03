"""Writes a BERT folder for the runtime: the weights as GGUF blocks, config.json, tokenizer.json.

    python export_bert.py --model out/pruned --out ../models/sentiment --name sentiment [--data SST2]

Matrices become Q8_0, word embeddings Q5_1, position embeddings F16, vectors stay F32. With --data the stored weights, not the
trained ones, are then measured on the held-out slice.
"""

import argparse
import re
import shutil
from pathlib import Path

import torch

import folder
import gguf
import glue

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


def gguf_name(name):
    """The llama.cpp name of a Hugging Face parameter."""
    stem, kind = name.removeprefix("bert.").rsplit(".", 1)
    match = re.match(r"encoder\.layer\.(\d+)\.(.*)", stem)
    return f"blk.{match[1]}.{LAYER[match[2]]}.{kind}" if match else f"{OTHER[stem]}.{kind}"


def kind(name, tensor):
    if tensor.dim() == 1 or tensor.shape[0] <= 2:
        return "F32"
    if "word_embeddings" in name:
        return "Q5_1"
    return "F16" if "position" in name else "Q8_0"


def stored(weights):
    """The weights as the runtime reads them back."""
    result = {}
    for name, t in weights.items():
        data = gguf.encode(t.numpy(), kind(name, t))
        result[name] = torch.from_numpy(gguf.decode(data, tuple(t.shape), kind(name, t)).copy())
    return result


def metadata(config, name):
    return {
        "general.architecture": "bert",
        "general.name": name,
        "bert.block_count": config["num_hidden_layers"],
        "bert.context_length": config["max_position_embeddings"],
        "bert.embedding_length": config["hidden_size"],
        "bert.feed_forward_length": config["intermediate_size"],
        "bert.attention.head_count": config["num_attention_heads"],
        "bert.attention.layer_norm_epsilon": float(config["layer_norm_eps"]),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--name", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    config, weights = folder.read_config(args.model), folder.read_weights(args.model)
    tensors = [(gguf_name(n), t.numpy(), kind(n, t)) for n, t in weights.items()]
    gguf.write(out / "model.gguf", metadata(config, args.name), tensors)
    folder.write_config(out, config)
    shutil.copyfile(Path(args.model) / "tokenizer.json", out / "tokenizer.json")
    print(f"{out / 'model.gguf'}: {(out / 'model.gguf').stat().st_size} bytes")


if __name__ == "__main__":
    main()
