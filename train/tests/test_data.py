"""Schedules, files and the loop."""

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import average
import exchange
import gguf
import glue
import loop
import names
import schedule
import story


def test_schedule_rejects(tmp_path):
    path = tmp_path / "s.yaml"
    for text in ("token: [1, 1]", "tokens: [1, 1, 1]", "key: {lsb: 4}", "tokens: [0.5, 1]", "heads: [1, 0]", "importance: {policy: best}"):
        path.write_text(text)
        with pytest.raises(ValueError):
            schedule.load(path, 2)
    path.write_text("tokens: [1, 0.29]\nvalues: 0.5")
    found = schedule.load(path, 2)
    assert found.keep("tokens", 1, 100) == 29 and found.values == [0.5, 0.5]


@pytest.mark.parametrize("kind,bits", [("Q8_0", 8), ("Q5_1", 5)])
def test_blocks_round_trip(kind, bits):
    x = np.random.default_rng(0).normal(size=(6, 96)).astype(np.float32)
    back = gguf.decode(gguf.encode(x, kind), x.shape, kind)
    blocks, errors = x.reshape(-1, 32), np.abs(back - x).reshape(-1, 32)
    spread = blocks.max(1) - blocks.min(1) if bits == 5 else 2 * np.abs(blocks).max(1)
    assert (errors.max(1) <= spread / (2**bits - 2) * 0.55).all()
    again = gguf.decode(gguf.encode(back, kind), x.shape, kind)
    np.testing.assert_allclose(again, back, atol=2e-3)


def test_gguf_file_round_trip(tmp_path):
    x = np.linspace(-1, 1, 128, dtype=np.float32)
    tensors = [("a.weight", x.reshape(2, 64), "Q8_0"), ("b.bias", x[:5], "F32"), ("c.weight", x.reshape(4, 32), "F16")]
    gguf.write(tmp_path / "m.gguf", {"general.architecture": "bert", "bert.block_count": 1, "eps": 1e-12}, tensors)
    found = gguf.read(tmp_path / "m.gguf")
    assert list(found) == ["a.weight", "b.bias", "c.weight"]
    for name, array, kind in tensors:
        np.testing.assert_array_equal(found[name], gguf.decode(gguf.encode(array, kind), array.shape, kind))


def test_names_invert():
    for name in ("bert.encoder.layer.3.attention.output.LayerNorm.bias", "bert.embeddings.LayerNorm.weight", "classifier.bias"):
        assert names.hugging_face(names.gguf(name)) == name


def test_buckets_cover_an_epoch_once():
    lengths = [i % 7 + 1 for i in range(640)]
    buckets = glue.Buckets(lengths, 32, seed=1)
    seen = [i for step in range(20) for i in buckets(step)]
    assert sorted(seen) == list(range(640))
    assert glue.Buckets(lengths, 32, seed=1)(25) == [buckets(s) for s in range(20, 26)][-1]


def test_an_interrupted_run_ends_the_same(tmp_path):
    def train(folder, stops):
        for steps in stops:
            torch.manual_seed(0)
            model = torch.nn.Linear(4, 1)
            adam = torch.optim.AdamW(model.parameters(), lr=0.1)

            def loss(step):
                if step == steps:
                    raise KeyboardInterrupt
                x = torch.randn(8, 4, generator=torch.Generator().manual_seed(step))
                return (model(x) - x.sum(1, keepdim=True)).square().mean()

            try:
                loop.run(folder, model, [adam], loss, 30, warmup=5, every=-1)
            except KeyboardInterrupt:
                pass
        return model.weight.detach()

    assert torch.equal(train(tmp_path / "a", [99]), train(tmp_path / "b", [7, 20, 99]))


TEXT = "The Emma saw Ahab . Anne saw Emma and the frank sea . Ahab said to Anne : the whale ! The end of Emma . Ahab . Anne . Frank ."


def letters():
    """A tokenizer of single bytes: what comes out of it is what went in."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator([], trainers.BpeTrainer(vocab_size=256, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    return tokenizer


def test_names_are_capitalized_and_frequent():
    assert exchange.names(TEXT) == {"Emma", "Ahab", "Anne"}


def test_a_window_gets_other_names_the_same_throughout():
    tokenizer = letters()
    other = exchange.Exchange(tokenizer, [TEXT])
    row = torch.tensor(tokenizer.encode(TEXT * 4).ids)[:400]
    changed = 0
    for seed in range(20):
        got = other(row, torch.Generator().manual_seed(seed))
        again = other(row, torch.Generator().manual_seed(seed))
        assert torch.equal(got, again) and len(got) == len(row)
        before, after = (exchange.WORD.findall(tokenizer.decode(t.tolist()))[:-1] for t in (row, got))
        pairs = set(zip(before, after))
        assert len(pairs) == len({b for b, _ in pairs})
        assert all(a == b or b in other.names for b, a in pairs)
        changed += before[: len(after)] != after
    assert changed > 0


def test_exchanged_windows_are_those_of_the_plain_batches():
    text = torch.arange(14).repeat(20)
    reverse = lambda row, _: row.flip(0)
    plain, half = (story.Batches([text], 16, 2, 1, share, reverse) for share in (0.0, 0.5))
    turned = 0
    for step in range(8):
        for before, after in zip(plain(step), half(step)):
            assert torch.equal(before, after) or torch.equal(before.flip(0), after)
            turned += torch.equal(before.flip(0), after)
    assert 0 < turned < 16


def test_average_of_models():
    a, b = {"w": torch.tensor([1.0, 2.0])}, {"w": torch.tensor([3.0, 0.0], dtype=torch.float16)}
    assert average.average([a, b])["w"].tolist() == [2.0, 1.0]
    with pytest.raises(ValueError):
        average.average([a, {"w": torch.zeros(3)}])
