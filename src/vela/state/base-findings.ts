// Findings of a frontier that no event of its log brings: they are older than the log, or were
// never logged. Replay starts from them, because later events refer to them.
// Spec: protocol/replay.md, R6.

import type { LoggedEvent } from '../../event/event.ts'
import type { Finding } from '../files/frontier-file.ts'
import { payloadOf } from '../payloads.ts'
import type { Body } from './json-path.ts'

/**
 * Returns the findings that no event asserts, supersedes or brings as a replacement, in the order
 * given.
 * @throws ReplicaError ERR_JSON, ERR_EVENT_SHAPE for an event that is not in stored form
 */
export function genesisOf(findings: readonly Finding[], events: Iterable<LoggedEvent>): Body[] {
  const logged = new Set<string>()
  for (const { head, text } of events) {
    if (head.kind !== 'finding.asserted' && head.kind !== 'finding.superseded') continue
    logged.add(head.target.id)
    const payload = head.kind === 'finding.superseded' ? payloadOf(text) : null
    const replacement = payload instanceof Map ? payload.get('new_finding_id') : undefined
    if (typeof replacement === 'string') logged.add(replacement)
  }
  return findings.filter(({ id }) => !logged.has(id)).map(({ body }) => body)
}
