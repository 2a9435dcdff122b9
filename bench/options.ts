// Command line of the benchmark.

import * as os from 'node:os'
import * as path from 'node:path'
import { parseArgs } from 'node:util'
import { type Shape, shapes } from './data.ts'
import type { Job } from './job.ts'

export interface Options {
  readonly jobs: readonly Job[]
  /** Undefined: the defaults of each job. */
  readonly sizes: readonly number[] | undefined
  readonly shapes: readonly Shape[] | undefined
  readonly million: boolean
  readonly runs: number
  readonly quick: boolean
  readonly json: string | undefined
  readonly compare: string | undefined
  readonly cpuProfiles: string | undefined
}

export const usage = `npm run bench [-- [job …] [option …]]

  --size 1k,10k,100k         sizes of the logs; without it each job has its own
  --shape chain,mesh,wide,heads
  --million                  a million nodes too, where the job has a row for it: takes a while, and 6 GB in ${os.tmpdir()}
  --runs <n>                 runs of each row, 3 when not given
  --quick                    live: one short run of each row
  --json <file>              where the figures go; pictures are put beside it
  --compare <file>           the figures of an earlier run, to set these against
  --cpu-profiles <folder>    profiles of every process, for Chrome's developer tools`

/** A usage error, with a message for the user. */
export class UsageError extends Error {}

/** Parses the arguments. @throws UsageError */
export function readOptions(words: readonly string[], all: readonly Job[]): Options {
  const { values, positionals } = parseWords([...words])
  const resolved = (file: string | undefined): string | undefined => (file === undefined ? file : path.resolve(file))
  const runs = Number(values.runs)
  if (!Number.isInteger(runs) || runs < 1)
    throw new UsageError(`--runs is a whole number from 1 on, not ${values.runs}`)
  const names = positionals.map(name => {
    const job = all.find(one => one.name === name)
    if (job === undefined) throw new UsageError(`there is no job ${name}: ${all.map(one => one.name).join(', ')}`)
    return job
  })
  return {
    jobs: names.length === 0 ? all : names,
    sizes: values.size?.split(',').map(readSize),
    shapes: values.shape?.split(',').map(readShape),
    million: values.million,
    runs,
    quick: values.quick,
    json: resolved(values.json),
    compare: resolved(values.compare),
    cpuProfiles: resolved(values['cpu-profiles']),
  }
}

function parseWords(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        size: { type: 'string' },
        shape: { type: 'string' },
        million: { type: 'boolean', default: false },
        runs: { type: 'string', default: '3' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        compare: { type: 'string' },
        'cpu-profiles': { type: 'string' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** `250`, `10k`, `1M`. */
function readSize(text: string): number {
  const parts = /^([1-9][0-9]*)([kM]?)$/.exec(text)
  if (parts === null) throw new UsageError(`a size is a number like 1k or 1M, not ${text}`)
  return Number(parts[1]) * { '': 1, k: 1_000, M: 1_000_000 }[parts[2] as '' | 'k' | 'M']
}

function readShape(text: string): Shape {
  const shape = shapes.find(name => name === text)
  if (shape === undefined) throw new UsageError(`there is no shape ${text}: ${shapes.join(', ')}`)
  return shape
}
