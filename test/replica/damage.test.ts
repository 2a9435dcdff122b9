// Verification of a replica with a changed byte on disk: the fault is reported, the rest is
// checked, and nothing damaged is served.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Replica } from '../../src/index.ts'
import { decodeNode } from '../../src/node/node.ts'
import { verifyFolder } from '../../src/replica/verify.ts'
import { openLevelDb } from '../../src/store/index.ts'
import { encodeLocation, indexKey } from '../../src/store/leveldb/keys.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, texts } from './drafts.ts'

const test = suite('replica/damage')

test('a damaged node is reported, and all others are checked', async () => {
  await using dir = await scratch()
  const location = await made(dir.join('store'))
  await damage(location, 20)
  const report = await verifyFolder(location, { signatures: true })
  assert.is(report.ok, false)
  assert.ok(
    report.faults.some(({ seq, reason }) => seq === 20 && /its (?:header|text) is damaged/.test(reason)),
    JSON.stringify(report.faults),
  )
  assert.is(report.checked, 39)
  assert.is(await codeOf(Replica.open({ location })), 'ERR_STORE_CORRUPT')
})

test('a damaged index entry is reported with a hint, and all nodes are checked', async () => {
  await using dir = await scratch()
  const location = await made(dir.join('store'))
  await damageIndex(location, 20)
  const report = await verifyFolder(location, { signatures: true })
  assert.is(report.checked, 40)
  assert.ok(report.faults.length > 0 && report.faults.every(({ kind }) => kind === 'index'))
  const child = report.faults.filter(({ seq, reason }) => seq === 21 && /remove/.test(reason))
  assert.is(child.length, 1, JSON.stringify(report.faults))
  await fs.rm(path.join(location, 'index'), { recursive: true })
  await using replica = await Replica.open({ location })
  assert.is((await replica.verify()).ok, true)
})

test('if the end of the log can’t be read, the rest is checked', async () => {
  await using dir = await scratch()
  const location = await made(dir.join('store'))
  await damage(location, 39)
  const report = await verifyFolder(location)
  assert.is(report.ok, false)
  assert.is(report.checked, 39)
})

test('an intact folder verifies like an open store', async () => {
  await using dir = await scratch()
  const location = await made(dir.join('store'))
  assert.equal(await verifyFolder(location, { signatures: true }), {
    ok: true,
    checked: 40,
    faults: [],
    searched: 0,
    sharedIds: [],
  })
})

/** Makes a closed store of 40 nodes. */
async function made(location: string): Promise<string> {
  await using replica = await Replica.open({ location, create: true })
  await replica.import(FRONTIER, () => texts(...Array.from({ length: 40 }, (_, i) => draft(`event ${i}`))))
  return location
}

/** Flips one bit of a node's signature in a table file. */
async function damage(location: string, seq: number): Promise<void> {
  const store = await openLevelDb(location)
  const [row] = await store.frontier(FRONTIER).read([seq])
  await store.close()
  const { sig } = decodeNode(row!.bytes)
  for (const name of await fs.readdir(path.join(location, 'log'))) {
    const file = path.join(location, 'log', name)
    const bytes = await fs.readFile(file)
    // Compression keeps random bytes, but may split them.
    const at = Math.max(bytes.indexOf(sig.subarray(0, 24)), bytes.indexOf(sig.subarray(40)))
    if (!name.endsWith('.ldb') || at < 0) continue
    bytes[at + 5]! ^= 0x40
    await fs.writeFile(file, bytes)
    return
  }
  assert.unreachable('no table holds these bytes')
}

/** Flips one bit of a node's location in a table file of the index. */
async function damageIndex(location: string, seq: number): Promise<void> {
  const store = await openLevelDb(location)
  const [row] = await store.frontier(FRONTIER).read([seq])
  const [place] = await store.frontier(FRONTIER).locate([row!.digest])
  await store.close()
  const value = encodeLocation(indexKey('d', 2, row!.digest), place!)
  for (const name of await fs.readdir(path.join(location, 'index'))) {
    const file = path.join(location, 'index', name)
    const bytes = await fs.readFile(file)
    const at = name.endsWith('.ldb') ? bytes.indexOf(value.subarray(0, 4)) : -1
    if (at < 0) continue
    bytes[at]! ^= 0x40
    await fs.writeFile(file, bytes)
    return
  }
  assert.unreachable('no table holds this value')
}

test.run()
