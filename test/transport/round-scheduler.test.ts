// How rounds of live channels are spread, and which cursors are written when.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LIVE_LIMITS, SOCKET_LIMITS } from '../../src/base/limits.ts'
import { Semaphore } from '../../src/base/semaphore.ts'
import { NO_TRACE } from '../../src/sync/log-trace.ts'
import { CursorWriter, type SaveCursor } from '../../src/transport/cursor-writer.ts'
import { RoundScheduler } from '../../src/transport/round-scheduler.ts'
import { EventLoopBudget } from '../../src/transport/scheduler.ts'
import { FRONTIER, local } from '../sync/local.ts'
import { Alarms } from '../sync/raw-peer.ts'
import { until } from './loopback.ts'

const test = suite('transport/round-scheduler')
const { cursorMs, paceMsMin, paceMicrosPerChannel, startsPerTurnMax } = LIVE_LIMITS
const { turnMsMax, inputsPerTurn } = SOCKET_LIMITS

test('few channels start their rounds at once', () => {
  const pacer = new RoundScheduler()
  const paces = Array.from({ length: 3 }, () => pacer.join())
  let started = 0
  for (const pace of paces) pace.schedule(() => (started += 1))
  assert.is(started, 3)
})

test('the wait between rounds grows with the channels and ends with them', () => {
  const pacer = new RoundScheduler()
  const paces = Array.from({ length: 1000 }, () => pacer.join())
  assert.is(pacer.intervalMs, (1000 * paceMicrosPerChannel) / 1000)
  for (const pace of paces) {
    pace.leave()
    pace.leave()
  }
  assert.is(pacer.intervalMs, 0)
})

test('of many channels each starts as soon as it has waited, a few in each turn of the event loop', async () => {
  const pacer = new RoundScheduler()
  const count = (paceMsMin * 1000) / paceMicrosPerChannel + startsPerTurnMax
  const paces = Array.from({ length: count }, () => pacer.join())
  const starts: number[] = []
  let turns = 0
  const turn = (): void => {
    turns += 1
    if (starts.length < 2 * count) setImmediate(turn)
  }
  setImmediate(turn)
  for (const pace of paces) {
    pace.schedule(() => {
      starts.push(turns)
      pace.schedule(() => starts.push(turns))
    })
  }
  assert.is(starts.length, 0)
  await until(() => starts.length === 2 * count)
  const most = Math.max(...starts.map(at => starts.filter(other => other === at).length))
  assert.ok(most <= startsPerTurnMax, `${most} in one turn`)
  for (const pace of paces) pace.leave()
})

test('a channel that has left starts nothing', async () => {
  const pacer = new RoundScheduler()
  const paces = Array.from({ length: 100 }, () => pacer.join())
  let started = 0
  paces[0]!.schedule(() => {
    throw new TypeError('it has left')
  })
  paces[0]!.leave()
  paces[1]!.schedule(() => (started += 1))
  await until(() => started === 1)
})

test('a lane lets so many in at once, the others in their order, one for each that leaves and not in the same turn', async () => {
  const lane = new Semaphore(2)
  const started: number[] = []
  for (let i = 0; i < 5; i += 1) lane.acquire(() => started.push(i))
  assert.equal(started, [0, 1])
  lane.release()
  lane.release()
  assert.equal(started, [0, 1])
  await until(() => started.length === 4)
  lane.release()
  lane.release()
  await until(() => started.length === 5)
  lane.release()
  for (let i = 5; i < 8; i += 1) lane.acquire(() => started.push(i))
  assert.equal(started, [0, 1, 2, 3, 4, 5, 6])
})

test('two replicas in one process share no scheduling', async () => {
  const [one, other] = await Promise.all([local('main'), local('laptop')])
  const { reads, rounds, links } = one.context.scheduling
  const others = other.context.scheduling
  assert.is.not(reads, others.reads)
  assert.is.not(rounds, others.rounds)
  assert.is.not(links, others.links)
  const before = links.bytesPerLink
  for (let i = 0; i < 1000; i += 1) links.add()
  assert.ok(links.bytesPerLink < before)
  assert.is(others.links.bytesPerLink, before)
  for (let i = 0; i < 5000; i += 1) rounds.join()
  assert.ok(rounds.intervalMs > 0)
  assert.is(others.rounds.intervalMs, 0)
})

test('work that takes long in one turn of the event loop makes what follows wait, in order, a few in each turn', async () => {
  const budget = new EventLoopBudget()
  assert.is(budget.acquire(), undefined)
  for (const until = performance.now() + turnMsMax; performance.now() < until; ); // work
  const order: number[] = []
  const turns: number[] = []
  let turn = 0
  const count = (): void => {
    turn += 1
    if (order.length < 3 * inputsPerTurn) setImmediate(count)
  }
  setImmediate(count)
  const all = Array.from({ length: 3 * inputsPerTurn }, async (_, i) => {
    await budget.acquire()
    order.push(i)
    turns.push(turn)
  })
  assert.equal(order, [])
  await Promise.all(all)
  assert.equal(order, [...order.keys()])
  const most = Math.max(...turns.map(at => turns.filter(other => other === at).length))
  assert.is(most, inputsPerTurn)
})

function cursor(ch: number, seq: number, later: boolean): SaveCursor {
  const bytes = new Uint8Array(16)
  return {
    do: 'remember',
    ch,
    frontier: FRONTIER,
    cursor: { store: bytes, seq, trace: NO_TRACE },
    registry: bytes,
    later,
  }
}

test('a cursor that may be later is written with the alarm, the last of each channel, and one that may not at once', async () => {
  const alarms = new Alarms()
  const written: number[] = []
  const cursors = new CursorWriter(async ({ cursor: { seq } }) => void written.push(seq), alarms.set)
  await cursors.remember(cursor(1, 5, false))
  for (const seq of [6, 7, 8]) await cursors.remember(cursor(1, seq, true))
  await cursors.remember(cursor(2, 20, true))
  assert.equal([written, alarms.count], [[5], 1])
  alarms.ring(cursorMs)
  await cursors.written()
  assert.equal([written, alarms.count], [[5, 8, 20], 0])
})

test('forgetting a cursor takes back the one that waits to be written', async () => {
  const alarms = new Alarms()
  const written: number[] = []
  const cursors = new CursorWriter(async ({ cursor: { seq } }) => void written.push(seq), alarms.set)
  await cursors.remember(cursor(1, 6, true))
  await cursors.remember(cursor(1, 0, false))
  cursors.flush()
  await cursors.written()
  assert.equal(written, [0])
})

test('a cursor that can’t be written is lost, and nothing else', async () => {
  const cursors = new CursorWriter(() => Promise.reject(new TypeError('no')), new Alarms().set)
  await cursors.remember(cursor(1, 6, true))
  cursors.flush(1)
  await cursors.written()
})

test.run()
