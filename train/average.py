"""The mean of several models' weights, fine-tuned from the same beginning ("model soups", Wortsman and others, 2022).

    python average.py --model out/a --model out/b --out out/mean

Where they lie in one basin of the loss, the mean answers like their ensemble at the cost of one.
"""

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

import folder


def average(models):
    """A list of {name: tensor} with the same names and shapes -> their mean, in fp32."""
    for other in models[1:]:
        if {n: t.shape for n, t in other.items()} != {n: t.shape for n, t in models[0].items()}:
            raise ValueError("the models differ in names or shapes of their weights")
    return {name: torch.stack([m[name].float() for m in models]).mean(0) for name in models[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    out = Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    folder.write_config(out, folder.read_config(args.model[0]))
    save_file(average([folder.read_weights(m) for m in args.model]), out / "model.safetensors")
    shutil.copyfile(Path(args.model[0]) / "tokenizer.json", out / "tokenizer.json")


if __name__ == "__main__":
    main()
