"""Writes edge-cases.json: operations at the edges (ties, odd strides, negative dims, missing parameters), by PyTorch.

usage: python3 make-edge-cases.py OUT_DIR [SEED]     needs PyTorch (Debian: python3-torch)

A list of cases {op, args, output, gradOutput, [secondOrder]} in float64. An argument is a plain JSON value, or
{"tensor": T, "grad"?: T, "after"?: T}, where T = {"shape": [...], "dtype": "float64" | "int32", "data": [...]} in
row-major order. "grad" is dL/d(arg) for L = sum(output * gradOutput); "after" is the tensor's content once the call has
run. secondOrder: with g_i = dL/d(arg_i) and S = sum_i sum(g_i * v_i): "v" lists the v_i, "grads" dS/d(arg_i), and
"gradOfGradOutput" is dS/d(gradOutput).
"""
import json, math, os, sys
import torch
import torch.nn as nn
import torch.nn.functional as F

OUT = sys.argv[1]
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else 0
G = torch.Generator().manual_seed(1000 + SEED)
os.makedirs(OUT, exist_ok=True)


def pick(*choices):
    return choices[int(torch.randint(len(choices), (1,), generator=G))]


def dim(lo=1, hi=5):
    return int(torch.randint(lo, hi + 1, (1,), generator=G))


def randn(*shape, scale=1.0, shift=0.0):
    return torch.randn(tuple(shape), generator=G, dtype=torch.float64) * scale + shift


def positive(*shape):
    return torch.rand(*shape, generator=G, dtype=torch.float64) + 0.5


def num(v):
    v = float(v)
    return v if math.isfinite(v) else str(v)


def T(t):
    t = t.detach()
    kind = "int32" if t.dtype in (torch.int64, torch.int32) else "float64"
    flat = t.contiguous().reshape(-1).tolist()
    return {"shape": list(t.shape), "dtype": kind, "data": [int(v) for v in flat] if kind == "int32" else [num(v) for v in flat]}


class Var:
    """A differentiable argument."""

    def __init__(self, value):
        self.t = value.clone().requires_grad_(True)


class Buf:
    """A tensor the call updates in place."""

    def __init__(self, value):
        self.before = value.clone()
        self.t = value.clone()


def unwrap(a):
    if isinstance(a, (Var, Buf)):
        return a.t
    if isinstance(a, (list, tuple)):
        return [unwrap(x) for x in a]
    if isinstance(a, dict):
        return {k: unwrap(v) for k, v in a.items()}
    return a


def leaves(a):
    if isinstance(a, Var):
        yield a
    elif isinstance(a, (list, tuple)):
        for x in a:
            yield from leaves(x)
    elif isinstance(a, dict):
        for x in a.values():
            yield from leaves(x)


def encode(a):
    if isinstance(a, Var):
        return {"tensor": T(a.t), "grad": T(a.t.grad)}
    if isinstance(a, Buf):
        return {"tensor": T(a.before), "after": T(a.t)}
    if isinstance(a, torch.Tensor):
        return {"tensor": T(a)}
    if isinstance(a, (list, tuple)):
        return [encode(x) for x in a]
    if isinstance(a, dict):
        return {k: encode(v) for k, v in a.items()}
    return a


ops = []


