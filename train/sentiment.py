"""Fine-tunes a BERT encoder for SST-2, dense or with pruning in the loop.

    python sentiment.py --start MINILM --data SST2 --out out/dense --steps 3000
    python sentiment.py --start out/dense --teacher out/dense --data SST2 --out out/pruned --schedule schedule.yaml --steps 3000

With a schedule three steps of four are pruned, so that one set of weights serves both modes; with a teacher, or with the opinions that
teacher.py wrote down, the loss is half cross-entropy, half the divergence from what they say; all divergence for phrases without a label.
"""

import argparse
import shutil
from pathlib import Path

import torch
from torch.nn import functional as F

import bert
import folder
import glue
import loop
import schedule as schedules
from cascade import Cascade

UNKNOWN = -1
LABELS = {"0": "negative", "1": "positive"}
SENTENCE = "As a visual treat, the film is almost perfect."


def read_classifier(path):
    config = folder.read_config(path)
    config.update(architectures=["BertForSequenceClassification"], id2label=LABELS, label2id={v: int(k) for k, v in LABELS.items()})
    model = bert.Classifier(config)
    weights = folder.read_weights(path)
    if not any(name.startswith("bert.") for name in weights):
        weights = {"bert." + name: t for name, t in weights.items()}
    missing = folder.load(model, weights)
    if "bert.pooler.dense.weight" in missing:  # an encoder that was used without a pooler: begin near the identity
        torch.nn.init.eye_(model.bert.pooler["dense"].weight)
        torch.nn.init.zeros_(model.bert.pooler["dense"].bias)
    if "classifier.weight" in missing:
        torch.nn.init.normal_(model.classifier.weight, std=0.02)
        torch.nn.init.zeros_(model.classifier.bias)
    return model


def forward(model, rows, schedule=None):
    """Token rows -> logits and the Cascade that pruned them (None if dense)."""
    ids, lengths = glue.pad(rows)
    cascade = None
    if schedule:
        cascade = Cascade(schedule, model.config["num_attention_heads"], lengths, ids.shape[1], read=0)
    return model(ids, glue.valid(lengths), cascade), cascade


def accuracy(model, data, schedule=None):
    """data [(ids, label)] -> share right, tokens by layer as shares of the dense ones, heads by layer."""
    order = sorted(range(len(data)), key=lambda i: len(data[i][0]))
    right, entered, heads, total = 0, 0, 0, 0
    with torch.no_grad():
        for at in range(0, len(order), 64):
            batch = [data[i] for i in order[at : at + 64]]
            logits, cascade = forward(model, [ids for ids, _ in batch], schedule)
            right += (logits.argmax(1) == torch.tensor([label for _, label in batch])).sum().item()
            total += sum(len(ids) for ids, _ in batch)
            if cascade:
                entered = entered + torch.stack([e.sum() for e in cascade.entered])
                heads = heads + torch.stack([h.sum() for h in cascade.heads_entered])
    if not schedule:
        return right / len(data), None, None
    return right / len(data), (entered / total).tolist(), (heads / len(data)).tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--start", required=True, help="model folder to begin from")
    parser.add_argument("--teacher", nargs="+", default=[], help="model folders to distil from: the mean of what they say")
    parser.add_argument("--opinions", nargs="+", help="files of phrases and how likely each is positive, instead of a teacher")
    parser.add_argument("--data", required=True)
    parser.add_argument("--everything", action="store_true", help="train on the slice too, once all choices are made")
    parser.add_argument("--out", required=True)
    parser.add_argument("--schedule")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--rows", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--freeze-embeddings", action="store_true", help="train the layers and the head only")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    tokenizer = glue.read_tokenizer(args.start)
    phrases, slice_held = glue.sst2(args.data)
    if args.everything:
        phrases = glue.pairs(args.data)
    train, held = ([(tokenizer.encode(s).ids, label) for s, label in part] for part in (phrases, slice_held))
    said = None
    if args.opinions:
        positive = {}
        for path in args.opinions:
            positive.update(glue.read_opinions(path))
        known = {s for s, _ in glue.pairs(args.data)}
        new = [s for s in positive if s not in known]  # phrases that only the teacher has judged
        said = torch.tensor([[1 - positive[s], positive[s]] for s in [s for s, _ in phrases] + new])
        train += [(tokenizer.encode(s).ids, UNKNOWN) for s in new]
    model = read_classifier(args.start)
    teachers = [read_classifier(path).eval() for path in args.teacher]
    schedule = schedules.load(args.schedule, model.config["num_hidden_layers"]) if args.schedule else None
    buckets = glue.Buckets([len(ids) for ids, _ in train], args.rows, args.seed)
    print(f"{len(train)} training phrases, {len(held)} sentences held out", flush=True)

    def step_loss(step):
        chosen = buckets(step)
        batch = [train[i] for i in chosen]
        rows, labels = [ids for ids, _ in batch], torch.tensor([label for _, label in batch])
        with torch.autocast("cpu", torch.bfloat16):
            logits, _ = forward(model, rows, schedule if step % 4 else None)
            if not teachers and said is None:
                return F.cross_entropy(logits, labels)
            if said is None:
                with torch.no_grad():
                    target = sum(forward(teacher, rows)[0].softmax(1) for teacher in teachers) / len(teachers)
            else:
                target = said[chosen]
        known = (labels != UNKNOWN).float()
        distance = F.kl_div(logits.log_softmax(1), target, reduction="none").sum(1) * (2 - known)
        return (F.cross_entropy(logits, labels, reduction="none", ignore_index=UNKNOWN) + distance).mean() / 2

    if args.freeze_embeddings:
        model.bert.embeddings.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    decayed = [p for p in trained if p.dim() > 1]
    rest = [p for p in trained if p.dim() <= 1]
    adam = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.01}, {"params": rest, "weight_decay": 0.0}], lr=args.lr, fused=True)
    some = held[:500]
    loop.run(
        args.out, model, [adam], step_loss, args.steps, warmup=200, decay=1.0, report=50,
        validate=lambda step: accuracy(model, some, schedule)[0],
    )  # fmt: skip
    out = Path(args.out)
    folder.write_config(out, model.config)
    folder.write_weights(out, model)
    shutil.copyfile(Path(args.start) / "tokenizer.json", out / "tokenizer.json")
    print("held out, dense:", accuracy(model, held)[0])
    if schedule:
        print("held out, pruned:", *accuracy(model, held, schedule))
    rows = [tokenizer.encode(SENTENCE).ids]
    with torch.no_grad():
        print(SENTENCE, LABELS[str(forward(model, rows, schedule)[0].argmax().item())])


if __name__ == "__main__":
    main()
