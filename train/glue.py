"""Sentences and labels: SST-2 and the other GLUE sets as token ids, in batches of similar length.

    python glue.py DATA/sst2 held.tsv    # writes the slice of the training set that is held out of training
"""

import csv
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

LONGEST = 128  # tokens; what is longer is cut


def read_tsv(path):
    """sentence TAB label lines below a heading -> [(sentence, label)]."""
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file][1:]
    return [(sentence.strip(), int(label)) for sentence, label in lines]


def pairs(folder):
    """The whole training set of SST-2, phrases and sentences."""
    return [p for part in ("train_part1.tsv", "train_part2.tsv") for p in read_tsv(Path(folder) / part)]


def read_opinions(path):
    """phrase TAB probability lines below a heading, as teacher.py writes them -> {phrase: probability that it is positive}."""
    with open(path, encoding="utf-8") as file:
        lines = [line.rstrip("\n").split("\t") for line in file][1:]
    return {sentence: float(p) for sentence, p in lines}


def sst2(folder, held_out=1000, seed=0):
    """The training set of SST-2 -> (training pairs, held-out pairs).

    Whole sentences are held out, and every phrase of theirs with them: the training set is made of the phrases of parse
    trees, and a slice drawn at random would share its words with what is trained on.
    """
    found = pairs(folder)
    whole = sorted({p for p in found if p[0].endswith(".") and len(p[0].split()) >= 8})
    generator = torch.Generator().manual_seed(seed)
    chosen = [whole[i] for i in torch.randperm(len(whole), generator=generator)[:held_out].tolist()]
    text = "\n".join(f" {sentence} " for sentence, _ in chosen)
    return [p for p in found if f" {p[0]} " not in text], chosen


def read_tokenizer(folder):
    tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    return tokenizer


def pad(rows):
    """Lists of ids -> ids (rows, longest), lengths."""
    lengths = [len(r) for r in rows]
    ids = torch.zeros(len(rows), max(lengths), dtype=torch.long)
    for i, r in enumerate(rows):
        ids[i, : len(r)] = torch.tensor(r)
    return ids, lengths


def valid(lengths):
    return torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]


class Buckets:
    """Step -> indices of one batch: epochs in random order, each batch of similar lengths."""

    def __init__(self, lengths, rows, seed, pool=50):
        self.lengths, self.rows, self.seed, self.pool = torch.tensor(lengths), rows, seed, pool
        self.per_epoch = len(lengths) // rows
        self.epoch, self.batches = -1, []

    def __call__(self, step):
        if step // self.per_epoch != self.epoch:
            self.epoch = step // self.per_epoch
            generator = torch.Generator().manual_seed(self.seed * 1000 + self.epoch)
            order = torch.randperm(len(self.lengths), generator=generator)
            self.batches = []
            for pool in order.split(self.rows * self.pool):
                by_length = pool[self.lengths[pool].argsort(stable=True)]
                self.batches += [b for b in by_length.split(self.rows) if len(b) == self.rows]
            mixed = torch.randperm(len(self.batches), generator=generator).tolist()
            self.batches = [self.batches[i] for i in mixed]
            self.per_epoch = len(self.batches)
        return self.batches[step % self.per_epoch].tolist()


def stsb(path):
    """STS benchmark lines -> [(first, second, score)]."""
    with open(path, encoding="utf-8") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(r[5], r[6], float(r[4])) for r in rows if len(r) >= 7]


if __name__ == "__main__":
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        print("sentence\tlabel", file=file)
        for sentence, label in sst2(sys.argv[1])[1]:
            print(f"{sentence}\t{label}", file=file)
