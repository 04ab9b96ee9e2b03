"""Measures a stored model, dense and with a schedule: the figures of the cards, computed without the runtime.

    python measure.py sentiment --model ../models/sentiment --data ../../shared/data [--dev]
    python measure.py story --model ../models/story --data ../../shared/data [--held-out]
    python measure.py encoder --model out/minilm --data ../../shared/data --schedule schedule.yaml

By default on what choices are made on: the slice held out of SST-2's training set, the last pages of the training books. --dev
and --held-out read what is read once, at the end.
"""

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer

import books
import distill
import glue
import lm
import schedule as schedules
import sentiment


def measure_sentiment(args):
    tokenizer, model = glue.read_tokenizer(args.model), sentiment.read_classifier(args.model).eval()
    schedule = schedules.load(args.schedule, model.config["num_hidden_layers"])
    pairs = glue.read_tsv(args.data / "sst2/dev.tsv") if args.dev else glue.sst2(args.data / "sst2")[1]
    data = [(tokenizer.encode(s).ids, label) for s, label in pairs]
    dense = sentiment.accuracy(model, data)[0]
    pruned, tokens, heads = sentiment.accuracy(model, data, schedule)
    print(f"accuracy: dense {dense:.4f} pruned {pruned:.4f} of {len(data)}")
    print(f"token-layers {sum(tokens) / len(tokens):.3f} of dense, by layer", *(f"{t:.2f}" for t in tokens))
    print(f"head-layers {sum(heads) / len(heads) / model.config['num_attention_heads']:.3f} of dense")
    for mode in (None, schedule):
        logits, cascade = sentiment.forward(model, [tokenizer.encode(sentiment.SENTENCE).ids], mode)
        label = sentiment.LABELS[str(logits.argmax().item())]
        print(sentiment.SENTENCE, label, f"{logits.softmax(1).max().item():.3f}", *(int(e) for e in (cascade.entered if cascade else [])))


def measure_story(args):
    tokenizer, model = Tokenizer.from_file(str(args.model / "tokenizer.json")), lm.read(args.model).eval()
    schedule = schedules.load(args.schedule, lm.shape(model.config)[0])
    length = args.prompt + args.generated
    if args.held_out:
        texts = [books.encode(tokenizer, f) for f in books.paths(args.data / "books", held_out=True)]
    else:
        texts = books.load(tokenizer, args.data / "books")[1]
    rows = torch.cat([books.excerpts(t, length, -(-args.excerpts // len(texts))) for t in texts if len(t) > length + 64])
    dense = lm.perplexity(model, rows, args.prompt)
    print(f"{len(rows)} excerpts, dense perplexity {dense:.3f}", flush=True)
    near = lm.perplexity(model, rows[:, args.prompt - 64 :], 64)
    print(f"with 64 tokens of context {near:.3f}: {1 - dense / near:.2%} below", flush=True)
    pruned = lm.perplexity(model, rows, args.prompt, schedule)
    print(f"pruned {pruned:.3f} ratio {pruned / dense:.4f}", flush=True)
    schedule.importance = {"policy": "random"}
    random = lm.perplexity(model, rows, args.prompt, schedule)
    print(f"random importance {random:.3f} ratio {random / dense:.4f}")


def measure_encoder(args):
    tokenizer, model = glue.read_tokenizer(args.model), distill.read(args.model)
    schedule = schedules.load(args.schedule, model.config["num_hidden_layers"])
    pairs = glue.stsb(args.data / "stsb/sts-dev.csv")
    dense, pruned = (distill.correlation(model, tokenizer, pairs, s) for s in (None, schedule))
    print(f"STS-B dev Spearman: dense {dense:.4f} pruned {pruned:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("sentiment", "story", "encoder"))
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--schedule", help="default: the one in the model's folder")
    parser.add_argument("--dev", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--prompt", type=int, default=992)
    parser.add_argument("--generated", type=int, default=32)
    parser.add_argument("--excerpts", type=int, default=100)
    args = parser.parse_args()
    args.schedule = args.schedule or args.model / "schedule.yaml"
    with torch.no_grad():
        {"sentiment": measure_sentiment, "story": measure_story, "encoder": measure_encoder}[args.what](args)


if __name__ == "__main__":
    main()
