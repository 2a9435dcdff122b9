// Events beyond the vectors: id prefixes, views with an offset, signing a new event, texts of
// errors.

import * as crypto from 'node:crypto'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { eventIdFromPrefix, eventIdPrefix } from '../../src/event/event.ts'
import * as vela from '../../src/vela/index.ts'

const test = suite('event/event')

const draft: vela.EventDraft = {
  kind: 'finding.noted',
  target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
  actor: { id: 'reviewer:one' },
  reason: 'first look',
  timestamp: '2026-01-01T00:00:00Z',
  payload: { score: 0.5, parents: ['vev_0000000000000001'] },
}

function refusal(run: () => unknown, code: ErrorCode): Error {
  let seen: unknown
  assert.throws(run, (error: unknown) => {
    seen = error
    return hasCode(error, code)
  })
  return seen as Error
}

test('an id prefix has the eight bytes of the id', () => {
  const label = eventIdPrefix('vev_0123456789abcdef')
  assert.is(toHex(label), '0123456789abcdef')
  assert.is(eventIdFromPrefix(label), 'vev_0123456789abcdef')
  for (const id of ['vev_0123456789abcde', 'vev_0123456789ABCDEF', 'vfr_0123456789abcdef', '0123456789abcdef', ''])
    refusal(() => eventIdPrefix(id), 'ERR_EVENT_SHAPE')
  assert.throws(
    () => eventIdFromPrefix(new Uint8Array(7)),
    (error: unknown) => error instanceof TypeError,
  )
})

test('a view into other bytes is checked like a separate text', () => {
  const { text, head } = vela.makeEvent(draft)
  const around = new Uint8Array(text.length + 40).fill(0x7d)
  around.set(text, 17)
  const view = around.subarray(17, 17 + text.length)
  assert.equal(vela.checkEvent(view), head)
  assert.equal(head.parents, ['vev_0000000000000001'])
  assert.equal(vela.eventSigningBytes(view, 'bare'), vela.eventSigningBytes(text, 'bare'))
  assert.is(vela.isCanonical(view), true)
  refusal(() => vela.checkEvent(around.subarray(17)), 'ERR_JSON')
})

test('an event made, signed in either form and made again carries a signature that verifies', () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync('ed25519')
  const unsigned = vela.makeEvent(draft)
  for (const form of ['bare', 'dsse'] as const) {
    const sig = crypto.sign(null, vela.eventSigningBytes(unsigned.text, form), privateKey)
    const signed = vela.makeEvent({ ...draft, signature: (form === 'dsse' ? 'v1:' : '') + toHex(sig) })
    assert.is(signed.head.id, unsigned.head.id)
    assert.is(signed.head.signed, true)
    const found = vela.eventSignature(signed.text)!
    assert.is(found.form, form)
    assert.ok(crypto.verify(null, vela.eventSigningBytes(signed.text, found.form), publicKey, found.sig))
  }
})

test('a draft without a timestamp is a TypeError', () => {
  const { timestamp: _, ...rest } = draft
  assert.throws(
    () => vela.makeEvent(rest),
    (error: unknown) => error instanceof TypeError,
  )
})

test('errors name the wrong member, and shorten long names', () => {
  const text = Buffer.from(vela.makeEvent(draft).text).toString()
  const extra = text.replace('{"actor"', `{"${'a'.repeat(5000)}":1,"actor"`)
  const error = refusal(() => vela.checkEvent(Buffer.from(extra)), 'ERR_EVENT_SHAPE')
  assert.match(error.message, /^a{64}… is not a member of an event$/)
  const missing = text.replace('"reason":"first look",', '')
  assert.match(refusal(() => vela.readEvent(missing), 'ERR_EVENT_SHAPE').message, /^reason is missing$/)
})

test('a payload that is too deep and an event that is too large are refused', () => {
  let deep: unknown = null
  for (let i = 0; i < 127; i++) deep = [deep]
  refusal(() => vela.makeEvent({ ...draft, payload: deep }), 'ERR_JSON')
  refusal(() => vela.makeEvent({ ...draft, reason: 'x'.repeat(1024 * 1024) }), 'ERR_EVENT_SIZE')
})

test.run()
