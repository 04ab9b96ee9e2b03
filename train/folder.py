"""Model folders in the Hugging Face layout: config.json, model.safetensors, tokenizer.json."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import gguf
import names


def read_config(folder):
    return json.loads((Path(folder) / "config.json").read_text())


def write_config(folder, config):
    (Path(folder) / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def read_weights(folder):
    """All tensors of the folder in fp32; sharded checkpoints through their index, a stored BERT from its GGUF."""
    folder = Path(folder)
    if (folder / "model.gguf").exists():
        return {names.hugging_face(name): torch.from_numpy(t) for name, t in gguf.read(folder / "model.gguf").items()}
    index = folder / "model.safetensors.index.json"
    files = {"model.safetensors"}
    if index.exists():
        files = set(json.loads(index.read_text())["weight_map"].values())
    tensors = {}
    for file in sorted(files):
        tensors.update(load_file(folder / file))
    return {name: t.float() for name, t in tensors.items()}


def load(model, weights, prefix=""):
    """Copies weights into the model's parameters; says which it has no value for."""
    renamed = {name.removeprefix(prefix): t for name, t in weights.items()}
    state = model.state_dict()
    missing = [name for name in state if name not in renamed]
    model.load_state_dict({**state, **{name: renamed[name] for name in state if name in renamed}})
    return missing


def write_weights(folder, model, dtype=torch.float16):
    """Matrices in `dtype`, vectors in fp32."""
    tensors = {n: (t.to(dtype) if t.dim() > 1 else t.float()).contiguous() for n, t in model.state_dict().items()}
    path = Path(folder) / "model.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)
