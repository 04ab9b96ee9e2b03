"""A Llama as a teacher for SST-2: the lower layers as they are, some above them trained, an opinion on every phrase written down.

    python teacher.py --model SMOLLM2 --data SST2 --out out/teacher --steps 1200

A language model of a few hundred million parameters has read far more than a sentence encoder, and says how sure it is. Layers below
--frozen run once per phrase, their output is kept; layers from --layers on are left out. The class is read at an end-of-text token.
Written: opinions.tsv, phrase TAB probability that it is positive, for the whole training set; the slice held out is not trained on. A teacher
that is done judges other phrases with --judge FILE, one a line, and writes judged.tsv.
"""

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F

import glue
import llama
import lm
import loop

END = 0  # <|endoftext|>


class Teacher(nn.Module):
    """States after the frozen layers -> classes."""

    def __init__(self, model, frozen, layers):
        super().__init__()
        self.layers, self.norm = model.model["layers"][frozen:layers], model.model["norm"]
        self.classifier = nn.Linear(model.config["hidden_size"], 2)
        nn.init.normal_(self.classifier.weight, std=0.02)
        nn.init.zeros_(self.classifier.bias)
        self.theta = model.theta

    def forward(self, x, lengths):
        x = llama.through(self.layers, x, self.theta)
        last = self.norm(x[torch.arange(len(x)), torch.tensor(lengths) - 1])
        return self.classifier(F.dropout(last, 0.1, self.training)).float()


class Lower:
    """The frozen layers: token rows -> padded states, each phrase computed once and kept in bf16."""

    def __init__(self, model, frozen, rows):
        self.model, self.frozen, self.rows, self.kept = model, frozen, rows, {}

    @torch.no_grad()
    def __call__(self, chosen):
        missing = [i for i in chosen if i not in self.kept]
        if missing:
            ids, lengths = glue.pad([self.rows[i] for i in missing])
            parts = self.model.model
            x = llama.through(parts["layers"][: self.frozen], parts["embed_tokens"](ids), self.model.theta)
            for i, state, n in zip(missing, x, lengths):
                self.kept[i] = state[:n].to(torch.bfloat16)
        lengths = [len(self.rows[i]) for i in chosen]
        states = nn.utils.rnn.pad_sequence([self.kept[i] for i in chosen], batch_first=True)
        return states.float(), lengths


def opinions(teacher, lower, chosen, rows):
    """Indices of phrases -> the probability that each is positive."""
    order = sorted(chosen, key=lambda i: len(rows[i]))
    found = {}
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for at in range(0, len(order), 64):
            part = order[at : at + 64]
            found.update(zip(part, teacher(*lower(part)).softmax(1)[:, 1].tolist()))
    return [found[i] for i in chosen]


def write(path, phrases, said):
    with open(path, "w", encoding="utf-8") as file:
        print("sentence\tpositive", file=file)
        for phrase, p in zip(phrases, said):
            print(f"{phrase}\t{p:.5f}", file=file)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a Llama folder in the Hugging Face layout")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--frozen", type=int, default=10)
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--judge", help="a file of phrases, one a line")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    tokenizer = Tokenizer.from_file(str(Path(args.model) / "tokenizer.json"))
    train, held = glue.sst2(args.data)
    everything = list(dict.fromkeys(train + held + glue.pairs(args.data)))
    if args.judge:
        everything = [(line.strip(), None) for line in open(args.judge, encoding="utf-8")]
    rows = [tokenizer.encode(s).ids[: glue.LONGEST] + [END] for s, _ in everything]
    slice_of = range(len(train), len(train) + len(held))
    model = lm.read(args.model)
    if not isinstance(model, llama.Llama):
        raise SystemExit(f"{args.model}: not a Llama; take one with model_type llama")
    model.requires_grad_(False)
    lower, teacher = Lower(model, args.frozen, rows), Teacher(model, args.frozen, args.layers).requires_grad_(True)
    if args.judge:
        teacher.load_state_dict(torch.load(Path(args.out) / "checkpoint.pt", weights_only=True)["model"])
        said = opinions(teacher.eval(), lower, range(len(rows)), rows)
        return write(Path(args.out) / "judged.tsv", [s for s, _ in everything], said)
    buckets = glue.Buckets([len(r) for r in rows[: len(train)]], args.rows, args.seed)

    def step_loss(step):
        chosen = buckets(step)
        with torch.autocast("cpu", torch.bfloat16):
            return F.cross_entropy(teacher(*lower(chosen)), torch.tensor([everything[i][1] for i in chosen]))

    def right(chosen):
        said = opinions(teacher, lower, chosen, rows)
        return sum((p > 0.5) == everything[i][1] for p, i in zip(said, chosen)) / len(chosen)

    adam = torch.optim.AdamW(teacher.parameters(), lr=args.lr, weight_decay=0.01, fused=True)
    some = slice_of[: 500]
    loop.run(args.out, teacher, [adam], step_loss, args.steps, warmup=100, decay=1.0, report=20, validate=lambda step: right(some))
    print("held out:", right(slice_of), flush=True)
    write(Path(args.out) / "opinions.tsv", [s for s, _ in everything], opinions(teacher, lower, range(len(rows)), rows))


if __name__ == "__main__":
    main()
