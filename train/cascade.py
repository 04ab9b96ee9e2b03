"""Cascade pruning inside a PyTorch model, differentiable: probabilities -> importance -> masks for the layers below.

Nothing is removed from the tensors; what is pruned is masked, exactly: it gets no probability, adds nothing, is never ranked
again. The backward pass is straight-through: a mask is 0 or 1 forward, and a sigmoid of the importance's distance to the cut
backward, so that training learns what to keep as well as how to do without the rest.
"""

import torch

# Width of the sigmoid behind a mask, in units of log importance.
TEMPERATURE = 0.5


def rank(scores, keep, protected, live):
    """Hard top-k by row: (rows, n) scores, (rows,) counts -> (rows, n) of 0/1.

    The protected stay and count against the budget; ties keep the leftmost; what is not live never returns.
    """
    key = scores.masked_fill(protected & live, torch.inf).masked_fill(~live, -torch.inf)
    order = key.argsort(dim=1, descending=True, stable=True)
    place = torch.empty_like(order).scatter_(1, order, torch.arange(key.shape[1]).expand_as(order))
    keep = torch.maximum(keep, (protected & live).sum(1))
    return (place < keep[:, None]) & live


def straight_through(hard, scores, live):
    """The 0/1 mask with the gradient of a sigmoid around the cut between what stays and what falls."""
    log = (scores + 1e-9).log()
    low = log.masked_fill(~hard, torch.inf).amin(1, keepdim=True)
    high = log.masked_fill(hard | ~live, -torch.inf).amax(1, keepdim=True)
    cut = ((low + high) / 2).detach()
    cut = torch.where(cut.isfinite(), cut, log.detach() - 10)  # nothing falls: no gradient to speak of
    soft = torch.sigmoid((log - cut) / TEMPERATURE)
    return hard.to(scores.dtype) + soft - soft.detach()


def quantize(x, bits):
    """Fixed point as the runtime stores it, a scale per token and head: 2^bits levels (u + 1/2) x scale, symmetric about 0.

    The gradient passes through.
    """
    if not bits:
        return x
    half = 2 ** (bits - 1)
    scale = (x.detach().abs().amax(-1, keepdim=True) / half).half().float().clamp_min(1e-7)
    return x + (((x / scale).floor().clamp(-half, half - 1) + 0.5) * scale - x).detach()


