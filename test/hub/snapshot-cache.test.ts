// Captured states without a network: what is kept, what is given again, and how often a capture is made, under a clock of the
// test's own.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { TokenBucket } from '../../src/hub/clients/token-bucket.ts'
import { SnapshotCache } from '../../src/hub/snapshot-cache.ts'
import { appendEvent, createFrontier } from '../../src/replica/append.ts'
import { contextOf, Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { draft } from '../replica/drafts.ts'

const test = suite('hub/snapshot-cache')

class Clock {
  now = 0
  /** What passes at each look. */
  step = 0
  readonly read = (): number => {
    this.now += this.step
    return this.now
  }
}

async function scene() {
  const options = { location: new MemoryStore() }
  const replica = await Replica.open(options)
  const context = contextOf(replica)
  const { frontier: name } = await createFrontier(context, { name: 'Captured' })
  const clock = new Clock()
  return {
    context,
    replica,
    frontier: context.frontier(name),
    clock,
    captures: new SnapshotCache(replica, clock.read),
    append: (reason: string) => appendEvent(context, { frontier: name, event: draft(reason) }),
    [Symbol.asyncDispose]: () => context.close(),
  }
}

test('a budget is open for a burst, then for its part of the time', () => {
  const clock = new Clock()
  const budget = new TokenBucket({ burst: 100, part: 10, clock: clock.read })
  assert.ok(budget.hasTokens)
  budget.consume(150)
  assert.not.ok(budget.hasTokens)
  clock.now = 499
  assert.not.ok(budget.hasTokens)
  clock.now = 510
  assert.ok(budget.hasTokens)
  budget.consume(10)
  clock.now = 1_000_000
  assert.ok(budget.hasTokens)
  budget.consume(100)
  assert.not.ok(budget.hasTokens)
})

test('as long as nothing changes there is one capture, also for many who ask at once', async () => {
  await using all = await scene()
  const given = await Promise.all(Array.from({ length: 20 }, () => all.captures.current(all.frontier)))
  assert.is(new Set(given).size, 1)
  await all.append('a change')
  const next = await all.captures.current(all.frontier)
  assert.is.not(next.fileHash, given[0]!.fileHash)
  assert.is.not(next.logHash, given[0]!.logHash)
})

test('a frontier whose captures take long is given as it was, until there is time again', async () => {
  await using all = await scene()
  all.clock.step = 2 * HTTP_LIMITS.captureBurstMs
  const first = await all.captures.current(all.frontier)
  all.clock.step = 0
  await all.append('a change')
  assert.is(await all.captures.current(all.frontier), first)
  all.clock.now += HTTP_LIMITS.captureBurstMs * HTTP_LIMITS.capturePart
  assert.is.not(await all.captures.current(all.frontier), first)
})

test('former captures are kept for a while, and so many of them', async () => {
  await using all = await scene()
  const { captures, frontier } = all
  const made = [await captures.current(frontier)]
  while (made.length < HTTP_LIMITS.capturesKeptMax + 1) {
    await all.append(`change ${made.length}`)
    made.push(await captures.current(frontier))
  }
  const { name } = frontier.log
  const found = () => made.map(({ fileHash }) => captures.find(name, fileHash) !== undefined)
  assert.equal(found(), [false, ...made.slice(1).map(() => true)])
  all.clock.now += HTTP_LIMITS.captureMsMax + 1
  assert.equal(found(), [...made.slice(1).map(() => false), true])
})

test('a first half refreshes the pair at most once in its lifetime, and a second half keeps to it', async () => {
  await using all = await scene()
  const { captures, frontier, clock } = all
  const made = await captures.pair(frontier, 'first')
  await all.append('a change')
  clock.now += HTTP_LIMITS.captureMsMax - 1
  assert.is(await captures.pair(frontier, 'first'), made)
  clock.now += 1
  assert.is(await captures.pair(frontier, 'second'), made)
  const next = await captures.pair(frontier, 'first')
  assert.is.not(next.fileHash, made.fileHash)
  assert.is(await captures.pair(frontier, 'second'), next)
})

test('a second half refreshes the pair when nobody has read a first half for its lifetime', async () => {
  await using all = await scene()
  const { captures, frontier, clock } = all
  const made = await captures.pair(frontier, 'second')
  await all.append('a change')
  clock.now += HTTP_LIMITS.captureMsMax - 1
  assert.is(await captures.pair(frontier, 'second'), made)
  clock.now += 1
  const next = await captures.pair(frontier, 'second')
  assert.is.not(next.fileHash, made.fileHash)
})

test('a pair that did not change is refreshed as soon as the frontier changes', async () => {
  await using all = await scene()
  const { captures, frontier, clock } = all
  const made = await captures.pair(frontier, 'first')
  clock.now += HTTP_LIMITS.captureMsMax
  assert.is(await captures.pair(frontier, 'first'), made)
  await all.append('a change')
  assert.is.not(await captures.pair(frontier, 'first'), made)
})

test('concurrent readers whose pair is due share one refresh, although events arrive meanwhile', async () => {
  await using all = await scene()
  const { captures, frontier, clock } = all
  await captures.pair(frontier, 'first')
  await all.append('a change')
  clock.now += HTTP_LIMITS.captureMsMax
  const reads = Array.from({ length: 10 }, () => captures.pair(frontier, 'first'))
  await all.append('another change')
  reads.push(captures.pair(frontier, 'first'), captures.pair(frontier, 'second'))
  assert.is(new Set(await Promise.all(reads)).size, 1)
})

test('the pair stays cached while other snapshots of its frontier are made', async () => {
  await using all = await scene()
  const { captures, frontier } = all
  const pair = await captures.pair(frontier, 'first')
  for (let i = 0; i <= HTTP_LIMITS.capturesKeptMax; i += 1) {
    await all.append(`change ${i}`)
    await captures.current(frontier)
  }
  assert.is(captures.find(frontier.log.name, pair.fileHash), pair)
  assert.is(await captures.pair(frontier, 'second'), pair)
})

test('a former capture is made again, byte for byte, when it is no longer kept', async () => {
  await using all = await scene()
  const first = await all.captures.current(all.frontier)
  await all.append('a change')
  const again = await new SnapshotCache(all.replica, all.clock.read).former(all.frontier, first.nodes)
  assert.is.not(again, first)
  assert.is(again.fileHash, first.fileHash)
  assert.is(await all.captures.former(all.frontier, first.nodes), first)
})

test('a frontier without nodes has no capture', async () => {
  await using all = await scene()
  const empty = await all.context.openFrontier('vfr_0000000000000000')
  const code = await all.captures.current(empty).catch(error => error.code)
  assert.is(code, 'ERR_NOT_FOUND')
})

test.run()
