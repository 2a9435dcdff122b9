// The table of figures in README, made from the results of a run and from nothing else; a test holds the two equal.

import { describeMachine } from './machine.ts'
import type { Figures, Row } from './samples.ts'
import { duration, whole } from './table.ts'

const begin = '<!-- figures: made by bench/update-readme.ts -->'
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

/** README shows these, as far as they were measured; the rest is in the results. */
const shown: readonly Shown[] = [
  { says: 'append, each durable before the next', job: 'append', what: 'one by one', ...chain, sizes: [1_000] },
  { says: 'append together', job: 'append', what: 'batched', ...chain },
  { says: 'import a file', job: 'import', what: '', ...chain },
  { says: 'clone', job: 'clone', what: '', ...mesh },
  { says: 'pull, 10 missing', job: 'pull', what: '10 missing', ...mesh },
  { says: 'pull, 1,000 missing', job: 'pull', what: '1,000 missing', ...mesh },
  { says: 'pull, each lacks 1,000 of the other', job: 'diverged', what: '1,000 each, first meeting', ...mesh },
  { says: 'classify 1,000 incoming', job: 'classify', what: '1,000 incoming', ...mesh },
  { says: 'verify, signatures too', job: 'verify', what: 'with signatures', ...mesh },
]

export function figuresMarkdown({ machine, rows }: Figures): string {
  const lines = shown.flatMap(({ says, job, what, shape, sizes }) =>
    rows
      .filter(row => row.job === job && row.what === what && row.shape === shape && sizes.includes(row.size))
      .map(row => lineOf(says, row)),
  )
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

/** The text with its figures replaced. @throws TypeError without the two marks */
export function withFigures(readme: string, markdown: string): string {
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new TypeError('README has no place for the figures')
  return readme.slice(0, from) + markdown + readme.slice(to + end.length)
}
