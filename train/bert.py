"""BERT: token ids -> hidden states, a class or an embedding, with the parameter names of the Hugging Face layout."""

import torch
from torch import nn
from torch.nn import functional as F


class Layer(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        width, eps = config["hidden_size"], config["layer_norm_eps"]
        self.layer, self.heads, self.drop = layer, config["num_attention_heads"], config.get("hidden_dropout_prob", 0.0)

        def dense(n_in, n_out):
            return nn.ModuleDict({"dense": nn.Linear(n_in, n_out)})

        def joined(n_in):
            return nn.ModuleDict({"dense": nn.Linear(n_in, width), "LayerNorm": nn.LayerNorm(width, eps=eps)})

        projections = nn.ModuleDict({name: nn.Linear(width, width) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"self": projections, "output": joined(width)})
        self.intermediate = dense(width, config["intermediate_size"])
        self.output = joined(config["intermediate_size"])

    def forward(self, x, bias, cascade):
        rows, length, width = x.shape
        q, k, v = (
            self.attention["self"][name](x).view(rows, length, self.heads, -1).transpose(1, 2)
            for name in ("query", "key", "value")
        )
        if cascade is None:
            o = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        else:
            o = cascade.attend(self.layer, q, k, v).to(x.dtype)
        o = o.transpose(1, 2).reshape(rows, length, width)
        h = self._join(self.attention["output"], o, x)
        h = self._join(self.output, F.gelu(self.intermediate["dense"](h)), h)
        if cascade is None:
            return h
        live = cascade.tokens[:, :, None]
        return h * live + x * (1 - live)  # a pruned token keeps its last state

    def _join(self, part, x, residual):
        return part["LayerNorm"](F.dropout(part["dense"](x), self.drop, self.training) + residual)


class Encoder(nn.Module):
    """Embeddings and layers: the `bert` of a checkpoint."""

    def __init__(self, config):
        super().__init__()
        width = config["hidden_size"]
        self.config, self.drop = config, config.get("hidden_dropout_prob", 0.0)
        self.embeddings = nn.ModuleDict(
            {
                "word_embeddings": nn.Embedding(config["vocab_size"], width),
                "position_embeddings": nn.Embedding(config["max_position_embeddings"], width),
                "token_type_embeddings": nn.Embedding(config["type_vocab_size"], width),
                "LayerNorm": nn.LayerNorm(width, eps=config["layer_norm_eps"]),
            }
        )
        layers = nn.ModuleList(Layer(config, i) for i in range(config["num_hidden_layers"]))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.pooler = nn.ModuleDict({"dense": nn.Linear(width, width)})

    def forward(self, ids, valid, cascade=None):
        """ids and valid (rows, length) -> last hidden states (rows, length, width)."""
        e = self.embeddings
        x = e["word_embeddings"](ids) + e["position_embeddings"].weight[: ids.shape[1]] + e["token_type_embeddings"].weight[0]
        x = F.dropout(e["LayerNorm"](x), self.drop, self.training)
        bias = torch.zeros(valid.shape).masked_fill(~valid, -1e9)[:, None, None].to(x.dtype)
        for layer in self.encoder["layer"]:
            x = layer(x, bias, cascade)
        return x

    def mean(self, ids, valid, cascade=None):
        """The normalized mean of every token's last state: (rows, width)."""
        x = self(ids, valid, cascade).float() * valid[:, :, None]
        return F.normalize(x.sum(1) / valid.sum(1, keepdim=True), dim=1)


class Classifier(nn.Module):
    """[CLS] -> pooler -> classes."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.bert = Encoder(config)
        self.classifier = nn.Linear(config["hidden_size"], len(config["id2label"]))

    def forward(self, ids, valid, cascade=None):
        x = self.bert(ids, valid, cascade)[:, 0]
        x = torch.tanh(self.bert.pooler["dense"](x))
        return self.classifier(F.dropout(x, self.bert.drop, self.training)).float()