def case(op, fn, *args, second=False):
    """Runs fn (PyTorch) on args and records the call op(*args)."""
    out = fn(*[unwrap(a) for a in args])
    vs = list(leaves(list(args)))
    rec = {"op": op}
    if vs:
        go = randn(*out.shape)
        out.backward(go, retain_graph=second)
    rec["args"] = [encode(a) for a in args]
    rec["output"] = T(out)
    if vs:
        rec["gradOutput"] = T(go)
    if second:
        go2 = go.clone().requires_grad_(True)
        bufs = [a for a in flatten(args) if isinstance(a, Buf)]
        for b in bufs:
            b.t = b.before.clone()
        out = fn(*[unwrap(a) for a in args])
        gs = torch.autograd.grad(out, [v.t for v in vs], go2, create_graph=True)
        v = [randn(*g.shape) for g in gs]
        s = sum((g * w).sum() for g, w in zip(gs, v))
        gg = torch.autograd.grad(s, [x.t for x in vs] + [go2], allow_unused=True)
        zero = lambda g, x: torch.zeros_like(x) if g is None else g
        rec["secondOrder"] = {
            "v": [T(w) for w in v],
            "grads": [T(zero(g, x.t)) for g, x in zip(gg, vs)],
            "gradOfGradOutput": T(zero(gg[-1], go2)),
        }
    ops.append(rec)


def flatten(a):
    for x in a:
        if isinstance(x, (list, tuple)):
            yield from flatten(x)
        elif isinstance(x, dict):
            yield from flatten(list(x.values()))
        else:
            yield x


def away(t, points, gap=0.05):
    """Moves values away from kinks so that the derivative exists."""
    for p in points:
        close = (t - p).abs() < gap
        t = torch.where(close, t + 2 * gap, t)
    return t



I=lambda *v: torch.tensor(v,dtype=torch.int32)
case("flatten", lambda x: x.flatten(), Var(randn(2,3,4)))
case("flatten", lambda x,a: x.flatten(a), Var(randn(2,3,4)), 1)
case("flatten", lambda x,a,b: x.flatten(a,b), Var(randn(2,3,4,2)), 1, -2)
case("erf", torch.erf, Var(randn(3,4,scale=2)), second=True)
case("where", lambda c,a,b: torch.where(c!=0,a,b), I(1,0,1), Var(randn(2,3)), Var(randn(3)), second=True)
case("pow", torch.pow, Var(positive(3,4)), Var(randn(4)), second=True)
case("pow", lambda a,b: torch.pow(a,b), 2.0, Var(randn(4)), second=True)
case("sub", lambda a,b: a-b, 2.0, Var(randn(4)))
case("div", lambda a,b: a/b, 2.0, Var(positive(4)), second=True)
z=torch.tensor([1.,2.,2.,3.],dtype=torch.float64)
case("maximum", torch.maximum, Var(z), Var(torch.tensor([2.,2.,1.,3.],dtype=torch.float64)))
case("minimum", torch.minimum, Var(z), Var(torch.tensor([2.,2.,1.,3.],dtype=torch.float64)))
case("max", lambda x,d,o: x.amax(d,keepdim=o["keepDims"]), Var(torch.tensor([[1.,3.,3.],[2.,2.,0.]],dtype=torch.float64)), [0,1], {"keepDims": True})
case("min", lambda x,d: x.amin(d), Var(torch.tensor([[1.,3.,3.],[2.,2.,2.]],dtype=torch.float64)), [-1])
case("logSumExp", lambda x,d,o: torch.logsumexp(x,d,keepdim=o["keepDims"]), Var(randn(2,3,4)), [0,-1], {"keepDims": True}, second=True)
case("softmax", lambda x,d: F.softmax(x,d), Var(randn(4,5,2)), 0, second=True)
case("clamp", lambda x,lo,hi: torch.clamp(x,lo,hi), Var(torch.tensor([-1.,-0.5,0.,0.7,2.],dtype=torch.float64)), -0.5, 0.7)
case("relu", F.relu, Var(torch.tensor([-1.,0.,2.],dtype=torch.float64)))
case("abs", torch.abs, Var(torch.tensor([-1.,0.,2.],dtype=torch.float64)))
case("leakyRelu", F.leaky_relu, Var(torch.tensor([-1.,0.,2.],dtype=torch.float64)))
case("variance", lambda x: x.var(), Var(randn(3,4)))
case("variance", lambda x,d,o: x.var(d,unbiased=True,keepdim=True), Var(randn(3,4,2)), [1,2], {"keepDims": True}, second=True)
case("mean", lambda x,d: x.mean(d), Var(randn(3,4,2)), -2)
case("gather", lambda x,d,i: x.gather(d,i.long()), Var(randn(4,5)), -1, torch.tensor([[0,0,0],[1,1,2],[4,0,4],[3,3,3]],dtype=torch.int32), second=False)
case("gather", lambda x,d,i: x.gather(d,i.long()), Var(randn(3,2,4)), 0, torch.randint(0,3,(5,2,4),generator=G).int())
case("indexSelect", lambda x,d,i: x.index_select(d,i.long()), Var(randn(3,4,2)), -1, I(1,1,0))
case("slice", lambda x,d,a,b: x.narrow(d,2,2), Var(randn(5,4)), -1, -2, 4)
case("stack", lambda xs,d: torch.stack(xs,d), [Var(randn(2,3)),Var(randn(2,3)),Var(randn(2,3))], -1)
case("concat", lambda xs,d: torch.cat(xs,d), [Var(randn(2,3)),Var(randn(2,1))], -1)
case("transpose", lambda x,a,b: x.transpose(a,b), Var(randn(2,3)), 0, 1)
for a,b in [((4,),(4,)),((3,4),(4,)),((4,),(4,2)),((2,3,4),(4,)),((5,1,2,3),(2,3,2))]:
    case("matmul", torch.matmul, Var(randn(*a)), Var(randn(*b)), second=True)
