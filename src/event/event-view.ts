// Stored events for readers: the head, the exact bytes, and the payload, which is parsed on first
// use.

import { fromJson, parseJson } from '../json/json.ts'
import type { Json } from '../json/value.ts'
import { checkEvent, type EventHead } from './event.ts'

/**
 * A stored event.
 *
 * @example
 * import type { PayloadByKind } from 'frontier-replica/vela'
 *
 * for await (const { event } of replica.events(frontier)) {
 *   if (event.kind !== 'finding.confidence_revised') continue
 *   const { new_score } = event.payloadAs<PayloadByKind['finding.confidence_revised']>()
 *   console.log(event.target.id, new_score)
 * }
 */
export class EventView implements EventHead {
  /** `vev_` and 16 hex digits. */
  readonly id: string
  readonly kind: string
  /** RFC 3339, as the author gave it: clocks may differ. */
  readonly timestamp: string
  readonly target: EventHead['target']
  readonly actor: EventHead['actor']
  readonly reason: string
  readonly parents: string[] | undefined
  readonly signed: boolean
  /**
   * Canonical JSON of the whole event, UTF-8, byte for byte as it was signed. Must not be changed.
   */
  readonly text: Uint8Array
  #payload: Json | undefined

  /**
   * @throws ReplicaError ERR_EVENT_SIZE, ERR_JSON, ERR_JSON_CANONICAL, ERR_EVENT_SHAPE,
   * ERR_EVENT_ID
   */
  constructor(text: Uint8Array) {
    const head = checkEvent(text)
    this.id = head.id
    this.kind = head.kind
    this.timestamp = head.timestamp
    this.target = head.target
    this.actor = head.actor
    this.reason = head.reason
    this.parents = head.parents
    this.signed = head.signed
    this.text = text
  }

  /**
   * Returns the payload without loss: objects are Maps, and a number is a JsonNumber that keeps its
   * spelling, so that 1 and 1.0 differ and every 64-bit integer is exact. Parsed on first use.
   */
  get payload(): Json {
    if (this.#payload === undefined) {
      const event = parseJson(this.text, { numbers: 'exact' })
      this.#payload = (event as Map<string, Json>).get('payload')!
    }
    return this.#payload
  }

  /**
   * Returns the payload as a plain JavaScript value. Floats and integers become numbers, so that 1
   * and 1.0 are equal and a float loses its spelling; an integer beyond ±(2^53 − 1) becomes a
   * bigint. The type is not checked: an event may have any payload. `PayloadByKind` of
   * `frontier-replica/vela` has a type for each known kind.
   */
  payloadAs<T>(): T {
    return fromJson(this.payload) as T
  }
}
