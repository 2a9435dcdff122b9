// Writes that fail: the first failed write is the last one of the handle, reads continue, and the
// next open finds the state before or after the failed commit, never a part of it.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import type { Store } from '../../src/store/store.ts'
import { throwsCode } from './conformance.ts'
import { type DatabaseName, type Fault, openFailing } from './failing-store.ts'
import { madeBlock, madeChain, madeHeld, madeKey } from './made-nodes.ts'
import { frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/failure')

const failures: { database: DatabaseName; after: boolean; durable: boolean }[] = [
  { database: 'log', after: false, durable: false },
  { database: 'log', after: true, durable: true },
  { database: 'index', after: false, durable: true },
  { database: 'index', after: true, durable: true },
]

test('after a failed write, further writes fail and reads continue', async () => {
  for (const { database, after, durable } of failures) {
    const what = `${database}, ${after ? 'after' : 'before'}`
    await using folder = await StoreFolder.make()
    const { store, fault } = await prepared(folder)
    const log = store.frontier(frontier)
    const heads = toHex(log.headsDigest())
    const chunk = madeChain('failed', 10, folder.nodes.at(-1))
    Object.assign(fault, { database, after })
    await throwsCode('ERR_STORE_IO', () => log.commit(chunk, [{ key: 'nodes', value: utf8('30') }]))
    await refusesWrites(store)
    assert.is(log.nodes, 20, what)
    assert.is(toHex(log.headsDigest()), heads, what)
    assert.equal(await log.locate([chunk[0]!.digest]), [undefined], what)
    assert.is((await log.read([7])).length, 1, what)
    assert.equal(await store.held.has(frontier, [madeKey('x')]), [false])
    await store.close()
    await using again = await folder.open()
    const found = again.frontier(frontier)
    assert.is(found.nodes, durable ? 30 : 20, what)
    assert.is(Buffer.from((await again.records.get('nodes'))!).toString(), durable ? '30' : '20', what)
    for await (const { reason } of again.verify()) assert.unreachable(`${what}: ${reason}`)
    const next = durable ? madeChain('next', 10, chunk.at(-1)) : chunk
    assert.is(await found.commit(next), durable ? 30 : 20, what)
  }
})

test('a failed write of records, of a name or of held nodes has the same effect', async () => {
  const attempts: [DatabaseName, (store: Store) => Promise<unknown>][] = [
    ['log', store => store.records.write([{ key: 'a', value: utf8('b') }])],
    ['log', store => store.track('vfr_other')],
    ['held', store => store.held.put(frontier, [madeHeld('a', { kind: 'key', id: madeKey('k') })])],
    ['documents', store => store.frontier(frontier).documents.put([madeBlock('a document')])],
  ]
  for (const [database, attempt] of attempts) {
    await using folder = await StoreFolder.make()
    const { store, fault } = await prepared(folder)
    fault.database = database
    await throwsCode('ERR_STORE_IO', () => attempt(store))
    await refusesWrites(store)
    await store.close()
    await using again = await folder.open()
    assert.equal(again.frontiers(), [frontier])
    assert.is(await again.records.get('a'), undefined)
    assert.equal(again.held.usage(), { nodes: 0, bytes: 0 })
    assert.equal(await again.frontier(frontier).documents.has([madeBlock('a document').digest]), [false])
    await attempt(again)
  }
})

test('commits that wait for a failing one are not written', async () => {
  await using folder = await StoreFolder.make()
  const { store, fault } = await prepared(folder)
  const log = store.frontier(frontier)
  fault.database = 'log'
  const commits = Array.from({ length: 5 }, (_, at) => log.commit(madeChain(`waiting ${at}`, 3)))
  const results = await Promise.allSettled(commits)
  assert.ok(results.every(result => result.status === 'rejected' && result.reason.code === 'ERR_STORE_IO'))
  await store.close()
  await using again = await folder.open()
  assert.is(again.frontier(frontier).nodes, 20)
})

/** Opens a store with 20 nodes whose databases fail on request. */
async function prepared(folder: StoreFolder): Promise<{ store: Store; fault: Fault }> {
  const store = await folder.create()
  await folder.commit(store, 20)
  await store.close()
  const fault: Fault = { database: undefined, after: false }
  return { store: await openFailing(folder.path, fault), fault }
}

async function refusesWrites(store: Store): Promise<void> {
  const log = store.frontier(frontier)
  const held = madeHeld('late', { kind: 'key', id: madeKey('k') })
  await throwsCode('ERR_STORE_IO', () => log.commit(madeChain('late', 1)))
  await throwsCode('ERR_STORE_IO', () => store.records.write([{ key: 'late', value: utf8('x') }]))
  await throwsCode('ERR_STORE_IO', () => store.track('vfr_late'))
  await throwsCode('ERR_STORE_IO', () => store.held.put(frontier, [held]))
  await throwsCode('ERR_STORE_IO', () => store.held.delete(frontier, [held.digest]))
  await throwsCode('ERR_STORE_IO', () => log.documents.put([madeBlock('late')]))
}

test.run()
