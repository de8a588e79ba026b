import { describe, expect, it } from 'vitest';
import { type Finding, GradcheckError, type GradcheckReport, Report } from '../../../src/autograd/gradcheck/report.js';

const counts = { pass: 0, fail: 0, kink: 0, inconclusive: 0 };
const finding: Finding = {
  input: 1,
  inputShape: [3, 2],
  index: [2, 0],
  output: 0,
  outputIndex: [4],
  analytic: 0.5,
  numerical: 1,
  error: 2e-11,
  slopes: null,
  trials: [
    { step: 0.11, left: 0.9, right: 1.1, central: 1.25, extrapolated: 1.25 },
    { step: 0.0275, left: 0.975, right: 1.025, central: 1, extrapolated: 0.999 },
  ],
};
const made = (op: string, given: Partial<GradcheckReport>) =>
  new Report(op, {
    counts,
    directions: null,
    digits: 9.25,
    worst: null,
    problems: [],
    notes: [],
    unseen: [],
    calls: 100,
    diagnosis: null,
    ...given,
  });
const report = (
  given: Partial<typeof counts>,
  worst: Finding | null,
  problems: string[] = [],
  diagnosis: string | null = null,
) => made('gradcheck', { counts: { ...counts, ...given }, worst, problems, diagnosis });

describe('the text of a report', () => {
  it('is one line where all is well', () => {
    expect(String(report({ pass: 12 }, null))).toBe('gradcheck: pass: 12 of 12 derivatives confirmed to 9.3 digits');
    expect(String(made('gradgradcheck', { counts: { ...counts, pass: 16 }, directions: 8, digits: 9 }))).toBe(
      'gradgradcheck: pass: 16 of 16 directional derivatives confirmed to 9.0 digits',
    );
  });

  it('counts what is not', () => {
    expect(String(report({ pass: 1, fail: 2, inconclusive: 3, kink: 4 }, null))).toBe(
      'gradcheck: fail: 2 wrong, 3 inconclusive, 4 at a kink, 1 of 10 derivatives confirmed to 9.3 digits',
    );
    expect(String(report({ kink: 1 }, null))).toBe(
      'gradcheck: kink: 1 at a kink, 0 of 1 derivatives confirmed\n  everything that was looked at is a kink, where no derivative can be confirmed: check at other inputs',
    );
    expect(String(report({ kink: 1, pass: 1 }, null))).not.toContain('everything that was looked at');
  });

  it('shows the worst of it, the steps, and the guess', () => {
    expect(String(report({ fail: 1 }, finding, [], 'it is upside down'))).toBe(
      [
        'gradcheck: fail: 1 wrong, 0 of 1 derivatives confirmed',
        '  the derivative of output 0[4] with respect to input 1[2, 0] (of shape [3, 2]):',
        '    analytic   0.5000000000',
        '    numerical  1.000000000 ± 2.0e-11',
        '    off by     -0.5000000000, 2.5e+10 error bars',
        '    step       difference      extrapolated    from the left   from the right',
        '    1.1e-1     1.25000         1.25000         0.900000        1.10000',
        '    2.8e-2     1.00000         0.999000        0.975000        1.02500',
        '  it is upside down',
        '  found in 100 calls of the function',
      ].join('\n'),
    );
  });

  it('names a direction, and a sum of the outputs', () => {
    const along = { ...finding, index: null, output: null, outputIndex: null, trials: [] };
    expect(String(report({ fail: 1 }, along))).toContain(
      '  the derivative of a weighted sum of the outputs along a direction in input 1 (of shape [3, 2]):\n',
    );
    expect(String(report({ fail: 1 }, { ...along, index: [1, 1] }))).toContain(
      '  the derivative of a weighted sum of the outputs with respect to input 1[1, 1] (of shape [3, 2]):\n',
    );
  });

  it.each([
    [1e-3, '0.001000000000'],
    [9.9e-4, '9.900000000e-4'],
    [999999, '999999.0000'],
    [1e6, '1.000000000e+6'],
    [-2e-5, '-2.000000000e-5'],
    [-0.5, '-0.5000000000'],
    [0, '0.000000000e+0'],
  ])('writes %d as %s', (value, text) => {
    expect(String(report({ fail: 1 }, { ...finding, analytic: value }))).toContain(`    analytic   ${text}\n`);
  });

  it('leaves out the middle of many steps', () => {
    const trials = Array.from({ length: 12 }, (_, i) => ({
      step: 10 ** -i,
      left: i,
      right: i,
      central: i,
      extrapolated: i,
    }));
    const lines = String(report({ fail: 1 }, { ...finding, trials }))
      .split('\n')
      .slice(6, -1);
    expect(lines.map((line) => line.trim().split(' ')[0])).toEqual([
      '1.0e+0',
      '1.0e-1',
      '1.0e-2',
      '...',
      '1.0e-8',
      '1.0e-9',
      '1.0e-10',
      '1.0e-11',
    ]);
    const seven = String(report({ fail: 1 }, { ...finding, trials: trials.slice(0, 7) }))
      .split('\n')
      .slice(6, -1);
    expect(seven).toHaveLength(7);
    expect(seven.join()).not.toContain('...');
  });

  it('is the message of the error', () => {
    const failed = report({ fail: 1 }, finding);
    const error = new GradcheckError(failed);
    expect([error.message, error.name, error.report]).toEqual([String(failed), 'GradcheckError', failed]);
  });
});

describe('beside the verdict, a report says', () => {
  it('between which slopes a kink lies', () => {
    expect(String(report({ fail: 1 }, { ...finding, slopes: [0, 1] }))).toContain(
      '    slopes     from 0.000000000e+0 to 1.000000000 at this kink\n',
    );
  });

  it('of which inputs nothing was seen, and what is good to know', () => {
    expect(String(made('gradcheck', { counts: { ...counts, pass: 2 }, unseen: [1], notes: ['it is late'] }))).toBe(
      [
        'gradcheck: pass: 2 of 2 derivatives confirmed to 9.3 digits',
        '  every derivative with respect to input 1 is zero: as far as can be seen, the function does not depend on it',
        '  it is late',
      ].join('\n'),
    );
  });
});

describe('the verdict', () => {
  it('is the worst there is', () => {
    expect(report({ pass: 5 }, null).verdict).toBe('pass');
    expect(report({ pass: 5, kink: 1 }, null).verdict).toBe('kink');
    expect(report({ pass: 5, kink: 1, inconclusive: 1 }, null).verdict).toBe('inconclusive');
    expect(report({ pass: 5, kink: 1, inconclusive: 1, fail: 1 }, null).verdict).toBe('fail');
  });

  it('is fail where the backward pass has a problem of another kind', () => {
    const failed = report({ pass: 0 }, null, ['it is not linear', 'it is green']);
    expect(failed.verdict).toBe('fail');
    expect(String(failed)).toBe('gradcheck: fail: 0 of 0 derivatives confirmed\n  it is not linear\n  it is green');
  });
});
