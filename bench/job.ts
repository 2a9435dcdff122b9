// What a job is: rows of the table for a log of a shape and size, and the tasks that its processes run.

import type { Bench, Place } from './bench.ts'
import type { Tasks } from './child.ts'
import type { Shape } from './data.ts'
import type { Row } from './samples.ts'

export interface Job {
  readonly name: string
  /** Sizes when none are asked for; those of a million only with `--million`. 0 alone: the job has its own, whatever is asked. */
  readonly sizes: readonly number[]
  /** Shapes that make a difference; all of them are measured at one size, when none are asked for, else the first. */
  readonly shapes: readonly Shape[]
  rows(bench: Bench, place: Place): AsyncGenerator<Row>
  readonly tasks: Tasks
}

/** What a task found of itself; its process adds its memory. */
export interface Timed {
  readonly ms: number
  /** Time of all its threads on a processor. */
  readonly cpuMs: number
}

export async function timed<T>(task: () => Promise<T>): Promise<Timed & { result: T }> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  const result = await task()
  const { user, system } = process.cpuUsage(cpu)
  return { result, ms: performance.now() - started, cpuMs: (user + system) / 1000 }
}
