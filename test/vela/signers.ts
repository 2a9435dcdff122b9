// Ed25519 for tests of signed records, by node:crypto: the code under test receives signing and
// verification as functions.

import * as crypto from 'node:crypto'
import { toHex } from '../../src/base/bytes.ts'
import {
  type EventDraft,
  eventSigningBytes,
  makeEvent,
  type SignatureForm,
  type Signer,
  type Verify,
} from '../../src/vela/index.ts'

/** A signer from a seed of 32 equal bytes. */
export function signer(byte: number): Signer {
  const seed = Buffer.alloc(32, byte)
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  const key = crypto.createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  const spki = crypto.createPublicKey(key).export({ format: 'der', type: 'spki' })
  return {
    publicKey: spki.subarray(-32).toString('hex'),
    sign: message => crypto.sign(null, message, key),
  }
}

/** Returns the event with a signature by its actor. */
export function signed(draft: EventDraft, by: Signer, form: SignatureForm = 'bare'): ReturnType<typeof makeEvent> {
  const { text } = makeEvent(draft)
  const signature = toHex(by.sign(eventSigningBytes(text, form)))
  return makeEvent({ ...draft, signature: form === 'bare' ? signature : `v1:${signature}` })
}

export const verify: Verify = (key, message, sig) => {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), key])
  return crypto.verify(null, message, crypto.createPublicKey({ key: der, format: 'der', type: 'spki' }), sig)
}
