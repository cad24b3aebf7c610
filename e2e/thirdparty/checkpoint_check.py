"""Writes checkpoints with the packages gguf, onnx and safetensors, and beside each what it holds, as safetensors.

Argument: a folder. NAME.expected.safetensors has the tensors of NAME (a file or a folder) under Hugging Face's names.
"""
import json
import os
import sys

import gguf
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

out = sys.argv[1]
rng = np.random.default_rng(7)
HIDDEN, HEADS, GROUPS, FFN, VOCABULARY, LAYERS = 256, 4, 2, 512, 40, 2


def random(*shape):
    return rng.standard_normal(shape, dtype=np.float32)


def expect(name, tensors):
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, os.path.join(out, name + ".expected.safetensors"))


def bert():
    yield "embeddings.word_embeddings.weight", random(VOCABULARY, HIDDEN)
    yield "embeddings.position_embeddings.weight", random(64, HIDDEN)
    yield "embeddings.token_type_embeddings.weight", random(2, HIDDEN)
    for i in range(LAYERS):
        layer = f"encoder.layer.{i}."
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            yield layer + part + ".weight", random(HIDDEN, HIDDEN)
            yield layer + part + ".bias", random(HIDDEN)
        yield layer + "attention.output.LayerNorm.weight", random(HIDDEN)
        yield layer + "intermediate.dense.weight", random(FFN, HIDDEN)
        yield layer + "output.dense.weight", random(HIDDEN, FFN)
        yield layer + "output.LayerNorm.bias", random(HIDDEN)


