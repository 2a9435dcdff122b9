// The parts of the live benchmark, small: real hub processes that write and follow, and subscribers whose deliveries are counted.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Bench } from '../../bench/bench.ts'
import { events } from '../../bench/data.ts'
import { Crowd, LiveHub } from '../../bench/live/scene.ts'
import { ageMs, Latencies, stamped } from '../../bench/live/stamp.ts'
import { makeEvent } from '../../src/event/event.ts'
import { scratch } from '../shared-data.ts'

const test = suite('bench/live')
const msMax = 60_000

test('an event tells how old it is, by the clock that all processes share', () => {
  const [draft] = [...events(1, 1)]
  const before = process.hrtime.bigint()
  const { text } = makeEvent(stamped(draft!))
  const age = ageMs(text, before + 5_000_000n)
  assert.ok(age <= 5 && age > -60_000, `${age} ms`)
  assert.throws(() => ageMs(makeEvent(draft!).text, before), /without the time/)
})

test('the far end of latencies is that of a list laid out in order', () => {
  const latencies = new Latencies()
  for (let value = 5000; value > 0; value -= 1) latencies.add(value)
  assert.equal(latencies.spread(), { count: 5000, p50: 2501, p95: 4751, p99: 4951, most: 5000 })
  latencies.clear()
  assert.is(latencies.count, 0)
})

test('hubs follow, subscribers get each event once and in order, and come back when the hub was away', async () => {
  await using dir = await scratch()
  const bench = new Bench({ folder: dir.path, runs: 1, quick: true, execArgv: [], say() {} })
  await using first = await LiveHub.start(bench, dir.path, 'first')
  await using second = await LiveHub.start(bench, dir.path, 'second')
  await second.register(first)
  await second.follow(first)
  await second.startMeasuring()
  const { written } = await first.append({ rate: 100, seconds: 0.2 })
  await second.until(written, msMax)
  const { ages, nodes } = await second.measure()
  assert.equal([ages.count, nodes], [written, written])
  assert.ok(ages.p50 > 0 && ages.p50 <= ages.most)

  await using crowd = Crowd.start(bench)
  await crowd.subscribe(8, { target: second.target, abreast: 2, msMax })
  const batch = await first.import({ rate: 400, seconds: 0.1 })
  const delivered = await crowd.measure(written + batch.written, msMax)
  assert.equal([delivered.outOfOrder, delivered.ages.count], [0, 8 * (written + batch.written)])
  await second.listenAgain()
  await crowd.caughtUp(2, msMax)
})

test.run()
