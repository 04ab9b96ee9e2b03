"""The initial circuit looks where it should."""

import torch

import circuits
import gpt2


def model():
    torch.manual_seed(0)
    config = {"n_embd": 256, "n_head": 4, "n_layer": 2, "n_positions": 512, "vocab_size": 300, "layer_norm_epsilon": 1e-5}
    network = gpt2.GPT2(config).eval()
    circuits.induction(network)
    return network


class Watch:
    """Stands where a Cascade would and keeps the probabilities of head 0."""

    def __init__(self):
        self.seen = []

    def attend(self, layer, q, k, v):
        scores = (q @ k.transpose(-1, -2)) * q.shape[-1] ** -0.5
        p = scores.masked_fill(~torch.ones(scores.shape[-2:], dtype=torch.bool).tril(), -torch.inf).softmax(-1)
        self.seen.append(p[0, 0])
        return p @ v


@torch.no_grad()
def test_heads():
    ids = torch.randint(0, 300, (1, 200))
    ids = torch.cat([ids, ids], dim=1)
    watch = Watch()
    model()(ids, watch)
    back, match = watch.seen
    assert back.diagonal(-1).mean() > 0.9
    # In the second copy, position i sees its token's successor of the first copy.
    assert match.diagonal(-199)[1:].mean() > 0.5
