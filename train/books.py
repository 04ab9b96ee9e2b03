"""Books: text files -> token ids, a tokenizer of their own, windows for training.

The last `VALIDATION` of every training book is never trained on: choices are made there. Books named in HELD_OUT are read
only to report.

    python books.py DATA/books ../models/story/tokenizer.json ends/    # writes the last pages of every training book
"""

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HELD_OUT = ("carroll-alice", "chesterton-brown", "shakespeare-hamlet")
VALIDATION = 0.03
END = "<|endoftext|>"


def paths(folder, held_out=False):
    """The training books, or the held-out ones, by name."""
    files = sorted(Path(folder).glob("*.txt"))
    return [f for f in files if (f.stem in HELD_OUT) == held_out]


def train_tokenizer(folder, size):
    """A byte-level BPE of `size` entries learnt from the training books alone."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (f.read_text(encoding="utf-8")[: -int(f.stat().st_size * VALIDATION)] for f in paths(folder))
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def encode(tokenizer, file):
    return torch.tensor(tokenizer.encode(file.read_text(encoding="utf-8")).ids, dtype=torch.long)


def load(tokenizer, folder):
    """Training ids and validation ids of each training book: two lists of vectors."""
    train, validation = [], []
    for file in paths(folder):
        ids = encode(tokenizer, file)
        cut = len(ids) - int(len(ids) * VALIDATION)
        train.append(ids[:cut])
        validation.append(ids[cut:])
    return train, validation


def windows(books, length, generator):
    """One epoch: every book cut into windows of length + 1 from a random start, in random order."""
    cut = []
    for ids in books:
        start = int(torch.randint(0, min(length, len(ids) - length - 1), (1,), generator=generator))
        cut += [ids[i : i + length + 1] for i in range(start, len(ids) - length - 1, length)]
    order = torch.randperm(len(cut), generator=generator).tolist()
    return [cut[i] for i in order]


def excerpts(ids, length, count):
    """Excerpt i of `count` starts at token floor(i * (T - length) / count) of the T tokens."""
    return torch.stack([ids[i * (len(ids) - length) // count :][:length] for i in range(count)])


if __name__ == "__main__":
    folder, tokenizer, out = sys.argv[1], Tokenizer.from_file(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    for file, ids in zip(paths(folder), load(tokenizer, folder)[1]):
        (out / file.name).write_text(tokenizer.decode(ids.tolist()), encoding="utf-8")
