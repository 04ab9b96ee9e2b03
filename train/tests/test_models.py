"""The three architectures against committed logits of the reference implementation, where the reference folder is there."""

import json
from pathlib import Path

import pytest
import torch

import bert
import folder
import gpt2
import lm

SHARED = Path(__file__).parents[3] / "shared"


def cases(name):
    path = SHARED / "reference" / "oracle" / f"{name}.json"
    if not path.exists():
        pytest.skip("no reference folder beside the repository")
    return json.loads(path.read_text())["cases"]


@pytest.mark.parametrize("oracle,model", [("tiny_gpt2", "tiny-gpt2-f16"), ("tiny_llama", "tiny-llama-bf16-sharded")])
def test_language_models(oracle, model):
    all_cases = cases(oracle)
    network = lm.read(SHARED / "models" / model).eval()
    for case in all_cases:
        with torch.no_grad():
            logits = network(torch.tensor([case["ids"]]))[0]
        for row, top in zip(logits, case["top10"] if isinstance(case["top10"], list) else [case["top10"]]):
            want = torch.tensor(top["logits"])
            torch.testing.assert_close(row[torch.tensor(top["ids"])], want, atol=1e-3, rtol=0)


def test_classifier():
    all_cases = cases("tiny_bert")
    path = SHARED / "models" / "tiny-bert-f32"
    network = bert.Classifier(folder.read_config(path)).eval()
    assert not folder.load(network, folder.read_weights(path))
    for case in all_cases:
        ids = torch.tensor([case["ids"]])
        with torch.no_grad():
            logits = network(ids, torch.ones_like(ids, dtype=torch.bool))[0]
        torch.testing.assert_close(logits, torch.tensor(case["logits"]), atol=1e-3, rtol=0)


def test_embedding():
    all_cases = cases("minilm")
    path = SHARED / "models" / "minilm-l6-v2-f16"
    network = bert.Encoder(folder.read_config(path)).eval()
    folder.load(network, folder.read_weights(path))
    for case in all_cases:
        ids = torch.tensor([case["ids"]])
        with torch.no_grad():
            embedding = network.mean(ids, torch.ones_like(ids, dtype=torch.bool))[0]
        torch.testing.assert_close(embedding, torch.tensor(case["embedding"]), atol=1e-4, rtol=0)


def test_folder_round_trip(tmp_path):
    config = {"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 1, "n_positions": 8, "vocab_size": 9, "layer_norm_epsilon": 1e-5}
    model = gpt2.GPT2(config)
    folder.write_config(tmp_path, config)
    folder.write_weights(tmp_path, model, torch.float32)
    again = lm.read(tmp_path)
    ids = torch.arange(8)[None]
    assert torch.equal(model(ids), again(ids))
