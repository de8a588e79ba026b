import Table from 'cli-table3';

/** A table for the terminal: columns of numbers to the right, no lines between rows. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const made = new Table({
    head: [...head],
    colAligns: head.map((_, column) => (column === 0 && Number.isNaN(Number(rows[0]?.[0])) ? 'left' : 'right')),
    style: { head: [], border: [] },
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
  });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
}
