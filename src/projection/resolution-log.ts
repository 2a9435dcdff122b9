// The events of one log that record conflicts or resolve them, and what the resolutions amount to
// (protocol/resolution.md, G15 to G17). The log only grows, so they are read once and added to;
// judged anew is only when there are more, or others may decide.

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

/** Begins the kind of every event that is looked for, in canonical text. */
const HINT = Buffer.from('"kind":"frontier.conflict_')

interface Logged extends LoggedEvent {
  readonly seq: number
  /** Of the node that carries it. */
  readonly key: Digest
}

/** What there was to settle, and what has been. */
export interface Settled {
  /**
   * Those that record conflicts, and those that resolve them and count by their nodes (R20), in the
   * order of the log.
   */
  readonly events: readonly LoggedEvent[]
  readonly resolutions: ResolutionView
}

interface Judged {
  /** How many events were read, and what was asked for. */
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
   * Without resolutions that only a removed peer vouches for: replay doesn't count them either
   * (R20).
   */
  async #counting(to: number): Promise<LoggedEvent[]> {
    const { registry, hubId } = this.#parts
    await this.#read(to)
    const counts = ({ seq, head, key }: Logged): boolean =>
      seq < to && (head.kind !== CONFLICT_RESOLVED || isAuthoritativeKey(registry, hubId, key))
    return this.#events.filter(counts).map(({ text, head }) => ({ text, head }))
  }

  /**
   * What the first `to` nodes say, under these registered actors; the same object as long as
   * nothing of it changes.
   */
  async settled(actors: readonly ActorRecord[] | undefined, to = this.#parts.log.nodes): Promise<Settled> {
    const events = await this.#counting(to)
    const key = { events: events.length, to: this.#lastBefore(to), registry: this.#parts.registry.changes, actors }
    const before = this.#judged
    const isSame =
      before !== undefined && (['events', 'to', 'registry', 'actors'] as const).every(n => before[n] === key[n])
    if (isSame) return before.settled
    const settled = { events, resolutions: readResolutions(events, { actors, verify: this.#verify }) }
    this.#judged = { ...key, settled }
    return settled
  }

  /**
   * The place of the last event that counts among the first `to` nodes: what lies behind it changes
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
    // Somebody else may have read the same meanwhile.
    if (this.#next !== from) return this.#read(to)
    this.#next = to
    this.#events = [...this.#events, ...fresh]
  }
}
