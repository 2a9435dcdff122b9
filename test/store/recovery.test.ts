// What an open reads after a crash: only data that may have been in a write-ahead log. The test of
// this bound removes all write-ahead logs and checks the remaining data.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { type Database, openDatabase } from '../../src/store/leveldb/database.ts'
import { decodeTail, FIRST_FRONTIER, indexKey, NODE, streamKey, type Tail } from '../../src/store/leveldb/keys.ts'
import { NodeIndex } from '../../src/store/leveldb/node-index.ts'
import { decodeRow } from '../../src/store/row.ts'
import { madeChain } from './made-nodes.ts'
import { frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/recovery')

const settings = {
  create: false,
  compression: true,
  writeBufferBytes: 4 * 1024 * 1024,
  cacheBytes: 1024 * 1024,
  blockBytes: 4096,
  fileBytes: 2 * 1024 * 1024,
  filesMax: 100,
}

function moduleUrl(relative: string): string {
  return new URL(relative, import.meta.url).href
}

async function readTail(folder: StoreFolder): Promise<Tail> {
  const index = await openDatabase(`${folder.path}/index`, settings)
  const key = indexKey('c', FIRST_FRONTIER)
  const tail = decodeTail(key, (await index.get(key))!)
  await index.close()
  return tail!
}

test('after a clean close, the open reads nothing again', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(5, 0)
  const tail = await readTail(folder)
  assert.is(tail.commits, 5)
  assert.is(tail.checkpoint?.number, 4)
})

test('commits before the checkpoint survive the loss of every write-ahead log', async () => {
  await using folder = await StoreFolder.make()
  await (await folder.create()).close()
  // With small memory tables, a few thousand nodes fill those of both databases several times.
  folder.die(`await store.close()
    const { openLevelDbWith } = await import('${moduleUrl('../../src/store/leveldb/open-store.js')}')
    const { openDatabase } = await import('${moduleUrl('../../src/store/leveldb/database.js')}')
    const { madeChain } = await import('${moduleUrl('./made-nodes.js')}')
    const opener = (location, options) => openDatabase(location, { ...options, writeBufferBytes: 256 * 1024 })
    const log = (await openLevelDbWith(opener, folder.path, {})).frontier('${frontier}')
    const nodes = madeChain('long', 15000, undefined, { size: 330 })
    for (let at = 0; at < nodes.length; at += 100) await log.commit(nodes.slice(at, at + 100))`)
  for (const database of ['log', 'index'] as const)
    for (const file of folder.files(database, /^\d+\.log$/)) fs.rmSync(file)
  const tail = await readTail(folder)
  assert.is(tail.end % 100, 0)
  const certain = tail.checkpoint!
  assert.ok(certain.number > 0, 'the checkpoint has moved')
  assert.ok(certain.number < tail.commits - 1, 'but not to what may still be in memory')
  const nodes = madeChain('long', certain.first + 100, undefined, { size: 330 })
  const log = await openDatabase(`${folder.path}/log`, settings)
  await expectRows(
    log,
    nodes.map(node => toHex(node.digest)),
  )
  await log.close()
  const index = await openDatabase(`${folder.path}/index`, settings)
  const places = await new NodeIndex(index).locate(
    FIRST_FRONTIER,
    nodes.map(node => node.digest),
  )
  assert.ok(places.every((place, seq) => place?.seq === seq))
  await index.close()
})

test('after a crash, the open moves the checkpoint to the end', async () => {
  await using folder = await StoreFolder.make()
  await folder.crashed(2, 20)
  const before = await readTail(folder)
  assert.is(before.checkpoint?.number, 1)
  await (await folder.open()).close()
  const after = await readTail(folder)
  assert.is(after.checkpoint?.number, 21)
  assert.is(after.commits, 22)
})

async function expectRows(log: Database, digests: readonly string[]): Promise<void> {
  for (let at = 0; at < digests.length; at += 500) {
    const seqs = digests.slice(at, at + 500).map((_, offset) => at + offset)
    const values = await log.getMany(seqs.map(seq => streamKey(FIRST_FRONTIER, seq, NODE)))
    for (const [offset, seq] of seqs.entries()) {
      assert.is(toHex(decodeRow(frontier, seq, values[offset]).digest), digests[seq])
    }
  }
}

test.run()
