"""Training steps of small networks in PyTorch, timed on request.

Reads lines "WORK MODE STEPS" from standard input, runs so many steps, and answers with one JSON list of their times in
milliseconds. WORK is train-c (TextCNN) or train-d (bidirectional LSTM), MODE is eager or compiled. The sizes are those
of main.go.
"""
import json
import sys
import time

import torch
from torch import nn

VOCAB, DIM, LABELS, BATCH, TOKENS = 21128, 128, 2, 64, 64


class TextCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, DIM)
        self.convs = nn.ModuleList(nn.Conv1d(DIM, 100, width) for width in (3, 4, 5))
        self.head = nn.Linear(300, LABELS)

    def forward(self, ids):
        x = self.embedding(ids).transpose(1, 2)
        return self.head(torch.cat([conv(x).relu().amax(2) for conv in self.convs], 1))


class BiLSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCAB, DIM)
        self.lstm = nn.LSTM(DIM, 128, batch_first=True, bidirectional=True)
        self.head = nn.Linear(256, LABELS)

    def forward(self, ids):
        states, _ = self.lstm(self.embedding(ids))
        return self.head(states.amax(1))


def main():
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    runs = {}
    print(json.dumps({"peer": "PyTorch " + torch.__version__.split("+")[0]}), flush=True)
    for line in sys.stdin:
        work, mode, steps = line.split()
        if (work, mode) not in runs:
            net = {"train-c": TextCNN, "train-d": BiLSTM}[work]()
            forward = torch.compile(net) if mode == "compiled" else net
            runs[work, mode] = forward, torch.optim.AdamW(net.parameters(), lr=1e-3, fused=True)
        forward, optimizer = runs[work, mode]
        times = []
        for _ in range(int(steps)):
            ids = torch.randint(2, VOCAB, (BATCH, TOKENS))
            targets = torch.randint(0, LABELS, (BATCH,))
            start = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            nn.functional.cross_entropy(forward(ids), targets).backward()
            optimizer.step()
            times.append(1000 * (time.perf_counter() - start))
        print(json.dumps(times), flush=True)


main()
