"""Distils a sentence encoder into itself, with pruning in the loop: the pruned embedding learns to be the dense one.

    python distill.py --model MINILM --data ../../shared/data --out out/minilm --schedule schedule.yaml --steps 3000

Two things are learnt: the embedding, and the last state of every token, fallen ones too, since the mean is of all of them. There is
no dropout, as the teacher has none either. Sentences come from the training sets of SST-2, MRPC and RTE and from the books; no score of any sentence is used. Reported:
Spearman's correlation on the STS benchmark's development set, dense and pruned, before and after.
"""

import argparse
import csv
import shutil
from pathlib import Path

import torch

import bert
import books
import folder
import glue
import loop
import schedule as schedules
from cascade import Cascade


def sentences(data):
    """The sentences of the training sets, each once, in a fixed order."""
    data = Path(data)
    found = {s for s, _ in glue.sst2(data / "sst2")[0] if len(s.split()) >= 6}
    for path, columns in ((data / "mrpc/msr_paraphrase_train.txt", (3, 4)), (data / "rte/train.tsv", (1, 2))):
        with open(path, encoding="utf-8-sig") as file:
            for row in list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]:
                found.update(row[c].strip() for c in columns)
    for path in books.paths(data / "books"):
        lines = path.read_text(encoding="utf-8").splitlines()
        found.update(line.strip() for line in lines[::2] if 6 <= len(line.split()) <= 40)
    return sorted(found)


def states(model, rows, schedule=None):
    """Token rows -> normalized embeddings, and the last states of all tokens."""
    ids, lengths = glue.pad(rows)
    cascade = None
    if schedule:
        cascade = Cascade(schedule, model.config["num_attention_heads"], lengths, ids.shape[1], read=0)
    return model.states(ids, glue.valid(lengths), cascade)


def embed(model, rows, schedule=None):
    """Token rows -> normalized embeddings."""
    return states(model, rows, schedule)[0]


def ranks(x):
    """Ranks, ties sharing their mean."""
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[inverse]


def spearman(a, b):
    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


@torch.no_grad()
def correlation(model, tokenizer, pairs, schedule=None):
    """Spearman's correlation of cosine and score over STS pairs."""
    texts = [p[0] for p in pairs] + [p[1] for p in pairs]
    rows = [tokenizer.encode(t).ids for t in texts]
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = torch.zeros(len(rows), model.config["hidden_size"])
    for at in range(0, len(order), 64):
        part = order[at : at + 64]
        found[part] = embed(model, [rows[i] for i in part], schedule)
    cosine = (found[: len(pairs)] * found[len(pairs) :]).sum(1)
    return spearman(cosine.double(), torch.tensor([p[2] for p in pairs]).double())


def read(path):
    model = bert.Encoder({**folder.read_config(path), "hidden_dropout_prob": 0.0})
    folder.load(model, folder.read_weights(path), prefix="bert.")
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--schedule", required=True)
    parser.add_argument("--steps", type=int, default=3000, help="0: only measure")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    tokenizer = glue.read_tokenizer(args.model)
    model, teacher = read(args.model), read(args.model)
    schedule = schedules.load(args.schedule, model.config["num_hidden_layers"])
    development = glue.stsb(Path(args.data) / "stsb/sts-dev.csv")
    print(f"before: dense {correlation(model, tokenizer, development):.4f} pruned {correlation(model, tokenizer, development, schedule):.4f}", flush=True)
    if not args.steps:
        return
    texts = sentences(args.data)
    rows = [e.ids[:64] for e in tokenizer.encode_batch(texts)]
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(args.seed)).tolist()
    rows, held = [rows[i] for i in order[256:]], [rows[i] for i in order[:256]]
    buckets = glue.Buckets([len(r) for r in rows], args.rows, args.seed)
    print(f"{len(rows)} sentences", flush=True)

    def distance(batch):
        with torch.no_grad():
            want, states_wanted = states(teacher, batch)
        got, states_got = states(model, batch, schedule)
        alike = ((got @ got.T - want @ want.T) ** 2).mean()
        apart = (states_got - states_wanted).square().sum() / states_wanted.square().sum()
        return (1 - (got * want).sum(1)).mean() + 4 * alike + 0.5 * apart

    def step_loss(step):
        with torch.autocast("cpu", torch.bfloat16):
            return distance([rows[i] for i in buckets(step)])

    model.embeddings.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(trained, lr=args.lr, weight_decay=0.01, fused=True)
    loop.run(args.out, model, [adam], step_loss, args.steps, warmup=100, decay=1.0, report=50, validate=lambda step: distance(held))
    out = Path(args.out)
    config = {**folder.read_config(args.model), "architectures": ["BertModel"]}
    folder.write_config(out, config)
    folder.write_weights(out, model)
    shutil.copyfile(Path(args.model) / "tokenizer.json", out / "tokenizer.json")
    print(f"after: dense {correlation(model, tokenizer, development):.4f} pruned {correlation(model, tokenizer, development, schedule):.4f}")


if __name__ == "__main__":
    main()
