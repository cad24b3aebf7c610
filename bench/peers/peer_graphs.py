"""The networks of networks.go as ONNX graphs with random weights."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

MS = "com.microsoft"


class Graph:
    """Collects nodes; each call of op returns the name of its (first) result."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0
        self.random = np.random.default_rng(1)

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        names = [self.name() if keep else "" for keep in (outputs if isinstance(outputs, list) else [True] * outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"n{self.count}", domain=domain, **attributes))
        kept = [n for n in names if n]
        return kept[0] if len(kept) == 1 else kept

    def constant(self, value):
        name = self.name()
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weight(self, *shape, deviation=None):
        deviation = deviation or 1 / np.sqrt(np.prod(shape[:-1]))
        return self.constant((deviation * self.random.standard_normal(shape)).astype(np.float32))

    def ones(self, n):
        return self.constant(np.ones(n, np.float32))

    def zeros(self, *shape):
        return self.constant(np.zeros(shape, np.float32))

    def linear(self, x, width, out):
        return self.op("Add", self.op("MatMul", x, self.weight(width, out)), self.zeros(out))

    def model(self, inputs, output, shape):
        graph = helper.make_graph(self.nodes, "net", inputs, [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(MS, 1)])
        model.ir_version = 9
        return model


def product(k, n):
    g = Graph()
    y = g.op("MatMul", "x", g.weight(k, n))
    return g.model([helper.make_tensor_value_info("x", TensorProto.FLOAT, ["m", k])], y, ["m", n])


def build(s):
    g = Graph()
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT32, ["texts", "tokens"])]
    if s.get("ragged"):
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, ["texts"]))
    x, width = {"transformer": transformer, "cnn": cnn, "lstm": lstm}[s["family"]](g, s)
    if not s.get("embedder"):
        x, width = g.op("Gemm", x, g.weight(width, 2), g.zeros(2)), 2
    return g.model(inputs, x, ["texts", width])


def embed(g, s):
    return g.op("Gather", g.weight(s["vocab"], s["embed"], deviation=0.1), "ids")


def integers(g, *values):
    return g.constant(np.array(values, np.int64))


def valid(g):
    """Where there is a token: [texts, tokens], of float."""
    tokens = g.op("Squeeze", g.op("Slice", g.op("Shape", "ids"), integers(g, 1), integers(g, 2)))
    places = g.op("Range", g.constant(np.int64(0)), tokens, g.constant(np.int64(1)))
    lengths = g.op("Unsqueeze", g.op("Cast", "lengths", to=TensorProto.INT64), integers(g, 1))
    return g.op("Cast", g.op("Less", places, lengths), to=TensorProto.FLOAT)


def transformer(g, s):
    hidden, ff, fused, ragged = s["hidden"], s["ff"], s["mode"] == "fused", s.get("ragged")
    tokens = g.op("Slice", g.op("Shape", "ids"), integers(g, 1), integers(g, 2))
    positions = g.op("Slice", g.weight(s["max_tokens"], hidden, deviation=0.05), integers(g, 0), tokens, integers(g, 0))
    x = g.op("Add", embed(g, s), positions)
    here = valid(g) if ragged else ""
    x = (fused_layers if fused else plain_layers)(g, s, x, here, hidden, ff)
    if ragged:
        x = g.op("Mul", x, g.op("Unsqueeze", here, integers(g, 2)))
        counts = g.op("Unsqueeze", g.op("Cast", "lengths", to=TensorProto.FLOAT), integers(g, 1))
        return g.op("Div", g.op("ReduceSum", x, integers(g, 1), keepdims=0), counts), hidden
    return g.op("ReduceMean", x, axes=[1], keepdims=0), hidden


