// Files of events: slices are views of the file, a damaged event does not affect the others, errors
// name the index, and untrusted text of any depth and length is safe.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import {
  frontierNameOf,
  genesisName,
  importEvent,
  makeEvent,
  makeGenesis,
  readEvent,
  readLog,
} from '../../src/vela/index.ts'

const test = suite('json/event-array-reader')

const bytes = (text: string): Buffer => Buffer.from(text)
const event = (reason: string, payload: unknown = null): string =>
  Buffer.from(
    makeEvent({
      kind: 'finding.noted',
      target: { type: 'finding', id: 'vf_0000000000000001' },
      actor: { id: 'reviewer:one' },
      reason,
      payload,
      timestamp: '2026-01-01T00:00:00Z',
    }).text,
  ).toString()

test('events are views into the file, numbered from 0, and each call starts again', () => {
  const file = bytes(`[${event('a')}, ${event('b')}]`)
  const log = readLog(file)
  const events = [...log.events()]
  assert.equal(
    events.map(({ index }) => index),
    [0, 1],
  )
  for (const { text } of events) assert.is(text.buffer, file.buffer)
  assert.equal([...log.events()].length, 2)
})

test('all forms of one log give the same events', () => {
  const texts = [event('a', 1), event('b "]}', ['}']), event('c', { events: [] })]
  const indented = texts.map(text => JSON.stringify(JSON.parse(text), null, 2))
  for (const file of [
    `[${texts.join(',')}]`,
    `[\n${indented.join(',\n')}\n]\n`,
    texts.join('\n'),
    `${texts.join('\r\n\r\n')}\r\n`,
    `{"findings":[{"events":["]"]}],"events":[${indented.join(',')}],"stats":{}}`,
    `{"a":"\\"events\\":[]","events":[${texts.join(',')}]}`,
  ]) {
    const found = [...readLog(bytes(file)).events()].map(({ text }) => Buffer.from(importEvent(text).text).toString())
    assert.equal(found, texts)
  }
})

test('an error in the list names the index of the first event that cannot be read', () => {
  const good = event('a')
  const texts: string[] = []
  assert.throws(
    () => {
      for (const { text } of readLog(bytes(`[${good},${good} ${good}]`)).events()) texts.push(String(text))
    },
    (error: unknown) => hasCode(error, 'ERR_JSON') && error.facts.index === 2,
  )
  assert.is(texts.length, 2)
})

test('100,000 nested brackets and a list of 100,000 items are read', () => {
  const deep = '['.repeat(100_000)
  assert.throws(
    () => [...readLog(bytes(deep)).events()],
    (error: unknown) => hasCode(error, 'ERR_JSON'),
  )
  const events = [...readLog(bytes(`[${deep}${']'.repeat(100_000)}]`)).events()]
  assert.throws(
    () => readEvent(events[0]!.text),
    (error: unknown) => hasCode(error, 'ERR_JSON'),
  )
  const many = [...readLog(bytes(`[${'{},'.repeat(99_999)}{}]`)).events()]
  assert.is(many.length, 100_000)
})

test('a genesis event names its frontier and a log that starts with it', () => {
  const genesis = makeGenesis({ name: 'a name', creator: 'replica/0.1.0', timestamp: '2026-01-01T00:00:00.000Z' })
  assert.match(genesis.frontier, /^vfr_[0-9a-f]{16}$/)
  const text = Buffer.from(genesis.text).toString()
  assert.is(frontierNameOf(readLog(bytes(`[${text}]`))), genesis.frontier)
  assert.is(frontierNameOf(readLog(bytes(`${text}\n${event('a')}\n`))), genesis.frontier)
  assert.is(genesisName(readEvent(text)), genesis.frontier)
  assert.is(genesisName(readEvent(event('a'))), undefined)
  assert.equal(genesis.head.actor, { id: 'replica/0.1.0', type: 'frontier' })
})

test.run()
