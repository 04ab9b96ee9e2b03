"""Schedules, files and the loop."""

import numpy as np
import pytest
import torch

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


class Pieces:
    """A tokenizer of a few pieces."""

    vocabulary = {"\u0120the": 0, "\u0120The": 1, "\u0120Emma": 2, "\u0120Ahab": 3, "\u0120Frank": 4, "\u0120frank": 5, "Anne": 6, ".": 7}

    def get_vocab_size(self):
        return len(self.vocabulary)

    def get_vocab(self):
        return self.vocabulary

    def token_to_id(self, piece):
        return self.vocabulary.get(piece)


def test_names_are_exchanged_alike_within_a_window():
    text = torch.tensor([0, 2, 7, 0, 3, 4, 1, 0, 2, 4, 3, 7, 0, 2] * 20 + [5])
    names = story.names(Pieces(), [text])
    assert names.tolist() == [3, 2, 4]
    plain, exchanged = (story.Batches([text], 16, 2, 1, share, names) for share in (0.0, 1.0))
    changed = 0
    for step in range(8):
        for before, after in zip(plain(step), exchanged(step)):
            same = ~torch.isin(before, names)
            assert torch.equal(before[same], after[same])
            pairs = set(zip(before.tolist(), after.tolist()))
            assert len(pairs) == len(set(before.tolist())) == len(set(after.tolist()))
            changed += int((before != after).sum())
    assert changed > 0
