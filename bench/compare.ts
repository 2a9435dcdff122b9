// Comparison of a run with an earlier one, row by row: changes of times and memory, and differing
// counts. A time counts as different only if the two spreads do not overlap.

import { differences, nameOf, type Row } from './samples.ts'
import { align, duration } from './table.ts'

export function comparison(now: readonly Row[], before: readonly Row[]): string {
  const old = new Map(before.map(row => [nameOf(row), row]))
  const lines = [['job', 'ms before', 'ms now', 'change', 'RSS']]
  const counts: string[] = []
  for (const row of now) {
    const earlier = old.get(nameOf(row))
    if (earlier === undefined) continue
    lines.push([nameOf(row), duration(earlier.ms.median), duration(row.ms.median), timeChange(row, earlier), change(row.rssBytes, earlier.rssBytes)]) // biome-ignore format: a line of the table
    const changed = differences(earlier.counts, row.counts)
    if (changed.length > 0) counts.push(`  ${nameOf(row)}: ${changed.join(', ')}`)
  }
  if (lines.length === 1) return 'no row of this run is in the earlier one'
  const said = counts.length === 0 ? ['all counts are equal'] : ['counts that differ (before ≠ now):', ...counts]
  return [align(lines, 1), '', ...said].join('\n')
}

function timeChange({ ms }: Row, { ms: before }: Row): string {
  const apart = ms.least > before.most || ms.most < before.least
  return apart ? change(ms.median, before.median) : 'within spread'
}

function change(now: number, before: number): string {
  const percent = Math.round((now / before - 1) * 100)
  return `${percent > 0 ? '+' : ''}${percent} %`
}
