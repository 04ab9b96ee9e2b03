"""Distils a sentence encoder into itself, with pruning in the loop: the pruned embedding learns to be the dense one.

    python distill.py --model MINILM --data ../../shared/data --out out/minilm --schedule schedule.yaml --steps 3000

Learnt are the dense embedding and the similarities within a batch; what the dense model makes of every sentence is computed once. There is
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
import optim
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
        found.update(line.strip() for line in lines if 6 <= len(line.split()) <= 40)
    return sorted(found)


def embed(model, rows, schedule=None):
    """Token rows -> normalized embeddings."""
    ids, lengths = glue.pad(rows)
    cascade = None
    if schedule:
        cascade = Cascade(schedule, model.config["num_attention_heads"], lengths, ids.shape[1], read=0)
    return model.mean(ids, glue.valid(lengths), cascade)


@torch.no_grad()
def embed_all(model, rows, schedule=None):
    """Any number of token rows -> normalized embeddings, in batches of similar length."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    found = torch.zeros(len(rows), model.config["hidden_size"])
    for at in range(0, len(order), 64):
        part = order[at : at + 64]
        found[part] = embed(model, [rows[i] for i in part], schedule).float()
    return found


def ranks(x):
    """Ranks, ties sharing their mean."""
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    last = counts.cumsum(0).double()
    return (last - (counts.double() - 1) / 2)[inverse]


def spearman(a, b):
    return torch.corrcoef(torch.stack([ranks(a), ranks(b)]))[0, 1].item()


def correlation(model, tokenizer, pairs, schedule=None):
    """Spearman's correlation of cosine and score over STS pairs."""
    texts = [p[0] for p in pairs] + [p[1] for p in pairs]
    rows = [tokenizer.encode(t).ids for t in texts]
    found = embed_all(model, rows, schedule)
    cosine = (found[: len(pairs)] * found[len(pairs) :]).sum(1)
    return spearman(cosine.double(), torch.tensor([p[2] for p in pairs]).double())


def read(path):
    model = bert.Encoder({**folder.read_config(path), "hidden_dropout_prob": 0.0})
    folder.load(model, folder.read_weights(path), prefix="bert.")
    return model.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--start", help="folder to begin from, instead of the model itself")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--schedule", required=True)
    parser.add_argument("--steps", type=int, default=3000, help="0: only measure")
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--muon", type=float, help="learn the matrices with Muon at this rate, the rest with AdamW")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    tokenizer = glue.read_tokenizer(args.model)
    model, teacher = read(args.start or args.model), read(args.model)
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

    with torch.autocast("cpu", torch.bfloat16):
        wanted = embed_all(teacher, rows + held)

    def distance(chosen, texts):
        want = wanted[chosen]
        got = embed(model, texts, schedule)
        alike = ((got @ got.T - want @ want.T) ** 2).mean()
        return (1 - (got * want).sum(1)).mean() + 4 * alike

    def step_loss(step):
        chosen = buckets(step)
        with torch.autocast("cpu", torch.bfloat16):
            return distance(chosen, [rows[i] for i in chosen])

    model.embeddings.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    matrices = [p for p in trained if args.muon and p.dim() == 2]
    rest = [p for p in trained if not (args.muon and p.dim() == 2)]
    adam = torch.optim.AdamW(rest, lr=args.lr, weight_decay=0.01, fused=True)
    optimizers = [adam, optim.Muon(matrices, args.muon, linear=True)] if args.muon else [adam]
    loop.run(args.out, model, optimizers, step_loss, args.steps, warmup=100, decay=1.0, report=50, validate=lambda step: distance(list(range(len(rows), len(wanted))), held))
    out = Path(args.out)
    config = {**folder.read_config(args.model), "architectures": ["BertModel"]}
    folder.write_config(out, config)
    folder.write_weights(out, model)
    shutil.copyfile(Path(args.model) / "tokenizer.json", out / "tokenizer.json")
    print(f"after: dense {correlation(model, tokenizer, development):.4f} pruned {correlation(model, tokenizer, development, schedule):.4f}")


if __name__ == "__main__":
    main()
