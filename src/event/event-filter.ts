// Decides whether an event matches a filter of texts. Spec: protocol/text.md, X24.

import { ReplicaError } from '../base/errors.ts'
import type { TextFilter } from '../base/text-filter.ts'
import { compareInstants, readInstant } from '../json/instant.ts'
import { eventHead } from './event.ts'

/** Returns a function that tests texts in stored form. @throws ReplicaError ERR_INSTANT */
export function eventMatcher(filter: TextFilter): (text: Uint8Array) => boolean {
  const { since, kinds, targets } = filter
  const from = since === undefined ? undefined : readInstant(since)
  if (since !== undefined && from === undefined) {
    throw new ReplicaError('ERR_INSTANT', 'the filter does not begin at an RFC 3339 date and time with an offset')
  }
  return text => {
    const { kind, target, timestamp } = eventHead(text)
    if (kinds !== undefined && !kinds.includes(kind)) return false
    if (targets !== undefined && !targets.includes(target.id)) return false
    if (from === undefined) return true
    const at = readInstant(timestamp)
    // An event without a readable time is not older than anything.
    return at === undefined || compareInstants(at, from) >= 0
  }
}
