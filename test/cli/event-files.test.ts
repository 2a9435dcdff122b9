import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLI_LIMITS } from '../../src/base/cli-limits.ts'
import { hasCode } from '../../src/base/errors.ts'
import { type EventInput, openEvents } from '../../src/cli/files/event-files.ts'
import { eventLines } from '../../src/cli/files/event-lines.ts'
import { makeEvent } from '../../src/event/event.ts'
import { makeGenesis } from '../../src/event/genesis.ts'
import { scratch } from '../shared-data.ts'
import { memorySource } from './streams.ts'

const test = suite('cli/event-files')

function event(reason: string, timestamp: string): string {
  const target = { type: 'finding', id: 'vf_1' }
  return textOf(makeEvent({ kind: 'finding.noted', target, actor: { id: 'ada' }, reason, timestamp }).text)
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8')
}

const genesis = makeGenesis({ name: 'One', creator: 'test/1', timestamp: '2026-01-01T00:00:00Z' })
const first = textOf(genesis.text)
const second = event('second', '2026-01-02T00:00:00Z')
const third = event('third', '2026-01-03T00:00:00Z')

async function read(input: EventInput): Promise<string[]> {
  const texts: string[] = []
  for await (const text of input.log()) texts.push(textOf(text))
  return texts
}

async function open(cwd: string, name: string, stdin = ''): Promise<EventInput> {
  return openEvents(name, { cwd, stdin: memorySource(stdin) })
}

test('arrays, JSONL, single events and frontier files give their events in order', async () => {
  await using dir = await scratch()
  const files: [string, string][] = [
    ['array.json', `[${first},\n ${second} , ${third}]`],
    ['lines.jsonl', `${first}\n\n${second}\r\n${third}`],
    [
      'frontier.json',
      JSON.stringify({ frontier_id: genesis.frontier, events: [first, second, third].map(text => JSON.parse(text)) }),
    ],
  ]
  for (const [name, text] of files) {
    await fs.writeFile(dir.join(name), text)
    const input = await open(dir.path, name)
    assert.equal(
      (await read(input)).map(one => JSON.parse(one).id),
      [first, second, third].map(one => JSON.parse(one).id),
    )
    assert.is(input.frontier, genesis.frontier, name)
    assert.is((await read(input)).length, 3, `${name} a second time`)
  }
  await fs.writeFile(dir.join('one.json'), second)
  assert.equal(await read(await open(dir.path, 'one.json')), [second])
})

test('a strict import can read stdin twice', async () => {
  await using dir = await scratch()
  const input = await open(dir.path, '-', `${second}\n${third}\n`)
  assert.equal(await read(input), [second, third])
  assert.equal(await read(input), [second, third])
})

test('a log without a genesis event does not name its frontier', async () => {
  await using dir = await scratch()
  assert.is((await open(dir.path, '-', `[${second}]`)).frontier, undefined)
  await fs.writeFile(dir.join('x.jsonl'), `${second}\n${first}\n`)
  assert.is((await open(dir.path, 'x.jsonl')).frontier, undefined)
  assert.is((await open(dir.path, '-', '[{"broken":1}]')).frontier, undefined)
})

test('the events of a folder are sorted by time and id, and each has its file', async () => {
  await using dir = await scratch()
  const place = dir.join('.vela', 'events')
  await fs.mkdir(place, { recursive: true })
  await fs.writeFile(path.join(place, 'a.json'), third)
  await fs.writeFile(path.join(place, 'b.json'), first)
  await fs.writeFile(path.join(place, 'c.json'), second)
  await fs.writeFile(path.join(place, 'notes.txt'), 'not an event')
  for (const name of ['.', '.vela/events']) {
    const input = await open(dir.path, name)
    assert.equal(await read(input), [first, second, third])
    assert.is(input.frontier, genesis.frontier)
    assert.is(input.fileOf(2), path.join(place, 'a.json'))
  }
})

test('a malformed file of a folder comes first and is refused by the importer', async () => {
  await using dir = await scratch()
  await fs.writeFile(dir.join('bad.json'), '{"nothing":1}')
  await fs.writeFile(dir.join('good.json'), second)
  const input = await open(dir.path, '.')
  assert.equal(await read(input), ['{"nothing":1}', second])
  assert.is(input.fileOf(0), dir.join('bad.json'))
})

test('a missing input and a folder without events are ERR_USAGE', async () => {
  await using dir = await scratch()
  for (const name of ['nothing.json', '.', 'a/b/c.json']) {
    try {
      await open(dir.path, name)
      assert.unreachable(name)
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_USAGE'), String(error))
    }
  }
})

test('lines are whole for any chunks of the stream', async () => {
  const line = fc.string().map(text => JSON.stringify(text))
  await fc.assert(
    fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 20 }), async (texts, length) => {
      const bytes = Buffer.from(texts.map(text => `${text}\n`).join('\r\n \n'))
      const seen: string[] = []
      for await (const one of eventLines(cut(bytes, length))) seen.push(textOf(one))
      assert.equal(seen, texts)
    }),
  )
})

async function* cut(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length)
}

test('a line that is too long is refused before it fills the memory', async () => {
  let given = 0
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      given += 1024 * 1024
      yield new Uint8Array(1024 * 1024).fill(0x61)
    }
  }
  try {
    for await (const _ of eventLines(endless()));
    assert.unreachable()
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_JSON'), String(error))
  }
  assert.ok(given <= CLI_LIMITS.eventFileBytesMax + 1024 * 1024)
})

test('a malformed frontier file gives its events and the reason', async () => {
  await using dir = await scratch()
  await fs.writeFile(dir.join('some.json'), `{"frontier_id":"${genesis.frontier}","events":[${first}]}`)
  const input = await open(dir.path, 'some.json')
  assert.is(input.whole, undefined)
  assert.match(input.lost!, /^only the events are imported: /)
  assert.equal(await read(input), [first])
})

test.run()
