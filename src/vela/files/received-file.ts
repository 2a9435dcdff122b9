// What came over the network as a frontier, before anything believes it (protocol/registry-entry.md, E25): it is a frontier
// file, it names itself as the frontier asked for, and each event's id is its content's.

import { hasCode } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { importEvent, readEvent } from '../../event/event.ts'
import { frontierNameOf } from '../../event/genesis.ts'
import { readLog } from '../../json/event-array-reader.ts'
import { parseJson } from '../../json/json.ts'

/** `unreadable`: it is no frontier at all. `untrue`: it is one, and not what it should be. */
export type ContentVerdict = 'good' | { readonly kind: 'unreadable' | 'untrue'; readonly reason: string }

export function judgeContent(body: Uint8Array, frontier: string): ContentVerdict {
  try {
    const log = readLog(body)
    if (log.form !== 'frontier') return { kind: 'unreadable', reason: 'it is not a frontier file' }
    // The log only counts brackets outside of its events.
    parseJson(body)
    for (const event of log.events()) {
      const reason = idFault(event.text)
      if (reason !== undefined) return { kind: 'untrue', reason }
    }
    const name = frontierNameOf(log)
    if (name === frontier) return 'good'
    return { kind: 'untrue', reason: `frontier id ${name ?? 'none'} != requested ${excerpt(frontier)}` }
  } catch (error) {
    if (!hasCode(error)) throw error
    return { kind: 'unreadable', reason: error.message }
  }
}

/** The reason is part of recorded events, unlike an error's message. @throws ReplicaError for what is no event */
function idFault(text: Uint8Array): string | undefined {
  try {
    importEvent(text)
    return undefined
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_ID')) throw error
    return `event ${excerpt(readEvent(text).head.id)} does not match its content`
  }
}

/** All hashes that a content may be said to have: one for each form or reader's version that is accepted. */
export interface ContentHashes {
  readonly snapshots: readonly string[]
  readonly logs: readonly string[]
}

/** How the content contradicts the entry's hashes; undefined when it doesn't. */
export function hashFault(
  entry: { readonly latest_snapshot_hash: string; readonly latest_event_log_hash: string },
  { snapshots, logs }: ContentHashes,
): string | undefined {
  const { latest_snapshot_hash: snapshot, latest_event_log_hash: log } = entry
  if (!snapshots.includes(snapshot))
    return `snapshot hash ${start(snapshots[0])} != entry latest_snapshot_hash ${start(snapshot)}`
  if (!logs.includes(log)) return `event log hash ${start(logs[0])} != entry latest_event_log_hash ${start(log)}`
  return undefined
}

function start(hex = 'none'): string {
  return hex.slice(0, 16)
}
