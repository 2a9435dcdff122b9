// The trace of a log: which nodes it depends on, and cursors of another history of one store.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { corruptionError } from '../../src/store/validate.ts'
import { isOtherTrace, logTrace, NO_TRACE, tracePlaces } from '../../src/sync/log-trace.ts'
import { chain, circle, FRONTIER, introduce, keyOf, type Local, local, logOf, plant } from './local.ts'
import { meet } from './meeting.ts'

const test = suite('sync/log-trace')

test('S18: a trace has the last 16 nodes, then one at each doubled distance, then the first', () => {
  assert.equal(tracePlaces(0), [])
  assert.equal(tracePlaces(1), [0])
  assert.equal(tracePlaces(3), [2, 1, 0])
  assert.equal(tracePlaces(17), [...Array.from({ length: 16 }, (_, at) => 16 - at), 0])
  assert.equal(tracePlaces(100).slice(16), [68, 36, 0])
  assert.is(tracePlaces(1_000_000).length, 16 + 15 + 1)
  for (const count of [16, 31, 32, 33, 64, 1000]) {
    const places = tracePlaces(count)
    assert.equal([...new Set(places)], places)
    assert.ok(places.every((place, at) => place >= 0 && (at === 0 || place < places[at - 1]!)))
  }
})

test('S18: a trace is of these nodes, and zeros where one is damaged', async () => {
  const rows = (seqs: readonly number[]) => seqs.map(seq => ({ digest: sha256(Uint8Array.of(seq)) }))
  const log = { read: async (seqs: readonly number[]) => rows(seqs) as never }
  const places = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(0))]
  assert.is(toHex(await logTrace(log, 2)), toHex(sha256(Buffer.concat(places))))
  assert.is(toHex(await logTrace(log, 0)), toHex(sha256(new Uint8Array())))
  const damaged = { read: () => Promise.reject(corruptionError('a row')) }
  assert.is(await logTrace(damaged, 2), NO_TRACE)
  assert.not(isOtherTrace(NO_TRACE, places[0]!) || isOtherTrace(places[0]!, NO_TRACE))
  assert.ok(isOtherTrace(places[0]!, places[1]!))
})

/** A hub before and after it was restored from a copy with the first 20 nodes, and a laptop that knows it. */
async function restored(
  after: number,
  options: { isRegistered: boolean },
): Promise<{ client: Local; hub: Local; all: number }> {
  const [client, hub] = await circle('laptop', 'main')
  const both = chain(keyOf('main'), 'both', 20)
  await plant(hub!, [...both, ...chain(keyOf('main'), 'lost', 300, both.at(-1))])
  assert.equal((await meet({ client: client!, hub: hub!, mode: 'pull' })).errors, [])
  const copy = await local('main') // The id of a store in these tests is made of its name.
  if (options.isRegistered) await introduce(copy, client!)
  await plant(copy, [...both, ...chain(keyOf('main'), 'new', after, both.at(-1))])
  return { client: client!, hub: copy, all: 20 + 300 + after }
}

for (const [kind, after] of [
  ['store.forked', 400],
  ['store.rolled-back', 100],
] as const) {
  test(`S25: a cursor of another history is not used, and the hub records ${kind}`, async () => {
    const { client, hub, all } = await restored(after, { isRegistered: true })
    const { channel, errors, stats } = await meet({ client, hub, mode: 'pull' })
    assert.equal(errors, [])
    assert.is(logOf(client).nodes, all)
    assert.is(channel!.sink!.result!.complete, true)
    assert.ok(stats.receivedFrames < 30, `${stats.receivedFrames} frames`)
    const entries = await hub.context.journal.list(FRONTIER, { limit: 100 })
    const losses = entries.filter(one => one.kind.startsWith('store.'))
    assert.equal(
      losses.map(one => [one.kind, one.facts.peer, one.facts.seen, one.facts.nodes]),
      [[kind, 'hub:laptop', 320, 20 + after]],
    )
    // The next exchange has a cursor of the new history, so nothing is told twice.
    await plant(hub, chain(keyOf('main'), 'later', 3))
    assert.equal((await meet({ client, hub, mode: 'pull' })).errors, [])
    assert.is(
      (await hub.context.journal.list(FRONTIER, { limit: 100 })).filter(one => one.kind.startsWith('store.')).length,
      1,
    )
  })
}

test('S25: a key that is not registered makes the hub neither use its cursor nor record it', async () => {
  const { client, hub, all } = await restored(400, { isRegistered: false })
  assert.equal((await meet({ client, hub, mode: 'pull' })).errors, [])
  assert.is(logOf(client).nodes, all)
  const entries = await hub.context.journal.list(FRONTIER, { limit: 100 })
  assert.not(entries.some(one => one.kind.startsWith('store.')))
})

test.run()