class Cascade:
    """The pruning of one batch on its way through the layers.

    lengths: tokens of each row (what lies behind is padding). prompt: for causal models, how many positions are ranked; the
    positions behind are being generated, see what is left of the prompt, and always live. read: the positions of the rows
    whose state the model's head reads. generator: where the policy `random` draws from.
    """

    def __init__(self, schedule, heads, lengths, width, causal=False, prompt=None, read=None, generator=None):
        self.schedule, self.causal, self.generator = schedule, causal, generator
        rows = len(lengths)
        position = torch.arange(width)
        self.prompt = width if prompt is None else prompt
        self.lengths = torch.as_tensor(lengths).clamp(max=self.prompt)
        self.valid = position[None] < torch.as_tensor(lengths)[:, None]
        self.ranked = self.valid & (position < self.prompt)[None]
        first, recent = schedule.protect.get("first", 0), max(schedule.protect.get("recent", 0), schedule.protect.get("last", 0))
        self.protected = (position < first)[None] | (position >= self.lengths[:, None] - recent)
        self.protected = self.protected.expand(rows, width).clone()
        if read is not None:
            self.protected[:, read] = True
        if causal:
            self.protected[torch.arange(rows), self.lengths - 1] = True
        self.live = self.valid.clone()
        self.tokens = self.live.float()
        self.heads_live = torch.ones(rows, heads, dtype=torch.bool)
        self.heads = self.heads_live.float()
        self.token_scores = torch.zeros(rows, width)
        self.received = torch.zeros(rows, width)  # what the policies sum
        self.viewers = torch.zeros(rows, width)  # counted queries that could see each token
        self.head_scores = torch.zeros(rows, heads)
        self.entered = []  # tokens that entered each layer, by row
        self.heads_entered = []
        if causal:
            self.order = torch.ones(width, width, dtype=torch.bool).tril()

    def attend(self, layer, q, k, v):
        """(rows, heads, width, depth) each -> outputs of the same shape, those of dead heads zero; ranks for the next layer."""
        with torch.autocast("cpu", enabled=False):
            return self._attend(layer, q, k, v)

    def _attend(self, layer, q, k, v):
        self._enter(layer)
        s = self.schedule
        q, k, v = q.float(), quantize(k.float(), s.key.get("msb", 0)), quantize(v.float(), s.value.get("bits", 0))
        scores = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        if self.causal:
            scores = scores.masked_fill(~self.order, -torch.inf)
        scores = scores - scores.detach().masked_fill(~self.live[:, None, None], -torch.inf).amax(-1, keepdim=True).clamp_min(-1e4)
        weights = scores.clamp_max(30).exp() * self.tokens[:, None, None]
        p = weights / weights.sum(-1, keepdim=True).clamp_min(1e-20)
        self._accumulate(layer, p)
        out = self._local(layer, p) @ v * self.heads[:, :, None, None]
        self.head_scores = self.head_scores + (out.abs() * (self.live & self.ranked)[:, None, :, None]).sum((2, 3))
        return out

    def _local(self, layer, p):
        """Local value pruning: the largest probabilities of each query and head, renormalized if the schedule says so."""
        share = self.schedule.values[layer]
        if share >= 1:
            return p
        seen = self.live[:, None].expand(-1, p.shape[2], -1)
        if self.causal:
            seen = seen & self.order
        keep = (seen.sum(-1) * share + 1e-6).floor().long().clamp_min(1)  # (rows, queries)
        ordered = p.detach().sort(dim=-1, descending=True).values
        cut = ordered.gather(-1, (keep - 1)[:, None, :, None].expand(-1, p.shape[1], -1, -1))
        kept = p * (p.detach() >= cut)
        return kept / kept.sum(-1, keepdim=True).clamp_min(1e-20) if self.schedule.renormalize else kept

    def _accumulate(self, layer, p):
        policy = self.schedule.importance.get("policy")
        queries = self.live & self.ranked
        if policy == "random":
            if layer == 0:
                self.token_scores = torch.rand(self.token_scores.shape, generator=self.generator)
            return
        if policy == "window":
            position = torch.arange(p.shape[2])[None]
            queries = queries & (position >= self.lengths[:, None] - self.schedule.importance.get("window", 64))
        weight = queries[:, None, :] * self.heads[:, :, None]
        self.received = self.received + torch.einsum("rhq,rhqk->rk", weight, p)
        self.token_scores = self.received
        if policy == "normalized":
            count = queries.float() * self.heads_live.sum(1, keepdim=True)
            self.viewers += count.flip(1).cumsum(1).flip(1) if self.causal else count.sum(1, keepdim=True)
            self.token_scores = self.received / self.viewers.clamp_min(1)

    def _enter(self, layer):
        """Ranks on what was accumulated so far and makes the masks of this layer."""
        s, live = self.schedule, self.live & self.ranked
        if layer > 0 and s.tokens[layer] < 1:
            keep = torch.tensor([s.keep("tokens", layer, int(n)) for n in self.lengths])
            hard = rank(self.token_scores, keep, self.protected, live)
            if not torch.equal(hard, live):
                mask = straight_through(hard, self.token_scores, live)
                if self.schedule.importance.get("policy") == "random":
                    mask = mask.detach()
                self.tokens = torch.where(self.ranked, self.tokens * mask, self.tokens)
                self.live = hard | (self.live & ~self.ranked)
        if layer > 0 and s.heads[layer] < 1:
            keep = torch.full((len(self.lengths),), s.keep("heads", layer, self.heads.shape[1]))
            none = torch.zeros_like(self.heads_live)
            hard = rank(self.head_scores, keep, none, self.heads_live)
            if not torch.equal(hard, self.heads_live):
                self.heads = self.heads * straight_through(hard, self.head_scores, self.heads_live)
                self.heads_live = hard
        self.entered.append((self.live & self.ranked).sum(1))
        self.heads_entered.append(self.heads_live.sum(1))
