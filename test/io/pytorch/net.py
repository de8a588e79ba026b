"""A network in PyTorch, and its states as safetensors files, written and read by hand.

    python3 net.py make FOLDER         net.safetensors: a checkpoint; run.safetensors: an input and its output
    python3 net.py run STATE RUN       reads a checkpoint, and an input; writes the output to stdout, as JSON
"""

import json
import struct
import sys

import numpy as np
import torch
from torch import nn

NAMES = {np.dtype("float32"): "F32", np.dtype("float64"): "F64", np.dtype("int32"): "I32", np.dtype("int64"): "I64"}
TYPES = {name: dtype for dtype, name in NAMES.items()}


def save(path, tensors):
    header, values = {}, b""
    for name, tensor in tensors.items():
        array = tensor.detach().numpy()
        offsets = [len(values), len(values) + array.nbytes]
        header[name] = {"dtype": NAMES[array.dtype], "shape": list(array.shape), "data_offsets": offsets}
        values += array.tobytes()
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + values)


def load(path):
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header, values = json.loads(file.read(length)), file.read()
    header.pop("__metadata__", None)
    arrays = {
        name: np.frombuffer(values[slice(*entry["data_offsets"])], TYPES[entry["dtype"]]).reshape(entry["shape"])
        for name, entry in header.items()
    }
    return {name: torch.tensor(array) for name, array in arrays.items()}


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (self.downsample(x) if self.downsample else x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(2, 3, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(3)
        self.layer1 = nn.Sequential(Block(3, 3, 1), Block(3, 4, 2))
        self.group_norm = nn.GroupNorm(2, 4)
        self.layer_norm = nn.LayerNorm([4, 3, 3])
        self.fc = nn.Linear(4, 3)
        self.log_scale = nn.Parameter(torch.tensor([0.5]))

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer_norm(self.group_norm(self.layer1(x)))
        return self.fc(x.mean([2, 3])) * self.log_scale.exp()


def make(folder):
    torch.manual_seed(0)
    net = Net()
    for parameter in net.parameters():
        nn.init.normal_(parameter, 0.2, 0.5)
    for _ in range(3):
        net(2 * torch.randn(8, 2, 6, 6) + 1)
    net.eval()
    x = torch.randn(2, 2, 6, 6)
    save(f"{folder}/net.safetensors", net.state_dict())
    save(f"{folder}/run.safetensors", {"x": x, "y": net(x)})


def run(state, x):
    net = Net()
    net.load_state_dict(load(state))
    net.eval()
    print(json.dumps(net(load(x)["x"]).tolist()))


{"make": make, "run": run}[sys.argv[1]](*sys.argv[2:])
