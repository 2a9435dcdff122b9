// Runs the vectors of canonical JSON and events through the production functions.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { hasCode, ReplicaError } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { repository } from '../shared-data.ts'

const test = suite('vela/vectors')

/** The input: an operation, and a text, bytes in hex, or pieces with repeat counts. */
interface Input {
  op: string
  text?: string
  hex?: string
  repeat?: [string, number][]
  numbers?: 'reference' | 'exact'
  form?: 'bare' | 'dsse'
  draft?: vela.EventDraft
  name?: string
  creator?: string
  timestamp?: string
  schema_version?: string
}

interface Vector {
  name: string
  rule: string
  in: Input
  ok?: Record<string, unknown>
  error?: string
}

function bytesOf({ text, hex, repeat }: Input): Buffer {
  if (hex !== undefined) return Buffer.from(hex, 'hex')
  return Buffer.from(repeat?.map(([piece, times]) => piece.repeat(times)).join('') ?? text!)
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

/** The output; `ok` lists the parts that the rule covers. */
const operations: Record<string, (bytes: Buffer, input: Input) => Record<string, unknown>> = {
  canonicalize: (bytes, { numbers = 'reference' }) => ({ text: vela.canonicalize(bytes, { numbers }) }),
  'is-canonical': bytes => {
    if (!vela.isCanonical(bytes)) throw new ReplicaError('ERR_JSON_CANONICAL', 'not canonical')
    return { text: textOf(bytes) }
  },
  'check-event': bytes => ({ ...vela.checkEvent(bytes) }),
  'read-event': bytes => {
    const { text, computedId, dropped } = vela.readEvent(bytes)
    return { text: textOf(text), computed_id: computedId, dropped }
  },
  'import-event': bytes => ({ text: textOf(vela.importEvent(bytes).text) }),
  'signing-bytes': (bytes, { form }) => ({ text: textOf(vela.eventSigningBytes(bytes, form!)) }),
  signature: bytes => {
    const found = vela.eventSignature(bytes)
    return { signature: found === undefined ? null : { form: found.form, sig: toHex(found.sig) } }
  },
  'make-event': (_, { draft }) => ({ text: textOf(vela.makeEvent(draft!).text) }),
  'make-draft': bytes => ({ text: textOf(vela.makeEvent(vela.readDraft(bytes)).text) }),
  'read-log': bytes => {
    const log = vela.readLog(bytes)
    return { form: log.form, events: [...log.events()].map(({ text }) => textOf(text)) }
  },
  'frontier-name': bytes => ({ frontier: vela.frontierNameOf(vela.readLog(bytes)) ?? null }),
  genesis: (_, { name, creator, timestamp, schema_version: schemaVersion }) => {
    const options = { name: name!, creator: creator!, timestamp: timestamp! }
    const made = vela.makeGenesis(schemaVersion === undefined ? options : { ...options, schemaVersion })
    return { frontier: made.frontier, text: textOf(made.text) }
  },
}

function run({ in: input }: Vector): Record<string, unknown> {
  const hasText = input.text !== undefined || input.hex !== undefined || input.repeat !== undefined
  return operations[input.op]!(hasText ? bytesOf(input) : Buffer.alloc(0), input)
}

for (const file of ['canonical.json', 'event.json']) {
  const vectors: Vector[] = JSON.parse(fs.readFileSync(path.join(repository, 'protocol', 'vectors', file), 'utf8'))
  for (const vector of vectors) {
    test(`${vector.rule}: ${vector.name}`, () => {
      if (vector.error !== undefined) {
        assert.throws(
          () => run(vector),
          (error: unknown) => hasCode(error) && error.code === vector.error,
        )
        return
      }
      const result = run(vector)
      const { repeat, ...wanted } = vector.ok!
      if (repeat !== undefined) wanted.text = bytesOf({ op: '', repeat: repeat as Input['repeat'] & {} }).toString()
      for (const [key, value] of Object.entries(wanted)) assert.equal(result[key], value, key)
    })
  }
}

test('every vector file has vectors for each of its operations', () => {
  const used = ['canonical.json', 'event.json'].flatMap(file =>
    (JSON.parse(fs.readFileSync(path.join(repository, 'protocol', 'vectors', file), 'utf8')) as Vector[]).map(
      vector => vector.in.op,
    ),
  )
  assert.equal(
    Object.keys(operations).filter(op => !used.includes(op)),
    [],
  )
})

test.run()
