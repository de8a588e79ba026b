import {
  type Batch,
  crossEntropy,
  type Generator,
  type GeneratorState,
  type OptimizerState,
  type SGD,
  type SGDOptions,
  type Tensor,
  type TensorModule,
} from '../../src/index.js';
import type { Checkpoint } from './checkpoint.js';
import { UsageError } from './cli.js';
import { breathe, Interrupted } from './interrupt.js';
import { Progress } from './progress.js';

/** A network being trained by the cross entropy of labels, with everything that its next step depends on. */
export interface Training<Evaluation> {
  model: TensorModule;
  optimizer: SGD;
  /** The learning rate of each step, counted from 0. */
  lr: (step: number) => number;
  /** The mini-batches from step `first` on. */
  batches: (first: number) => Iterator<Batch>;
  /** Whatever draws random numbers while it trains, dropout above all. */
  generators?: readonly Generator[];
  /** Called before each step, counted from 0: to interfere. */
  beforeStep?: (step: number) => void;
  /** Whether to evaluate after so many steps; the last is always evaluated. */
  isEvaluated: (steps: number) => boolean;
  evaluate: () => Evaluation;
}

/**
 * An evaluation, the number of steps before it, and the mean loss of the mini-batches since the one before it; null where
 * that was no number.
 */
export type Point<Evaluation> = { step: number; loss: number | null } & Evaluation;

interface State<Evaluation> {
  step: number;
  points: Point<Evaluation>[];
  /** As text, which holds NaN too. */
  losses: string[];
  optimizer: Omit<OptimizerState<SGDOptions>, 'state'> & { steps: number[]; tensors: string[][] };
  generators: GeneratorState[];
}

/**
 * Trains up to `steps`, from the checkpoint on if there is one, and returns all evaluations. Whether and where it was
 * interrupted makes no difference to them. The state is saved after each, and every few seconds between.
 *
 * @throws Interrupted after Ctrl-C, with the state saved.
 */
export async function train<Evaluation extends object>(
  label: string,
  training: Training<Evaluation>,
  steps: number,
  checkpoint: Checkpoint,
): Promise<Point<Evaluation>[]> {
  const { model, optimizer, lr, batches, isEvaluated } = training;
  const points: Point<Evaluation>[] = [];
  const losses: [number, number] = [0, 0];
  let step = restore(training, checkpoint, points, losses);
  if (step > steps) {
    throw new UsageError(`${label}: ${step} steps have been taken, which is more than the ${steps} asked for`);
  }
  let savedAt = performance.now();
  const save = () => {
    checkpoint.save(capture(training, step, points, losses));
    savedAt = performance.now();
  };
  const stream = batches(step);
  const progress = new Progress(label, step, steps);
  try {
    while (step < steps) {
      training.beforeStep?.(step);
      for (const group of optimizer.groups) group.lr = lr(step);
      const { inputs, labels } = stream.next().value as Batch;
      optimizer.zeroGrad();
      const loss = crossEntropy(model.forward(inputs), labels);
      loss.backward();
      optimizer.step();
      step++;
      losses[0] += loss.item();
      losses[1]++;
      progress.update(step, loss.item());
      if (isEvaluated(step) || step === steps) {
        const evaluation = progress.pause(() => training.evaluate());
        const meanLoss = losses[0] / losses[1];
        points.push({ step, loss: Number.isFinite(meanLoss) ? meanLoss : null, ...evaluation });
        losses.fill(0);
        save();
      } else if (performance.now() - savedAt > checkpoint.every) save();
      await breathe();
    }
  } catch (error) {
    if (error instanceof Interrupted) save();
    throw error;
  } finally {
    progress.stop();
  }
  return points;
}

function capture<E>(training: Training<E>, step: number, points: Point<E>[], losses: [number, number]) {
  const { state, ...optimizer } = training.optimizer.stateDict();
  const tensors: Record<string, Tensor> = {};
  for (const [name, tensor] of Object.entries(training.model.stateDict())) tensors[`model.${name}`] = tensor;
  state.forEach((own, i) => {
    for (const [name, tensor] of Object.entries(own.tensors)) tensors[`optimizer.${i}.${name}`] = tensor;
  });
  const saved: State<E> = {
    step,
    points,
    losses: losses.map(String),
    optimizer: {
      ...optimizer,
      steps: state.map((own) => own.steps),
      tensors: state.map((own) => Object.keys(own.tensors)),
    },
    generators: (training.generators ?? []).map((generator) => generator.state),
  };
  return { tensors, state: saved };
}

/** Returns the number of steps that were taken before. */
function restore<E>(
  training: Training<E>,
  checkpoint: Checkpoint,
  points: Point<E>[],
  losses: [number, number],
): number {
  const saved = checkpoint.load();
  if (!saved) return 0;
  const { tensors } = saved;
  const state = saved.state as State<E>;
  const inModel = Object.entries(tensors).filter(([name]) => name.startsWith('model.'));
  training.model.loadStateDict(Object.fromEntries(inModel.map(([name, x]) => [name.slice('model.'.length), x])));
  training.optimizer.loadStateDict({
    optimizer: state.optimizer.optimizer,
    groups: state.optimizer.groups,
    state: state.optimizer.steps.map((steps, i) => ({
      steps,
      tensors: Object.fromEntries(state.optimizer.tensors[i].map((name) => [name, tensors[`optimizer.${i}.${name}`]])),
    })),
  });
  training.generators?.forEach((generator, i) => {
    generator.state = state.generators[i];
  });
  points.push(...state.points);
  losses.splice(0, 2, ...state.losses.map(Number));
  return state.step;
}
