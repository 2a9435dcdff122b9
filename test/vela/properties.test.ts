// Properties of every value: canonical text is canonical, the exact reading keeps it, made events
// are admitted, and a damaged text gives a typed error and nothing else.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'

const test = suite('vela/properties')

const text = fc.string({ unit: 'binary', maxLength: 12 })

/** Values of a program: every kind of number, keys and strings with any Unicode. */
const values: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>(tie => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, true, false, 0, -0),
    text,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.maxSafeInteger(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value

/** Non-canonical JSON text of a value: spaces, other escapes, floats in long form. */
const foreignTexts = fc.tuple(values, fc.integer({ min: 0, max: 3 })).map(([value, spaces]) => {
  const plain = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? Number(item) : item), spaces)
  return plain.replaceAll(/[\u0080-\uffff]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
})

const drafts = fc.record(
  {
    kind: text,
    target: fc.record({ type: text, id: text }),
    actor: fc.record({ id: text, type: text }, { requiredKeys: ['id'] }),
    reason: text,
    timestamp: text,
    payload: values,
    caveats: fc.array(text, { maxLength: 3 }),
    before_hash: text,
    after_hash: text,
    signature: text,
    schema_artifact_id: text,
  },
  { requiredKeys: ['kind', 'target', 'actor', 'reason', 'timestamp'] },
) as fc.Arbitrary<vela.EventDraft>

/** Overwrites, removes or inserts some bytes of a text. */
const damage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 0.9999, noNaN: true }),
    remove: fc.integer({ min: 0, max: 3 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 3 }),
      fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', '.', ' ').map(text => Buffer.from(text)),
    ),
  }),
  { minLength: 1, maxLength: 3 },
)

function damaged(bytes: Uint8Array, faults: { at: number; remove: number; insert: Uint8Array }[]): Uint8Array {
  let result = Buffer.from(bytes)
  for (const { at, remove, insert } of faults) {
    const place = Math.floor(at * result.length)
    result = Buffer.concat([result.subarray(0, place), insert, result.subarray(place + remove)])
  }
  return result
}

const bytesOf = (value: string): Buffer => Buffer.from(value)

/** Returns true if the call returned, false if it threw a typed error; rethrows anything else. */
function typed(run: () => unknown): boolean {
  try {
    run()
    return true
  } catch (error) {
    if (hasCode(error)) return false
    throw error
  }
}

test('what canonicalize makes is canonical, under either reading', () => {
  fc.assert(
    fc.property(foreignTexts, foreign => {
      assert.ok(vela.isCanonical(bytesOf(vela.canonicalize(foreign))))
      assert.ok(vela.isCanonical(bytesOf(vela.canonicalize(foreign, { numbers: 'exact' }))))
    }),
    { numRuns: 500 },
  )
})

test('canonicalizing exactly twice is canonicalizing once, and leaves canonical text alone', () => {
  fc.assert(
    fc.property(foreignTexts, foreign => {
      const once = vela.canonicalize(foreign)
      assert.is(vela.canonicalize(once, { numbers: 'exact' }), once)
    }),
    { numRuns: 500 },
  )
})

test('a text is canonical exactly when exact canonicalizing gives it back', () => {
  fc.assert(
    fc.property(values, damage, (value, faults) => {
      const bytes = damaged(bytesOf(vela.printJson(vela.toJson(value))), faults)
      let same = false
      typed(() => {
        same = bytesOf(vela.canonicalize(bytes, { numbers: 'exact' })).equals(bytes)
      })
      assert.is(vela.isCanonical(bytes), same)
    }),
    { numRuns: 2000 },
  )
})

test('a value without long floats means the same to JSON.parse', () => {
  fc.assert(
    fc.property(fc.json(), json => {
      const canonical = vela.canonicalize(json, { numbers: 'exact' })
      assert.equal(JSON.parse(canonical), JSON.parse(json))
    }),
    { numRuns: 300 },
  )
})

test('every event that is made is admitted, reads back as itself and is imported from any layout', () => {
  fc.assert(
    fc.property(drafts, draft => {
      const made = vela.makeEvent(draft)
      assert.equal(vela.checkEvent(made.text), made.head)
      const exact = vela.readEvent(made.text, { numbers: 'exact' })
      assert.equal({ ...exact, text: bytesOf('') }, { ...exact, text: bytesOf(''), head: made.head, dropped: [] })
      assert.is(exact.computedId, made.head.id)
      assert.ok(Buffer.from(exact.text).equals(made.text))
      const spaced = Buffer.from(made.text).toString().replace('{"actor"', ' {\n"actor"')
      assert.ok(Buffer.from(vela.importEvent(spaced).text).equals(made.text))
    }),
    { numRuns: 500 },
  )
})

test('the check of admission takes exactly what the lenient reader gives back unchanged under its id', () => {
  fc.assert(
    fc.property(drafts, damage, (draft, faults) => {
      const bytes = damaged(vela.makeEvent(draft).text, faults)
      let same = false
      typed(() => {
        const reading = vela.readEvent(bytes, { numbers: 'exact' })
        same = Buffer.from(reading.text).equals(bytes) && reading.computedId === reading.head.id
      })
      assert.is(
        typed(() => vela.checkEvent(bytes)),
        same,
      )
    }),
    { numRuns: 2000 },
  )
})

test('no damage to an event or a file of events ends in an untyped error', () => {
  const calls: ((bytes: Uint8Array) => unknown)[] = [
    vela.checkEvent,
    vela.readEvent,
    vela.importEvent,
    vela.readDraft,
    vela.canonicalize,
    vela.eventSignature,
    bytes => vela.eventSigningBytes(bytes, 'dsse'),
    bytes => vela.frontierNameOf(vela.readLog(bytes)),
    bytes => [...vela.readLog(bytes).events()].map(({ text }) => typed(() => vela.importEvent(text))),
  ]
  fc.assert(
    fc.property(
      drafts,
      fc.constantFrom('', '[', '{"frontier_id":null,"events":['),
      damage,
      (draft, opening, faults) => {
        const { text } = vela.makeEvent(draft)
        const closing = opening === '' ? '\n' : opening === '[' ? ']' : ']}'
        const bytes = damaged(Buffer.concat([bytesOf(opening), text, bytesOf(closing)]), faults)
        for (const call of calls) typed(() => call(bytes))
      },
    ),
    { numRuns: 500 },
  )
})

test.run()
