// The clients of the cluster: writers that push what they appended, and subscribers that follow the stream of events
// of one hub and resume where they were.

import { Key, Replica } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { HubProcess } from './cluster-hub.ts'

/** A laptop with a key of its own. */
export class Writer {
  readonly #replica: Replica
  readonly #frontier: string
  readonly #hubKey: string
  /** Ids of events that a hub has acknowledged. */
  readonly acknowledged = new Set<string>()
  /** Pushes that succeeded, and those that failed. */
  pushes = 0
  failed = 0

  static async open(options: { frontier: string; hubKey: string; folder?: string }): Promise<Writer> {
    const { folder } = options
    const where = folder === undefined ? { location: new MemoryStore() } : { location: folder, create: true }
    const replica = await Replica.open({ ...where, key: Key.generate() })
    await replica.track(options.frontier)
    return new Writer(replica, options)
  }

  private constructor(replica: Replica, { frontier, hubKey }: { frontier: string; hubKey: string }) {
    this.#replica = replica
    this.#frontier = frontier
    this.#hubKey = hubKey
  }

  get publicKey(): string {
    return this.#replica.key.publicKey
  }

  /** Registers the cluster and the other writers. */
  async meet(url: string, writers: readonly Writer[]): Promise<void> {
    const peers = this.#replica.registry(this.#frontier)
    await peers.add({ id: 'hub:cluster', url, publicKey: this.#hubKey })
    for (const [at, { publicKey }] of writers.entries()) {
      if (publicKey === this.publicKey) continue
      await peers.add({ id: `hub:writer-${at}`, url: 'wss://writer.example', publicKey })
    }
  }

  /** Appends and pushes to one hub after another until the signal fires. */
  async run(urlOf: () => string, signal: AbortSignal): Promise<void> {
    const own: string[] = []
    for (let n = 0; !signal.aborted; n++) {
      const { event } = await this.#replica.append(this.#frontier, {
        kind: 'finding.noted',
        target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
        actor: { id: 'reviewer:one' },
        reason: `${this.publicKey.slice(0, 8)} ${n}`,
        payload: { text: 'x'.repeat(300) },
      })
      own.push(event)
      if (n % 5 !== 4) continue
      const count = own.length
      try {
        await this.#at(urlOf())
        const options = { signal: AbortSignal.timeout(30_000) }
        const { refusedCount, heldCount } = await this.#replica.push(this.#frontier, 'hub:cluster', options)
        if (refusedCount + heldCount > 0) throw new Error('a node was refused or held')
        for (const id of own.splice(0, count)) this.acknowledged.add(id)
        this.pushes += 1
      } catch {
        this.failed += 1
        await new Promise(resolve => setTimeout(resolve, 100)) // timer: a hub that is down answers at once
      }
    }
  }

  /** Pushes what is left. */
  async push(url: string): Promise<void> {
    await this.#at(url)
    await this.#replica.push(this.#frontier, 'hub:cluster')
  }

  /** Returns whether the heads are equal after a pull. */
  async pull(url: string): Promise<boolean> {
    await this.#at(url)
    return (await this.#replica.pull(this.#frontier, 'hub:cluster')).equal
  }

  async close(): Promise<void> {
    await this.#replica.close()
  }

  async #at(url: string): Promise<void> {
    await this.#replica.registry(this.#frontier).set('hub:cluster', { url })
  }
}

/** A reader of one hub's stream of events. */
export class Subscriber {
  readonly #frontier: string
  readonly #hub: HubProcess
  readonly received: string[] = []
  readonly failures: string[] = []
  #isOver = false

  constructor(frontier: string, hub: HubProcess) {
    this.#frontier = frontier
    this.#hub = hub
  }

  /** Follows the stream, and connects again after each failure. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#isOver) {
      try {
        await this.#follow(AbortSignal.any([signal, AbortSignal.timeout(20_000)]))
      } catch {
        await new Promise(resolve => setTimeout(resolve, 100)) // timer: a hub that is down answers at once
      }
    }
  }

  /** Reads until it has as many events as the log. */
  async catchUp(events: number): Promise<void> {
    const end = AbortSignal.timeout(20_000)
    while (this.received.length < events && !end.aborted) {
      const full = new AbortController()
      // timer: looks whether the reader has everything
      const watch = setInterval(() => {
        if (this.received.length >= events) full.abort()
      }, 50)
      await this.#follow(AbortSignal.any([end, full.signal])).catch(() => {})
      clearInterval(watch)
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const last = this.received.at(-1)
    const headers = last === undefined ? {} : { 'last-event-id': last }
    const url = `${this.#hub.base}/entries/${this.#frontier}/events/stream`
    const response = await fetch(url, { headers, signal })
    if (response.status === 400) this.failures.push(`a hub does not know the event ${last} that another one sent`)
    if (!response.ok || response.body === null) throw new Error(`status ${response.status}`)
    let text = ''
    for await (const chunk of response.body) {
      const items = (text + Buffer.from(chunk).toString('latin1')).split('\n\n')
      text = items.pop()!
      for (const item of items) {
        const id = /^event: event\nid: (.+)$/m.exec(item)?.[1]
        if (id !== undefined) this.received.push(id)
      }
    }
  }
}
