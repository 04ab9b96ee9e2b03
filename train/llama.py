"""The Llama family: token ids -> logits, with the parameter names of the Hugging Face layout.

RMSNorm, SwiGLU, rotary position embedding (plain, linear or llama3 scaling), grouped queries, tied or own head.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


def frequencies(config, depth):
    """The rotary angle per position of each pair of dimensions."""
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", 10000.0), **(config.get("rope_scaling") or {})}
    theta = rope["rope_theta"] ** (-torch.arange(0, depth, 2).float() / depth)
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "linear":
        return theta / rope["factor"]
    if kind == "llama3":
        # Llama 3.1: long waves are slowed by `factor`, short ones kept, those between interpolated.
        turns = rope["original_max_position_embeddings"] * theta / (2 * math.pi)
        low, high = rope["low_freq_factor"], rope["high_freq_factor"]
        keep = ((turns - low) / (high - low)).clamp(0, 1)
        return theta * keep + theta / rope["factor"] * (1 - keep)
    if kind != "default":
        raise ValueError(f"rotary embedding of type {kind!r} is not supported")
    return theta


def rotate(x, angles):
    """Halves of each head turned by angles (length, depth / 2)."""
    a, b = x.chunk(2, dim=-1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Norm(nn.Module):
    def __init__(self, width, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x):
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, self.eps)


class Layer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, inner = config["hidden_size"], config["intermediate_size"]
        self.layer, self.heads = layer, config["num_attention_heads"]
        self.groups = config.get("num_key_value_heads") or self.heads
        self.depth = config.get("head_dim") or width // self.heads

        def linear(n_in, n_out, bias="attention_bias"):
            return nn.Linear(n_in, n_out, bias=config.get(bias, False))

        self.self_attn = nn.ModuleDict(
            {
                "q_proj": linear(width, self.heads * self.depth),
                "k_proj": linear(width, self.groups * self.depth),
                "v_proj": linear(width, self.groups * self.depth),
                "o_proj": linear(self.heads * self.depth, width),
            }
        )
        names = (("gate_proj", width, inner), ("up_proj", width, inner), ("down_proj", inner, width))
        self.mlp = nn.ModuleDict({name: linear(a, b, "mlp_bias") for name, a, b in names})
        self.input_layernorm = Norm(width, config["rms_norm_eps"])
        self.post_attention_layernorm = Norm(width, config["rms_norm_eps"])

    def forward(self, x, angles, cascade):
        rows, length, _ = x.shape
        h = self.input_layernorm(x)
        q, k, v = (self.self_attn[n](h).view(rows, length, -1, self.depth).transpose(1, 2) for n in ("q_proj", "k_proj", "v_proj"))
        q, k = rotate(q, angles), rotate(k, angles)
        k, v = (t.repeat_interleave(self.heads // self.groups, dim=1) for t in (k, v))
        if cascade is None:
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            o = cascade.attend(self.layer, q, k, v)
        x = x + self.self_attn["o_proj"](o.transpose(1, 2).reshape(rows, length, -1))
        h = self.post_attention_layernorm(x)
        return x + self.mlp["down_proj"](F.silu(self.mlp["gate_proj"](h)) * self.mlp["up_proj"](h))


def through(layers, x, theta, cascade=None):
    """States (rows, length, width) -> what the layers make of them."""
    angles = torch.arange(x.shape[1]).float()[:, None] * theta[None]
    for layer in layers:
        x = layer(x, angles, cascade)
    return x


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        width = config["hidden_size"]
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(config["vocab_size"], width),
                "layers": nn.ModuleList(Layer(config, i) for i in range(config["num_hidden_layers"])),
                "norm": Norm(width, config["rms_norm_eps"]),
            }
        )
        if not config.get("tie_word_embeddings"):
            self.lm_head = nn.Linear(width, config["vocab_size"], bias=False)
        self.theta = frequencies(config, self.model["layers"][0].depth)

    def hidden(self, ids, cascade=None):
        """ids (rows, length) -> last hidden states (rows, length, hidden_size)."""
        x = through(self.model["layers"], self.model["embed_tokens"](ids), self.theta, cascade)
        return self.model["norm"](x)

    def logits(self, hidden):
        head = self.model["embed_tokens"] if self.config.get("tie_word_embeddings") else self.lm_head
        return F.linear(hidden, head.weight)

    def forward(self, ids, cascade=None):
        return self.logits(self.hidden(ids, cascade))
