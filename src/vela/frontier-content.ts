// What came over the network as a frontier, before anything believes it (protocol/registry-entry.md, E27): it is a frontier
// file, it names itself as the frontier asked for, and each event's id is its content's.

import { hasCode } from '../errors.ts'
import { importEvent } from './event.ts'
import { excerpt } from './event-record.ts'
import { frontierNameOf } from './frontier.ts'
import { parseJson } from './json.ts'
import { readLog } from './log.ts'

/** `unreadable`: it is no frontier at all. `untrue`: it is one, and not what it should be. */
export type ContentVerdict = 'good' | { readonly kind: 'unreadable' | 'untrue'; readonly reason: string }

export function judgeContent(body: Uint8Array, frontier: string): ContentVerdict {
  try {
    const log = readLog(body)
    if (log.form !== 'frontier') return { kind: 'unreadable', reason: 'it is no frontier file' }
    // The log only counts brackets outside of its events.
    parseJson(body)
    for (const event of log.events()) importEvent(event.text)
    const name = frontierNameOf(log)
    if (name === frontier) return 'good'
    return { kind: 'untrue', reason: `frontier id ${name ?? 'none'} != requested ${excerpt(frontier)}` }
  } catch (error) {
    if (!hasCode(error)) throw error
    if (error.code === 'ERR_EVENT_ID') return { kind: 'untrue', reason: error.message }
    return { kind: 'unreadable', reason: error.message }
  }
}
