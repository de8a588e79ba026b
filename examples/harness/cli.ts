import { Command, InvalidArgumentError } from 'commander';
import { MinibatchError } from '../../src/index.js';

/** What is wrong with how the program was called, or with what it was pointed at: one line for the person who did. */
export class UsageError extends Error {}

/** A whole number of at least `least`, for an option. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It takes a whole number from ${least}.`);
    }
    return value;
  };
}

/** A number above 0, for an option. */
export function positiveNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0 && value < Infinity))
    throw new InvalidArgumentError('It takes a number above 0.');
  return value;
}

/** Which of how many parts, as "2/8". */
export function shardOption(text: string): [part: number, parts: number] {
  const [part, parts] = /^\d+\/\d+$/.test(text) ? text.split('/').map(Number) : [0, 0];
  if (!(part >= 1 && part <= parts)) throw new InvalidArgumentError('It takes a part and the number of parts, as 2/8.');
  return [part, parts];
}

/** A command line whose errors are one line on stderr and exit code 2. */
export function commandLine(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .allowExcessArguments(false)
    .showSuggestionAfterError(false)
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

/** Runs a program: what is known to go wrong ends in one line and exit code 2 (usage) or 1. */
export async function runProgram(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    const known = error instanceof UsageError || error instanceof MinibatchError || isSystemError(error);
    console.error(known ? `error: ${(error as Error).message}` : error);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && 'syscall' in error;
}
