// The processes of a live measurement: hubs that write and follow, and hundreds of subscribers.

import * as path from 'node:path'
import type { Bench } from '../bench.ts'
import type { Child } from '../child.ts'
import type { Spread } from './stamp.ts'
import type { Target } from './subscriber.ts'

/** Measurements of a hub since `startMeasuring`. */
export interface HubFigures {
  readonly nodes: number
  /** Ages of the events that became durable there. */
  readonly ages: Spread
  /** 99th percentile of the event loop delay. */
  readonly loopMs: number
  readonly wallMs: number
  readonly cpuMs: number
  readonly rssBytes: number
}

const LOOK_MS = 5

export class LiveHub {
  readonly id: string
  readonly target: Target
  readonly #child: Child

  private constructor(child: Child, { id, url, key }: { id: string; url: string; key: string }) {
    this.#child = child
    this.id = id
    this.target = { url, key }
  }

  static async start(bench: Bench, folder: string, name: string): Promise<LiveHub> {
    const child = bench.start('./live/hub-process.js')
    return new LiveHub(child, await child.ask('listen', { folder: path.join(folder, name), hubId: `hub:${name}` }))
  }

  async register(other: LiveHub): Promise<void> {
    await this.#child.ask('register', { id: other.id, ...other.target })
  }

  /** Follows another hub, which must be registered. */
  async follow(other: LiveHub): Promise<void> {
    await this.#child.ask('follow', { id: other.id })
  }

  /** Writes one event at a time, at this rate. */
  append(load: { rate: number; seconds: number }): Promise<{ written: number; lateMs: number }> {
    return this.#child.ask('append', load)
  }

  /** Writes in batches, at this rate. */
  import(load: { rate: number; seconds: number }): Promise<{ written: number; ms: number }> {
    return this.#child.ask('import', load)
  }

  async startMeasuring(): Promise<void> {
    await this.#child.ask('startMeasuring')
  }

  measure(): Promise<HubFigures> {
    return this.#child.ask('measure')
  }

  /** Waits until the log has this many nodes; returns the time it took. @throws Error on timeout */
  async until(nodes: number, msMax: number): Promise<number> {
    const started = performance.now()
    for (;;) {
      const figures = await this.measure()
      if (figures.nodes >= nodes) return performance.now() - started
      if (performance.now() - started > msMax) throw new Error(`${this.id} has ${figures.nodes} of ${nodes} nodes`)
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
  }

  async listenAgain(): Promise<void> {
    await this.#child.ask('listenAgain')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]()
  }
}

export interface Delivered {
  readonly outOfOrder: number
  readonly ages: Spread
}

/** Subscribers in two processes. */
export class Crowd {
  readonly #children: readonly Child[]

  private constructor(children: readonly Child[]) {
    this.#children = children
  }

  static start(bench: Bench): Crowd {
    return new Crowd([0, 1].map(() => bench.start('./live/subscribers-process.js')))
  }

  /**
   * Starts subscribers, `abreast` dialling concurrently in each process; returns when all have
   * caught up.
   */
  async subscribe(count: number, options: { target: Target; abreast: number; msMax: number }): Promise<void> {
    const half = count / this.#children.length
    await this.#each(child => child.ask('subscribe', { count: half, ...options }))
  }

  async startMeasuring(): Promise<void> {
    await this.#each(child => child.ask('startMeasuring'))
  }

  /** Waits until each has this many nodes. Returns the worse figures of the two processes. */
  async measure(nodes: number, msMax: number): Promise<Delivered> {
    const both = await this.#each(child => child.ask<Delivered>('measure', { nodes, msMax }))
    const worst = (of: (one: Spread) => number): number => Math.max(...both.map(({ ages }) => of(ages)))
    return {
      outOfOrder: both.reduce((sum, one) => sum + one.outOfOrder, 0),
      ages: {
        count: both.reduce((sum, { ages }) => sum + ages.count, 0),
        p50: worst(one => one.p50),
        p95: worst(one => one.p95),
        p99: worst(one => one.p99),
        most: worst(one => one.most),
      },
    }
  }

  /**
   * Waits until each has caught up this often; returns the time, and the failed dials and sessions
   * so far.
   */
  async caughtUp(times: number, msMax: number): Promise<{ ms: number; failures: number }> {
    const both = await this.#each(child => child.ask<{ ms: number; failures: number }>('caughtUp', { times, msMax }))
    return {
      ms: Math.max(...both.map(one => one.ms)),
      failures: both.reduce((sum, one) => sum + one.failures, 0),
    }
  }

  #each<T>(ask: (child: Child) => Promise<T>): Promise<T[]> {
    return Promise.all(this.#children.map(ask))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#each(child => child[Symbol.asyncDispose]())
  }
}
