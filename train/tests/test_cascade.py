"""The masked cascade against one that really removes tokens and heads, written for clarity: one row, loops over heads."""

import pytest
import torch

import bert
import gpt2
from cascade import Cascade, rank, straight_through
from schedule import Schedule

LAYERS, HEADS, DEPTH = 4, 3, 8
GPT2 = {"n_embd": 24, "n_head": 3, "n_layer": 4, "n_positions": 40, "vocab_size": 50, "layer_norm_epsilon": 1e-5}
BERT = {
    "hidden_size": 24, "num_attention_heads": 3, "num_hidden_layers": 4, "intermediate_size": 48, "vocab_size": 50,
    "max_position_embeddings": 40, "type_vocab_size": 2, "layer_norm_eps": 1e-12,
}  # fmt: skip


def make(**fields):
    return Schedule(**fields).check(LAYERS)


def removed(schedule, qkv, causal, protected):
    """Layer by layer on what is left: [(live tokens, live heads, outputs (live, heads, depth))]."""
    n = qkv[0][0].shape[1]
    tokens, heads = list(range(n)), list(range(HEADS))
    token_scores, head_scores = torch.zeros(n), torch.zeros(HEADS)
    result = []
    for layer, (q, k, v) in enumerate(qkv):
        if layer:
            keep = max(schedule.keep("tokens", layer, n), len(protected))
            by_score = sorted(tokens, key=lambda t: (t not in protected, -token_scores[t].item(), t))
            tokens = sorted(by_score[:keep])
            heads = sorted(sorted(heads, key=lambda h: (-head_scores[h].item(), h))[: schedule.keep("heads", layer, HEADS)])
        out = torch.zeros(len(tokens), HEADS, DEPTH)
        for h in heads:
            for i, t in enumerate(tokens):
                seen = [s for s in tokens if s <= t or not causal]
                p = (q[h, t] @ k[h, seen].T * DEPTH**-0.5).softmax(0)
                token_scores[seen] += p
                count = max(1, int(len(seen) * schedule.values[layer]))
                top = p.argsort(descending=True)[:count]
                share = p[top] / p[top].sum() if schedule.renormalize else p[top]
                out[i, h] = share @ v[h, seen][top]
            head_scores[h] += out[:, h].abs().sum()
        result.append((tokens, heads, out))
    return result


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("values,renormalize", [([1, 1, 1, 1], False), ([1, 0.6, 0.5, 0.4], True), ([0.5] * 4, False)])
def test_masked_equals_removed(causal, values, renormalize):
    torch.manual_seed(3)
    schedule = make(tokens=[1, 0.8, 0.5, 0.3], heads=[1, 1, 0.67, 0.34], values=values, renormalize=renormalize)
    n, padding = 11, 3
    qkv = [[torch.randn(HEADS, n + padding, DEPTH) * 2 for _ in range(3)] for _ in range(LAYERS)]
    cascade = Cascade(schedule, HEADS, [n], n + padding, causal=causal, read=None if causal else 0)
    want = removed(schedule, [[t[:, :n] for t in layer] for layer in qkv], causal, {n - 1} if causal else {0})
    for layer in range(LAYERS):
        out = cascade.attend(layer, *(t[None] for t in qkv[layer]))
        tokens, heads, expected = want[layer]
        assert cascade.live[0].nonzero().flatten().tolist() == tokens
        assert cascade.heads_live[0].nonzero().flatten().tolist() == heads
        torch.testing.assert_close(out[0][:, tokens].transpose(0, 1), expected, atol=1e-5, rtol=1e-4)


def test_schedule_off_is_dense():
    torch.manual_seed(0)
    ids = torch.randint(0, 50, (2, 12))
    model = gpt2.GPT2(GPT2).eval()
    cascade = Cascade(make(), 3, [12, 12], 12, causal=True)
    torch.testing.assert_close(model(ids, cascade), model(ids), atol=1e-5, rtol=1e-4)
    encoder = bert.Encoder(BERT).eval()
    valid = torch.arange(12)[None] < torch.tensor([12, 7])[:, None]
    cascade = Cascade(make(), 3, [12, 7], 12, read=0)
    torch.testing.assert_close(encoder.mean(ids, valid, cascade), encoder.mean(ids, valid), atol=1e-5, rtol=1e-4)


def test_a_row_does_not_depend_on_its_batch():
    torch.manual_seed(1)
    schedule = make(tokens=[1, 0.7, 0.5, 0.4], heads=[1, 1, 0.67, 0.67])
    encoder = bert.Encoder(BERT).eval()
    ids = torch.randint(1, 50, (3, 12))
    lengths = [12, 9, 5]
    valid = torch.arange(12)[None] < torch.tensor(lengths)[:, None]
    together = encoder.mean(ids, valid, Cascade(schedule, 3, lengths, 12, read=0))
    for i, n in enumerate(lengths):
        alone = encoder.mean(ids[i : i + 1, :n], valid[i : i + 1, :n], Cascade(schedule, 3, [n], n, read=0))
        torch.testing.assert_close(together[i], alone[0], atol=1e-5, rtol=1e-4)


def test_rank_keeps_protected_and_leftmost():
    scores = torch.tensor([[1.0, 3, 3, 3, 0, 9]])
    live = torch.tensor([[True, True, True, True, True, False]])
    protected = torch.tensor([[False, False, False, False, True, False]])
    assert rank(scores, torch.tensor([3]), protected, live)[0].tolist() == [False, True, True, False, True, False]
    assert rank(scores, torch.tensor([0]), protected, live)[0].tolist() == [False] * 4 + [True, False]


def test_gradient_reaches_what_fell():
    scores = torch.tensor([[4.0, 3.0, 2.0, 1.0]], requires_grad=True)
    live = torch.ones(1, 4, dtype=torch.bool)
    hard = rank(scores.detach(), torch.tensor([2]), ~live, live)
    mask = straight_through(hard, scores, live)
    assert mask.detach().tolist() == [[1, 1, 0, 0]]
    mask.sum().backward()
    assert (scores.grad > 0).all()


def test_the_generated_part_is_never_ranked():
    torch.manual_seed(2)
    schedule = make(tokens=[1, 0.5, 0.5, 0.5])
    cascade = Cascade(schedule, HEADS, [16], 16, causal=True, prompt=12)
    for layer in range(2):
        cascade.attend(layer, *(torch.randn(1, HEADS, 16, DEPTH) for _ in range(3)))
    assert cascade.live[0, 12:].all() and cascade.live[0, 11]
    assert cascade.live[0, :12].sum() == 6
