import {
  AvgPool2d,
  Flatten,
  type Generator,
  init,
  Linear,
  MaxPool2d,
  Sequential,
  type TensorModule,
} from '../../src/index.js';
import { convUnit, Inception, type InceptionWidths } from './inception.js';

/** A stage of the network, by its name in the paper, and its output: channels and side. */
export interface Stage {
  name: string;
  module: TensorModule;
  output: readonly [channels: number, side: number];
}

interface Block {
  name: string;
  stride?: 2;
  widths: InceptionWidths;
  output: Stage['output'];
}

/** The table of the paper's appendix (figure 5). A stride of 2 passes the pooled channels through. */
const BLOCKS: readonly Block[] = [
  block('3a', 64, [64, 64], [64, 96], ['avg', 32], [256, 28]),
  block('3b', 64, [64, 96], [64, 96], ['avg', 64], [320, 28]),
  block('3c', 0, [128, 160], [64, 96], ['max', 0], [576, 14], 2),
  block('4a', 224, [64, 96], [96, 128], ['avg', 128], [576, 14]),
  block('4b', 192, [96, 128], [96, 128], ['avg', 128], [576, 14]),
  block('4c', 160, [128, 160], [128, 160], ['avg', 96], [576, 14]),
  block('4d', 96, [128, 192], [160, 192], ['avg', 96], [576, 14]),
  block('4e', 0, [128, 192], [192, 256], ['max', 0], [1024, 7], 2),
  block('5a', 352, [192, 320], [160, 224], ['avg', 128], [1024, 7]),
  block('5b', 352, [192, 320], [192, 224], ['max', 128], [1024, 7]),
];

function block(
  name: string,
  conv1x1: number,
  conv3x3: InceptionWidths['conv3x3'],
  double3x3: InceptionWidths['double3x3'],
  pool: InceptionWidths['pool'],
  output: Stage['output'],
  stride?: 2,
): Block {
  return { name, stride, widths: { conv1x1, conv3x3, double3x3, pool }, output };
}

/** The side of the images. */
export const SIDE = 224;

/** Every stage of BN-Inception, with the output that the paper gives for it. */
export function bnInceptionStages(generator: Generator, classes = 1000): Stage[] {
  const pool = { kernelSize: 3, stride: 2, padding: 1 };
  const stages: Stage[] = [
    {
      name: 'convolution 7x7/2',
      module: convUnit(3, 64, 7, { stride: 2, padding: 3, generator }),
      output: [64, 112],
    },
    { name: 'max pool 3x3/2', module: new MaxPool2d(pool), output: [64, 56] },
    {
      name: 'convolution 3x3',
      module: new Sequential(convUnit(64, 64, 1, { generator }), convUnit(64, 192, 3, { padding: 1, generator })),
      output: [192, 56],
    },
    { name: 'max pool 3x3/2', module: new MaxPool2d(pool), output: [192, 28] },
  ];
  let channels = 192;
  for (const { name, stride, widths, output } of BLOCKS) {
    const module = new Inception(channels, widths, { stride, generator });
    stages.push({ name: `inception ${name}`, module, output });
    channels = module.outChannels;
  }
  stages.push(
    { name: 'average pool 7x7', module: new AvgPool2d({ kernelSize: 7, stride: 1 }), output: [1024, 1] },
    {
      name: 'linear',
      module: new Sequential(new Flatten(), new Linear(1024, classes, { generator })),
      output: [classes, 1],
    },
  );
  for (const { module } of stages) {
    for (const [name, parameter] of module.namedParameters()) {
      if (name.endsWith('weight')) init.kaimingNormal(parameter, { generator });
    }
  }
  return stages;
}

/** The whole network of the paper's appendix, for images of [N, 3, 224, 224]. */
export function bnInception(generator: Generator, classes = 1000): Sequential {
  return new Sequential(...bnInceptionStages(generator, classes).map(({ module }) => module));
}
