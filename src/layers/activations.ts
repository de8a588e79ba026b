import { expectNumber } from '../tensor/expect.js';
import type { Tensor } from '../tensor/tensor.js';
import { Module } from './module.js';

/** max(x, 0) */
export class ReLU extends Module {
  static override readonly name: string = 'ReLU';

  forward(x: Tensor): Tensor {
    return x.relu();
  }
}

/** x where it is above 0, negativeSlope·x elsewhere. */
export class LeakyReLU extends Module {
  static override readonly name: string = 'LeakyReLU';

  constructor(readonly negativeSlope = 0.01) {
    super();
    expectNumber('LeakyReLU', 'negativeSlope', negativeSlope);
  }

  forward(x: Tensor): Tensor {
    return x.leakyRelu(this.negativeSlope);
  }

  protected override describe(): string {
    return `slope ${this.negativeSlope}`;
  }
}

/** 1/(1 + e⁻ˣ) */
export class Sigmoid extends Module {
  static override readonly name: string = 'Sigmoid';

  forward(x: Tensor): Tensor {
    return x.sigmoid();
  }
}

/** The hyperbolic tangent. */
export class Tanh extends Module {
  static override readonly name: string = 'Tanh';

  forward(x: Tensor): Tensor {
    return x.tanh();
  }
}

/** x·Φ(x), Φ being the normal distribution (Hendrycks & Gimpel, 2016). */
export class GELU extends Module {
  static override readonly name: string = 'GELU';

  forward(x: Tensor): Tensor {
    return x.gelu();
  }
}

/** x/(1 + e⁻ˣ) */
export class SiLU extends Module {
  static override readonly name: string = 'SiLU';

  forward(x: Tensor): Tensor {
    return x.silu();
  }
}

/** eˣ / Σ eˣ along `dim`. */
export class Softmax extends Module {
  static override readonly name: string = 'Softmax';

  constructor(readonly dim: number) {
    super();
    expectNumber('Softmax', 'dim', dim);
  }

  forward(x: Tensor): Tensor {
    return x.softmax(this.dim);
  }
}

/** ln(eˣ / Σ eˣ) along `dim`. */
export class LogSoftmax extends Module {
  static override readonly name: string = 'LogSoftmax';

  constructor(readonly dim: number) {
    super();
    expectNumber('LogSoftmax', 'dim', dim);
  }

  forward(x: Tensor): Tensor {
    return x.logSoftmax(this.dim);
  }
}
