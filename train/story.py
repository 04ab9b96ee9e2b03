"""Trains the story model: books -> tokenizer -> GPT-2 that can copy from the start (circuits.py), dense. Stage 1 of models/story.

    python story.py --books ../../shared/data/books --out out/story --steps 1600
    python story.py --books ../../shared/data/books --out out/names --start out/story --exchange 0.7 --steps 500 --lr 0.01 --lr-rest 1e-3

--exchange gives a share of the windows invented names (exchange.py).
"""

import argparse
import math
import shutil
from pathlib import Path

import torch
from torch.nn import functional as F

import books
import circuits
import folder
import gpt2
import loop
import optim
from exchange import Exchange
from tokenizers import Tokenizer

CONFIG = {
    "model_type": "gpt2",
    "architectures": ["GPT2LMHeadModel"],
    "activation_function": "gelu_new",
    "vocab_size": 2048,
    "n_positions": 1024,
    "n_embd": 256,
    "n_head": 4,
    "n_layer": 7,
    "n_inner": None,
    "layer_norm_epsilon": 1e-5,
    "resid_pdrop": 0.1,
    "embd_pdrop": 0.1,
    "attn_pdrop": 0.0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "tie_word_embeddings": True,
}


def next_token_loss(model, rows):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(rows[:, :-1])
    return F.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())


class Batches:
    """Step -> windows: epochs follow each other, each in an order of its own. A share of them goes through `exchange`."""

    def __init__(self, data, length, rows, seed, exchanged=0.0, exchange=None):
        self.data, self.length, self.rows, self.seed, self.epoch, self.base, self.current = data, length, rows, seed, -1, 0, []
        self.exchanged, self.exchange = exchanged, exchange

    def __call__(self, step):
        while step * self.rows + self.rows > self.base + len(self.current):
            if self.epoch >= 0:
                self.base += len(self.current)
            self.epoch += 1
            generator = torch.Generator().manual_seed(self.seed * 1000 + self.epoch)
            order = books.windows(self.data, self.length, generator)
            self.current = order[: len(order) // self.rows * self.rows]
        at = step * self.rows - self.base
        windows = torch.stack(self.current[at : at + self.rows])
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        for row in windows:
            if torch.rand((), generator=generator) < self.exchanged:
                row.copy_(self.exchange(row, generator))
        return windows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--books", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--steps", type=int, default=1600)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--lr", type=float, default=0.02, help="peak rate of the matrices (Muon)")
    parser.add_argument("--lr-rest", type=float, default=2e-3, help="peak rate of everything else (AdamW)")
    parser.add_argument("--start", help="model folder to begin from, instead of the circuit")
    parser.add_argument("--exchange", type=float, default=0.0, help="share of windows whose names are exchanged")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    if args.start:
        shutil.copyfile(Path(args.start) / "tokenizer.json", out / "tokenizer.json")
    if not (out / "tokenizer.json").exists():
        books.train_tokenizer(args.books, CONFIG["vocab_size"]).save(str(out / "tokenizer.json"))
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    train, validation = books.load(tokenizer, args.books)
    print(f"{sum(map(len, train))} training tokens, {sum(map(len, validation))} validation tokens", flush=True)
    length = CONFIG["n_positions"]
    held = torch.stack([v[-length - 1 :] for v in validation if len(v) > length])

    model = gpt2.GPT2(CONFIG)
    if args.start:
        folder.load(model, folder.read_weights(args.start))
    else:
        circuits.induction(model)
    matrices, fused, rest = optim.split(model)
    positions = model.transformer["wpe"].weight
    rest = [{"params": [p for p in rest if p is not positions]}, {"params": [positions], "lr": args.lr_rest / 10}]
    muon = optim.Muon([{"params": matrices}, {"params": fused, "parts": 3}], lr=args.lr, weight_decay=0.05)
    adam = torch.optim.AdamW(rest, lr=args.lr_rest, betas=(0.9, 0.95), weight_decay=0.01)
    batches = Batches(train, length, args.rows, args.seed, args.exchange, Exchange(tokenizer, [tokenizer.decode(t.tolist()) for t in train]))

    loop.run(
        out,
        model,
        [muon, adam],
        lambda step: next_token_loss(model, batches(step)),
        args.steps,
        decay=1.0 if args.start else 0.4,
        validate=lambda step: math.exp(next_token_loss(model, held)),
    )
    folder.write_config(out, CONFIG)
    folder.write_weights(out, model)


if __name__ == "__main__":
    main()
