// Two or three replicas that make nodes, meet each other over links that lose, repeat, delay and cut, several at a time, and
// then meet over good ones: after that each has exactly what its registry lets in, and holds the rest. All by one seed.

import { type Digest, digestKey, keyDigest, toHex } from '../../src/base/bytes.ts'
import type { Key } from '../../src/crypto/key.ts'
import { decodeNode } from '../../src/node/node.ts'
import type { Mode } from '../../src/sync/message.ts'
import { circle, FRONTIER, keyOf, type Local, logOf, type Made, node, plant } from './local.ts'
import { type Met, meet, wantsNothingTwice } from './meeting.ts'
import { Random } from './random.ts'
import { type Faults, Scheduler } from './scheduler.ts'

export interface Options {
  readonly replicas?: number
  /** Nodes that one growth adds at most. */
  readonly growth?: number
  /** Heads added at once somewhere, for the shape that is all heads. */
  readonly wide?: number
}

/** What happened, for whoever wants to see that something did. */
export interface Outcome {
  readonly nodes: number
  readonly heads: number
  readonly held: number
  readonly failed: number
  readonly sessions: number
  readonly cleanSessions: number
}

interface Member {
  readonly local: Local
  /** Keys whose nodes it admits, in hex. */
  readonly keys: Set<string>
  /** Nodes that it made or was given, newest last; parents of its next ones. */
  readonly known: Made[]
}

const MODES: readonly Mode[] = ['pull', 'push', 'both']

