"""New phrases out of old ones, for a teacher to judge: unlabelled text of the kind that a classifier is for.

    python augment.py --model MINILM --data SST2 --out new.txt --count 20000

Half begin like one training sentence and end like another; in half every seventh word has made place for one of its neighbours among the
encoder's word embeddings. Sentences held out are not used. After Jiao et al., TinyBERT (2020), section 4.3, and Tang et al. (2019).
"""

import argparse
import random

from torch.nn import functional as F

import folder
import glue

NEIGHBOURS = 12


class Neighbours:
    """A word -> words like it: the nearest whole-word tokens by the cosine of their embeddings."""

    def __init__(self, path):
        tokenizer = glue.read_tokenizer(path)
        weights = folder.read_weights(path)
        name = next(n for n in weights if n.endswith("word_embeddings.weight"))
        self.ids = {w: i for w, i in tokenizer.get_vocab().items() if w.isalpha() and len(w) > 2}
        self.words = list(self.ids)
        self.vectors = F.normalize(weights[name][[self.ids[w] for w in self.words]], dim=1)
        self.places, self.kept = {w: i for i, w in enumerate(self.words)}, {}

    def __call__(self, word):
        """Empty for a word that is no token of its own."""
        if word not in self.places:
            return []
        if word not in self.kept:
            near = (self.vectors @ self.vectors[self.places[word]]).topk(NEIGHBOURS + 1).indices.tolist()
            self.kept[word] = [self.words[i] for i in near if self.words[i] != word]
        return self.kept[word]


def spliced(first, second, rng):
    """The beginning of one list of words and the end of another."""
    return first[: rng.randint(len(first) // 3, 2 * len(first) // 3)] + second[rng.randint(len(second) // 3, 2 * len(second) // 3) :]


def replaced(words, near, rng):
    return [rng.choice(near(w) or [w]) if rng.random() < 1 / 7 else w for w in words]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="the encoder's folder")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--count", type=int, default=20000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    rng = random.Random(args.seed)
    train, _ = glue.sst2(args.data)
    old = {s for s, _ in glue.pairs(args.data)}
    sentences = sorted({s for s, _ in train if len(s.split()) >= 8})
    near, new = Neighbours(args.model), {}
    while len(new) < args.count:
        words = rng.choice(sentences).split()
        words = spliced(words, rng.choice(sentences).split(), rng) if len(new) % 2 else replaced(words, near, rng)
        phrase = " ".join(words)
        if phrase not in old:
            new[phrase] = True
    with open(args.out, "w", encoding="utf-8") as file:
        file.writelines(phrase + "\n" for phrase in new)


if __name__ == "__main__":
    main()
