import { describe, expect, it } from 'vitest';
import { compile, isSimdAvailable } from '../../../src/tensor/wasm/engine.js';
import { F64x2, f32x4, I32, i32, Statement } from '../../../src/tensor/wasm/expressions.js';
import { assemble, block, doWhile, repeat, wasmFunction } from '../../../src/tensor/wasm/function.js';
import { Areas, FLOAT, LANES, MOST_FLOATS } from '../../../src/tensor/wasm/memory.js';
import { withoutSimd } from '../../support/simd.js';

describe('a function of WebAssembly', () => {
  it('computes what its expressions say', () => {
    const run = wasmFunction('test', ['vectors', 'x', 'y'], ({ vectors, x, y }, locals) => {
      const v = locals.f32x4('v');
      return [
        repeat(
          vectors,
          v.set(x.loadF32x4()),
          y.store(v.times(v).minus(f32x4(1)).abs().sqrt()),
          [x, y].map((address) => address.advance(LANES * FLOAT)),
        ),
      ];
    });
    const areas = new Areas();
    const [x, y] = [areas.floats(8), areas.floats(8)];
    const { floats } = areas.open('test');
    floats.set([0, 1, 2, 3, -1, -2, -3, -4], x);
    run()(2, x * FLOAT, y * FLOAT);
    expect([...floats.subarray(y, y + 8)]).toEqual(
      [0, 1, 2, 3, -1, -2, -3, -4].map((v) => Math.fround(Math.sqrt(Math.abs(v * v - 1)))),
    );
  });

  it('counts in integers of any size, negative ones too', () => {
    const run = wasmFunction('test', ['to', 'n'], ({ to, n }, locals) => {
      const total = locals.i32('total');
      return [total.set(i32(-70_000)), repeat(n, total.advance(100)), to.store(total.toI32x4().shiftRight(1))];
    });
    const areas = new Areas();
    const place = areas.floats(4);
    const { integers } = areas.open('test');
    run()(place * FLOAT, 3);
    expect([...integers.subarray(place, place + 4)]).toEqual([-34_850, -34_850, -34_850, -34_850]);
  });

  it('refuses operands of another type, where they are written down', () => {
    const x = new I32([0x20, 0]);
    const wrong = (expression: () => unknown) => expect(expression);
    wrong(() => x.loadF32x4().plus(x.loadF64x2() as never)).toThrow('wasm: plus takes F32x4, got a F64x2');
    wrong(() => x.loadF64x2().times(x as never)).toThrow('wasm: times takes F64x2, got a I32');
    wrong(() => x.plus(x.loadF32x4() as never)).toThrow('wasm: i32 takes I32, got a F32x4');
    wrong(() => x.store(x as never)).toThrow('wasm: store takes a vector, got a I32');
    wrong(() => x.storeAsFloats(x.loadF32x4() as never)).toThrow('wasm: storeAsFloats takes F64x2, got a F32x4');
    wrong(() =>
      f32x4(1)
        .greaterThan(f32x4(2))
        .select(x.loadF32x4(), x.loadF64x2() as never),
    ).toThrow('wasm: select takes F32x4, got a F64x2');
  });

  it('refuses values that nobody takes, names that are taken, and values of another type in a local', () => {
    expect(() => block(f32x4(1) as never)).toThrow(
      'wasm: a block holds statements, got a F32x4, whose value nobody takes',
    );
    expect(() => doWhile(i32(0), i32(1) as never)).toThrow('a block holds statements, got a I32');
    expect(() => assemble(['x', 'x'], () => [])).toThrow('wasm: a parameter twice');
    expect(() =>
      assemble(['x'], (_, locals) => {
        locals.i32('x');
        return [];
      }),
    ).toThrow('wasm: local x is declared twice');
    expect(() => assemble(['x'], ({ x }, locals) => [locals.f32x4('v').set(x.loadF64x2() as never)])).toThrow(
      'wasm: v is F32x4, got a F64x2',
    );
    expect(() => assemble(['x'], ({ x }, locals) => [locals.mask('m').set(x.loadF32x4() as never)])).toThrow(
      'wasm: m is Mask, got a F32x4',
    );
  });
});

describe('the engine', () => {
  it('has SIMD here, and says so where it has none', async () => {
    expect(isSimdAvailable()).toBe(true);
    const engine = await withoutSimd(() => import('../../../src/tensor/wasm/engine.js'));
    expect(engine.isSimdAvailable()).toBe(false);
  });

  it('throws where a module does not compile, and names the function', () => {
    const broken = assemble(['x'], ({ x }) => [new Statement(new F64x2([...x.code]).code)]);
    expect(() => compile('broken', broken)).toThrow('wasm: broken does not compile');
    expect(() => compile('cut off', assemble(['x'], () => []).slice(0, -1))).toThrow('wasm: cut off does not compile');
  });
});

describe('areas of the memory', () => {
  it('lie one behind the other, each where a vector may begin', () => {
    const areas = new Areas();
    expect([areas.floats(3), areas.doubles(3), areas.floats(1), areas.floats(0), areas.floats(5)]).toEqual([
      0, 4, 12, 16, 16,
    ]);
    expect(areas.size).toBe(24);
    const { floats, doubles, integers } = areas.open('test');
    expect(floats.length).toBeGreaterThanOrEqual(24);
    expect([floats.buffer, doubles.buffer]).toEqual([integers.buffer, integers.buffer]);
  });

  it('that the engine has no room for are an error that names the kernel', () => {
    const areas = new Areas();
    for (let i = 0; i < 40; i++) areas.floats(MOST_FLOATS);
    expect(() => areas.open('conv2d')).toThrow('conv2d: takes 5368709120 bytes of working memory');
  });
});
