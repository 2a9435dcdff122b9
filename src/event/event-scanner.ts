// The label of an event that is stored already: the 8 bytes behind `vev_`, found without parsing or checking the event
// again (the gate did). A scan over canonical text, which ends at the top-level member "id".

import { asBuffer } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ID_MEMBER = Buffer.from('id":"vev_', 'latin1')
const HEX_DIGITS = 16

/** @throws ReplicaError ERR_EVENT_SHAPE for a text that no gate would have let in */
export function eventIdPrefixOf(event: Uint8Array): Uint8Array {
  const text = asBuffer(event)
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const byte = text[at]!
    if (byte === 0x7b || byte === 0x5b) depth++
    else if (byte === 0x7d || byte === 0x5d) depth--
    if (byte !== QUOTE) continue
    // In canonical text a colon follows a member name and nothing else, so a value can't be taken for the name.
    if (depth === 1 && ID_MEMBER.equals(text.subarray(at + 1, at + 1 + ID_MEMBER.length))) {
      const digits = at + 1 + ID_MEMBER.length
      const label = Buffer.from(text.toString('latin1', digits, digits + HEX_DIGITS), 'hex')
      if (label.length === HEX_DIGITS / 2) return label
      break
    }
    at = endOfString(text, at + 1)
  }
  throw new ReplicaError('ERR_EVENT_SHAPE', 'a stored event without an id')
}

/** Index of the closing quote of a string whose content begins at `at`. */
function endOfString(text: Buffer, at: number): number {
  let end = at
  while (end < text.length && text[end] !== QUOTE) end += text[end] === BACKSLASH ? 2 : 1
  return end
}
