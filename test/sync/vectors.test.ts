// The vectors of sessions through `step`, input by input, and of messages through the decoder; and their being what
// make-vectors.ts makes, so that nobody edits one by hand.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fromHex, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { decodeCbor } from '../../src/cbor/dag-cbor.ts'
import { newConnection } from '../../src/sync/connection.ts'
import { CDDL_SHA256, decodeMessage, encodeMessage } from '../../src/sync/message.ts'
import { step } from '../../src/sync/step.ts'
import { repository } from '../shared-data.ts'
import { readText } from '../sources.ts'
import { Grammar } from './cddl.ts'
import { type SessionVector, vectorFiles } from './make-vectors.ts'
import type { MessageVector } from './messages.ts'
import { configFrom, effectJson, inputFrom, type Json } from './vector-json.ts'

const test = suite('sync/vectors')
const folder = path.join(repository, 'protocol', 'vectors')

function read<T>(...names: string[]): T[] {
  return JSON.parse(fs.readFileSync(path.join(folder, ...names), 'utf8'))
}

for (const { name, rule, in: hex, ok, error } of read<MessageVector>('message.json')) {
  test(`message ${rule}: ${name}`, () => {
    const frame = fromHex(hex)!
    if (ok === undefined) return assert.is(codeOf(frame), error)
    const message = decodeMessage(frame)
    assert.is(message.t, ok.t)
    assert.is(toHex(encodeMessage(message)), hex)
  })
}

function codeOf(frame: Uint8Array): string {
  try {
    return `a message '${decodeMessage(frame).t}'`
  } catch (error) {
    return hasCode(error) ? error.code : String(error)
  }
}

for (const file of fs.readdirSync(path.join(folder, 'session'))) {
  for (const vector of read<SessionVector>('session', file)) {
    test(`session ${vector.rule}: ${vector.name}`, () => replay(vector))
  }
}

function replay({ client, hub, turns, ok, error }: SessionVector): void {
  const sides = { client: newConnection(configFrom(client)), hub: newConnection(configFrom(hub)) }
  const sent = { client: 0, hub: 0 }
  let last: Json = null
  turns.forEach((turn, i) => {
    const effects = step(sides[turn.at], inputFrom(turn.in)).map(effectJson)
    assert.equal(effects, turn.out, `turn ${i}`)
    for (const effect of effects as { do: string; error?: string }[]) {
      if (effect.do === 'send') sent[turn.at] += 1
      if (effect.do === 'close' || effect.do === 'failed') last = effect.error ?? null
    }
  })
  if (error === undefined) assert.equal(sent, ok)
  else assert.is(last, error)
}

test('a session that keeps the rules ends without an error on either side, unless that is what it shows', () => {
  for (const file of fs.readdirSync(path.join(folder, 'session'))) {
    for (const { name, ok, turns } of read<SessionVector>('session', file)) {
      const closed = turns.some(({ out }) => out.some(effect => (effect as { do: string }).do === 'close'))
      if (ok !== undefined) assert.is(closed, false, name)
    }
  }
})

test('the vector files are what make-vectors.ts makes', async () => {
  for (const { file, text } of await vectorFiles()) assert.ok(fs.readFileSync(file, 'utf8') === text, `${file} differs`)
})

test('the grammar of the messages is pinned', () => {
  assert.is(toHex(sha256(utf8(readText('protocol/replica.cddl')))), CDDL_SHA256)
})

test('the grammar says of every message what the decoder says', () => {
  const grammar = new Grammar(readText('protocol/replica.cddl'))
  const seen = new Set<string>()
  for (const { name, rule, in: hex, ok } of read<MessageVector>('message.json')) {
    if (rule === 'S3' && ok === undefined) continue // no value at all: nothing that a grammar could say
    const value = decodeCbor(fromHex(hex)!)
    assert.is(grammar.matches('message', value), ok !== undefined, name)
    if (ok !== undefined && grammar.matches(ok.t, value)) seen.add(ok.t)
  }
  assert.equal([...seen].sort(), grammar.choices('message').sort())
})

test.run()
