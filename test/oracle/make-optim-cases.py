"""Makes optim-cases.json: what PyTorch's optimizers, schedulers and gradient clipping do beyond the other files.

/usr/bin/python3 make-optim-cases.py > optim-cases.json
"""
import json
import torch
from torch.optim import lr_scheduler as S

torch.manual_seed(5)
draw = lambda *shape: torch.randn(*shape, dtype=torch.float64)
values = lambda tensors: [t.detach().flatten().tolist() for t in tensors]
CAMEL = {"lr_decay": "lrDecay", "weight_decay": "weightDecay", "start_factor": "startFactor", "total_iters": "steps"}


def camel(name):
    head, *rest = name.split("_")
    return CAMEL.get(name, head + "".join(part.capitalize() for part in rest))


def options(given):
    return {camel(key): value for key, value in given.items()}


def optimizer_case(name, shared, *groups):
    start = [draw(3) for _ in groups]
    params = [t.clone().requires_grad_() for t in start]
    optimizer = getattr(torch.optim, name)([{"params": [p], **own} for p, own in zip(params, groups)], **shared)
    grads, expected = [], []
    for _ in range(4):
        for p in params:
            p.grad = draw(3)
        grads.append(values(p.grad for p in params))
        optimizer.step()
        expected.append(values(params))
    return {"optimizer": name, "options": options(shared), "groups": [options(g) for g in groups],
            "params": values(start), "grads": grads, "expected": expected}


def sgd(lr=1.0, **more):
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, **more)


def rates(optimizer, scheduler, steps):
    found = []
    for _ in range(steps):
        group = optimizer.param_groups[0]
        momentum = group["betas"][0] if "betas" in group else group["momentum"]
        found.append([group["lr"], momentum])
        optimizer.step()
        scheduler.step()
    return found


def one_cycle(optimizer, name, lr, total, **given):
    scheduler = S.OneCycleLR(optimizer, total_steps=total, **given)
    return {"optimizer": name, "lr": lr, "options": {"totalSteps": total, **options(given)},
            "expected": rates(optimizer, scheduler, total)}


PARTS = {
    "LinearWarmup": lambda o, given: S.LinearLR(o, **given),
    "CosineAnnealingLR": lambda o, given: S.CosineAnnealingLR(o, T_max=given["tMax"], eta_min=given.get("etaMin", 0)),
    "ExponentialLR": lambda o, given: S.ExponentialLR(o, **given),
    "StepLR": lambda o, given: S.StepLR(o, given["stepSize"], given["gamma"]),
}


def sequential(lr, milestones, *parts):
    optimizer = sgd(lr)
    schedulers = [PARTS[name](optimizer, given) for name, given in parts]
    scheduler = S.SequentialLR(optimizer, schedulers, milestones)
    return {"lr": lr, "milestones": milestones, "parts": [[name, options(given)] for name, given in parts],
            "expected": [lr for lr, _ in rates(optimizer, scheduler, milestones[-1] + 8)]}


def clip_norm(grads, max_norm):
    params = [torch.zeros(len(g), dtype=torch.float64, requires_grad=True) for g in grads]
    for p, g in zip(params, grads):
        p.grad = torch.tensor(g, dtype=torch.float64)
    norm = torch.nn.utils.clip_grad_norm_(params, max_norm).item()
    return {"grads": grads, "maxNorm": max_norm, "norm": norm, "expected": values(p.grad for p in params)}


warmup = ("LinearWarmup", {"start_factor": 0.1, "total_iters": 4})
print(json.dumps({
    "optimizers": [
        optimizer_case("SGD", {"lr": 0.1, "maximize": True, "weight_decay": 0.1, "momentum": 0.9}, {}),
        optimizer_case("Adam", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}, {}),
        optimizer_case("AdamW", {"lr": 0.1, "maximize": True, "amsgrad": True}, {}),
        optimizer_case("RMSprop", {"lr": 0.1, "maximize": True, "weight_decay": 0.1, "centered": True}, {}),
        optimizer_case("Adagrad", {"lr": 0.1, "maximize": True, "weight_decay": 0.1}, {}),
        optimizer_case("SGD", {"lr": 0.1, "momentum": 0.9}, {}, {"lr": 0.2, "weight_decay": 0.3},
                       {"momentum": 0.5, "nesterov": True}, {"momentum": 0, "maximize": True}, {"dampening": 0.5}),
        optimizer_case("Adam", {"lr": 0.1}, {}, {"betas": [0.5, 0.9], "eps": 1e-3}, {"weight_decay": 0.2, "lr": 0.3},
                       {"amsgrad": True}, {"maximize": True}),
        optimizer_case("AdamW", {"lr": 0.1}, {}, {"weight_decay": 0}, {"betas": [0, 0.5]}, {"maximize": True}),
        optimizer_case("RMSprop", {"lr": 0.1}, {}, {"alpha": 0.5}, {"momentum": 0.9}, {"centered": True, "eps": 0.1}),
        optimizer_case("Adagrad", {"lr": 0.1}, {}, {"lr_decay": 0.3}, {"weight_decay": 0.4}, {"eps": 0.5}),
    ],
    "oneCycle": [
        one_cycle(sgd(0.3, momentum=0.9), "SGD", 0.3, 10, max_lr=1.0),
        one_cycle(sgd(0.3, momentum=0.9), "SGD", 0.3, 20, max_lr=0.4, pct_start=0.25, anneal_strategy="linear",
                  div_factor=10.0, final_div_factor=100.0, base_momentum=0.5, max_momentum=0.75),
        one_cycle(sgd(0.3, momentum=0.7), "SGD", 0.3, 7, max_lr=2.0, cycle_momentum=False),
        one_cycle(torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.3), "Adam", 0.3, 12, max_lr=0.1),
    ],
    "sequential": [
        sequential(1.0, [4], warmup, ("CosineAnnealingLR", {"tMax": 6, "etaMin": 0.05})),
        sequential(0.5, [2], ("LinearWarmup", {"start_factor": 0.25, "total_iters": 2}), ("ExponentialLR", {"gamma": 0.5})),
        sequential(2.0, [3, 7], ("ExponentialLR", {"gamma": 0.9}), ("StepLR", {"stepSize": 2, "gamma": 0.1}),
                   ("CosineAnnealingLR", {"tMax": 3})),
    ],
    "clipGradNorm": [
        clip_norm([[3, 0], [4]], 1.0), clip_norm([[3, 0], [4]], 6.0), clip_norm([[3e-6, 0], [4e-6]], 1e-6),
        clip_norm([[3, 0], [4]], 5.0), clip_norm([[1e-9], [2e-9]], 3e-9),
    ],
}))
