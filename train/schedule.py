"""A schedule: what every layer keeps, read from the same YAML as the runtime's.

Keys that training does not know (granularity, chunk, query, ask, pooling, length, average) are errors like unknown ones, so
that a model is never trained for another schedule than it is given.
"""

import math
from dataclasses import dataclass, field

import yaml

POLICIES = ("cumulative", "normalized", "window", "random")


@dataclass
class Schedule:
    name: str = ""
    tokens: list = field(default_factory=list)  # share of the sequence's tokens entering each layer
    heads: list = field(default_factory=list)  # share of the heads live in each layer
    values: list = field(default_factory=list)  # share of the live keys whose values are multiplied
    renormalize: bool = False
    protect: dict = field(default_factory=dict)  # first, last, recent: positions that survive
    importance: dict = field(default_factory=lambda: {"policy": "cumulative"})
    key: dict = field(default_factory=dict)  # msb
    value: dict = field(default_factory=dict)  # bits

    def check(self, layers):
        """Fills empty lists with ones; raises ValueError where a list is not one that `layers` layers can follow."""
        for label in ("tokens", "heads", "values"):
            shares = getattr(self, label) or [1.0]
            if not isinstance(shares, list):
                shares = [shares]
            if len(shares) == 1:
                shares = shares * layers
            setattr(self, label, shares)
            if len(shares) != layers:
                raise ValueError(f"schedule {self.name}: {label} has {len(shares)} entries for {layers} layers")
            if not all(0 < s <= 1 for s in shares):
                raise ValueError(f"schedule {self.name}: {label} has a share outside (0, 1]")
            if label != "values" and any(b > a for a, b in zip(shares, shares[1:])):
                raise ValueError(f"schedule {self.name}: {label} increases, but what is gone does not come back")
        known = {"protect": {"first", "last", "recent"}, "importance": {"policy", "window", "seed"}, "value": {"bits"}, "key": {"msb"}}
        for label, keys in known.items():
            if unknown := set(getattr(self, label)) - keys:
                raise ValueError(f"schedule {self.name}: {label} has {sorted(unknown)[0]}, which training does not know")
        if self.importance.get("policy", "cumulative") not in POLICIES:
            raise ValueError(f"schedule {self.name}: importance policy is none of {', '.join(POLICIES)}")
        return self

    def keep(self, label, layer, n):
        """How many of n stay at `layer`: floor(n x share), at least one."""
        return max(1, math.floor(n * getattr(self, label)[layer] + 1e-9))


def load(path, layers):
    with open(path, encoding="utf-8") as file:
        fields = yaml.safe_load(file)
    try:
        return Schedule(**fields).check(layers)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
