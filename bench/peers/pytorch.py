"""Times rows with PyTorch: reads {"row": ..., "repeat": ...} line by line, answers with a list of milliseconds."""
import json, re, sys, time
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def step(model, x, lr, momentum):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    labels = torch.arange(x.shape[0]) % 10

    def body():
        optimizer.zero_grad()
        F.cross_entropy(model(x), labels).backward()
        optimizer.step()

    return body


def body_of(row):
    sizes = [int(v) for v in (re.search(r"\d+(x\d+)+$", row) or [""])[0].split("x") if v]
    if row.startswith("batchNorm"):
        x, dy = torch.randn(sizes, requires_grad=True), torch.randn(sizes)
        c = sizes[1]
        g, b = torch.ones(c, requires_grad=True), torch.zeros(c, requires_grad=True)
        if "backward" not in row:
            def forward():
                with torch.no_grad():
                    F.batch_norm(x, None, None, g, b, True)
            return forward
        return lambda: torch.autograd.grad(F.batch_norm(x, None, None, g, b, True), [x, g, b], dy)
    if row.startswith("matmul"):
        m, k, n = sizes
        a, b = torch.randn(m, k), torch.randn(k, n)
        return lambda: a @ b
    if row.startswith("elementwise"):
        x, dy = torch.randn(sizes, requires_grad=True), torch.randn(sizes)
        return lambda: torch.autograd.grad(F.relu(x * 2 + 0.5), [x], dy)
    if row.startswith("softmax"):
        x, labels = torch.randn(sizes, requires_grad=True), torch.arange(sizes[0]) % 10
        return lambda: torch.autograd.grad(F.cross_entropy(x, labels), [x])
    if row.startswith("layerNorm"):
        x, dy = torch.randn(sizes, requires_grad=True), torch.randn(sizes)
        g, b = torch.ones(sizes[1], requires_grad=True), torch.zeros(sizes[1], requires_grad=True)
        return lambda: torch.autograd.grad(F.layer_norm(x, sizes[1:], g, b), [x, g, b], dy)
    if row.startswith("max pooling"):
        x = torch.randn(sizes, requires_grad=True)
        dy = torch.randn(F.max_pool2d(x, 2).shape)
        return lambda: torch.autograd.grad(F.max_pool2d(x, 2), [x], dy)
    if row.startswith("Adam"):
        p = torch.randn(sizes, requires_grad=True)
        p.grad = torch.randn(sizes)
        optimizer = torch.optim.Adam([p], lr=1e-3)
        return optimizer.step
    if row.startswith("conv2d"):
        x, w = torch.randn(32, 64, 28, 28, requires_grad=True), torch.randn(64, 64, 3, 3, requires_grad=True)
        dy = torch.randn(32, 64, 28, 28)
        if "backward" not in row:
            def forward():
                with torch.no_grad():
                    F.conv2d(x, w, padding=1)
            return forward
        return lambda: torch.autograd.grad(F.conv2d(x, w, padding=1), [x, w], dy)
    if "MNIST" in row:
        hidden = lambda n: [nn.Linear(n, 100, bias=False), nn.BatchNorm1d(100), nn.Sigmoid()]
        return step(nn.Sequential(*hidden(784), *hidden(100), *hidden(100), nn.Linear(100, 10)), torch.randn(60, 784), 0.1, 0)
    if "conv net" in row:
        unit = lambda i, o: [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
        return step(nn.Sequential(*unit(1, 16), *unit(16, 32), nn.Flatten(), nn.Linear(32 * 49, 10)), torch.randn(64, 1, 28, 28), 0.1, 0.9)
    if row.startswith("one-element"):
        x = torch.ones(1, requires_grad=True)

        def chain():
            y = x
            for _ in range(1000):
                y = y * x
            y.backward()

        return chain
    return None


row, body = None, None
for line in sys.stdin:
    request = json.loads(line)
    if request["row"] != row:
        row, body = request["row"], body_of(request["row"])
    times = []
    for _ in range(request["repeat"] if body else 0):
        start = time.perf_counter()
        body()
        times.append((time.perf_counter() - start) * 1000)
    print(json.dumps(times if body else None), flush=True)
