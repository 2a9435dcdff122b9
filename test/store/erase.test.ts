// Erased texts are gone from the files of a LevelDB store: whatever level they lay in, with and without a crash between the
// change and the end of the purge. The texts are random, so that compression leaves them as they are.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { concat, sha256 } from '../../src/base/bytes.ts'
import { Batch, openDatabase } from '../../src/store/leveldb/database.ts'
import { createLevelDb, openLevelDb } from '../../src/store/leveldb/open-store.ts'
import { pendingKey } from '../../src/store/leveldb/text-index.ts'
import type { NodeEntry, Store, Wait } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeNode } from './made-nodes.ts'

const test = suite('store/erase')

const frontier = 'vfr_0123456789abcdef'

/** A chain of nodes with random texts of a few hundred bytes. */
function chain(count: number, root?: NodeEntry): { nodes: NodeEntry[]; texts: Buffer[] } {
  const nodes: NodeEntry[] = []
  const texts: Buffer[] = []
  for (let at = 0; at < count; at++) {
    const parent = nodes.at(-1) ?? root
    const header = madeNode(`${crypto.randomUUID()}`, parent === undefined ? [] : [parent], { text: 'wanted' })
    const text = crypto.randomBytes(600)
    texts.push(text)
    nodes.push({ ...header, text: 'here', bytes: concat([header.bytes, text]), event: sha256(text) })
  }
  return { nodes, texts }
}

/** Names of the files below `folder` that contain these bytes. */
async function filesWith(folder: string, bytes: Buffer): Promise<string[]> {
  const found: string[] = []
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = path.join(entry.parentPath, entry.name)
    if ((await fs.readFile(file)).includes(bytes)) found.push(path.relative(folder, file))
  }
  return found
}

async function faults(store: Store): Promise<string[]> {
  const found: string[] = []
  for await (const { reason } of store.verify()) found.push(reason)
  return found
}

test('an erased text is in no file, wherever it lay, and every other text stays', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  const erased: Buffer[] = []
  const kept: Buffer[] = []
  let root: NodeEntry | undefined
  for (let round = 0; round < 4; round++) {
    await using store = await (round === 0 ? createLevelDb(location) : openLevelDb(location))
    const log = await store.track(frontier)
    const { nodes, texts } = chain(1000 + 700 * round, root)
    const first = log.nodes
    for (let at = 0; at < nodes.length; at += 500) await log.commit(nodes.slice(at, at + 500))
    root = nodes.at(-1)
    // One just written, one in the middle, the first of all, and one of the round before.
    const mine = [...new Set([nodes.length - 1, Math.floor(nodes.length / 2), 0])]
    await log.setTexts(mine.map(at => ({ seq: first + at, state: 'erased' })))
    erased.push(...mine.map(at => texts[at]!))
    kept.push(texts[1]!)
    if (round > 0) {
      await log.setTexts([{ seq: 1, state: 'erased' }])
      erased.push(...kept.splice(0, round === 1 ? 1 : 0))
    }
    for (const text of erased) assert.equal(await filesWith(location, text), [], `round ${round}`)
    assert.equal(await faults(store), [])
  }
  await using store = await openLevelDb(location)
  for (const text of erased) assert.equal(await filesWith(location, text), [])
  for (const text of kept) assert.ok((await filesWith(location, text)).length > 0)
  assert.is(store.frontier(frontier).texts().erased, erased.length)
})

test('a text that is left out is in no file either', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  await using store = await createLevelDb(location)
  const log = await store.track(frontier)
  const { nodes, texts } = chain(20)
  await log.commit(nodes)
  await log.setTexts([{ seq: 3, state: 'left-out' }])
  assert.equal(await filesWith(location, texts[3]!), [])
  assert.ok((await filesWith(location, texts[4]!)).length > 0)
  assert.equal(await faults(store), [])
})

test('a purge of held nodes leaves no text in a file that was taken out, or deleted before', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  const { nodes, texts } = chain(6)
  const wait: Wait = { kind: 'key', id: crypto.randomBytes(32) }
  const held = nodes.map(node => ({ ...node, key: wait.id, from: wait.id, wait }))
  for (const reopens of [false, true]) {
    let store = await (reopens ? openLevelDb(location) : createLevelDb(location))
    await store.track(frontier)
    const [kept, deleted, taken] = reopens ? [0, 1, 2] : [3, 4, 5]
    await store.held.put(frontier, [held[kept]!, held[deleted]!, held[taken]!])
    await store.held.delete(frontier, [held[deleted]!.digest])
    if (reopens) {
      await store.close()
      store = await openLevelDb(location)
    }
    await store.held.purge(frontier, [held[taken]!.digest])
    assert.equal(await filesWith(location, texts[deleted]!), [])
    assert.equal(await filesWith(location, texts[taken]!), [])
    assert.ok((await filesWith(location, texts[kept]!)).length > 0)
    assert.equal(await faults(store), [])
    await store.close()
  }
})

test('an erasure that was cut after the change of the row is finished by the next open', async () => {
  await using folder = await scratch()
  const location = folder.join('store')
  const { nodes, texts } = chain(3)
  {
    await using store = await createLevelDb(location)
    const log = await store.track(frontier)
    await log.commit(nodes)
    await log.setTexts([{ seq: 1, state: 'erased' }])
  }
  // As after a crash: the mark is there, and index/ knows the state of before.
  const options = { create: false, compression: true, writeBufferBytes: 2 ** 21, cacheBytes: 2 ** 20 }
  const log = await openDatabase(path.join(location, 'log'), {
    ...options,
    blockBytes: 4096,
    fileBytes: 2 ** 21,
    filesMax: 74,
  })
  const batch = new Batch()
  batch.put(pendingKey(2, 1), new Uint8Array())
  await log.write(batch, { sync: true })
  await log.close()
  await using store = await openLevelDb(location)
  assert.is(store.frontier(frontier).texts().erased, 1)
  assert.equal(await filesWith(location, texts[1]!), [])
  assert.equal(await faults(store), [])
})

test.run()
