"""Fine-tunes a GPT-2 or Llama folder with pruning in the loop. Stage 2 of models/story.

    python prune_lm.py --model out/story --books BOOKS --schedule schedule.yaml --out out/story-pruned --steps 300

Each step takes windows of text twice. Dense, with the loss over every position: what the model knows stays. Pruned, with the
window's front as a prompt and its tail as what is generated, and the divergence from the dense pass as the loss: the model
learns to do without what the schedule drops.
"""

import argparse
import math
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch.nn import functional as F

import books
import folder
import lm
import loop
import optim
import schedule as schedules
from story import Batches


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--books", required=True)
    parser.add_argument("--schedule", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--length", type=int, default=1024)
    parser.add_argument("--tail", type=int, default=96, help="tokens of a window that are generated")
    parser.add_argument("--lr", type=float, default=2e-3, help="peak rate of GPT-2's matrices (Muon)")
    parser.add_argument("--lr-rest", type=float, default=2e-4, help="peak rate of everything else (AdamW)")
    parser.add_argument("--seed", type=int, default=2)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    model = lm.read(args.model)
    layers, _ = lm.shape(model.config)
    schedule = schedules.load(args.schedule, layers)
    tokenizer = Tokenizer.from_file(str(Path(args.model) / "tokenizer.json"))
    train, validation = books.load(tokenizer, args.books)
    held = torch.cat([books.excerpts(v, args.length, 2) for v in validation if len(v) > args.length + 100])
    prompt = args.length - args.tail
    batches = Batches(train, args.length, args.rows, args.seed)

    def step_loss(step):
        rows = batches(step)
        with torch.autocast("cpu", torch.bfloat16):
            dense = model(rows[:, :-1]).float().log_softmax(-1)
            pruned, _ = lm.continuation(model, rows, prompt, schedule)
        target = dense[:, prompt - 1 :].detach()
        distance = F.kl_div(pruned.flatten(0, 1), target.flatten(0, 1), log_target=True, reduction="batchmean")
        return F.nll_loss(dense.flatten(0, 1), rows[:, 1:].flatten()) + distance

    def validate(step):
        dense, pruned = (lm.perplexity(model, held, args.length - 32, s) for s in (None, schedule))
        print(f"validation: dense {dense:.3f} pruned {pruned:.3f} ratio {pruned / dense:.4f}", flush=True)
        return math.log(pruned / dense)

    if model.config["model_type"] == "gpt2":
        matrices, fused, rest = optim.split(model)
        optimizers = [optim.Muon([{"params": matrices}, {"params": fused, "parts": 3}], lr=args.lr)]
    else:
        optimizers, rest = [], list(model.parameters())
    optimizers.append(torch.optim.AdamW(rest, lr=args.lr_rest, betas=(0.9, 0.95), weight_decay=0.0))
    loop.run(args.out, model, optimizers, step_loss, args.steps, warmup=20, decay=0.8, report=10, validate=validate)
    out = Path(args.out)
    folder.write_config(out, model.config)
    folder.write_weights(out, model)
    shutil.copyfile(Path(args.model) / "tokenizer.json", out / "tokenizer.json")


if __name__ == "__main__":
    main()
