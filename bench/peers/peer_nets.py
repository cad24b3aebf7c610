"""The networks of networks.go in PyTorch, with our initial distributions."""
import math

import torch
from torch import nn
from torch.nn import functional as F


def linear(width, out):
    layer = nn.Linear(width, out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def table(rows, width, deviation):
    layer = nn.Embedding(rows, width)
    nn.init.normal_(layer.weight, std=deviation)
    return layer


class Layer(nn.Module):
    def __init__(self, hidden, heads, ff):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.out = linear(hidden, 3 * hidden), linear(hidden, hidden)
        self.up, self.down = linear(hidden, ff), linear(ff, hidden)

    def forward(self, x, mask):
        batch, tokens, hidden = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, tokens, 3, self.heads, hidden // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.out(y.transpose(1, 2).reshape(batch, tokens, hidden))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Transformer(nn.Module):
    def __init__(self, s, labels=2):
        super().__init__()
        hidden = s["hidden"]
        self.embedding, self.positions = table(s["vocab"], s["embed"], 0.1), table(s["max_tokens"], hidden, 0.05)
        self.layers = nn.ModuleList(Layer(hidden, s["heads"], s["ff"]) for _ in range(s["layers"]))
        self.norm = nn.LayerNorm(hidden)
        self.head = None if s.get("embedder") else linear(hidden, labels)

    def forward(self, ids, valid=None):
        """valid is [texts, tokens], true where there is a token; None if there is one everywhere."""
        x = self.embedding(ids) + self.positions.weight[:ids.shape[1]]
        mask = None if valid is None else valid[:, None, None, :]
        for layer in self.layers:
            x = layer(x, mask)
        x = self.norm(x)
        if valid is None:
            x = x.mean(1)
        else:
            weights = valid.to(x.dtype)
            x = (x * weights[:, :, None]).sum(1) / weights.sum(1, keepdim=True)
        return x if self.head is None else self.head(x)


class TextCNN(nn.Module):
    def __init__(self, s, labels=2):
        super().__init__()
        self.embedding = table(s["vocab"], s["embed"], 0.1)
        self.convs = nn.ModuleList(nn.Conv1d(s["embed"], s["filters"], w) for w in s["widths"])
        for conv in self.convs:
            bound = math.sqrt(3 / (s["embed"] * conv.kernel_size[0]))
            nn.init.uniform_(conv.weight, -bound, bound)
            nn.init.zeros_(conv.bias)
        self.head = linear(s["filters"] * len(s["widths"]), labels)

    def forward(self, ids, valid=None):
        x = self.embedding(ids)
        if valid is not None:
            x = x * valid[:, :, None].to(x.dtype)
        x = x.transpose(1, 2)
        return self.head(torch.cat([conv(x).relu().amax(2) for conv in self.convs], 1))


class BiLSTM(nn.Module):
    def __init__(self, s, labels=2):
        super().__init__()
        self.embedding = table(s["vocab"], s["embed"], 0.1)
        self.lstm = nn.LSTM(s["embed"], s["hidden"], batch_first=True, bidirectional=True)
        for name, weight in self.lstm.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(weight)
            elif name.startswith("bias"):
                nn.init.zeros_(weight)
                if name.startswith("bias_ih"):
                    nn.init.ones_(weight.data[s["hidden"]:2 * s["hidden"]])
        self.head = linear(2 * s["hidden"], labels)

    def forward(self, ids, valid=None):
        # Padding is read as well, which is faster here than packing the little there is of it.
        states, _ = self.lstm(self.embedding(ids))
        if valid is not None:
            states = states.masked_fill(~valid[:, :, None], float("-inf"))
        return self.head(states.amax(1))


def build(s):
    return {"transformer": Transformer, "cnn": TextCNN, "lstm": BiLSTM}[s["family"]](s)
