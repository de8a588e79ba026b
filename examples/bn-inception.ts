/*
 * BN-Inception, the network of the paper's appendix, at its full size: what comes out of every stage, how many parameters
 * and multiplications it has, how long one training step on eight images of 224x224 takes here, and what ImageNet would.
 */
import { crossEntropy, Generator, noGrad, randn, Sequential, SGD, summary, tensor } from '../src/index.js';
import type { Experiment, Trial } from './harness/experiment.js';
import { asProgram } from './harness/program.js';
import type { Report } from './harness/report.js';
import { bnInceptionStages, SIDE } from './networks/bn-inception.js';

const CLASSES = 1000;
/** The training set of ILSVRC 2012, and what BN-x30 took to 72.2% in the paper: 2.7 million steps of 32 images. */
const IMAGENET = 1_281_167;
const PAPER_IMAGES = 2.7e6 * 32;
const PAPER_PARAMETERS = 13.6;

interface Result {
  stages: { name: string; output: number[]; parameters: number; multiplyAdds: number }[];
  losses: number[];
  /** Of each step, a forward and backward pass and an update; the only numbers that are not the same every time. */
  seconds: number[];
}

export const bnInceptionStep: Experiment<Result> = {
  name: 'bn-inception',
  title: 'BN-Inception at 224x224 (appendix, figure 5)',
  variants: ['BN-Inception'],
  sizes: { quick: { seeds: 1, steps: 1, images: 8 }, full: { seeds: 1, steps: 3, images: 8 } },

  async run({ seed, size }: Trial): Promise<Result> {
    const generator = new Generator(seed);
    const stages = bnInceptionStages(generator, CLASSES);
    const model = new Sequential(...stages.map(({ module }) => module));
    const images = randn([size.images, 3, SIDE, SIDE], { generator });
    const labels = tensor(Int32Array.from({ length: size.images }, () => generator.integer(CLASSES)));
    let x = images.slice(0, 0, 1);
    const described = stages.map(({ name, module }) => {
      const { parameters, multiplyAdds } = summary(module.eval(), x.shape);
      x = noGrad(() => module.forward(x));
      return { name, output: x.shape.slice(1), parameters, multiplyAdds };
    });
    model.train();
    const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
    const [losses, seconds]: [number[], number[]] = [[], []];
    for (let step = 0; step < size.steps; step++) {
      const before = performance.now();
      optimizer.zeroGrad();
      const loss = crossEntropy(model.forward(images), labels);
      loss.backward();
      optimizer.step();
      seconds.push((performance.now() - before) / 1000);
      losses.push(loss.item());
    }
    return { stages: described, losses, seconds };
  },

  report([{ result, settings }]): Report {
    const { stages, seconds, losses } = result;
    const { images } = settings;
    const total = (value: 'parameters' | 'multiplyAdds') => stages.reduce((sum, stage) => sum + stage[value], 0);
    const perImage = Math.min(...seconds) / images;
    const days = (count: number) => Math.round((count * perImage) / 86_400).toLocaleString('en-US');
    return {
      tables: [
        {
          title: 'Stages',
          head: ['stage', 'output', 'parameters', 'million multiply-adds'],
          rows: [
            ...stages.map(({ name, output, parameters, multiplyAdds }) => [
              ...[name, output.join('x'), parameters.toLocaleString('en-US'), (multiplyAdds / 1e6).toFixed(0)],
            ]),
            ['all', '', total('parameters').toLocaleString('en-US'), (total('multiplyAdds') / 1e6).toFixed(0)],
          ],
        },
        {
          title: 'What it takes',
          head: ['', ''],
          rows: [
            [
              'parameters, million; in the text of the paper',
              `${(total('parameters') / 1e6).toFixed(1)}; ${PAPER_PARAMETERS}`,
            ],
            [`seconds of a step on ${images} images`, seconds.map((s) => s.toFixed(1)).join(', ')],
            ['loss of each', losses.map((loss) => loss.toFixed(2)).join(', ')],
            ['GFLOP/s', ((6 * total('multiplyAdds')) / 1e9 / perImage).toFixed(1)],
            [`days for one pass over the ${IMAGENET.toLocaleString('en-US')} images of ImageNet`, days(IMAGENET)],
            ['days for the 2.7 million steps of 32 images that BN-x30 took to 72.2%', days(PAPER_IMAGES)],
          ],
        },
      ],
      figures: {},
    };
  },
};

await asProgram(import.meta, bnInceptionStep);
