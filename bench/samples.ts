// From runs to rows. What a seed decides for ever (nodes, bytes, frames, round trips) is compared between the runs of a row
// and must not differ; times and memory are only reported.

import type { Shape } from './data.ts'
import type { Machine } from './machine.ts'

export type Counts = { readonly [name: string]: number }

/** One run. */
export interface Sample {
  readonly ms: number
  /** Time on a processor, all threads, of the process that was timed; and of the hub, from before the run until after it. */
  readonly cpuMs: number
  readonly hubCpuMs?: number
  /** Events that the time was spent on. */
  readonly events: number
  /** The same in every run. */
  readonly counts: Counts
  readonly rssBytes: number
  readonly hubRssBytes?: number
  /** The store after it was closed. */
  readonly diskBytes?: number
  /** What else was found, by a name that ends with its unit; differs from run to run. */
  readonly figures?: { readonly [name: string]: number }
}

export interface Label {
  readonly job: string
  /** Which variant of the job. */
  readonly what: string
  readonly shape: Shape
  /** Nodes that the log had. */
  readonly size: number
}

/** Over the runs. */
export interface Range {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Row extends Label {
  readonly events: number
  readonly runs: number
  readonly ms: Range
  /** Medians. */
  readonly cpuMs: number
  readonly hubCpuMs: number | null
  readonly counts: Counts
  /** The most of all runs. */
  readonly rssBytes: number
  readonly hubRssBytes: number | null
  readonly diskBytesPerEvent: number | null
  /** Absent where a job has no figures of its own. */
  readonly figures?: { readonly [name: string]: Range }
}

/** What a run of the program found. */
export interface Figures {
  readonly machine: Machine
  readonly rows: readonly Row[]
}

/** @throws Error when the runs disagree on what must be equal */
export function rowOf(label: Label, samples: readonly Sample[]): Row {
  const [first] = samples
  if (first === undefined) throw new TypeError('a row needs at least one run')
  for (const sample of samples) {
    const difference = differences(first.counts, sample.counts)
    if (difference.length > 0) {
      throw new Error(`${nameOf(label)}: runs of one seed differ in ${difference.join(', ')}`)
    }
  }
  const hubs = samples.flatMap(sample => sample.hubRssBytes ?? [])
  const hubCpu = samples.flatMap(sample => sample.hubCpuMs ?? [])
  const disks = samples.flatMap(sample => sample.diskBytes ?? [])
  return {
    ...label,
    events: first.events,
    runs: samples.length,
    ms: range(samples.map(sample => sample.ms)),
    cpuMs: median(samples.map(sample => sample.cpuMs)),
    hubCpuMs: hubCpu.length === 0 ? null : median(hubCpu),
    counts: first.counts,
    rssBytes: Math.max(...samples.map(sample => sample.rssBytes)),
    hubRssBytes: hubs.length === 0 ? null : Math.max(...hubs),
    diskBytesPerEvent: disks.length === 0 ? null : Math.round(median(disks) / label.size),
    ...figuresOf(samples),
  }
}

function figuresOf(samples: readonly Sample[]): Pick<Row, 'figures'> {
  const names = Object.keys(samples[0]!.figures ?? {})
  if (names.length === 0) return {}
  const ranges = names.map(name => [name, range(samples.map(({ figures }) => figures![name]!))])
  return { figures: Object.fromEntries(ranges) as { [name: string]: Range } }
}

function range(values: readonly number[]): Range {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}

/** `name a ≠ b` for each count that differs. */
export function differences(a: Counts, b: Counts): string[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])]
  return names.filter(name => a[name] !== b[name]).map(name => `${name} ${a[name]} ≠ ${b[name]}`)
}

export function nameOf({ job, what, shape, size }: Label): string {
  return [job, what, shape, size].filter(part => part !== '').join(' ')
}

/** Of an even number of values the lower of the two in the middle: always a value that was seen. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1]!
}
