// The journal: vectors, entries and their order, and the detection of later changes.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Digest, fromHex, sha256, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { JOURNAL_LIMITS } from '../../src/base/limits.ts'
import { encodeCbor } from '../../src/cbor/dag-cbor.ts'
import type { Key } from '../../src/crypto/key.ts'
import { Replica } from '../../src/index.ts'
import { Journal, verifyJournal } from '../../src/replica/journal.ts'
import { checkEntry } from '../../src/replica/journal-entry.ts'
import { openLevelDb } from '../../src/store/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { eventText, FRONTIER, NOW, seededKey } from '../admission/nodes.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft } from './drafts.ts'
import { VECTOR_FILE, vectorText } from './make-vectors.ts'

const test = suite('replica/journal')

interface Vector {
  readonly name: string
  readonly rule: string
  readonly in: { readonly frontier: string; readonly keys: readonly string[]; readonly entries: readonly string[] }
  readonly ok?: { readonly kinds: readonly string[]; readonly hash: string }
  readonly error?: string
}

test('the vector file equals the output of make-vectors.ts', () => {
  assert.is(fs.readFileSync(VECTOR_FILE, 'utf8'), vectorText())
})

for (const vector of JSON.parse(fs.readFileSync(VECTOR_FILE, 'utf8')) as Vector[])
  test(`${vector.rule}: ${vector.name}`, () => assert.equal(outcome(vector.in), vector.ok ?? vector.error))

function outcome({ frontier, keys, entries }: Vector['in']): unknown {
  const ownKeys = new Set(keys)
  const kinds: string[] = []
  let prev: Digest | undefined
  let hash = ''
  let mayBeUnsigned = true
  for (const [number, hex] of entries.entries()) {
    const bytes = fromHex(hex)!
    try {
      const entry = checkEntry(bytes, { frontier, number, prev, ownKeys, mayBeUnsigned })
      mayBeUnsigned &&= entry.key === undefined
      kinds.push(entry.kind)
      hash = entry.hash
    } catch (error) {
      if (!hasCode(error)) throw error
      assert.is(number, entries.length - 1, `an entry before the last: ${error.message}`)
      return error.code
    }
    prev = sha256(bytes)
  }
  return { kinds, hash }
}

function journalOn(store: MemoryStore, key: () => Key): Journal {
  return new Journal(store.records, { clock: () => new Date(NOW), key })
}

const OWN = new Set([seededKey(1).publicKey, seededKey(2).publicKey])

test('entries are linked across keys and openings, and verify', async () => {
  await using store = new MemoryStore()
  let key = seededKey(1)
  const journal = journalOn(store, () => key)
  await Promise.all([1, 2, 3].map(n => journal.write(FRONTIER, 'sync.pull', { n })))
  key = seededKey(2)
  await journalOn(store, () => key).write(FRONTIER, 'key.rotated', {})
  const entries = await journal.list(FRONTIER, { limit: 10 })
  assert.equal(
    entries.map(({ number, kind, facts }) => [number, kind, facts.n ?? null]),
    [
      [0, 'sync.pull', 1],
      [1, 'sync.pull', 2],
      [2, 'sync.pull', 3],
      [3, 'key.rotated', null],
    ],
  )
  assert.equal(
    entries.map(({ prev }) => prev),
    [undefined, ...entries.slice(0, -1).map(({ hash }) => hash)],
  )
  assert.equal(
    entries.map(({ key: signer }) => signer),
    [1, 1, 1, 2].map(seed => seededKey(seed).publicKey),
  )
  assert.equal(await verifyJournal(store.records, FRONTIER, OWN), [])
  assert.is((await verifyJournal(store.records, FRONTIER, new Set([key.publicKey]))).length, 3)
})

test('events are stored byte for byte, in order, all or none', async () => {
  await using store = new MemoryStore()
  const journal = journalOn(store, () => seededKey(1))
  const [one, two] = [eventText('one'), eventText('two')]
  await journal.writeAll(FRONTIER, [
    { kind: 'a', facts: {}, event: one },
    { kind: 'b', facts: {} },
    { kind: 'c', facts: {}, event: two },
  ])
  const broken = { kind: 'd', facts: {}, event: utf8('{"id":1}') }
  assert.is(await codeOf(journal.writeAll(FRONTIER, [{ kind: 'x', facts: {} }, broken])), 'ERR_EVENT_SHAPE')
  const large = { text: 'x'.repeat(JOURNAL_LIMITS.entryBytesMax) }
  assert.is(await codeOf(journal.write(FRONTIER, 'e', large)), 'ERR_JOURNAL')
  const found: string[] = []
  for await (const { text, head } of journal.events(FRONTIER)) {
    assert.is(JSON.parse(Buffer.from(text).toString()).id, head.id)
    found.push(head.reason)
  }
  assert.equal(found, ['one', 'two'])
  assert.is((await journal.list(FRONTIER, { limit: 10 })).length, 3)
  assert.equal(await verifyJournal(store.records, FRONTIER, OWN), [])
})

