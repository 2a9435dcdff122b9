// Type of a job: rows of the table for a log of a shape and size, and the tasks of its processes.

import type { Bench, Place } from './bench.ts'
import type { Tasks } from './child.ts'
import type { Shape } from './data.ts'
import type { Row } from './samples.ts'

export interface Job {
  readonly name: string
  /**
   * Default sizes; those of a million only with `--million`. A single 0: the job ignores the
   * requested size.
   */
  readonly sizes: readonly number[]
  /** Relevant shapes. By default all are measured at one size, and only the first at the others. */
  readonly shapes: readonly Shape[]
  rows(bench: Bench, place: Place): AsyncGenerator<Row>
  readonly tasks: Tasks
}

/** The measurements of a task; its process adds the memory. */
export interface Timed {
  readonly ms: number
  /** CPU time of all its threads. */
  readonly cpuMs: number
}

export async function timed<T>(task: () => Promise<T>): Promise<Timed & { result: T }> {
  const started = performance.now()
  const cpu = process.cpuUsage()
  const result = await task()
  const { user, system } = process.cpuUsage(cpu)
  return { result, ms: performance.now() - started, cpuMs: (user + system) / 1000 }
}
