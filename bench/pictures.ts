// The figures as two pictures of cost against the size of the log: time, and bytes on the wire.

import { plotSvg, type Series } from './plot.ts'
import type { Row } from './samples.ts'

/** File names without the stem, and their contents. */
export function pictures(rows: readonly Row[]): { name: string; svg: string }[] {
  const mesh = rows.filter(row => row.shape === 'mesh' || row.job === 'append' || row.job === 'import')
  const plots = [
    {
      name: 'time',
      y: 'milliseconds',
      title: 'Time against the size of the log',
      series: seriesOf(mesh, row => row.ms.median),
    },
    {
      name: 'bytes',
      y: 'bytes, both ways',
      title: 'Bytes on the wire against the size of the log',
      series: seriesOf(mesh, row => wireBytes(row)),
    },
  ]
  return plots
    .filter(({ series }) => series.length > 0)
    .map(({ name, ...plot }) => ({ name, svg: plotSvg({ x: 'nodes in the log', ...plot }) }))
}

function seriesOf(rows: readonly Row[], cost: (row: Row) => number | undefined): Series[] {
  const series = new Map<string, [number, number][]>()
  for (const row of rows) {
    const value = cost(row)
    if (value === undefined || value <= 0) continue
    const name = row.what === '' ? row.job : `${row.job}, ${row.what}`
    const points = series.get(name) ?? []
    points.push([row.size, value])
    series.set(name, points)
  }
  return [...series].map(([name, points]) => ({ name, points }))
}

function wireBytes({ counts: { sent, received } }: Row): number | undefined {
  return sent === undefined || received === undefined ? undefined : sent + received
}
