// Checks of a frontier file that came over the network, before anything uses it: it is a frontier
// file, it states the requested id, and the id of each event matches its content.
// Spec: protocol/registry-entry.md, E25.

import { hasCode } from '../../base/errors.ts'
import { excerpt } from '../../base/text.ts'
import { importEvent, readEvent } from '../../event/event.ts'
import { frontierNameOf } from '../../event/genesis.ts'
import { readLog } from '../../json/event-array-reader.ts'
import { parseJson } from '../../json/json.ts'

/**
 * `unreadable`: it is not a frontier file. `untrue`: it is one, but not the requested one or with a
 * false event id.
 */
export type ContentVerdict = 'good' | { readonly kind: 'unreadable' | 'untrue'; readonly reason: string }

/** Checks received content against the requested frontier id. */
export function judgeContent(body: Uint8Array, frontier: string): ContentVerdict {
  try {
    const log = readLog(body)
    if (log.form !== 'frontier') return { kind: 'unreadable', reason: 'it is not a frontier file' }
    // readLog only counts brackets outside the events, so the rest is parsed here.
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

/**
 * Recorded events contain the reason, so it is not an error message.
 * @throws ReplicaError if the text is not an event
 */
function idFault(text: Uint8Array): string | undefined {
  try {
    importEvent(text)
    return undefined
  } catch (error) {
    if (!hasCode(error, 'ERR_EVENT_ID')) throw error
    return `event ${excerpt(readEvent(text).head.id)} does not match its content`
  }
}

/**
 * Every accepted hash of a content: one for each reading, reader version and log form. 64 hex
 * digits each.
 */
export interface ContentHashes {
  readonly snapshots: readonly string[]
  readonly logs: readonly string[]
}

/**
 * Returns how the content contradicts the hashes of the entry, or undefined. Recorded events
 * contain the text.
 */
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