def fused_layers(g, s, x, here, hidden, ff):
    """Residual, bias and norm are one operator, attention with its first product another."""
    def norm(y, x, bias):
        return g.op("SkipLayerNormalization", y, x, g.ones(hidden), g.zeros(hidden), bias, domain=MS, epsilon=1e-5, outputs=[True, False, False, True])

    y = g.op("LayerNormalization", x, g.ones(hidden), g.zeros(hidden), axis=-1, epsilon=1e-5)
    for i in range(s["layers"]):
        lengths = ["lengths"] if here else []
        y = g.op("Attention", y, g.weight(hidden, 3 * hidden), g.zeros(3 * hidden), *lengths, domain=MS, num_heads=s["heads"])
        y, x = norm(g.op("MatMul", y, g.weight(hidden, hidden)), x, g.zeros(hidden))
        y = g.op("BiasGelu", g.op("MatMul", y, g.weight(hidden, ff)), g.zeros(ff), domain=MS)
        y, x = norm(g.op("MatMul", y, g.weight(ff, hidden)), x, g.zeros(hidden))
    return y


def plain_layers(g, s, x, here, hidden, ff):
    heads = s["heads"]
    size = hidden // heads
    mask = ""
    if here:
        gone = g.op("Mul", g.op("Sub", g.constant(np.float32(1)), here), g.constant(np.float32(-1e4)))
        mask = g.op("Unsqueeze", gone, integers(g, 1, 2))

    def norm(x):
        return g.op("LayerNormalization", x, g.ones(hidden), g.zeros(hidden), axis=-1, epsilon=1e-5)

    for _ in range(s["layers"]):
        y = norm(x)

        def part(permutation):
            rows = g.op("Reshape", g.linear(y, hidden, hidden), integers(g, 0, 0, heads, size))
            return g.op("Transpose", rows, perm=permutation)
        q, k, v = part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3])
        scores = g.op("Div", g.op("MatMul", q, k), g.constant(np.float32(np.sqrt(size))))
        if mask:
            scores = g.op("Add", scores, mask)
        y = g.op("Transpose", g.op("MatMul", g.op("Softmax", scores, axis=-1), v), perm=[0, 2, 1, 3])
        y = g.op("Reshape", y, integers(g, 0, 0, hidden))
        x = g.op("Add", x, g.linear(y, hidden, hidden))
        up = g.linear(norm(x), hidden, ff)
        erf = g.op("Erf", g.op("Div", up, g.constant(np.float32(np.sqrt(2)))))
        up = g.op("Mul", g.op("Mul", up, g.op("Add", erf, g.constant(np.float32(1)))), g.constant(np.float32(0.5)))
        x = g.op("Add", x, g.linear(up, ff, hidden))
    return norm(x)


def cnn(g, s):
    x = embed(g, s)
    if s.get("ragged"):
        x = g.op("Mul", x, g.op("Unsqueeze", valid(g), integers(g, 2)))
    x = g.op("Transpose", x, perm=[0, 2, 1])
    filters = s["filters"]
    parts = []
    for width in s["widths"]:
        y = g.op("Relu", g.op("Conv", x, g.weight(filters, s["embed"], width), g.zeros(filters), kernel_shape=[width]))
        parts.append(g.op("ReduceMax", y, axes=[2], keepdims=0))
    return g.op("Concat", *parts, axis=1), filters * len(parts)


def lstm(g, s):
    hidden = s["hidden"]
    x = g.op("Transpose", embed(g, s), perm=[1, 0, 2])
    lengths = ["lengths"] if s.get("ragged") else []
    states = g.op("LSTM", x, g.weight(2, 4 * hidden, s["embed"], deviation=0.1), g.weight(2, 4 * hidden, hidden, deviation=0.1),
                  g.zeros(2, 8 * hidden), *lengths, hidden_size=hidden, direction="bidirectional")  # [tokens, 2, texts, hidden]
    best = g.op("Transpose", g.op("ReduceMax", states, axes=[0], keepdims=0), perm=[1, 0, 2])
    return g.op("Reshape", best, integers(g, 0, 2 * hidden)), 2 * hidden
