"""Times an encoder under ONNX Runtime: encode_onnx.py MODEL.onnx TOKENS THREADS. Prints one JSON object."""
import json
import sys
import time

import numpy as np
import onnxruntime as ort

path, tokens, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
rng = np.random.default_rng(1)
ids = rng.integers(1000, 20000, (1, tokens), dtype=np.int64)
feeds = {
    "input_ids": ids,
    "attention_mask": np.ones_like(ids),
    "token_type_ids": np.zeros_like(ids),
}
feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
for _ in range(3):
    session.run(None, feeds)
seconds, end = [], time.perf_counter() + 1.5
while time.perf_counter() < end or len(seconds) < 5:
    start = time.perf_counter()
    session.run(None, feeds)
    seconds.append(time.perf_counter() - start)
print(json.dumps({"tokens_per_second": tokens / float(np.median(seconds))}))
