// The tables of figures in README (a few rows) and docs/performance.md (all rows), made from the
// results of a run only. A test compares them with the results.

import { describeMachine } from './machine.ts'
import type { Figures, Row } from './samples.ts'
import { duration, whole } from './table.ts'

const begin = '<!-- figures: made by bench/update-figures.ts -->'
const end = '<!-- end of figures -->'

interface Shown {
  readonly says: string
  readonly job: string
  readonly what: string
  readonly shape: string
  readonly sizes: readonly number[]
}

const all = [10_000, 100_000, 1_000_000]
const mesh = { shape: 'mesh', sizes: all }
const chain = { shape: 'chain', sizes: all }

/**
 * docs/performance.md shows these, as far as they were measured. The other rows are in the results
 * only.
 */
const shown: readonly Shown[] = [
  { says: 'append, each durable before the next', job: 'append', what: 'one by one', ...chain, sizes: [1_000] },
  { says: 'append together', job: 'append', what: 'batched', ...chain },
  { says: 'import a file', job: 'import', what: '', ...chain },
  { says: 'clone', job: 'clone', what: '', ...mesh },
  { says: 'the signatures of a clone alone', job: 'clone', what: 'signatures alone', ...mesh },
  { says: 'clone, headers only', job: 'headers', what: '', ...mesh },
  { says: 'pull, 10 missing', job: 'pull', what: '10 missing', ...mesh },
  { says: 'pull, 1,000 missing', job: 'pull', what: '1,000 missing', ...mesh },
  { says: 'pull, each lacks 1,000 of the other', job: 'diverged', what: '1,000 each, first meeting', ...mesh },
  { says: 'classify 1,000 incoming', job: 'classify', what: '1,000 incoming', ...mesh },
  { says: 'verify, signatures too', job: 'verify', what: 'with signatures', ...mesh },
]

/** README shows these: one size per row. */
const summary: readonly Shown[] = shown
  .filter(({ job }) => job !== 'classify')
  .map(row => ({ ...row, sizes: row.sizes.includes(100_000) ? [100_000] : row.sizes }))

const liveSummary = new Set(['one hop, 100/s', '1,000 subscribers, 20/s'])

/** Returns the short table: no spread, bytes or memory. */
export function summaryMarkdown({ machine, rows }: Figures): string {
  const lines = rowsOf(rows, summary).map(([says, { size, events, ms }]) => {
    const rate = whole((events / ms.median) * 1000)
    return `| ${says} | ${whole(size)} | ${duration(ms.median)} | ${rate} |`
  })
  const table = ['| | nodes in the log | ms | events/s |', '|---|--:|--:|--:|', ...lines, ...latencyLines(rows)]
  return [begin, `${describeMachine(machine)}. Medians.`, '', ...table, end].join('\n')
}

/** Live rows of the short table: latency instead of a duration. */
function latencyLines(rows: readonly Row[]): string[] {
  return rows.flatMap(({ what, figures }) => {
    const p50 = figures?.['p50 ms']
    const p99 = figures?.['p99 ms']
    if (p50 === undefined || p99 === undefined || !liveSummary.has(what)) return []
    return [`| live: ${what} | | p50 ${duration(p50.median)}, p99 ${duration(p99.median)} | |`]
  })
}

/** The rows that `table` shows, in its order, each with its label. */
function rowsOf(rows: readonly Row[], table: readonly Shown[]): [says: string, row: Row][] {
  return table.flatMap(({ says, job, what, shape, sizes }) =>
    rows
      .filter(row => row.job === job && row.what === what && row.shape === shape && sizes.includes(row.size))
      .map((row): [string, Row] => [says, row]),
  )
}

/** Returns all tables, with spread, bytes on the wire and memory. */
export function figuresMarkdown({ machine, rows }: Figures): string {
  const lines = rowsOf(rows, shown).map(([says, row]) => lineOf(says, row))
  return [
    begin,
    `${describeMachine(machine)}. Medians; in brackets the least and the most.`,
    '',
    '| | nodes in the log | ms | events/s | bytes on the wire | peak memory, MB |',
    '|---|--:|--:|--:|--:|--:|',
    ...lines,
    ...liveLines(rows),
    end,
  ].join('\n')
}

/** The rows that have figures of their own, in a second table. */
function liveLines(rows: readonly Row[]): string[] {
  const lines = rows.flatMap(({ what, figures, rssBytes }) => {
    if (figures === undefined) return []
    const parts = Object.entries(figures).map(
      ([name, { median, least, most }]) => `${name} ${duration(median)} (${duration(least)}–${duration(most)})`,
    )
    return [`| ${what} | ${parts.join(', ')} | ${whole(rssBytes / 1e6)} |`]
  })
  return lines.length === 0 ? [] : ['', '| live | | peak memory, MB |', '|---|---|--:|', ...lines]
}

function lineOf(says: string, { size, events, runs, ms, counts, rssBytes, hubRssBytes }: Row): string {
  const spread = runs > 1 ? ` (${duration(ms.least)}–${duration(ms.most)})` : ' (one run)'
  const { sent, received } = counts
  const wire = sent === undefined || received === undefined ? '' : whole(sent + received)
  const memory = [rssBytes, hubRssBytes].filter(bytes => bytes !== null).map(bytes => whole(bytes / 1e6))
  const rate = whole((events / ms.median) * 1000)
  return `| ${says} | ${whole(size)} | ${duration(ms.median)}${spread} | ${rate} | ${wire} | ${memory.join(' + hub ')} |`
}

/**
 * Returns the page with its figures replaced.
 * @throws TypeError for a page without the two marks
 */
export function withFigures(page: string, markdown: string): string {
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new TypeError('the page has no marks for figures')
  return page.slice(0, from) + markdown + page.slice(to + end.length)
}
