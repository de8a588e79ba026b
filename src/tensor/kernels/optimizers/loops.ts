import type { FloatArray } from '../../dtype.js';

/*
 * One step of each optimizer for one parameter `p`, which is changed in place, as the optimizer's own state is. Each
 * value is computed in double precision and rounded once. `t` counts steps from 1.
 */

export interface SgdSettings {
  lr: number;
  momentum: number;
  dampening: number;
  weightDecay: number;
  nesterov: boolean;
  first: boolean;
}

/** g = gradient + weightDecay·p; v = momentum·v + (1 − dampening)·g, or g at first; p ← p − lr·direction. */
export function sgd(p: FloatArray, gradient: FloatArray, velocity: FloatArray | null, o: SgdSettings): void {
  const { lr, momentum, weightDecay } = o;
  if (!velocity) {
    const kept = 1 - lr * weightDecay;
    for (let i = 0; i < p.length; i++) p[i] = kept * p[i] - lr * gradient[i];
    return;
  }
  const kept = o.first ? 0 : momentum;
  const added = o.first ? 1 : 1 - o.dampening;
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i] + weightDecay * p[i];
    const v = kept * velocity[i] + added * g;
    velocity[i] = v;
    p[i] = p[i] - lr * (o.nesterov ? g + momentum * v : v);
  }
}

export interface AdamSettings {
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  weightDecay: number;
  decoupled: boolean;
}

/** What is the same for all values of a step. */
export function adamFactors(t: number, { lr, beta1, beta2, weightDecay, decoupled }: AdamSettings) {
  return {
    stepSize: lr / (1 - beta1 ** t),
    correction: Math.sqrt(1 - beta2 ** t),
    penalty: decoupled ? 0 : weightDecay,
    shrink: decoupled ? 1 - lr * weightDecay : 1,
  };
}

/**
 * Adam (Kingma & Ba, 2015, Algorithm 1): m and v are moving averages of g and g²; p ← p − lr·m̂/(√v̂ + ε), where m̂
 * and v̂ are corrected for having begun at zero. With `decoupled` the decay shrinks p instead of joining g (AdamW:
 * Loshchilov & Hutter, 2019). With `vMax` the largest v so far takes its place (AMSGrad: Reddi, Kale & Kumar, 2018).
 */
export function adam(
  p: FloatArray,
  gradient: FloatArray,
  m: FloatArray,
  v: FloatArray,
  vMax: FloatArray | null,
  t: number,
  o: AdamSettings,
): void {
  const { beta1, beta2, eps } = o;
  const { stepSize, correction, penalty, shrink } = adamFactors(t, o);
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i] + penalty * p[i];
    const mi = beta1 * m[i] + (1 - beta1) * g;
    const vi = beta2 * v[i] + (1 - beta2) * g * g;
    m[i] = mi;
    v[i] = vi;
    let size = vi;
    if (vMax) {
      size = Math.max(vMax[i], vi);
      vMax[i] = size;
    }
    p[i] = shrink * p[i] - (stepSize * mi) / (Math.sqrt(size) / correction + eps);
  }
}

/**
 * RMSprop (Hinton, 2012): v is a moving average of g²; p ← p − lr·g/(√v + ε), or the momentum of that. With `mean`,
 * a moving average of g, v is centered: v − mean² (Graves, 2013).
 */
export function rmsprop(
  p: FloatArray,
  gradient: FloatArray,
  v: FloatArray,
  mean: FloatArray | null,
  velocity: FloatArray | null,
  o: { lr: number; alpha: number; eps: number; weightDecay: number; momentum: number },
): void {
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i] + o.weightDecay * p[i];
    const vi = o.alpha * v[i] + (1 - o.alpha) * g * g;
    v[i] = vi;
    let spread = vi;
    if (mean) {
      const mi = o.alpha * mean[i] + (1 - o.alpha) * g;
      mean[i] = mi;
      // Rounding can take it below 0 where the gradient does not change.
      spread = Math.max(0, vi - mi * mi);
    }
    let direction = g / (Math.sqrt(spread) + o.eps);
    if (velocity) {
      direction += o.momentum * velocity[i];
      velocity[i] = direction;
    }
    p[i] = p[i] - o.lr * direction;
  }
}

/** Adagrad (Duchi, Hazan & Singer, 2011): s is the sum of g²; p ← p − lr/(1 + (t − 1)·lrDecay)·g/(√s + ε). */
export function adagrad(
  p: FloatArray,
  gradient: FloatArray,
  s: FloatArray,
  t: number,
  o: { lr: number; lrDecay: number; weightDecay: number; eps: number },
): void {
  const lr = o.lr / (1 + (t - 1) * o.lrDecay);
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i] + o.weightDecay * p[i];
    const si = s[i] + g * g;
    s[i] = si;
    p[i] = p[i] - (lr * g) / (Math.sqrt(si) + o.eps);
  }
}
