// `npm run bench`: costs on real stores and, for syncs, between two real processes. bench/README.md
// defines the figures. Prints a table, writes the figures as JSON and pictures, and fails if counts
// that a seed determines differ between runs.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { Bench, type Place } from './bench.ts'
import { comparison } from './compare.ts'
import type { Job } from './job.ts'
import { jobs } from './jobs.ts'
import { describeMachine, machine } from './machine.ts'
import { type Options, readOptions, UsageError, usage } from './options.ts'
import { pictures } from './pictures.ts'
import { repository } from './repository.ts'
import type { Figures, Row } from './samples.ts'
import { figureTable, table } from './table.ts'
import { inTemporaryFolder } from './workplace.ts'

const million = 1_000_000
/**
 * At this size jobs run on all shapes, at others on their first: mostly a mesh, the shape of two
 * cooperating hubs.
 */
const allShapesAt = 10_000

async function main(words: readonly string[]): Promise<void> {
  const options = readOptions(words, jobs)
  const before = options.compare === undefined ? undefined : await readFigures(options.compare)
  const on = machine(repository)
  console.log(`${describeMachine(on)}\n`)
  const started = performance.now()
  const rows: Row[] = []
  try {
    await inTemporaryFolder('replica-bench-', folder => measure(options, folder, rows))
  } finally {
    // Includes the rows that were measured before a failure.
    if (rows.length > 0) console.log(`${table(rows)}\n`)
    if (rows.some(row => row.figures !== undefined)) console.log(`${figureTable(rows)}\n`)
  }
  if (before !== undefined) {
    console.log(`against ${describeMachine(before.machine)}\n\n${comparison(rows, before.rows)}\n`)
  }
  const files = await keep({ machine: on, rows }, options.json)
  console.log(`${Math.round((performance.now() - started) / 1000)} s; written: ${files.join(', ')}`)
}

async function measure(options: Options, folder: string, rows: Row[]): Promise<void> {
  const { cpuProfiles, runs, quick } = options
  const execArgv = cpuProfiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfiles}`]
  const say = (text: string): void => void process.stderr.write(`${text}\n`)
  const bench = new Bench({ folder, runs, quick, execArgv, say })
  for (const job of options.jobs) {
    for (const place of placesOf(job, options)) {
      for await (const row of job.rows(bench, place)) rows.push(row)
    }
  }
}

function placesOf(job: Job, options: Options): Place[] {
  const isSized = job.sizes.some(size => size > 0)
  const asked = isSized ? options.sizes : undefined
  const sizes = asked ?? job.sizes.filter(size => size < million || options.million)
  return sizes.flatMap(size => {
    const own = size === allShapesAt ? job.shapes : job.shapes.slice(0, 1)
    const shapes = job.shapes.length > 1 ? options.shapes : undefined
    return (shapes ?? own).map(shape => ({ shape, size }))
  })
}

async function readFigures(file: string): Promise<Figures> {
  return JSON.parse(await fs.readFile(file, 'utf8')) as Figures
}

async function keep(figures: Figures, json: string | undefined): Promise<string[]> {
  const file = json ?? path.join(repository, 'bench', 'results', 'latest.json')
  await fs.mkdir(path.dirname(file), { recursive: true })
  const stem = path.join(path.dirname(file), path.basename(file, path.extname(file)))
  const contents = [
    { file, text: `${JSON.stringify(figures, null, 2)}\n` },
    ...pictures(figures.rows).map(({ name, svg }) => ({ file: `${stem}-${name}.svg`, text: svg })),
  ]
  for (const one of contents) await fs.writeFile(one.file, one.text)
  return contents.map(one => path.relative(process.cwd(), one.file))
}

try {
  await main(process.argv.slice(2))
} catch (error) {
  const text =
    error instanceof UsageError ? `${error.message}\n\n${usage}` : error instanceof Error ? error.stack : error
  process.stderr.write(`${text}\n`)
  process.exitCode = 1
}
