// Reads events of the kind frontier.text_erased, strictly: an event of any other form erases
// nothing. Spec: protocol/text.md, X10 and X11.

import { asBuffer, type Digest, fromHex } from '../base/bytes.ts'
import { ERASURE_LIMITS } from '../base/limits.ts'
import { checkEvent, eventIdPrefix } from '../event/event.ts'
import { eventLayout } from '../event/event-scanner.ts'

/** Kind of an erasure. */
export const ERASURE_KIND = 'frontier.text_erased'

const HINT = Buffer.from(`,"kind":"${ERASURE_KIND}",`)

/** The text that an erasure names. */
export interface ErasedText {
  /** The 8 bytes after `vev_` of the event's id. */
  readonly label: Uint8Array
  /** SHA-256 of the event's text. */
  readonly event: Digest
}

/** Returns whether a text is an erasure. */
export function isErasure(text: Uint8Array): boolean {
  return readErasure(text) !== undefined
}

/** Returns what an event in stored form erases; undefined if it is not an erasure. */
export function readErasure(text: Uint8Array): ErasedText | undefined {
  if (!asBuffer(text).includes(HINT)) return undefined
  const { kind, target } = checkEvent(text)
  if (kind !== ERASURE_KIND || target.type !== 'event' || !/^vev_[0-9a-f]{16}$/.test(target.id)) return undefined
  const event = readPayload(text)
  return event === undefined ? undefined : { label: eventIdPrefix(target.id), event }
}

/** Returns the digest in the payload; undefined unless it is exactly `{"event":…,"reason":…}`. */
function readPayload(text: Uint8Array): Digest | undefined {
  const { start, end } = eventLayout(text)!.payload
  if (end - start > ERASURE_LIMITS.payloadBytesMax) return undefined
  const payload: unknown = JSON.parse(asBuffer(text).toString('utf8', start, end))
  if (typeof payload !== 'object' || payload === null || Object.keys(payload).join() !== 'event,reason')
    return undefined
  const { event, reason } = payload as { event: unknown; reason: unknown }
  if (typeof event !== 'string' || typeof reason !== 'string') return undefined
  return /^sha256:[0-9a-f]{64}$/.test(event) ? fromHex(event.slice(7)) : undefined
}
