"""GPT-2: token ids -> logits, with the parameter names of the Hugging Face layout.

Reads a config (n_embd, n_head, n_layer, n_positions, vocab_size, layer_norm_epsilon) and, if given, a Cascade that prunes
inside the layers. The language-model head is the token embedding, as in the original.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F


class Conv1D(nn.Module):
    """A linear layer whose weight is stored (in, out), as GPT-2 checkpoints do."""

    def __init__(self, n_in, n_out, std):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_in, n_out) * std)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["n_embd"], config["layer_norm_epsilon"]
        residual = 0.02 / math.sqrt(2 * config["n_layer"])
        self.layer, self.heads, self.drop = layer, config["n_head"], config.get("resid_pdrop", 0.0)
        self.ln_1 = nn.LayerNorm(width, eps=eps)
        self.attn = nn.ModuleDict({"c_attn": Conv1D(width, 3 * width, 0.02), "c_proj": Conv1D(width, width, residual)})
        self.ln_2 = nn.LayerNorm(width, eps=eps)
        inner = config.get("n_inner") or 4 * width
        self.mlp = nn.ModuleDict({"c_fc": Conv1D(width, inner, 0.02), "c_proj": Conv1D(inner, width, residual)})

    def forward(self, x, cascade):
        rows, length, width = x.shape
        q, k, v = (
            t.view(rows, length, self.heads, width // self.heads).transpose(1, 2)
            for t in self.attn["c_attn"](self.ln_1(x)).split(width, dim=2)
        )
        if cascade is None:
            o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            o = cascade.attend(self.layer, q, k, v)
        o = self.attn["c_proj"](o.transpose(1, 2).reshape(rows, length, width))
        x = x + F.dropout(o, self.drop, self.training)
        h = F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh")
        return x + F.dropout(self.mlp["c_proj"](h), self.drop, self.training)


class GPT2(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        width = config["n_embd"]
        self.drop = config.get("embd_pdrop", 0.0)
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(config["vocab_size"], width),
                "wpe": nn.Embedding(config["n_positions"], width),
                "h": nn.ModuleList(Block(config, i) for i in range(config["n_layer"])),
                "ln_f": nn.LayerNorm(width, eps=config["layer_norm_epsilon"]),
            }
        )
        nn.init.normal_(self.transformer["wte"].weight, std=0.02)
        nn.init.normal_(self.transformer["wpe"].weight, std=0.01)

    def hidden(self, ids, cascade=None):
        """ids (rows, length) -> last hidden states (rows, length, n_embd)."""
        t = self.transformer
        x = t["wte"](ids) + t["wpe"].weight[: ids.shape[1]]
        x = F.dropout(x, self.drop, self.training)
        for block in t["h"]:
            x = block(x, cascade)
        return t["ln_f"](x)

    def logits(self, hidden):
        return F.linear(hidden, self.transformer["wte"].weight)

    def forward(self, ids, cascade=None):
        return self.logits(self.hidden(ids, cascade))
