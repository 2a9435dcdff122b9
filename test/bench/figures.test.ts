// How runs become figures: medians and spreads, counts that must agree, the comparison with an earlier run, the words of the
// command line. And that the program as a whole measures something, on a log too small to mean anything.

import { execFile } from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { comparison } from '../../bench/compare.ts'
import { figuresMarkdown, summaryMarkdown, withFigures } from '../../bench/figures-table.ts'
import { jobs } from '../../bench/jobs.ts'
import { readOptions, UsageError } from '../../bench/options.ts'
import { pictures } from '../../bench/pictures.ts'
import { type Label, median, type Row, rowOf, type Sample } from '../../bench/samples.ts'
import { figureTable, table } from '../../bench/table.ts'
import { repository, scratch } from '../shared-data.ts'
import { readText } from '../sources.ts'

const test = suite('bench/figures')

const label: Label = { job: 'pull', what: '10 missing', shape: 'mesh', size: 1000 }

function sample(ms: number, more: Partial<Sample> = {}): Sample {
  const counts = { nodes: 10, sent: 900, received: 13_000 }
  return { ms, cpuMs: 2 * ms, events: 10, counts, rssBytes: 80e6, hubRssBytes: 70e6, hubCpuMs: 3, ...more }
}

function rowOfTimes(...times: number[]): Row {
  return rowOf(
    label,
    times.map(ms => sample(ms)),
  )
}

test('a row has the median, the spread, and the most memory of its runs', () => {
  const row = rowOf(label, [sample(30), sample(10, { rssBytes: 90e6 }), sample(20)])
  assert.equal(row.ms, { median: 20, least: 10, most: 30 })
  assert.is(row.rssBytes, 90e6)
  assert.is(row.runs, 3)
  assert.is(row.diskBytesPerEvent, null)
  assert.is(median([4, 1, 3, 2]), 2)
})

test('runs that differ in what a seed decides are an error that names the count', () => {
  const other = sample(10, { counts: { nodes: 10, sent: 901, received: 13_000 } })
  assert.throws(
    () => rowOf(label, [sample(10), other]),
    (error: Error) => error.message.includes('pull 10 missing mesh 1000') && error.message.includes('sent 900 ≠ 901'),
  )
})

test('a table has a line for each row, and aligned columns', () => {
  const lines = table([rowOfTimes(5.25), rowOfTimes(1234)]).split('\n')
  assert.is(lines.length, 3)
  assert.match(lines[1]!, /^pull: 10 missing +mesh +1,000 +10 +5\.3 +5\.3–5\.3 +1,905 /)
  assert.is(new Set(lines.map(line => line.trimEnd().indexOf('mesh'))).size, 2)
})

test('figures of their own have a median and a spread too, in a table of their own', () => {
  const samples = [3, 1, 2].map(p50 => sample(10, { figures: { 'p50 ms': p50, 'hub CPU %': 40 } }))
  const row = rowOf({ ...label, job: 'live', what: 'one hop' }, samples)
  assert.equal(row.figures, {
    'p50 ms': { median: 2, least: 1, most: 3 },
    'hub CPU %': { median: 40, least: 40, most: 40 },
  })
  const [, first, second] = figureTable([rowOfTimes(5), row]).split('\n')
  assert.match(first!, /^live: one hop +p50 ms +2\.0 +1\.0–3\.0$/)
  assert.match(second!, /^ +hub CPU % +40 +40–40$/)
  assert.is(figureTable([rowOfTimes(5)]), '')
})

test('a time is called different only where the spreads do not touch, and changed counts are listed', () => {
  assert.match(comparison([rowOfTimes(10, 11, 12)], [rowOfTimes(12, 13, 14)]), 'within spread')
  assert.match(comparison([rowOfTimes(20, 20, 20)], [rowOfTimes(10, 10, 10)]), '+100 %')
  const before = rowOf(label, [sample(10, { counts: { nodes: 10, sent: 800, received: 13_000 } })])
  assert.match(comparison([rowOfTimes(10)], [before]), 'sent 800 ≠ 900')
  assert.match(comparison([rowOfTimes(10)], [rowOfTimes(10)]), 'all counts are equal')
  assert.match(comparison([rowOfTimes(10)], []), 'no row')
})

