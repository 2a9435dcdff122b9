// The basis of a frontier that nobody gave as a file (protocol/frontier.md, F21 and F24): what its log says of itself, with all members that
// readers of frontier files require.

import { type Json, JsonNumber } from '../../json/value.ts'
import { byTimestamp } from '../../vela/hashes/target-hash-chain.ts'
import type { BaseDocument } from './join.ts'
import type { LogEvent } from './log-events.ts'

/** The frontier of a log that came without a base: its genesis says its name, the log the rest. */
export function emptyBase(frontier: string, log: readonly LogEvent[], compiler: string): BaseDocument {
  const genesis = log.find(({ head }) => head.kind === 'frontier.created')
  const first = genesis ?? byTimestamp(log)[0]
  const count = (value: number): Json => JsonNumber.integer(value)
  const meta = new Map<string, Json>([
    ['name', genesis?.head.target.id ?? frontier],
    ['description', ''],
    ['compiled_at', first?.head.timestamp ?? '1970-01-01T00:00:00Z'],
    ['compiler', genesis?.head.actor.id ?? compiler],
    ['papers_processed', count(0)],
    ['errors', count(0)],
    ['dependencies', []],
  ])
  const members = new Map<string, Json>([
    ['vela_version', '0.10.0'],
    ['schema', 'https://vela.science/schema/finding-bundle/v0.10.0'],
    ['frontier_id', frontier],
    ['frontier', meta],
    ['stats', new Map()],
    ['findings', []],
    ['sources', []],
    ['evidence_atoms', []],
    ['condition_records', []],
    ['proposals', []],
    ['signatures', []],
  ])
  return { members, events: [], own: 'log' }
}
