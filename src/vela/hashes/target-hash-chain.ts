// Hash chains through a log: each event states the hash of its target before and after, so a change
// made outside the log is visible. The order is by the text of timestamps, as in the reference's
// check. Spec: protocol/frontier.md, F15.

import { compareText } from '../../base/text.ts'
import type { LoggedEvent } from '../../event/event.ts'
import { NULL_HASH } from '../../event/fields.ts'
import type { Finding } from '../files/frontier-file.ts'
import { membersOf } from './event-log-hash.ts'
import { findingHash } from './snapshot-hash.ts'

/** An event whose `before_hash` is not the preceding `after_hash` of its target. */
export interface ChainBreak {
  /** `finding:vf_…` */
  readonly target: string
  /** Id of the event. */
  readonly event: string
  readonly expected: string
  readonly found: string
}

/** The result of checkChains. */
export interface ChainReport {
  /** Targets with at least one event that states a hash. */
  readonly targets: number
  readonly breaks: readonly ChainBreak[]
  /** Findings among these targets whose hash is the one that their last event states. */
  readonly equal: number
  /** Ids of the other findings among these targets. */
  readonly differ: readonly string[]
}

/**
 * Checks the chains of all targets, and their ends against the findings.
 * @throws ReplicaError ERR_JSON
 */
export function checkChains(findings: readonly Finding[], events: readonly LoggedEvent[]): ChainReport {
  const chains = new Map<string, Step[]>()
  for (const event of byTimestamp(events)) {
    const step = stepOf(event)
    if (step.before === NULL_HASH && step.after === NULL_HASH) continue
    const { type, id } = event.head.target
    const target = `${type}:${id}`
    const chain = chains.get(target)
    if (chain === undefined) chains.set(target, [step])
    else chain.push(step)
  }
  const breaks: ChainBreak[] = []
  const last = new Map<string, string>()
  for (const [target, chain] of chains) {
    for (const [index, { event, before }] of chain.entries()) {
      const expected = chain[index - 1]?.after ?? before
      if (expected !== before) breaks.push({ target, event, expected, found: before })
    }
    last.set(target, chain.at(-1)!.after)
  }
  const current = new Map(findings.map(finding => [finding.id, finding]))
  const states = [...current].flatMap(([id, finding]) => {
    const after = last.get(`finding:${id}`)
    return after === undefined ? [] : [{ id, holds: findingHash(finding.body) === after }]
  })
  const differ = states.filter(({ holds }) => !holds).map(({ id }) => id)
  return { targets: chains.size, breaks, equal: states.length - differ.length, differ: differ.sort(compareText) }
}

/**
 * Returns a copy in the order of the reference's checks: by timestamp text, then id. It is neither
 * causal nor by time.
 */
export function byTimestamp<E extends Pick<LoggedEvent, 'head'>>(events: readonly E[]): E[] {
  return [...events].sort(
    ({ head: a }, { head: b }) => compareText(a.timestamp, b.timestamp) || compareText(a.id, b.id),
  )
}

interface Step {
  readonly event: string
  readonly before: string
  readonly after: string
}

function stepOf({ text, head }: LoggedEvent): Step {
  const members = membersOf(text)
  const [before, after] = [members.get('before_hash') as string, members.get('after_hash') as string]
  return { event: head.id, before, after }
}
