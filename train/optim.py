"""Optimizers: AdamW for vectors and embeddings, Muon for the matrices of the body.

Muon (K. Jordan and others, 2024): momentum whose matrix is replaced by the nearest semi-orthogonal one, found by a
Newton-Schulz iteration. On little data and few steps it reaches a given loss in roughly two thirds of AdamW's tokens.
"""

import torch

# The quintic that drives singular values towards 1 (from the published method).
A, B, C = 3.4445, -4.7750, 2.0315


def orthogonal(g, rounds=5):
    """The semi-orthogonal factor of a matrix, singular values within about [0.7, 1.2]."""
    wide = g.shape[0] <= g.shape[1]
    x = (g if wide else g.t()).to(torch.bfloat16)
    x = x / (x.norm() + 1e-7)
    for _ in range(rounds):
        gram = x @ x.t()
        x = A * x + (B * gram + C * gram @ gram) @ x
    return (x if wide else x.t()).float()


class Muon(torch.optim.Optimizer):
    """For matrices stored (in, out) as GPT-2's, or (out, in) as nn.Linear's with linear=True. parts: how many equal column blocks a matrix
    holds (3 for a fused q, k, v), each made orthogonal by itself."""

    def __init__(self, params, lr, momentum=0.95, weight_decay=0.0, linear=False):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "parts": 1, "linear": linear})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum"] = torch.zeros_like(p)
                m = state["momentum"]
                m.lerp_(p.grad, 1 - group["momentum"])
                g = p.grad.lerp(m, group["momentum"])
                update = torch.cat([orthogonal(b) for b in g.chunk(group["parts"], dim=1)], dim=1)
                rows, columns = p.shape[0], p.shape[1] // group["parts"]
                wider = rows / columns if group["linear"] else columns / rows
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(update, alpha=-group["lr"] * max(1.0, wider) ** 0.5)


def split(model):
    """A GPT-2's matrices, the fused projections among them, and everything else: three lists of parameters."""
    matrices, fused, rest = [], [], []
    for name, p in model.named_parameters():
        if p.dim() == 2 and ".h." in name:
            (fused if "c_attn" in name else matrices).append(p)
        else:
            rest.append(p)
    return matrices, fused, rest
