// Event views: the head, the bytes, and the payload with and without loss.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { EventView, JsonNumber, makeEvent, printJson } from '../../src/event/index.ts'
import type { PayloadByKind } from '../../src/vela/payloads.ts'

const test = suite('event/event-view')

function viewOf(payload: unknown): EventView {
  const { text } = makeEvent({
    kind: 'finding.confidence_revised',
    target: { type: 'finding', id: 'vf_1' },
    actor: { id: 'reviewer:one', type: 'human' },
    reason: 'measured again',
    timestamp: '2026-01-01T00:00:00Z',
    payload,
  })
  return new EventView(text)
}

test('the head is that of the event', () => {
  const { id, kind, target, actor, reason, timestamp, parents, signed } = viewOf({ parents: ['vev_1'] })
  assert.match(id, /^vev_[0-9a-f]{16}$/)
  assert.equal(
    { kind, target, actor, reason, timestamp, parents, signed },
    {
      kind: 'finding.confidence_revised',
      target: { type: 'finding', id: 'vf_1' },
      actor: { id: 'reviewer:one', type: 'human' },
      reason: 'measured again',
      timestamp: '2026-01-01T00:00:00Z',
      parents: ['vev_1'],
      signed: false,
    },
  )
})

test('the payload keeps the spelling of numbers and every integer', () => {
  const numbers = { float: JsonNumber.float(1), integer: 1, long: 2n ** 63n, exact: 0.1 }
  const { payload } = viewOf(numbers)
  assert.is(printJson(payload), '{"exact":0.1,"float":1.0,"integer":1,"long":9223372036854775808}')
})

test('payloadAs returns doubles, and bigints for long integers', () => {
  const view = viewOf({ new_score: JsonNumber.float(1), count: 1, long: 2n ** 63n, list: [null, true, 'x'] })
  assert.equal(view.payloadAs(), { count: 1, list: [null, true, 'x'], long: 2n ** 63n, new_score: 1 })
  const { new_score } = view.payloadAs<PayloadByKind['finding.confidence_revised']>()
  assert.is(new_score, 1)
})

test('a payload is parsed once', () => {
  const view = viewOf({ a: [] })
  assert.is(view.payload, view.payload)
  assert.is(viewOf(null).payload, null)
})

test('bytes that are not an event are refused', () => {
  assert.throws(
    () => new EventView(utf8('{}')),
    (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'),
  )
})

test.run()
