"""Other names: a window of a book in which every name is replaced, throughout the window, by an invented one.

A book that is not trained on has names of its own, in pieces that its reader has never seen together. Twelve books are soon known
by heart, names and all, and a model of them need not look back to know who is meant; with invented names it must.
"""

import re
from collections import Counter, defaultdict

import torch

WORD = re.compile(r"[A-Za-z]+")
SHORTEST, LONGEST = 3, 10  # letters of a name
SEEN = 3  # times at least in a book


def names(text):
    """The words of a text that are names: capitalized, and hardly ever otherwise."""
    counts = Counter(WORD.findall(text))
    return {
        word
        for word, n in counts.items()
        if n >= SEEN and len(word) >= SHORTEST and word == word.capitalize() and counts[word.lower()] * 10 < n
    }


class Inventor:
    """Names that sound like those it is given: letters follow each other as theirs do, by twos."""

    def __init__(self, names):
        self.follow = defaultdict(list)
        for name in sorted(names):
            letters = "^^" + name.lower() + "$"
            for i in range(2, len(letters)):
                self.follow[letters[i - 2 : i]].append(letters[i])

    def __call__(self, generator):
        while True:
            name = "^^"
            while name[-1] != "$" and len(name) < LONGEST + 3:
                next_letters = self.follow[name[-2:]]
                name += next_letters[int(torch.randint(len(next_letters), (), generator=generator))]
            name = name.strip("^$")
            if SHORTEST <= len(name) <= LONGEST:
                return name.capitalize()


class Exchange:
    """Gives windows of token ids other names."""

    def __init__(self, tokenizer, texts):
        self.tokenizer = tokenizer
        self.names = set().union(*map(names, texts))
        self.invent = Inventor(self.names)

    def __call__(self, row, generator):
        """Token ids -> as many ids of the same text with other names; the row itself where they come out too few."""
        other = {}

        def replace(match):
            word = match[0]
            if word not in self.names:
                return word
            if word not in other:
                other[word] = self.invent(generator)
            return other[word]

        ids = self.tokenizer.encode(WORD.sub(replace, self.tokenizer.decode(row.tolist()))).ids
        return torch.tensor(ids[: len(row)]) if len(ids) >= len(row) else row
