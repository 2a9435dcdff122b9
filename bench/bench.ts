// Tools for the jobs: stores that are made once and copied, processes to measure in, and the loop
// over the runs of a row.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { Child } from './child.ts'
import type { Shape } from './data.ts'
import { type Label, type Row, rowOf, type Sample } from './samples.ts'

/** Shape and size of a log. */
export interface Place {
  readonly shape: Shape
  readonly size: number
}

export interface BenchOptions {
  /** A folder for all files of the run; the caller removes it. */
  readonly folder: string
  /** Runs of each row; fewer for long runs. */
  readonly runs: number
  /** One short run for jobs with a fixed duration. */
  readonly quick: boolean
  readonly say: (text: string) => void
  /** Options for Node in the measured processes, such as `--cpu-prof`. */
  readonly execArgv: readonly string[]
}

/** The result of a task, and the peak memory of its process in bytes. */
export type Measured<T> = T & { readonly rssBytes: number }

const warmUpMax = 10_000
const runsMany = 1_000_000

export class Bench {
  readonly #options: BenchOptions
  readonly #stores = new Map<string, Promise<string>>()
  #scratch = 0
  #port = 0

  constructor(options: BenchOptions) {
    this.#options = options
  }

  get runs(): number {
    return this.#options.runs
  }

  get quick(): boolean {
    return this.#options.quick
  }

  say(text: string): void {
    this.#options.say(text)
  }

  /** A process that runs `program`, a compiled file beside this one. */
  start(program: string): Child {
    return new Child(program, this.#options.execArgv)
  }

  /** Runs a task in a new process. */
  async run<T>(task: string, args: object): Promise<Measured<T>> {
    await using child = new Child('./task-process.js', this.#options.execArgv)
    return await child.ask<Measured<T>>(task, args)
  }

  /** One at a time: all use one port, because a clone stores its hub's address. */
  async hub(folder: string, options: { writer?: string } = {}): Promise<HubProcess> {
    const child = new Child('./hub-process.js', this.#options.execArgv)
    const port = this.#port
    const { url, key } = await child.ask<{ url: string; key: string }>('listen', { folder, port, ...options })
    this.#port = Number(new URL(url).port)
    return new HubProcess(child, url, key)
  }

  /** A replica folder with this log. It must not change: copy it or only read it. */
  store(place: Place): Promise<string> {
    return this.#make('store', place, folder => this.run('makeStore', { folder, ...counted(place) }))
  }

  /** A store for look-ups only: its nodes have no valid signatures. */
  plainStore(place: Place): Promise<string> {
    return this.#make('plain', place, folder => this.run('makePlainStore', { folder, ...counted(place) }))
  }

  /** A clone of `store(place)`, made as the CLI makes one. It must not change. */
  clonedStore(place: Place): Promise<string> {
    return this.#make('clone', place, async folder => {
      await using hub = await this.hub(await this.store(place))
      await this.run('clone', { folder, url: hub.url, key: hub.key })
    })
  }

  /** A file with this many events, one per line. */
  eventsFile(count: number): Promise<string> {
    return this.#make('events', { shape: 'chain', size: count }, file => this.run('writeEvents', { file, count }))
  }

  #make(kind: string, place: Place, make: (folder: string) => Promise<unknown>): Promise<string> {
    const name = `${kind}-${place.shape}-${place.size}`
    const known = this.#stores.get(name)
    if (known !== undefined) return known
    const folder = path.join(this.#options.folder, name)
    const made = (async () => {
      this.#options.say(`making ${name}`)
      await make(folder)
      return folder
    })()
    this.#stores.set(name, made)
    return made
  }

  /** An unused path, which is removed with its contents after `use`. */
  async scratch<T>(use: (folder: string) => Promise<T>): Promise<T> {
    const folder = path.join(this.#options.folder, `scratch-${this.#scratch++}`)
    try {
      return await use(folder)
    } finally {
      await fs.rm(folder, { recursive: true, force: true })
    }
  }

  /** A copy of a store folder, which exists while `use` runs. */
  copy<T>(of: string, use: (folder: string) => Promise<T>): Promise<T> {
    return this.scratch(async folder => {
      await fs.cp(of, folder, { recursive: true })
      return use(folder)
    })
  }

  /** The runs of a row, after a warm-up run that loads files into the page cache. */
  async row(label: Label, run: () => Promise<Sample>): Promise<Row> {
    const name = [label.job, label.what, label.shape, label.size.toLocaleString('en')].join(' ')
    const runs = label.size >= runsMany ? 1 : this.#options.runs
    const samples: Sample[] = []
    if (label.size <= warmUpMax) await run()
    for (let index = 0; index < runs; index++) {
      this.#options.say(`${name}: run ${index + 1} of ${runs}`)
      samples.push(await run())
    }
    return rowOf(label, samples)
  }
}

interface HubCost {
  readonly hubRssBytes: number
  readonly hubCpuMs: number
}

export class HubProcess {
  readonly url: string
  readonly key: string
  readonly #child: Child

  constructor(child: Child, url: string, key: string) {
    this.#child = child
    this.url = url
    this.key = key
  }

  /** CPU time and memory of the hub since the call of `use`. */
  async measured<T>(use: () => Promise<T>): Promise<T & HubCost> {
    await this.#child.ask('startMeasuring')
    const result = await use()
    return { ...result, ...(await this.#child.ask<HubCost>('measure')) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]()
  }
}

function counted({ shape, size }: Place): { shape: Shape; count: number } {
  return { shape, count: size }
}
