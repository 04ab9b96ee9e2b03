"""An initialization that can already copy: a previous-token head and an induction head (Olsson and others, 2022).

A language model finds out by itself that what followed a word before will follow it again, but only after far more text than a
few books hold. So two heads of a fresh GPT-2 begin as that circuit, and training takes it from there; nothing is frozen.

The residual stream is laid out in three parts: `depth` dimensions of position (sinusoids), then the token, then `depth`
dimensions for the token before. Head 0 of layer 0 looks one position back and copies the first `depth` dimensions of that token
into the third part; head 0 of layer 1 looks for positions whose token before equals the present token, and adds the token there
to the stream.
"""

import math

import torch

STD = 0.08  # of embeddings, about where training takes them
BACK, MATCH = 3.0, 1.5  # sharpness of the two heads
GAIN = 1.5  # of the copied token


def sinusoids(positions, depth, longest=600.0, shortest=2.1):
    """(positions, depth): pairs of sine and cosine of waves between `shortest` and `longest` tokens; and their frequencies."""
    count = depth // 2
    waves = shortest * (longest / shortest) ** (torch.arange(count) / (count - 1))
    frequencies = 2 * math.pi / waves
    angles = torch.arange(positions)[:, None] * frequencies[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1) * math.sqrt(2), frequencies


@torch.no_grad()
def induction(model):
    """Writes the circuit into layers 0 and 1 of a fresh GPT2."""
    config, parts = model.config, model.transformer
    width, heads = config["n_embd"], config["n_head"]
    depth = width // heads
    position, token, before = slice(0, depth), slice(depth, width - depth), slice(width - depth, width)
    shown = slice(depth, 2 * depth)  # of the token: what the heads see
    waves, frequencies = sinusoids(config["n_positions"], depth)
    parts["wpe"].weight.zero_()
    parts["wpe"].weight[:, position] = waves * STD
    parts["wte"].weight.zero_()
    parts["wte"].weight[:, token] = torch.randn(config["vocab_size"], token.stop - token.start) * STD

    def head(layer):
        attention = parts["h"][layer].attn
        q, k, v = (attention["c_attn"].weight[:, i * width : i * width + depth] for i in range(3))
        out = attention["c_proj"].weight[:depth]
        for t in (q, k, v, out):
            t.zero_()
        return q, k, v, out

    eye = torch.eye(depth)
    q, k, v, out = head(0)
    cos, sin = torch.diag(frequencies.cos()), torch.diag(frequencies.sin())
    # (sin a, cos a) one position back: sin(a - w) = sin a cos w - cos a sin w, cos(a - w) = cos a cos w + sin a sin w.
    q[position] = BACK * torch.cat([torch.cat([cos, sin], dim=1), torch.cat([-sin, cos], dim=1)], dim=0)
    k[position] = eye
    v[shown] = eye
    out[:, before] = eye * STD
    q, k, v, out = head(1)
    q[shown] = MATCH * eye
    k[before] = eye
    v[shown] = eye
    out[:, shown] = eye * STD * GAIN
