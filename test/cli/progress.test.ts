import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describe, ProgressLine } from '../../src/cli/terminal/progress.ts'
import { MemorySink } from './streams.ts'

const test = suite('cli/progress')

const steps = { phase: 'transfer', received: 12_000, verified: 11_264, durable: 11_264, total: 100_000 }

test('the line has counts and a rate', () => {
  assert.is(describe(steps, 2000), 'transfer: 12,000 of 100,000 received, 11,264 verified, 11,264 durable, 5,632/s')
  assert.is(describe({ phase: 'connect' }, 10), 'connect')
})

test('the rate of a push counts nodes that are durable at the peer', () => {
  const push = { phase: 'transfer', received: 0, verified: 0, durable: 0, sent: 12_000, acked: 4000 }
  assert.is(describe(push, 2000), 'transfer: 12,000 sent, 4,000 durable at the peer, 2,000/s')
  assert.is(describe({ ...push, acked: 0 }, 2000), 'transfer: 12,000 sent')
})

test('an export and a replay report progress', () => {
  assert.is(describe({ phase: 'export', written: 5000 }, 1000), 'export: 5,000 written, 5,000/s')
  const replay = { phase: 'conflicts', read: 20_000, total: 50_000, replayed: 0 }
  assert.is(describe(replay, 2000), 'conflicts: 20,000 of 50,000 read, 10,000/s')
  const later = { ...replay, read: 50_000, replayed: 8000 }
  assert.is(describe(later, 4000), 'conflicts: 50,000 of 50,000 read, 8,000 replayed, 2,000/s')
})

test('a short call shows nothing', async () => {
  const sink = new MemorySink({ terminal: true })
  let now = 0
  const line = new ProgressLine(sink, { quiet: false, now: () => now })
  now = 999
  line.update(steps)
  await line.clear()
  assert.is(sink.text, '')
})

test('a long call overwrites one line and removes it', async () => {
  const sink = new MemorySink({ terminal: true })
  let now = 0
  const line = new ProgressLine(sink, { quiet: false, now: () => now })
  for (now = 1000; now < 1250; now += 10) {
    line.update(steps)
    await null
  }
  await line.clear()
  const parts = sink.text.split('\r\u001b[K')
  assert.is(parts.length, 5)
  assert.is(parts.at(-1), '')
  assert.not(sink.text.includes('\n'))
})

test('the line fits the terminal and is escaped', async () => {
  const sink = new MemorySink({ terminal: true, columns: 30 })
  let now = 0
  const line = new ProgressLine(sink, { quiet: false, now: () => now })
  now = 5000
  line.update({ ...steps, phase: 'x\u001b[2J' })
  const shown = sink.text.slice('\r\u001b[K'.length)
  assert.ok(shown.length <= 29)
  assert.not(shown.includes('\u001b'))
})

test('without a terminal, or with --quiet, nothing is shown', async () => {
  for (const [terminal, quiet] of [
    [false, false],
    [true, true],
  ] as const) {
    const sink = new MemorySink({ terminal })
    let now = 0
    const line = new ProgressLine(sink, { quiet, now: () => now })
    now = 5000
    line.update(steps)
    await line.clear()
    assert.is(sink.text, '')
  }
})

test.run()