def llama(biases=False, norms=False):
    yield "model.embed_tokens.weight", random(VOCABULARY, HIDDEN)
    yield "model.norm.weight", random(HIDDEN)
    yield "lm_head.weight", random(VOCABULARY, HIDDEN)
    for i in range(LAYERS):
        layer = f"model.layers.{i}."
        for part, rows in (("q", HIDDEN), ("k", HIDDEN // GROUPS), ("v", HIDDEN // GROUPS)):
            yield layer + f"self_attn.{part}_proj.weight", random(rows, HIDDEN)
            if biases:
                yield layer + f"self_attn.{part}_proj.bias", random(rows)
        if norms:
            yield layer + "self_attn.q_norm.weight", random(HIDDEN // HEADS)
            yield layer + "self_attn.k_norm.weight", random(HIDDEN // HEADS)
        yield layer + "self_attn.o_proj.weight", random(HIDDEN, HIDDEN)
        yield layer + "mlp.gate_proj.weight", random(FFN, HIDDEN)
        yield layer + "mlp.up_proj.weight", random(FFN, HIDDEN)
        yield layer + "mlp.down_proj.weight", random(HIDDEN, FFN)
        yield layer + "input_layernorm.weight", random(HIDDEN)
        yield layer + "post_attention_layernorm.weight", random(HIDDEN)


def gpt2():
    yield "transformer.wte.weight", random(VOCABULARY, HIDDEN)
    yield "transformer.wpe.weight", random(64, HIDDEN)
    yield "transformer.ln_f.weight", random(HIDDEN)
    for i in range(LAYERS):
        layer = f"transformer.h.{i}."
        yield layer + "attn.c_attn.weight", random(HIDDEN, 3 * HIDDEN)
        yield layer + "attn.c_attn.bias", random(3 * HIDDEN)
        yield layer + "attn.c_proj.weight", random(HIDDEN, HIDDEN)
        yield layer + "mlp.c_fc.weight", random(HIDDEN, FFN)
        yield layer + "mlp.c_proj.weight", random(FFN, HIDDEN)
        yield layer + "ln_1.weight", random(HIDDEN)
        yield layer + "ln_2.bias", random(HIDDEN)


def pairs(weights, heads):
    """The order of rows that llama.cpp's rotary positions want."""
    shape = weights.shape
    return weights.reshape(heads, 2, shape[0] // heads // 2, *shape[1:]).swapaxes(1, 2).reshape(shape)


def convert(architecture, name, weights):
    """What the converter does to a tensor before it is written."""
    if architecture == "llama" and "q_proj" in name:
        return pairs(weights, HEADS)
    if architecture == "llama" and "k_proj" in name:
        return pairs(weights, GROUPS)
    if architecture == "gpt2" and weights.ndim == 2 and ".h." in name:
        return np.ascontiguousarray(weights.T)
    return weights


def restore(architecture, name, weights):
    """The reverse of convert, for weights that were rounded in between."""
    if architecture == "llama" and ("q_proj" in name or "k_proj" in name):
        heads, shape = (HEADS if "q_proj" in name else GROUPS), weights.shape
        return weights.reshape(heads, shape[0] // heads // 2, 2, *shape[1:]).swapaxes(1, 2).reshape(shape)
    return convert(architecture, name, weights)


def write_gguf(architecture, tensors, kind, label):
    arch = next(a for a, n in gguf.MODEL_ARCH_NAMES.items() if n == architecture)
    names = gguf.get_tensor_name_map(arch, LAYERS)
    file = f"{architecture}-{label}.gguf"
    writer = gguf.GGUFWriter(os.path.join(out, file), architecture)
    writer.add_block_count(LAYERS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(GROUPS)
    writer.add_layer_norm_eps(1e-12)
    writer.add_tokenizer_model("bert")
    writer.add_token_list(["[PAD]", "[UNK]", "好"])
    writer.add_token_scores([0.0, -1.5, -2.5])
    expected = {}
    for name, weights in tensors:
        weights = convert(architecture, name, weights)
        theirs = names.get_name(name, (".weight", ".bias"))
        rounded = kind if weights.ndim == 2 else gguf.GGMLQuantizationType.F32
        data = gguf.quants.quantize(weights, rounded)
        writer.add_tensor(theirs, data, raw_dtype=rounded)
        expected[name] = restore(architecture, name, gguf.quants.dequantize(data, rounded).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    expect(file, expected)


Q = gguf.GGMLQuantizationType
for label, kind in (("f32", Q.F32), ("f16", Q.F16), ("bf16", Q.BF16), ("q8", Q.Q8_0), ("q4", Q.Q4_0)):
    write_gguf("bert", bert(), kind, label)
    write_gguf("llama", llama(), kind, label)
    write_gguf("qwen2", llama(biases=True), kind, label)
    write_gguf("qwen3", llama(norms=True), kind, label)
    write_gguf("gpt2", gpt2(), kind, label)

# Q6_K, which the package reads and does not make: any bytes are a block, if its scale is a number.
block = rng.integers(0, 256, (8, 210), dtype=np.uint8)
block[:, 208:] = np.frombuffer(np.float16(0.01).tobytes(), np.uint8)
writer = gguf.GGUFWriter(os.path.join(out, "q6.gguf"), "llama")
writer.add_tensor("output.weight", block, raw_dtype=Q.Q6_K)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
expect("q6.gguf", {"lm_head.weight": gguf.quants.dequantize(block, Q.Q6_K)})


def write_onnx(name, initialisers, nodes, expected, **how):
    graph = helper.make_graph(nodes, "main", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, HIDDEN])],
                              [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, HIDDEN])], initialisers)
    model = helper.make_model(graph)
    os.makedirs(os.path.dirname(os.path.join(out, name)) or out, exist_ok=True)
    onnx.save_model(model, os.path.join(out, name), **how)
    expect(name.replace("/", "-"), expected)


query, key, table = random(HIDDEN, HIDDEN), random(FFN, HIDDEN), random(VOCABULARY, HIDDEN).astype(np.float16)
bias, lengths = random(FFN), np.arange(5, dtype=np.int64)
initialisers = lambda: [
    numpy_helper.from_array(table, "embeddings.word_embeddings.weight"),
    numpy_helper.from_array(np.ascontiguousarray(query.T), "onnx::MatMul_12"),
    numpy_helper.from_array(np.ascontiguousarray(key.T), "onnx::MatMul_13"),
    helper.make_tensor("encoder.layer.0.key.bias", TensorProto.FLOAT, bias.shape, bias.tolist()),
    numpy_helper.from_array(lengths, "position_ids"),
]
nodes = [
    helper.make_node("MatMul", ["x", "onnx::MatMul_12"], ["y"], "/encoder/layer.0/query/MatMul"),
    helper.make_node("MatMul", ["y", "onnx::MatMul_13"], ["k"], "MatMul_4"),
    helper.make_node("Add", ["encoder.layer.0.key.bias", "k"], ["z"], "Add_5"),
]
expected = {"embeddings.word_embeddings.weight": table, "encoder.layer.0.query.weight": query,
            "encoder.layer.0.key.weight": key, "encoder.layer.0.key.bias": bias, "position_ids": lengths}
write_onnx("inside.onnx", initialisers(), nodes, expected)
write_onnx("beside/model.onnx", initialisers(), nodes, expected, save_as_external_data=True, all_tensors_to_one_file=True,
           location="model.onnx_data", size_threshold=0)

# Shards, as the hub's library splits them.
tensors = dict(bert())
shards = {f"model-0000{n + 1}-of-00002.safetensors": dict(list(tensors.items())[n::2]) for n in range(2)}
os.makedirs(os.path.join(out, "shards"))
for file, part in shards.items():
    save_file(part, os.path.join(out, "shards", file), {"format": "pt"})
index = {"metadata": {}, "weight_map": {name: file for file, part in shards.items() for name in part}}
with open(os.path.join(out, "shards", "model.safetensors.index.json"), "w") as f:
    json.dump(index, f)
expect("shards", tensors)