test('the words of the command line choose jobs, sizes and shapes, and wrong ones are named', () => {
  const options = readOptions(['clone', 'pull', '--size', '250,10k,1M', '--shape', 'wide,heads', '--runs', '7'], jobs)
  assert.equal(
    options.jobs.map(job => job.name),
    ['clone', 'pull'],
  )
  assert.equal(options.sizes, [250, 10_000, 1_000_000])
  assert.equal(options.shapes, ['wide', 'heads'])
  assert.is(options.runs, 7)
  assert.equal([options.quick, readOptions(['--quick'], jobs).quick], [false, true])
  assert.is(readOptions([], jobs).jobs.length, jobs.length)
  for (const words of [
    ['clon'],
    ['--size', '10x'],
    ['--size', '0'],
    ['--shape', 'ring'],
    ['--runs', '0'],
    ['--fast'],
  ]) {
    assert.throws(
      () => readOptions(words, jobs),
      (error: Error) => error instanceof UsageError && error.message.includes(words.at(-1)!),
    )
  }
})

test('pictures show what was measured, and nothing when nothing was', () => {
  const [time, bytes] = pictures([rowOfTimes(10)])
  assert.match(time!.svg, '>pull, 10 missing</text>')
  assert.is(bytes!.name, 'bytes')
  assert.equal(pictures([]), [])
})

for (const [name, markdown] of [
  ['README.md', summaryMarkdown],
  ['docs/performance.md', figuresMarkdown],
] as const) {
  test(`the figures in ${name} are those of the reference run, and none where there was no run`, () => {
    const file = path.join(repository, 'bench', 'results', 'reference.json')
    const page = readText(name)
    if (fs.existsSync(file)) {
      assert.is(withFigures(page, markdown(JSON.parse(fs.readFileSync(file, 'utf8')))), page)
    } else {
      assert.not.match(page, /events\/s/)
    }
  })
}

test('the table of figures has the rows that were measured, with their spread and memory', () => {
  const machine = { cpu: 'a', cores: 2, memoryGiB: 8, system: 'b', files: 'c', node: 'd', commit: 'e', date: 'f' }
  const row = { ...rowOfTimes(60, 70, 80), size: 10_000 }
  const text = figuresMarkdown({ machine, rows: [row, { ...row, what: '7 missing' }] })
  assert.match(text, '| pull, 10 missing | 10,000 | 70 (60–80) | 143 | 13,900 | 80 + hub 70 |')
  assert.match(
    summaryMarkdown({ machine, rows: [{ ...row, size: 100_000 }] }),
    '| pull, 10 missing | 100,000 | 70 | 143 |',
  )
  assert.not.match(text, '7 missing')
  const live = rowOf({ ...label, job: 'live', what: 'one hop' }, [sample(10, { figures: { 'p50 ms': 1.5 } })])
  assert.match(figuresMarkdown({ machine, rows: [row, live] }), '| one hop | p50 ms 1.5 (1.5–1.5) | 80 |')
  assert.throws(() => withFigures('no marks', text))
})

test('the whole program measures a small log, writes its figures and finds them equal to themselves', async () => {
  await using dir = await scratch()
  const program = fileURLToPath(new URL('../../bench/run.js', import.meta.url))
  const file = dir.join('small.json')
  const words = ['clone', 'verify', '--size', '40', '--runs', '2', '--json', file]
  const run = promisify(execFile)
  const { stdout } = await run(process.execPath, [program, ...words])
  const { machine, rows } = JSON.parse(fs.readFileSync(file, 'utf8'))
  assert.match(machine.node, /^v\d+/)
  assert.equal(
    rows.map((row: Row) => [row.job, row.what, row.counts.nodes]),
    [
      ['clone', '', 40],
      ['clone', 'signatures alone', 40],
      ['verify', 'without signatures', 40],
      ['verify', 'with signatures', 40],
    ],
  )
  assert.ok(rows[0].hubRssBytes > 10e6 && rows[0].diskBytesPerEvent > 100)
  assert.ok(rows[0].counts.received > 40 * 500)
  assert.match(stdout, 'clone')
  assert.ok(fs.existsSync(dir.join('small-time.svg')) && fs.existsSync(dir.join('small-bytes.svg')))
  const again = await run(process.execPath, [program, 'verify', '--size', '40', '--runs', '1', '--json', file, '--compare', file]) // biome-ignore format: one call
  assert.match(again.stdout, 'all counts are equal')
})

test.run()
