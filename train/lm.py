"""Language models by folder: which architecture a config names, and perplexity of a prompt's continuation."""

import torch
from torch.nn import functional as F

import folder
import gpt2
import llama
from cascade import Cascade

ARCHITECTURES = {"gpt2": gpt2.GPT2, "llama": llama.Llama}


def shape(config):
    """Layers and query heads of either architecture."""
    if config["model_type"] == "gpt2":
        return config["n_layer"], config["n_head"]
    return config["num_hidden_layers"], config["num_attention_heads"]


def read(path):
    """The model of a folder, in fp32."""
    config = folder.read_config(path)
    if config["model_type"] not in ARCHITECTURES:
        raise ValueError(f"{path}: model_type {config['model_type']!r} is none of {', '.join(ARCHITECTURES)}")
    model = ARCHITECTURES[config["model_type"]](config)
    missing = folder.load(model, folder.read_weights(path))
    if missing:
        raise ValueError(f"{path}: no tensor {missing[0]}")
    return model


def continuation(model, rows, prompt, schedule=None, generator=None):
    """rows (count, length) of ids -> log-probabilities (count, length - prompt, vocabulary) of what follows the prompt.

    With a schedule the prompt is pruned on its way through the layers and the rest, which is never ranked, sees what is left
    of it. The runtime goes on ranking while it generates; over a few dozen tokens the two differ little.
    """
    cascade = None
    if schedule:
        _, heads = shape(model.config)
        length = rows.shape[1] - 1
        cascade = Cascade(schedule, heads, [length] * len(rows), length, causal=True, prompt=prompt, generator=generator)
    hidden = model.hidden(rows[:, :-1], cascade)[:, prompt - 1 :]
    return model.logits(hidden).float().log_softmax(-1), cascade


def loss(log_probabilities, rows):
    """Mean negative log-likelihood of the last tokens of the rows."""
    targets = rows[:, -log_probabilities.shape[1] :]
    return F.nll_loss(log_probabilities.flatten(0, 1), targets.flatten())


@torch.no_grad()
def perplexity(model, rows, prompt, schedule=None, seed=0, batch=4):
    """Perplexity of the continuation of every row."""
    generator = torch.Generator().manual_seed(seed)
    total = 0.0
    for part in rows.split(batch):
        total += loss(continuation(model, part, prompt, schedule, generator)[0], part).item() * len(part)
    return float(torch.tensor(total / len(rows)).exp())
