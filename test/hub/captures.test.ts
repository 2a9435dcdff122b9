// Captured states without a network: what is kept, what is given again, and how often a capture is made, under a clock of the
// test's own.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Budget } from '../../src/hub/budget.ts'
import { Captures } from '../../src/hub/captures.ts'
import { Handed } from '../../src/hub/handed.ts'
import { HTTP_LIMITS } from '../../src/limits.ts'
import { appendEvent, createFrontier } from '../../src/replica/append.ts'
import { Home } from '../../src/replica/home.ts'
import { openParts } from '../../src/replica/open.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { draft } from '../replica/drafts.ts'

const test = suite('hub/captures')

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
  const home = new Home(await openParts(options), options)
  const { frontier: name } = await createFrontier(home, { name: 'Captured' })
  const clock = new Clock()
  return {
    home,
    frontier: home.at(name),
    clock,
    captures: new Captures(home, clock.read),
    append: (reason: string) => appendEvent(home, name, draft(reason)),
    [Symbol.asyncDispose]: () => home.close(),
  }
}

test('a budget is open for a burst, then for its part of the time', () => {
  const clock = new Clock()
  const budget = new Budget({ burstMs: 100, part: 10, clock: clock.read })
  assert.ok(budget.isOpen)
  budget.spend(150)
  assert.not.ok(budget.isOpen)
  clock.now = 499
  assert.not.ok(budget.isOpen)
  clock.now = 510
  assert.ok(budget.isOpen)
  budget.spend(10)
  clock.now = 1_000_000
  assert.ok(budget.isOpen)
  budget.spend(100)
  assert.not.ok(budget.isOpen)
})

test('as long as nothing changes there is one capture, also for many who ask at once', async () => {
  await using all = await scene()
  const given = await Promise.all(Array.from({ length: 20 }, () => all.captures.present(all.frontier)))
  assert.is(new Set(given).size, 1)
  await all.append('a change')
  const next = await all.captures.present(all.frontier)
  assert.is.not(next.fileHash, given[0]!.fileHash)
  assert.is.not(next.logHash, given[0]!.logHash)
})

test('a frontier whose captures take long is given as it was, until there is time again', async () => {
  await using all = await scene()
  all.clock.step = 2 * HTTP_LIMITS.captureBurstMs
  const first = await all.captures.present(all.frontier)
  all.clock.step = 0
  await all.append('a change')
  assert.is(await all.captures.present(all.frontier), first)
  all.clock.now += HTTP_LIMITS.captureBurstMs * HTTP_LIMITS.capturePart
  assert.is.not(await all.captures.present(all.frontier), first)
})

test('former captures are kept for a while, and so many of them', async () => {
  await using all = await scene()
  const { captures, frontier } = all
  const made = [await captures.present(frontier)]
  while (made.length < HTTP_LIMITS.capturesKeptMax + 1) {
    await all.append(`change ${made.length}`)
    made.push(await captures.present(frontier))
  }
  const { name } = frontier.log
  const found = () => made.map(({ fileHash }) => captures.find(name, fileHash) !== undefined)
  assert.equal(found(), [false, ...made.slice(1).map(() => true)])
  all.clock.now += HTTP_LIMITS.captureMsMax + 1
  assert.equal(found(), [...made.slice(1).map(() => false), true])
})

test('what an address was told of is given to it once, and for a while, and to no other', async () => {
  await using all = await scene()
  const handed = new Handed(all.captures, all.clock.read)
  const capture = await all.captures.present(all.frontier)
  const { name } = all.frontier.log
  handed.tell(capture, 'one')
  assert.is(handed.take(name, 'two'), undefined)
  assert.is(handed.take(name, 'one'), capture)
  assert.is(handed.take(name, 'one'), undefined)
  handed.tell(capture, 'one')
  all.clock.now += HTTP_LIMITS.captureMsMax + 1
  assert.is(handed.take(name, 'one'), undefined)
})

test('a frontier without nodes has no capture', async () => {
  await using all = await scene()
  const empty = await all.home.track('vfr_0000000000000000')
  const code = await all.captures.present(empty).catch(error => error.code)
  assert.is(code, 'ERR_NOT_FOUND')
})

test.run()