case("linear", lambda x,w: F.linear(x,w), Var(randn(2,3,4)), Var(randn(5,4)), second=True)
case("linear", lambda x,w,b: F.linear(x,w,b), Var(randn(4)), Var(randn(5,4)), Var(randn(5)))
def conv(x,w,b=None,o=None): return F.conv2d(x,w,b,**(o or {}))
for o,xs,ws,b in [({"stride":2,"padding":1},(2,3,7,7),(4,3,3,3),True),({"stride":[1,3],"padding":[2,0],"dilation":[1,2]},(1,2,6,9),(3,2,2,3),False),({"stride":3},(2,2,8,8),(2,2,1,1),True),({"padding":[3,2]},(1,1,3,3),(2,1,2,2),True),({"groups":3,"stride":2,"padding":1,"dilation":2},(2,6,9,8),(9,2,3,3),True),({"groups":4,"padding":1,"stride":2},(2,4,6,6),(8,1,3,3),False),({"stride":2,"padding":3},(1,3,11,11),(4,3,7,7),False)]:
    case("conv2d", conv, Var(randn(*xs)), Var(randn(*ws)), Var(randn(ws[0])) if b else None, o, second=True)
mp=lambda x,o: F.max_pool2d(x,o["kernelSize"],o.get("stride"),o.get("padding",0))
case("maxPool2d", mp, Var(randn(2,3,7,6)), {"kernelSize":[2,3],"stride":[1,2],"padding":[1,1]}, second=True)
case("maxPool2d", mp, Var(torch.ones(1,1,4,4,dtype=torch.float64)), {"kernelSize":3,"stride":1,"padding":1})
av=lambda x,o: F.avg_pool2d(x,o["kernelSize"],o.get("stride"),o.get("padding",0),count_include_pad=o.get("countIncludePad",True))
case("avgPool2d", av, Var(randn(2,3,7,6)), {"kernelSize":[2,3],"stride":[1,2],"padding":[1,1],"countIncludePad":False}, second=True)
case("avgPool2d", av, Var(randn(1,2,5,5)), {"kernelSize":2})
case("adaptiveAvgPool2d", lambda x,s: F.adaptive_avg_pool2d(x,s), Var(randn(2,2,5,7)), [4,9], second=True)
bn=lambda x,g,b,o: F.batch_norm(x,o.get("runningMean"),o.get("runningVar"),g,b,o.get("training",True),o.get("momentum",0.1),o.get("eps",1e-5))
case("batchNorm", bn, Var(randn(2,3,4)), None, Var(randn(3)), {"runningMean":Buf(randn(3)),"runningVar":Buf(positive(3)),"training":True,"momentum":1.0,"eps":0.5})
case("batchNorm", bn, Var(randn(1,3)), Var(randn(3)), Var(randn(3)), {"runningMean":Buf(randn(3)),"runningVar":Buf(positive(3)),"training":False}, second=True)
case("batchNorm", bn, Var(randn(4,2,3,3)), Var(randn(2)), None, {"runningMean":Buf(randn(2)),"runningVar":Buf(positive(2)),"training":False,"eps":0.1})
LN=lambda x,s,g,b,o=None: F.layer_norm(x,s,g,b,(o or {}).get("eps",1e-5))
case("layerNorm", LN, Var(randn(2,3,4)), [4], Var(randn(4)), None, second=True)
case("layerNorm", LN, Var(randn(5)), [5], Var(randn(5)), Var(randn(5)))
GN=lambda x,n,g=None,b=None,o=None: F.group_norm(x,n,g,b,(o or {}).get("eps",1e-5))
case("groupNorm", GN, Var(randn(3,4)), 2, Var(randn(4)), Var(randn(4)), second=True)
case("groupNorm", GN, Var(randn(2,4,3)), 4)
IN=lambda x,g=None,b=None,o=None: F.instance_norm(x,weight=g,bias=b,eps=(o or {}).get("eps",1e-5))
case("instanceNorm", IN, Var(randn(2,3,7)), Var(randn(3)), Var(randn(3)), {"eps":0.1}, second=True)
LRN=lambda x,o: F.local_response_norm(x,o["size"],o.get("alpha",1e-4),o.get("beta",0.75),o.get("k",1.0))
case("localResponseNorm", LRN, Var(randn(2,5,3)), {"size":4,"alpha":2.0}, second=True)
case("localResponseNorm", LRN, Var(randn(2,3,2,2)), {"size":7,"alpha":1.0,"k":0.5})
CE=lambda x,t,o=None: F.cross_entropy(x,t.long(),reduction=(o or {}).get("reduction","mean"),label_smoothing=(o or {}).get("labelSmoothing",0.0))
case("crossEntropy", CE, Var(randn(2,4,3)), torch.randint(0,4,(2,3),generator=G).int(), {"reduction":"none","labelSmoothing":0.2}, second=True)
case("crossEntropy", CE, Var(randn(4)), torch.tensor(2,dtype=torch.int32))
case("crossEntropy", CE, Var(randn(3,4)), I(0,3,1), {"reduction":"mean","labelSmoothing":1.0})
NL=lambda x,t,o=None: F.nll_loss(x,t.long(),reduction=(o or {}).get("reduction","mean"))
case("nllLoss", NL, Var(randn(3,4,2)), torch.randint(0,4,(3,2),generator=G).int(), {"reduction":"sum"})
case("mseLoss", lambda x,y,o: F.mse_loss(x,y,reduction=o["reduction"]), Var(randn(3,4)), Var(randn(3,4)), {"reduction":"none"}, second=True)
case("bceWithLogits", lambda x,y,o: F.binary_cross_entropy_with_logits(x,y,reduction=o["reduction"]), Var(randn(6)), Var(positive(6)-0.5), {"reduction":"sum"})
case("dropout", lambda x,p,o: F.dropout(x,p,o["training"]), Var(randn(3)), 0.5, {"training":False})
case("sum", lambda x: x.sum(), Var(randn(1)[0]))
case("argmax", lambda x: x.argmax(), randn(3,4))
case("argmax", lambda x,d: x.argmax(d), randn(3,4,2), -2)
json.dump(ops, open(f"{OUT}/edge-cases.json", "w"), allow_nan=False)
print(len(ops))
