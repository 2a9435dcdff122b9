// From runs to rows. What is the same for ever for a seed (nodes, and bytes, frames and round trips where no timing has a say
// in them) is compared between the runs of a row and must not differ; times and memory are only reported.

import type { Shape } from './data.ts'

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
  readonly exact: Counts
  /** Counts on which the timing of two processes has an influence: where frames end follows from when acks come. */
  readonly varying?: Counts
  readonly rssBytes: number
  readonly hubRssBytes?: number
  /** The store after it was closed. */
  readonly diskBytes?: number
}

export interface Label {
  readonly job: string
  /** Which variant of the job. */
  readonly what: string
  readonly shape: Shape
  /** Nodes that the log had. */
  readonly size: number
}

export interface Row extends Label {
  readonly events: number
  readonly runs: number
  readonly ms: { readonly median: number; readonly least: number; readonly most: number }
  readonly exact: Counts
  /** Medians. */
  readonly cpuMs: number
  readonly hubCpuMs: number | null
  readonly varying: Counts
  /** The most of all runs. */
  readonly rssBytes: number
  readonly hubRssBytes: number | null
  readonly diskBytesPerEvent: number | null
}

/** @throws Error when the runs disagree on what must be equal */
export function rowOf(label: Label, samples: readonly Sample[]): Row {
  const [first] = samples
  if (first === undefined) throw new TypeError('a row needs at least one run')
  for (const sample of samples) {
    const difference = differences(first.exact, sample.exact)
    if (difference.length > 0) {
      throw new Error(`${nameOf(label)}: runs of one seed differ in ${difference.join(', ')}`)
    }
  }
  const times = samples.map(sample => sample.ms)
  const names = Object.keys(first.varying ?? {})
  const hubs = samples.flatMap(sample => sample.hubRssBytes ?? [])
  const hubCpu = samples.flatMap(sample => sample.hubCpuMs ?? [])
  const disks = samples.flatMap(sample => sample.diskBytes ?? [])
  return {
    ...label,
    events: first.events,
    runs: samples.length,
    ms: { median: median(times), least: Math.min(...times), most: Math.max(...times) },
    cpuMs: median(samples.map(sample => sample.cpuMs)),
    hubCpuMs: hubCpu.length === 0 ? null : median(hubCpu),
    exact: first.exact,
    varying: Object.fromEntries(names.map(name => [name, median(samples.map(sample => sample.varying![name]!))])),
    rssBytes: Math.max(...samples.map(sample => sample.rssBytes)),
    hubRssBytes: hubs.length === 0 ? null : Math.max(...hubs),
    diskBytesPerEvent: disks.length === 0 ? null : Math.round(median(disks) / label.size),
  }
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