export async function simulate(seed: number, options: Options = {}): Promise<Outcome> {
  try {
    return await new Simulation(seed, options).run()
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}

class Simulation {
  readonly #random: Random
  readonly #scheduler: Scheduler
  readonly #options: Required<Options>
  readonly #members: Member[] = []
  readonly #stranger = keyOf('stranger')
  /** Every node ever made. */
  readonly #all: Made[] = []
  #failed = 0
  #sessions = 0
  #clean = 0

  constructor(seed: number, options: Options) {
    this.#random = new Random(seed)
    this.#scheduler = new Scheduler(this.#random)
    this.#options = { replicas: 2 + this.#random.below(2), growth: 12, wide: 0, ...options }
  }

  async run(): Promise<Outcome> {
    await this.#meetEachOther()
    for (let round = 2 + this.#random.below(4); round > 0; round -= 1) {
      for (const member of this.#members) if (this.#random.chance(0.7)) await this.#grow(member)
      await this.#stormyRound()
    }
    await this.#clearUp()
    await this.#check()
    await this.#letTheStrangerIn()
    const { local } = this.#members[0]!
    return {
      nodes: this.#all.length,
      heads: logOf(local).headCount,
      held: local.context.store.held.usage(FRONTIER).nodes,
      failed: this.#failed,
      sessions: this.#sessions,
      cleanSessions: this.#clean,
    }
  }

  /** Replicas that know each other; some know a stranger's key as well, who has no replica here. */
  async #meetEachOther(): Promise<void> {
    const names = ['one', 'two', 'three'].slice(0, this.#options.replicas)
    for (const local of await circle(...names)) {
      const keys = new Set(names.map(name => keyOf(name).publicKey))
      const member = { local, keys, known: [] }
      this.#members.push(member)
      if (this.#random.chance(0.4)) await this.#register(member)
    }
    if (this.#options.wide > 0) {
      const { local, known } = this.#members[0]!
      const root = this.#make(local.key, [])
      const wide = Array.from({ length: this.#options.wide }, () => this.#make(local.key, [root]))
      await plant(local, [root, ...wide])
      known.push(root, ...wide)
    }
    const common = this.#random.below(4) === 0 ? 0 : this.#random.below(40)
    const base: Made[] = []
    for (let i = 0; i < common; i += 1) {
      base.push(this.#make(this.#random.pick(this.#members).local.key, this.#parents(base)))
    }
    for (const [i, { local, known }] of this.#members.entries()) {
      const cut = i === 0 || this.#random.chance(0.5) ? base.length : this.#random.below(base.length + 1)
      await plant(local, base.slice(0, cut))
      known.push(...base.slice(0, cut))
    }
  }

  async #register(member: Member): Promise<void> {
    const { publicKey } = this.#stranger
    const peer = { id: 'hub:stranger', url: 'wss://stranger.example', publicKey, addedAt: '2026-01-01T00:00:00.000Z' }
    await member.local.context.frontier(FRONTIER).registry.add(peer)
    member.keys.add(publicKey)
  }

  /** New nodes at a replica: by itself, or by the stranger whom it knows; on its heads, on older nodes, on nothing. */
  async #grow(member: Member): Promise<void> {
    const { local, keys, known } = member
    const made: Made[] = []
    for (let left = this.#random.below(this.#options.growth + 1); left > 0; left -= 1) {
      const byStranger = keys.has(this.#stranger.publicKey) && this.#random.chance(0.3)
      const one = this.#make(byStranger ? this.#stranger : local.key, this.#parents(known))
      known.push(one)
      made.push(one)
    }
    await plant(local, made)
  }

  #parents(from: readonly Made[]): Made[] {
    if (from.length === 0 || this.#random.chance(0.05)) return []
    const newest = from.at(-1)!
    if (this.#random.chance(0.6)) return [newest]
    const chosen = new Map<string, Made>()
    for (let left = 1 + this.#random.below(3); left > 0; left -= 1) {
      const one = this.#random.pick(from)
      chosen.set(digestKey(one.digest), one)
    }
    return [...chosen.values()]
  }

  #make(key: Key, parents: readonly Made[]): Made {
    const made = node(key, `node ${this.#all.length}`, parents)
    this.#all.push(made)
    return made
  }

  /** A few sessions at once over bad links. */
  async #stormyRound(): Promise<void> {
    const count = 1 + this.#random.below(3)
    const sessions = Array.from({ length: count }, () => {
      const [client, hub] = this.#twoOf()
      const faults: Faults = this.#random.chance(0.3)
        ? { drop: 0, duplicate: 0, cut: 0 }
        : { drop: 0.03, duplicate: 0.03, cut: 0.05 }
      return this.#meet(client, hub, { mode: this.#random.pick(MODES), faults })
    })
    this.#sessions += count
    for (const { errors } of await this.#scheduler.run(sessions)) {
      if (errors.length > 0) this.#failed += 1
      const bad = errors.find(code => !/^ERR_SYNC_/.test(code))
      if (bad !== undefined) throw new TypeError(`a session over a bad link ended with ${bad}`)
    }
    for (const member of this.#members) this.#learn(member)
  }

  /** Nodes that came in count as known from now on: what is made next may be built on them. */
  #learn({ local, known }: Member): void {
    const had = new Set(known.map(({ digest }) => digestKey(digest)))
    const heads = new Set(logOf(local).heads().map(digestKey))
    known.push(...this.#all.filter(({ digest }) => heads.has(digestKey(digest)) && !had.has(digestKey(digest))))
  }

  #twoOf(): [Local, Local] {
    const client = this.#random.pick(this.#members)
    const hub = this.#random.pick(this.#members.filter(member => member !== client))
    return [client.local, hub.local]
  }

  #meet(client: Local, hub: Local, { mode, faults }: { mode: Mode; faults: Faults }): Promise<Met> {
    const scheduler = this.#scheduler
    return meet({
      client,
      hub,
      mode,
      fate: scheduler.fate(faults),
      setTimer: scheduler.alarms.set,
      wrap: services => scheduler.watch(services),
    })
  }

  /** Good links, one session at a time, each pulling from each: twice, because what the first round brings is news. */
  async #clearUp(): Promise<void> {
    for (let round = 0; round < 2; round += 1) {
      for (const { local: client } of this.#members) {
        for (const { local: hub } of this.#members) {
          if (client === hub) continue
          this.#clean += 1
          const { errors } = await meet({ client, hub, mode: 'pull', wrap: wantsNothingTwice })
          if (errors.length > 0) throw new TypeError(`a session over a good link ended with ${errors.join(' and ')}`)
        }
      }
    }
  }

  /** Each log has exactly the nodes whose makers, and those of all ancestors, are registered there; the rest is held. */
  async #check(): Promise<void> {
    for (const { local, keys } of this.#members) {
      const wanted = this.#admissible(keys)
      const stored = await storedAt(local)
      const missing = [...wanted].filter(id => !stored.has(id))
      const surplus = [...stored].filter(id => !wanted.has(id))
      if (missing.length + surplus.length > 0) {
        const [first] = [...missing, ...surplus].map(id => toHex(keyDigest(id)).slice(0, 8))
        throw new TypeError(
          `${local.name} lacks ${missing.length} and has ${surplus.length} too many, such as ${first}`,
        )
      }
      const held = local.context.store.held.usage(FRONTIER).nodes
      if (held !== this.#all.length - wanted.size) {
        throw new TypeError(`${local.name} holds ${held} nodes, not ${this.#all.length - wanted.size}`)
      }
    }
    for (const one of this.#members) {
      for (const other of this.#members) {
        const sameRules = [...one.keys].every(key => other.keys.has(key)) && one.keys.size === other.keys.size
        if (sameRules && digestOf(one.local) !== digestOf(other.local)) throw new TypeError('equal rules, other heads')
      }
    }
  }

  /** Once the key is registered everywhere, all heads are equal without another session. */
  async #letTheStrangerIn(): Promise<void> {
    for (const member of this.#members) {
      await this.#register(member)
      await member.local.context.frontier(FRONTIER).gate.release({ kind: 'key', id: this.#stranger.publicKeyBytes })
    }
    await this.#check()
  }

  #admissible(keys: ReadonlySet<string>): Set<string> {
    const admissible = new Set<string>()
    for (const { bytes, digest } of this.#all) {
      const { key, parents } = decodeNode(bytes)
      if (keys.has(toHex(key)) && parents.every(parent => admissible.has(digestKey(parent)))) {
        admissible.add(digestKey(digest))
      }
    }
    return admissible
  }
}

async function storedAt(local: Local): Promise<Set<string>> {
  const stored = new Set<string>()
  for await (const rows of logOf(local).scan({ from: 0 })) {
    for (const { seq, digest, parents } of rows) {
      if (parents.some(parent => parent >= seq)) throw new TypeError(`a child before its parent at ${local.name}`)
      stored.add(digestKey(digest))
    }
  }
  return stored
}

function digestOf(local: Local): string {
  return toHex(logOf(local).headsDigest() as Digest)
}
