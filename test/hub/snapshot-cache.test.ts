// Captured states without a network: what is kept, what is given again, and how often a capture is made, under a clock of the
// test's own.

import type { IncomingMessage } from 'node:http'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { HTTP_LIMITS } from '../../src/base/limits.ts'
import { Handed } from '../../src/hub/handed.ts'
import { SnapshotCache } from '../../src/hub/snapshot-cache.ts'
import { TokenBucket } from '../../src/hub/token-bucket.ts'
import { appendEvent, createFrontier } from '../../src/replica/append.ts'
import { openParts } from '../../src/replica/open-replica.ts'
import { ReplicaContext } from '../../src/replica/replica-context.ts'
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
  const home = new ReplicaContext(await openParts(options), options)
  const { frontier: name } = await createFrontier(home, { name: 'Captured' })
  const clock = new Clock()
  return {
    home,
    frontier: home.frontier(name),
    clock,
    captures: new SnapshotCache(home, clock.read),
    append: (reason: string) => appendEvent(home, name, draft(reason)),
    [Symbol.asyncDispose]: () => home.close(),
  }
}

test('a budget is open for a burst, then for its part of the time', () => {
  const clock = new Clock()
  const budget = new TokenBucket({ burstMs: 100, part: 10, clock: clock.read })
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

/** As a request comes. */
function reader(address: string, options: { agent?: string; method?: string; has?: string } = {}) {
  const { agent = 'vela', method = 'GET', has } = options
  const request = { method, headers: { 'user-agent': agent, ...(has !== undefined && { 'if-none-match': has }) } }
  return { address, request: request as unknown as IncomingMessage }
}

test('what a reader was told of stays good for a while, however often it asks, and is no other address’s', async () => {
  await using all = await scene()
  const handed = new Handed(all.clock.read)
  const capture = await all.captures.current(all.frontier)
  const { name } = all.frontier.log
  const given = (asked: ReturnType<typeof reader>) => handed.of(name, asked, hash => `"${hash}"`)?.hash
  handed.tell(capture, reader('one'))
  assert.is(given(reader('two')), undefined)
  for (let i = 0; i < 3; i += 1) assert.is(given(reader('one')), capture.fileHash)
  assert.is(given(reader('one', { method: 'HEAD' })), capture.fileHash)
  assert.is(given(reader('one', { has: `W/"${capture.fileHash}"` })), undefined)
  assert.is(given(reader('one', { has: '"another"' })), capture.fileHash)
  all.clock.now += HTTP_LIMITS.captureMsMax + 1
  assert.is(given(reader('one')), undefined)
})

test('two programs behind one address are each given what they were told of', async () => {
  await using all = await scene()
  const handed = new Handed(all.clock.read)
  const { name } = all.frontier.log
  const given = (agent: string) => handed.of(name, reader('shared', { agent }), hash => hash)?.hash
  const before = await all.captures.current(all.frontier)
  handed.tell(before, reader('shared', { agent: 'ada' }))
  await all.append('a change')
  const after = await all.captures.current(all.frontier)
  handed.tell(after, reader('shared', { agent: 'ben' }))
  handed.tell(before, reader('shared', { agent: 'ben', method: 'HEAD' }))
  assert.equal([given('ada'), given('ben'), given('eve')], [before.fileHash, after.fileHash, undefined])
})

test('a former capture is made again, byte for byte, when it is no longer kept', async () => {
  await using all = await scene()
  const first = await all.captures.current(all.frontier)
  await all.append('a change')
  const again = await new SnapshotCache(all.home, all.clock.read).former(all.frontier, first.nodes)
  assert.is.not(again, first)
  assert.is(again.fileHash, first.fileHash)
  assert.is(await all.captures.former(all.frontier, first.nodes), first)
})

test('a frontier without nodes has no capture', async () => {
  await using all = await scene()
  const empty = await all.home.openFrontier('vfr_0000000000000000')
  const code = await all.captures.current(empty).catch(error => error.code)
  assert.is(code, 'ERR_NOT_FOUND')
})

test.run()
