"""A language model as teacher, and phrases made for it."""

import random

import torch

import augment
import glue
import llama
import optim
import teacher

CONFIG = {
    "model_type": "llama",
    "vocab_size": 50,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": True,
}


def test_frozen_and_trained_layers_are_the_model():
    torch.manual_seed(0)
    model = llama.Llama(CONFIG).eval()
    rows = [[5, 6, 7, 8, 0], [9, 0], [1, 2, 3, 0]]
    lower, judge = teacher.Lower(model, 1, rows), teacher.Teacher(model, 1, 3).eval()
    with torch.no_grad():
        for chosen in ([0, 1, 2], [2, 0]):  # the second time from what was kept
            said = judge(*lower(chosen))
            for i, one in zip(chosen, said):
                want = judge.classifier(model.hidden(torch.tensor([rows[i]]))[0, -1])
                torch.testing.assert_close(one, want, atol=2e-2, rtol=0)
        assert teacher.opinions(judge, lower, [1, 0], rows) != teacher.opinions(judge, lower, [0, 1], rows)


def test_opinions_are_read_as_written(tmp_path):
    path = tmp_path / "opinions.tsv"
    teacher.write(path, ["a good film", "a bad \"film\""], [0.75, 0.125])
    assert glue.read_opinions(path) == {"a good film": 0.75, 'a bad "film"': 0.125}


def test_new_phrases():
    rng = random.Random(3)
    first, second = [f"a{i}" for i in range(9)], [f"b{i}" for i in range(12)]
    for _ in range(50):
        words = augment.spliced(first, second, rng)
        cut = sum(w[0] == "a" for w in words)
        assert 3 <= cut <= 6 and words[:cut] == first[:cut] and words[cut:] == second[12 - len(words) + cut :]
        assert 4 <= len(words) - cut <= 8
    words = augment.replaced(["good"] * 700 + ["the"], lambda w: ["fine"] if w == "good" else [], rng)
    assert 50 < words.count("fine") < 150 and words[-1] == "the" and len(words) == 701


def test_muon_steps_wide_and_tall_alike():
    grad = torch.randn(8, 32, generator=torch.Generator().manual_seed(1))
    by_rows, by_columns = torch.nn.Parameter(torch.zeros(8, 32)), torch.nn.Parameter(torch.zeros(32, 8))
    by_rows.grad, by_columns.grad = grad, grad.t().contiguous()
    optim.Muon([by_rows], 0.1).step()  # (in, out)
    optim.Muon([by_columns], 0.1, linear=True).step()  # (out, in)
    torch.testing.assert_close(by_rows.data, by_columns.data.t())
