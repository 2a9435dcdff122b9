// The findings of a frontier that its log doesn't bring (protocol/replay.md, R6): older than logs, or never logged. Replay has to be given
// them, since later events are about them.

import type { LoggedEvent } from '../../event/event.ts'
import type { Finding } from '../files/frontier-file.ts'
import { payloadOf } from '../payloads.ts'
import type { Body } from './json-path.ts'

/** Findings that no event asserts, and none supersedes or brings in another's place; in the order given. */
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
