// The search for erased texts finds a text in each kind of file of a store, and nothing else.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concat } from '../../src/base/bytes.ts'
import { type CheckedEvent, makeEvent } from '../../src/event/event.ts'
import { createLevelDb, openLevelDb } from '../../src/store/leveldb/open-store.ts'
import { decompress, findTexts, type SoughtText } from '../../src/store/leveldb/text-search.ts'
import type { NodeEntry } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeHeld, madeKey, madeNode } from './made-nodes.ts'

const test = suite('store/text-search')

const frontier = 'vfr_0123456789abcdef'

function madeText(reason: string): CheckedEvent {
  const target = { type: 'finding', id: 'vf_0000000000000001' }
  return makeEvent({ kind: 'finding.noted', target, actor: { id: 'a' }, reason, timestamp: '2026-06-01T00:00:00Z' })
}

function nodeOf({ text, digest, label }: CheckedEvent, name: string, parents: readonly NodeEntry[] = []): NodeEntry {
  const header = madeNode(name, parents, { text: 'wanted' })
  return { ...header, text: 'here', bytes: concat([header.bytes, text]), event: digest, label }
}

function soughtOf({ text, digest, label }: CheckedEvent): SoughtText {
  return { frontier, seq: 0, digest, label, event: digest, size: text.length }
}

async function filesOf(folder: string, events: readonly CheckedEvent[]): Promise<string[]> {
  const files: string[] = []
  for await (const { file } of findTexts(folder, events.map(soughtOf))) files.push(file)
  return files.sort()
}

test('a text is found in a write-ahead log, in a compressed table, in held nodes and in a plain file', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  // Repeated words compress; a text of several log blocks is in fragments.
  const events = ['small', 'again and again '.repeat(200), crypto.randomBytes(60_000).toString('hex')].map(madeText)
  const held = madeText('held')
  const absent = madeText('absent')
  {
    await using store = await createLevelDb(location)
    const log = await store.track(frontier)
    const nodes: NodeEntry[] = []
    for (const [i, event] of events.entries()) nodes.push(nodeOf(event, `node ${i}`, nodes.slice(-1)))
    await log.commit(nodes)
    const wait = { kind: 'key', id: madeKey('k') } as const
    const node = nodeOf(held, 'held')
    await store.held.put(frontier, [{ ...madeHeld('held', wait), ...node }])
    for (const event of events) assert.match((await filesOf(location, [event])).join(), /^log\/\d+\.log$/)
    assert.match((await filesOf(location, [held])).join(), /^held\/\d+\.log$/)
    assert.equal(await filesOf(location, [absent]), [])
  }
  await using _store = await openLevelDb(location)
  for (const event of events) assert.match((await filesOf(location, [event])).join(), /^log\/\d+\.ldb$/)
  await fs.writeFile(folder.join('store/backup.json'), concat([Buffer.from('[1,'), absent.text, Buffer.from(']')]))
  assert.equal(await filesOf(location, [absent]), ['backup.json'])
})

test('an id alone, a changed text and another text with the id are not found', async () => {
  await using folder = await scratch()
  const event = madeText('secret')
  const changed = Buffer.from(event.text)
  changed[changed.length - 3] = changed[changed.length - 3]! ^ 1
  await fs.writeFile(folder.join('a'), `{"actor":1,"id":"${event.head.id}"}`)
  await fs.writeFile(folder.join('b'), changed)
  await fs.writeFile(folder.join('c'), event.text.subarray(1))
  assert.equal(await filesOf(folder.join('.'), [event]), [])
})

const blocks: readonly [name: string, hex: string, out: string | undefined][] = [
  ['nothing', '00', ''],
  ['a literal', '05' + '10' + '68656c6c6f', 'hello'],
  ['a literal with a long length', '05' + 'f0' + '04' + '68656c6c6f', 'hello'],
  ['a short copy', '06' + '04' + '6162' + '01' + '02', 'ababab'],
  ['a copy with an offset of 2 bytes', '06' + '04' + '6162' + '0e' + '0200', 'ababab'],
  ['a copy with an offset of 4 bytes', '06' + '04' + '6162' + '0f' + '02000000', 'ababab'],
  ['a copy from before the start', '06' + '04' + '6162' + '0e' + '0300', undefined],
  ['a copy without an offset', '06' + '04' + '6162' + '0e' + '02', undefined],
  ['a copy with the offset 0', '06' + '04' + '6162' + '0e' + '0000', undefined],
  ['more than it says', '04' + '10' + '68656c6c6f', undefined],
  ['less than it says', '06' + '10' + '68656c6c6f', undefined],
  ['a literal that ends early', '05' + '10' + '68656c6c', undefined],
  ['a length that does not end', '80', undefined],
  ['a length beyond all limits', 'ffffffff0f', undefined],
]
for (const [name, hex, out] of blocks) {
  test(`a compressed block with ${name} ${out === undefined ? 'is damaged' : 'is read'}`, () => {
    assert.is(decompress(Buffer.from(hex, 'hex'))?.toString('latin1'), out)
  })
}

test.run()
