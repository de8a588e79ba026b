/** Thrown out of a long run after Ctrl-C. */
export class Interrupted extends Error {}

let asked = false;
let lastYield = 0;

/** From now on Ctrl-C does not kill the program but makes the next `breathe` throw. */
export function listenForInterrupt(): void {
  const listen = () => {
    asked = true;
  };
  process.once('SIGINT', listen);
  process.once('SIGTERM', listen);
}

/** Lets the program notice Ctrl-C and redraw; to be called often: it does something a few times a second at most. */
export async function breathe(): Promise<void> {
  const now = performance.now();
  if (now - lastYield > 50) {
    await new Promise((resolve) => setImmediate(resolve));
    lastYield = performance.now();
  }
  if (asked) throw new Interrupted();
}
