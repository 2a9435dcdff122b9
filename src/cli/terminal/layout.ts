// Formats numbers, sizes and columns for people. --json has the same values unformatted.

import { escapeText } from './escape.ts'

/** Returns a count with a comma before each three digits. Intl would cost 10 ms at start. */
export function thousands(count: number): string {
  return String(Math.round(count)).replace(/\B(?=(?:\d{3})+$)/g, ',')
}

/** Returns a count with its noun: `1 node`, `2,345 nodes`. */
export function plural(count: number, noun: string, nouns = `${noun}s`): string {
  return `${thousands(count)} ${count === 1 ? noun : nouns}`
}

/** Returns bytes in decimal units with three digits: `512 B`, `10.2 kB`, `1.50 MB`. */
export function size(bytes: number): string {
  const units = ['kB', 'MB', 'GB', 'TB']
  if (bytes < 1000) return `${bytes} B`
  let value = bytes
  let unit = -1
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000
    unit++
  }
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${units[unit]}`
}

/** Shortens a CID to 19 characters: the first seven are the same in all CIDs of nodes. */
export function shortCid(cid: string): string {
  return cid.length <= 20 ? cid : `${cid.slice(0, 19)}…`
}

export function shortHex(hex: string): string {
  return hex.length <= 16 ? hex : `${hex.slice(0, 12)}…`
}

/**
 * Returns rows as aligned lines with two spaces between columns and no trailing spaces. `right`
 * lists the right-aligned columns. Cells are escaped before they are measured.
 */
export function columns(rows: readonly (readonly string[])[], options: { right?: readonly number[] } = {}): string[] {
  const cells = rows.map(row => row.map(escapeText))
  const widths: number[] = []
  for (const row of cells) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, width(cell))
    })
  }
  return cells.map(row =>
    row
      .map((cell, i) => {
        const gap = ' '.repeat(widths[i]! - width(cell))
        return options.right?.includes(i) ? gap + cell : cell + gap
      })
      .join('  ')
      .trimEnd(),
  )
}

function width(text: string): number {
  let points = 0
  for (const _ of text) points++
  return points
}
