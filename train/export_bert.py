"""Writes a BERT folder for the runtime: the weights as GGUF blocks, config.json, tokenizer.json.

    python export_bert.py --model out/pruned --out ../models/sentiment --name sentiment

Matrices become Q8_0, word embeddings Q5_1, position embeddings F16, vectors stay F32.
"""

import argparse
import shutil
from pathlib import Path

import folder
import gguf
import names


def kind(name, tensor):
    if tensor.dim() == 1 or tensor.shape[0] <= 2:
        return "F32"
    if "word_embeddings" in name:
        return "Q5_1"
    return "F16" if "position" in name else "Q8_0"


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
    tensors = [(names.gguf(n), t.numpy(), kind(n, t)) for n, t in weights.items()]
    gguf.write(out / "model.gguf", metadata(config, args.name), tensors)
    folder.write_config(out, config)
    shutil.copyfile(Path(args.model) / "tokenizer.json", out / "tokenizer.json")
    print(f"{out / 'model.gguf'}: {(out / 'model.gguf').stat().st_size} bytes")


if __name__ == "__main__":
    main()
