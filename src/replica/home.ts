// What an open replica is made of: store, key, journal, one verifier, and each frontier's log, registry and gate. There is
// exactly one gate for a frontier in a process; everything that admits goes through it.

import { compareIds } from '../dag/closure.ts'
import { ReplicaError } from '../errors.ts'
import { HEADS_ALARM } from '../limits.ts'
import type { Store, Wait } from '../store/store.ts'
import { Key } from '../trust/key.ts'
import { Registry } from '../trust/registry.ts'
import { Verifier } from '../trust/verifier.ts'
import { Frontier } from './frontier.ts'
import { Journal } from './journal.ts'
import { type Opened, type OpenOptions, type ReplicaEvent, replaceKey, writeFormer } from './open.ts'
import { checkName } from './read.ts'

export class Home {
  readonly location: string
  readonly hubId: string
  readonly store: Store
  readonly verifier = new Verifier()
  readonly frontiers = new Map<string, Frontier>()
  readonly journal: Journal
  readonly tell: (event: ReplicaEvent) => void
  /** Where others reach this replica; undefined unless it is a hub that listens. */
  address: string | undefined
  readonly #clock: () => Date
  #key: Key
  #former: readonly string[]
  #tracking: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  constructor(opened: Opened, options: OpenOptions) {
    this.location = opened.location
    this.hubId = opened.hubId
    this.store = opened.store
    this.#key = opened.key
    this.#former = opened.former
    this.#clock = options.clock ?? (() => new Date())
    this.tell = options.onEvent ?? (() => {})
    this.journal = new Journal(this.store.records, this.#clock)
  }

  get key(): Key {
    return this.#key
  }

  /** The time of what is made here, RFC 3339. */
  now(): string {
    return this.#clock().toISOString()
  }

  async load(): Promise<void> {
    for (const name of this.store.frontiers()) await this.track(name)
  }

  /** Starts to keep a frontier, or finds it kept already. Calls take turns, so that none makes a second gate. */
  track(name: string): Promise<Frontier> {
    checkName(name)
    const run = this.#tracking.then(async () => {
      const kept = this.frontiers.get(name)
      if (kept !== undefined) return kept
      const frontier = await this.#load(name)
      this.frontiers.set(name, frontier)
      return frontier
    })
    this.#tracking = run.catch(() => {})
    return run
  }

  async #load(name: string): Promise<Frontier> {
    const { held, records } = this.store
    const log = await this.store.track(name)
    const url = this.address === undefined ? {} : { url: this.address }
    const own = { id: this.hubId, key: this.#key, former: this.#former, ...url }
    const registry = await Registry.load(records, name, own)
    const frontier = new Frontier({ log, held, registry, verifier: this.verifier })
    // A key file put in place of another may own what was held until now.
    const ownNodes: Wait = { kind: 'key', id: this.#key.publicKeyBytes }
    if ((await held.waiting(name, ownNodes, 1)).length > 0) await frontier.gate.release(ownNodes)
    return frontier
  }

  /** @throws ReplicaError ERR_FRONTIER_ID, ERR_FRONTIER_UNKNOWN */
  at(name: string): Frontier {
    const frontier = this.frontiers.get(name)
    if (frontier !== undefined) return frontier
    checkName(name)
    throw new ReplicaError('ERR_FRONTIER_UNKNOWN', `${name} is not kept here`)
  }

  /** The named frontier, or the only one. @throws ReplicaError ERR_FRONTIER_UNKNOWN, ERR_USAGE when it isn't clear which */
  choose(name: string | undefined): string {
    if (name !== undefined) return this.at(name).log.name
    const names = [...this.frontiers.keys()].sort(compareIds)
    const [only] = names
    if (only === undefined) {
      throw new ReplicaError('ERR_USAGE', 'no frontier is kept here yet: create, import, clone or track one')
    }
    if (names.length > 1) {
      const facts = { frontiers: names }
      throw new ReplicaError('ERR_USAGE', 'several frontiers are kept here: name one', { facts })
    }
    return only
  }

  /** Many heads make every handshake long: an operator should merge them. */
  checkHeads(name: string): void {
    const { headCount } = this.at(name).log
    if (headCount < HEADS_ALARM) return
    const message = `${name} has ${headCount} heads: merge them`
    this.tell({ kind: 'alarm', message, facts: { frontier: name, heads: headCount } })
  }

  /** A new key in place of the present one, which stays registered as one's own. Durable at each step. */
  async renewKey(): Promise<{ key: Key; former: Key }> {
    if (this.location === '') throw new TypeError('a replica on a given engine has no key file')
    const former = this.#key
    const key = Key.generate()
    const formerKeys = [...this.#former, former.publicKey]
    await writeFormer(this.store.records, formerKeys)
    await replaceKey(this.location, former, key)
    this.#former = formerKeys
    this.#key = key
    for (const { registry } of this.frontiers.values()) registry.renewOwn(key)
    return { key, former }
  }

  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.allSettled([...this.frontiers.values()].map(frontier => frontier.exclusive(async () => {})))
      await this.verifier.close()
      await this.store.close()
    })()
    return this.#closing
  }
}
