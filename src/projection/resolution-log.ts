// Events of a log that record or resolve conflicts, and the resolutions in effect. The log is
// append-only, so each event is read once; resolutions are judged again only if there are more
// events or other actors. Spec: protocol/resolution.md, G15 to G17.

import type { Registry } from '../admission/registry.ts'
import type { Digest } from '../base/bytes.ts'
import { asBuffer } from '../base/bytes.ts'
import { validatedKeyVerifier } from '../crypto/validated-keys.ts'
import type { LoggedEvent } from '../event/event.ts'
import { checkEvent } from '../event/event.ts'
import { decodeNode } from '../node/node.ts'
import type { FrontierStore } from '../store/store.ts'
import { CONFLICT_DETECTED, CONFLICT_RESOLVED } from '../vela/payloads.ts'
import type { ActorRecord } from '../vela/resolution/authority.ts'
import { type ResolutionView, readResolutions } from '../vela/resolution/resolution-events.ts'
import { isAuthoritativeKey } from './event-index.ts'

/** Prefix of these kinds in canonical text. */
const HINT = Buffer.from('"kind":"frontier.conflict_')

interface Logged extends LoggedEvent {
  readonly seq: number
  /** Public key of the node that carries it. */
  readonly key: Digest
}

/** Recorded conflicts and resolutions. */
export interface Settled {
  /**
   * Events that record conflicts, and resolutions with an authoritative node (R20), in log order.
   */
  readonly events: readonly LoggedEvent[]
  readonly resolutions: ResolutionView
  /** The nodes of these events, by the ids of the events. */
  readonly nodes: ReadonlyMap<string, readonly number[]>
}

interface Judged {
  /** Number of read events, and the parameters of the result. */
  readonly events: number
  readonly to: number
  readonly registry: number
  readonly actors: readonly ActorRecord[] | undefined
  readonly settled: Settled
}

export class ResolutionLog {
  readonly #parts: { readonly log: FrontierStore; readonly registry: Registry; readonly hubId: string }
  readonly #verify = validatedKeyVerifier()
  #next = 0
  #events: Logged[] = []
  #judged: Judged | undefined

  constructor(parts: { readonly log: FrontierStore; readonly registry: Registry; readonly hubId: string }) {
    this.#parts = parts
  }

  /**
   * Returns the events without resolutions that only a removed peer carries, which replay ignores
   * too (R20).
   */
  async #counting(to: number): Promise<Logged[]> {
    const { registry, hubId } = this.#parts
    await this.#read(to)
    const counts = ({ seq, head, key }: Logged): boolean =>
      seq < to && (head.kind !== CONFLICT_RESOLVED || isAuthoritativeKey(registry, hubId, key))
    return this.#events.filter(counts)
  }

  /**
   * Returns the result for the first `to` nodes and these actors; the same object while nothing
   * changes.
   */
  async settled(actors: readonly ActorRecord[] | undefined, to = this.#parts.log.nodes): Promise<Settled> {
    const counting = await this.#counting(to)
    const events = counting.map(({ text, head }) => ({ text, head }))
    const key = { events: events.length, to: this.#lastBefore(to), registry: this.#parts.registry.changes, actors }
    const before = this.#judged
    const isSame =
      before !== undefined && (['events', 'to', 'registry', 'actors'] as const).every(n => before[n] === key[n])
    if (isSame) return before.settled
    const resolutions = readResolutions(events, { actors, verify: this.#verify })
    const settled = { events, resolutions, nodes: nodesById(counting) }
    this.#judged = { ...key, settled }
    return settled
  }

  /**
   * Returns the place of the last authoritative event of the first `to` nodes; later nodes change
   * nothing.
   */
  #lastBefore(to: number): number {
    return this.#events.findLast(({ seq }) => seq < to)?.seq ?? -1
  }

  async #read(to: number): Promise<void> {
    const from = this.#next
    if (from >= to) return
    const fresh: Logged[] = []
    for await (const rows of this.#parts.log.scan({ from, to })) {
      for (const { seq, bytes } of rows) {
        if (!asBuffer(bytes).includes(HINT)) continue
        const { text, key } = decodeNode(bytes)
        if (text === undefined) continue
        const head = checkEvent(text)
        const isWanted = head.kind === CONFLICT_DETECTED || head.kind === CONFLICT_RESOLVED
        if (isWanted) fresh.push({ seq, text: text.slice(), head, key: key.slice() })
      }
    }
    // A concurrent call may have read the same rows.
    if (this.#next !== from) return this.#read(to)
    this.#next = to
    this.#events = [...this.#events, ...fresh]
  }
}

function nodesById(events: readonly Logged[]): Map<string, number[]> {
  const nodes = new Map<string, number[]>()
  for (const { seq, head } of events) nodes.set(head.id, [...(nodes.get(head.id) ?? []), seq])
  return nodes
}
