import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describe, ProgressLine } from '../../src/cli/progress.ts'
import { MemorySink } from './streams.ts'

const test = suite('cli/progress')

const steps = { phase: 'transfer', received: 12_000, verified: 11_264, durable: 11_264, total: 100_000 }

test('the line says how far it is and how fast', () => {
  assert.is(describe(steps, 2000), 'transfer: 12,000 of 100,000 received, 11,264 verified, 11,264 durable, 5,632/s')
  assert.is(describe({ phase: 'connect' }, 10), 'connect')
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

test('a long call rewrites one line and takes it away', async () => {
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

test('the line fits the terminal, and a phase from elsewhere cannot command it', async () => {
  const sink = new MemorySink({ terminal: true, columns: 30 })
  let now = 0
  const line = new ProgressLine(sink, { quiet: false, now: () => now })
  now = 5000
  line.update({ ...steps, phase: 'x\u001b[2J' })
  const shown = sink.text.slice('\r\u001b[K'.length)
  assert.ok(shown.length <= 29)
  assert.not(shown.includes('\u001b'))
})

test('without a terminal, or with quiet, there is no line', async () => {
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
