// Rows from runs. Counts that a seed determines (nodes, bytes, frames, round trips) must be equal
// in all runs of a row; times and memory are only reported.

import type { Shape } from './data.ts'
import type { Machine } from './machine.ts'

export type Counts = { readonly [name: string]: number }

/** One run. */
export interface Sample {
  readonly ms: number
  /**
   * CPU time of all threads of the timed process; and of the hub, from before the run until after
   * it.
   */
  readonly cpuMs: number
  readonly hubCpuMs?: number
  /** Number of processed events. */
  readonly events: number
  /** Equal in every run. */
  readonly counts: Counts
  readonly rssBytes: number
  readonly hubRssBytes?: number
  /** Size of the closed store. */
  readonly diskBytes?: number
  /** Further figures, by a name that ends with its unit; they differ between runs. */
  readonly figures?: { readonly [name: string]: number }
}

export interface Label {
  readonly job: string
  /** Variant of the job. */
  readonly what: string
  readonly shape: Shape
  /** Nodes of the log. */
  readonly size: number
}

/** Median and spread over the runs. */
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
  /** Maximum over the runs. */
  readonly rssBytes: number
  readonly hubRssBytes: number | null
  readonly diskBytesPerEvent: number | null
  /** Absent if the job has no further figures. */
  readonly figures?: { readonly [name: string]: Range }
}

/** The results of one run of the program. */
export interface Figures {
  readonly machine: Machine
  readonly rows: readonly Row[]
}

/** Returns the row of some runs. @throws Error if a count that must be equal differs */
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

/**
 * The lower of the two middle values of an even number, so the median is always a measured value.
 */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[(sorted.length - 1) >> 1]!
}