const recordKey = (number: number) => `journal/${FRONTIER}/${String(number).padStart(12, '0')}`

test('any change, removal or insertion is detected', async () => {
  const changes: [string, (store: MemoryStore) => Promise<void>][] = [
    ['entry 1 is missing', store => store.records.write([{ key: recordKey(1), value: undefined }])],
    ['does not end at entry', store => store.records.write([{ key: recordKey(3), value: undefined }])],
    [
      'entry 2: its signature is not valid',
      async store => {
        const value = Uint8Array.from((await store.records.get(recordKey(2)))!)
        const at = Buffer.from(value).indexOf('hub:main')
        value[at] = value[at]! ^ 1
        await store.records.write([{ key: recordKey(2), value }])
      },
    ],
    [
      'entry 4: its key',
      async store => {
        await journalOn(store, () => seededKey(9)).write(FRONTIER, 'sync.pull', {})
      },
    ],
    [
      'entry 1: it does not follow',
      async store => {
        await using other = new MemoryStore()
        await journalOn(other, () => seededKey(1)).write(FRONTIER, 'else', {})
        await store.records.write([{ key: recordKey(0), value: (await other.records.get(recordKey(0)))! }])
      },
    ],
    [
      'the end of the journal is damaged',
      store => store.records.write([{ key: `journal-end/${FRONTIER}`, value: encodeCbor({ count: 'x' }) }]),
    ],
  ]
  for (const [expected, change] of changes) {
    await using store = new MemoryStore()
    const journal = journalOn(store, () => seededKey(1))
    for (let n = 0; n < 4; n++) await journal.write(FRONTIER, 'sync.pull', { peer: 'hub:main', n })
    await change(store)
    const faults = await verifyJournal(store.records, FRONTIER, OWN).catch((error: Error) => [error.message])
    assert.ok(
      faults.some(fault => fault.includes(expected)),
      `${expected}: ${faults}`,
    )
  }
})

test('an unsigned journal of an old store is read, continued and verified', async () => {
  await using store = new MemoryStore()
  const old = (n: number) => encodeCbor({ at: NOW, kind: 'sync.pull', facts: { n } })
  await store.records.write([0, 1].map(n => ({ key: recordKey(n), value: old(n) })))
  const journal = journalOn(store, () => seededKey(1))
  assert.equal(await verifyJournal(store.records, FRONTIER, OWN), [])
  await journal.write(FRONTIER, 'sync.pull', { n: 2 })
  const entries = await journal.list(FRONTIER, { limit: 10 })
  assert.equal(
    entries.map(({ facts, key }) => [facts.n, key !== undefined]),
    [
      [0, false],
      [1, false],
      [2, true],
    ],
  )
  assert.is(entries[2]!.prev, entries[1]!.hash)
  assert.equal(await verifyJournal(store.records, FRONTIER, OWN), [])
})

test('verify checks the journal with the rest, also in a folder', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const made = await Replica.open({ location, create: true })
  await made.track(FRONTIER)
  await made.append(FRONTIER, draft('one'))
  await made.registry(FRONTIER).add({ id: 'hub:x', url: 'wss://x.example', publicKey: seededKey(5).publicKey })
  await made.rotateKey()
  assert.equal((await made.verify()).faults, [])
  await made.close()
  {
    await using store = await openLevelDb(location)
    await store.records.write([{ key: recordKey(0), value: encodeCbor({ at: NOW, kind: 'nothing', facts: {} }) }])
  }
  await using again = await Replica.open({ location })
  const { ok, faults } = await again.verify()
  assert.is(ok, false)
  assert.equal(
    faults.map(({ kind, reason }) => [kind, reason]),
    [['record', 'journal entry 1: it does not follow the entry before it']],
  )
})

test.run()
