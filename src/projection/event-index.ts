// Index from nodes to events, and which nodes are authoritative in replay. Events are distinguished
// by their text and named by the first node of this log that carries them. Events about the
// frontier itself count only while their hub is registered. Spec: protocol/replay.md, R20.

import type { Registry } from '../admission/registry.ts'
import { asBuffer, toHex } from '../base/bytes.ts'
import { checkEvent } from '../event/event.ts'

/** Kinds that count only through a node of a registered signer. */
const OF_REGISTERED: readonly string[] = ['frontier.conflict_resolved', 'frontier.merged', 'frontier.forked_from']
/** Prefix of each of these kinds in canonical text. */
const HINT = Buffer.from('"kind":"frontier.')

/**
 * Returns whether a key is one of this replica, a registered one, or one that its hub has replaced.
 */
export function isAuthoritativeKey(registry: Registry, hubId: string, key: Uint8Array): boolean {
  const verdict = registry.verdict(key)
  if (typeof verdict === 'string') return verdict === 'registered'
  return verdict.cut.id === hubId || registry.get(verdict.cut.id) !== undefined
}

interface Restricted {
  readonly key: Uint8Array
  counts: boolean
}

export class EventIndex {
  readonly #events = new Map<string, number>()
  /** The event of each node. */
  readonly #eventOf: number[] = []
  /** All nodes of events that several nodes carry. */
  readonly #duplicates = new Map<number, number[]>()
  readonly #restricted = new Map<number, Restricted>()
  /** Nodes whose text is not here: they change nothing. */
  readonly #absent = new Set<number>()

  /** Adds the next node; equal events have equal `eventKey`s. Returns the event. */
  add(
    eventKey: string,
    node: { event: Uint8Array | undefined; key: Uint8Array; isAuthoritative: (key: Uint8Array) => boolean },
  ): number {
    const seq = this.#eventOf.length
    const event = this.#events.get(eventKey) ?? seq
    this.#eventOf.push(event)
    if (event === seq) this.#events.set(eventKey, seq)
    else this.#duplicates.set(event, [...(this.#duplicates.get(event) ?? [event]), seq])
    const key = node.key.slice()
    if (node.event === undefined) this.#absent.add(seq)
    else if (needsRegisteredSigner(node.event)) this.#restricted.set(seq, { key, counts: node.isAuthoritative(key) })
    return event
  }

  eventOf(seq: number): number {
    return this.#eventOf[seq]!
  }

  counts(seq: number): boolean {
    return !this.#absent.has(seq) && (this.#restricted.get(seq)?.counts ?? true)
  }

  /** Returns the authoritative nodes of an event. */
  nodesOf(event: number): number[] {
    return (this.#duplicates.get(event) ?? [event]).filter(seq => this.counts(seq))
  }

  /** Reevaluates all nodes after a change of the registry. Returns the nodes that changed. */
  recheck(isAuthoritative: (key: Uint8Array) => boolean): number[] {
    const changed: number[] = []
    const known = new Map<string, boolean>()
    for (const [seq, restricted] of this.#restricted) {
      const hex = toHex(restricted.key)
      const counts = known.get(hex) ?? isAuthoritative(restricted.key)
      known.set(hex, counts)
      if (counts === restricted.counts) continue
      restricted.counts = counts
      changed.push(seq)
    }
    return changed
  }
}

/** Returns whether an event counts only through a node of a registered signer. */
export function needsRegisteredSigner(event: Uint8Array): boolean {
  if (!asBuffer(event).includes(HINT)) return false
  return OF_REGISTERED.includes(checkEvent(event).kind)
}
