// The filter of the digests of a new log: no false negatives, few false positives.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, utf8 } from '../../src/base/bytes.ts'
import { DigestFilter } from '../../src/store/leveldb/digest-filter.ts'
import type { Store } from '../../src/store/store.ts'
import { madeChain } from './made-nodes.ts'
import { frontier, StoreFolder } from './store-folder.ts'

const test = suite('store/digest-filter')

const digestOf = (index: number) => sha256(utf8(`digest ${index}`))

test('an empty filter contains nothing', () => {
  const filter = new DigestFilter()
  for (let index = 0; index < 1000; index++) assert.is(filter.mightContain(digestOf(index)), false)
})

test('every added digest is found, across the layers, and hardly any other one', () => {
  const filter = new DigestFilter()
  const count = 120_000
  for (let index = 0; index < count; index++) filter.add(digestOf(index))
  for (let index = 0; index < count; index++) assert.is(filter.mightContain(digestOf(index)), true)
  let others = 0
  for (let index = count; index < 2 * count; index++) if (filter.mightContain(digestOf(index))) others++
  assert.ok(others < count / 50, `${others} of ${count} other digests are found`)
})

test('digests that share their first bytes are found', () => {
  const filter = new DigestFilter()
  const digests = Array.from({ length: 50_000 }, (_, index) => {
    const digest = digestOf(index)
    digest.fill(7, 0, 16)
    return digest
  })
  for (const digest of digests) filter.add(digest)
  assert.ok(digests.every(digest => filter.mightContain(digest)))
})

test('a log that was empty when its store was opened finds the same nodes as after the next open', async () => {
  await using folder = await StoreFolder.make()
  const nodes = madeChain('one', 300)
  const digests = nodes.map(({ digest }) => digest).concat(Array.from({ length: 300 }, (_, index) => digestOf(index)))
  const events = nodes.concat(madeChain('other', 100))
  const lookUp = async (store: Store) => {
    const log = store.frontier(frontier)
    return { located: await log.locate(digests), events: await log.findByEvent(events), count: log.events }
  }
  const store = await folder.create()
  const log = store.frontier(frontier)
  for (let from = 0; from < nodes.length; from += 50) await log.commit(nodes.slice(from, from + 50))
  const before = await lookUp(store)
  let error: unknown
  await log.commit(nodes.slice(120, 121)).catch(thrown => {
    error = thrown
  })
  assert.instance(error, TypeError) // it is stored already
  await store.close()
  await using again = await folder.open()
  assert.equal(await lookUp(again), before)
  assert.is(before.located.filter(place => place !== undefined).length, 300)
})

test.run()
