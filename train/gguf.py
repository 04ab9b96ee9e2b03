"""GGUF, written: tensors in the block formats of ggml, under the names that llama.cpp gives to BERT.

Format: version 3, little-endian; header, metadata, tensor table, tensors aligned to 32 byte. Block formats: F16; Q8_0 (an fp16
scale and 32 signed bytes); Q5_1 (fp16 scale, fp16 minimum, 32 high bits, 32 nibbles).
"""

import struct

import numpy as np

ALIGNMENT = 32
UINT32, FLOAT32, STRING = 4, 6, 8
TYPES = {"F32": 0, "F16": 1, "Q5_1": 7, "Q8_0": 8}
BYTES = {"F32": 128, "F16": 64, "Q5_1": 24, "Q8_0": 34}  # of 32 elements


def encode(array, kind):
    """fp32 array, rows of a multiple of 32 -> the bytes of its blocks."""
    if kind == "F32":
        return array.astype("<f4").tobytes()
    if kind == "F16":
        return array.astype("<f2").tobytes()
    blocks = array.astype(np.float32).reshape(-1, 32)
    if kind == "Q8_0":
        scale = (np.abs(blocks).max(1, keepdims=True) / 127).astype("<f2")
        step = np.maximum(scale.astype(np.float32), 1e-12)
        codes = np.clip(np.rint(blocks / step), -127, 127).astype(np.int8)
        return np.concatenate([scale.view(np.uint8), codes.view(np.uint8)], axis=1).tobytes()
    low = blocks.min(1, keepdims=True).astype("<f2")
    scale = ((blocks.max(1, keepdims=True) - low.astype(np.float32)) / 31).astype("<f2")
    step = np.maximum(scale.astype(np.float32), 1e-12)
    codes = np.clip(np.rint((blocks - low.astype(np.float32)) / step), 0, 31).astype(np.uint32)
    high = ((codes >> 4) << np.arange(32, dtype=np.uint32)).sum(1, dtype=np.uint32).astype("<u4")
    nibbles = ((codes[:, :16] & 15) | ((codes[:, 16:] & 15) << 4)).astype(np.uint8)
    parts = [scale.view(np.uint8), low.view(np.uint8), high[:, None].view(np.uint8), nibbles]
    return np.concatenate(parts, axis=1).tobytes()


def decode(data, shape, kind):
    """The inverse of encode: what the runtime will compute with."""
    if kind in ("F32", "F16"):
        return np.frombuffer(data, "<f4" if kind == "F32" else "<f2").reshape(shape).astype(np.float32)
    if kind == "Q8_0":
        blocks = np.frombuffer(data, np.uint8).reshape(-1, 34)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        return (scale * blocks[:, 2:].copy().view(np.int8)).reshape(shape)
    blocks = np.frombuffer(data, np.uint8).reshape(-1, 24)
    scale, low = (blocks[:, i : i + 2].copy().view("<f2").astype(np.float32) for i in (0, 2))
    high = (blocks[:, 4:8].copy().view("<u4") >> np.arange(32, dtype=np.uint32)) & 1
    nibbles = np.concatenate([blocks[:, 8:] & 15, blocks[:, 8:] >> 4], axis=1)
    return (scale * (nibbles | (high << 4)) + low).astype(np.float32).reshape(shape)


def _string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value):
    if isinstance(value, str):
        return struct.pack("<I", STRING) + _string(value)
    if isinstance(value, float):
        return struct.pack("<If", FLOAT32, value)
    return struct.pack("<II", UINT32, value)


def write(path, metadata, tensors):
    """tensors: [(name, fp32 array, kind)], written in that order."""
    metadata = {**metadata, "general.alignment": ALIGNMENT}
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    for key, value in metadata.items():
        head += _string(key) + _value(value)
    blobs, offset = [], 0
    for name, array, kind in tensors:
        data = encode(array, kind)
        data += bytes(-len(data) % ALIGNMENT)
        head += _string(name) + struct.pack("<I", array.ndim)
        head += struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        head += struct.pack("<IQ", TYPES[kind], offset)
        blobs.append(data)
        offset += len(data)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT))
        file.writelines(blobs)


def read(path):
    """The tensors of a file that `write` made: {name: fp32 array}."""
    with open(path, "rb") as file:
        data = file.read()
    at = 0

    def take(form):
        nonlocal at
        values = struct.unpack_from("<" + form, data, at)
        at += struct.calcsize("<" + form)
        return values[0] if len(values) == 1 else values

    def text():
        nonlocal at
        length = take("Q")
        at += length
        return data[at - length : at].decode()

    magic, version, tensors, entries = take("4sIQQ")
    if magic != b"GGUF" or version != 3:
        raise ValueError(f"{path}: not a GGUF file of version 3")
    for _ in range(entries):
        text()
        kind = take("I")
        text() if kind == STRING else take("f" if kind == FLOAT32 else "I")
    table = []
    for _ in range(tensors):
        name, axes = text(), take("I")
        shape = tuple(reversed([take("Q") for _ in range(axes)]))
        table.append((name, shape, *take("IQ")))
    start = at + -at % ALIGNMENT
    kinds = {number: kind for kind, number in TYPES.items()}
    result = {}
    for name, shape, number, offset in table:
        size = int(np.prod(shape)) * BYTES[kinds[number]] // 32
        begin = start + offset
        result[name] = decode(data[begin : begin + size], shape, kinds[number]).copy()
    return result
