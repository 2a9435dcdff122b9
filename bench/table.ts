// Rows as text: one line each, with aligned columns.

import type { Row } from './samples.ts'

const titles = [
  'job', 'shape', 'log', 'events', 'ms', 'least–most', 'events/s',
  'CPU ms', 'sent B', 'received B', 'frames', 'trips',
  'RSS MB', 'hub MB', 'disk B/event',
] // biome-ignore format: as in the table

export function table(rows: readonly Row[]): string {
  return align([titles, ...rows.map(cells)], 2)
}

/** The further figures of some rows, one line each; empty if no row has any. */
export function figureTable(rows: readonly Row[]): string {
  const lines = rows.flatMap(({ job, what, runs, figures = {} }) =>
    Object.entries(figures).map(([name, { median, least, most }], index) => [
      index === 0 ? `${job}: ${what}` : '',
      name,
      duration(median),
      runs === 1 ? 'one run' : `${duration(least)}–${duration(most)}`,
    ]),
  )
  return lines.length === 0 ? '' : align([['job', 'figure', 'median', 'least–most'], ...lines], 2)
}

function cells(row: Row): string[] {
  const { job, what, shape, size, events, ms, rssBytes, hubRssBytes, diskBytesPerEvent } = row
  return [
    what === '' ? job : `${job}: ${what}`,
    shape,
    whole(size),
    whole(events),
    duration(ms.median),
    `${duration(ms.least)}–${duration(ms.most)}`,
    whole((events / ms.median) * 1000),
    cpu(row),
    count(row, 'sent'),
    count(row, 'received'),
    count(row, 'frames'),
    count(row, 'trips'),
    megabytes(rssBytes),
    hubRssBytes === null ? '' : megabytes(hubRssBytes),
    diskBytesPerEvent === null ? '' : whole(diskBytesPerEvent),
  ]
}

/** The timed process and the hub. */
function cpu({ cpuMs, hubCpuMs }: Row): string {
  return hubCpuMs === null ? whole(cpuMs) : `${whole(cpuMs)} + ${whole(hubCpuMs)}`
}

function count({ counts }: Row, name: string): string {
  const value = counts[name]
  return value === undefined ? '' : whole(value)
}

/** Columns of text; all but the first `left` are numbers, aligned right. */
export function align(lines: readonly (readonly string[])[], left: number): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map(line => line[column]!.length)))
  const padded = lines.map(line =>
    line.map((cell, at) => (at < left ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  '),
  )
  return padded.map(line => line.trimEnd()).join('\n')
}

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

export function duration(ms: number): string {
  return ms < 10 ? ms.toFixed(1) : whole(ms)
}

function megabytes(bytes: number): string {
  return whole(bytes / 1e6)
}
