// The texts of a mesh: one hub keeps none, one keeps a part, the others keep all. Texts are erased
// by signed nodes and here only, fetched and dropped while links break and processes die.
// At the end the state of each text follows from the log, the policies and the acknowledged calls.

import { ERASURE_KIND } from '../../src/admission/erasure-event.ts'
import { digestKey, toHex } from '../../src/base/bytes.ts'
import { Mutex } from '../../src/base/mutex.ts'
import { cidText } from '../../src/cbor/cid.ts'
import { decodeNode } from '../../src/node/node.ts'
import { FrontierProjection } from '../../src/projection/frontier-projection.ts'
import { eraseText } from '../../src/replica/erase.ts'
import type { ReplicaContext } from '../../src/replica/replica-context.ts'
import { Texts } from '../../src/replica/sync/texts.ts'
import type { NodeRow, TextState } from '../../src/store/store.ts'
import { FRONTIER } from './local.ts'
import type { MeshHub, Revision } from './mesh-hub.ts'
import type { Net } from './mesh-net.ts'
import type { World } from './mesh-world.ts'
import type { Random } from './random.ts'

/** Texts that a call drops or fetches at most. */
const NAMED_MAX = 4
/** The subjects of the events. */
export const FINDINGS = ['vf_1', 'vf_2']

/** Which texts a hub keeps. */
export interface KeptPart {
  readonly name: string
  /** Sets the policy, before the first node arrives. */
  readonly setUp: (texts: Texts) => Promise<void>
  /** Whether the text of another key's event about this finding is here at the end, unless a call changed it. */
  readonly keeps: (finding: string | undefined) => boolean
}

export const FULL: KeptPart = { name: 'full', setUp: async () => {}, keeps: () => true }
export const FILTERED: KeptPart = {
  name: 'filtered',
  setUp: texts => texts.keep({ targets: [FINDINGS[0]!] }),
  keeps: finding => finding === FINDINGS[0],
}
export const SKELETON: KeptPart = { name: 'skeleton', setUp: texts => texts.keep('none'), keeps: () => false }

/** What happened to texts in a run. */
export interface MeshTally {
  erasures: number
  ownerErasures: number
  deletions: number
  fetched: number
  dropped: number
}

export interface MeshTextsParts {
  readonly world: World
  readonly net: Net
  /** Apart from that of the world, so that a run with texts has the faults of the one without. */
  readonly random: Random
  readonly honest: readonly MeshHub[]
  readonly odd: readonly MeshHub[]
}

/** One hub and what its texts depend on. */
export interface Keeper {
  readonly hub: MeshHub
  readonly part: KeptPart
  /** Events deleted here only, as digest keys. */
  readonly deleted: Set<string>
  /** Nodes that a call fetched (true) or dropped (false), as digest keys. */
  readonly chosen: Map<string, boolean>
}

export class MeshTexts {
  readonly keepers: readonly Keeper[]
  /** The hub that made the first node, which owns the frontier. */
  readonly founder: MeshHub
  /** Texts that acknowledged calls erased, by the digest key of their event. */
  readonly secrets = new Map<string, Uint8Array>()
  readonly tally: MeshTally = { erasures: 0, ownerErasures: 0, deletions: 0, fetched: 0, dropped: 0 }
  readonly #parts: MeshTextsParts
  readonly #part: Keeper
  /** Calls whose effect depends on their order. */
  readonly #oneByOne = new Mutex()
  #running = 0

  constructor(parts: MeshTextsParts & { readonly late: MeshHub | undefined }) {
    this.#parts = parts
    const { random, honest, late } = parts
    const [skeleton, part] = this.#chooseParts()
    const kept = new Map<MeshHub, KeptPart>([
      [skeleton, SKELETON],
      [part, random.pick([SKELETON, FILTERED, FULL])],
    ])
    this.keepers = honest.map(hub => ({
      hub,
      part: kept.get(hub) ?? FULL,
      deleted: new Set<string>(),
      chosen: new Map<string, boolean>(),
    }))
    this.#part = this.keepers.find(({ hub }) => hub === part)!
    this.founder = random.pick(honest.filter(hub => hub !== late))
    const full = honest.filter(hub => hub !== skeleton && hub !== part)
    for (const hub of parts.odd) if (!full.some(other => this.isLinked(hub, other))) parts.net.join(hub, full[0]!)
  }

  /** Whether a call is under way that will have an effect. */
  get isRunning(): boolean {
    return this.#running > 0
  }

  /** Hubs that keep every text. */
  get full(): Keeper[] {
    return this.keepers.filter(keeper => keeper.part === FULL && keeper !== this.#part)
  }

  /** Sets the policies, and gives every hub the first node of the frontier. */
  async setUp(): Promise<void> {
    for (const { hub, part } of this.keepers) await hub.insist(context => part.setUp(textsOf(context)))
    await this.founder.write(0)
    const [root] = await this.founder.log.read([0])
    for (const hub of [...this.#parts.honest, ...this.#parts.odd]) {
      if (hub !== this.founder) await hub.plant(root!.bytes, this.founder.key.publicKeyBytes)
    }
  }

  /** The next event that a hub makes. */
  revision(): Revision {
    const { random } = this.#parts
    const isShared = random.chance(0.4)
    // Few shared events, so that two hubs make the same one before they see each other's.
    return { finding: random.pick(FINDINGS), score: 1 + random.below(isShared ? 3 : 9), isShared }
  }

  /** Plans the calls of a run. */
  plan(stormMs: number): void {
    const { random, world } = this.#parts
    const times = (most: number, act: () => Promise<void>): void => {
      for (let left = random.below(most + 1); left > 0; left -= 1) {
        world.after(random.below(stormMs), () => world.start(() => this.#count(act)))
      }
    }
    times(4, () => this.#erase(random.pick(this.#parts.honest)))
    times(2, () => this.#erase(this.founder))
    times(1, () => this.#oneByOne.run(() => this.#delete(random.pick(this.keepers))))
    times(3, () => this.#oneByOne.run(() => this.#fetch()))
    times(2, () => this.#oneByOne.run(() => this.#drop()))
    times(6, () => this.#look(random.pick(this.#parts.honest)))
  }

  async #count(act: () => Promise<void>): Promise<void> {
    this.#running += 1
    await act()
    this.#running -= 1
  }

  /** Erases a text of the hub's own key, or any text if it owns the frontier. */
  async #erase(hub: MeshHub): Promise<void> {
    const isOwner = hub === this.founder
    const rows = await rowsOf(hub)
    const mine = rows.filter(
      row => !isErasureRow(row) && (isOwner || toHex(decodeNode(row.bytes).key) === hub.key.publicKey),
    )
    if (mine.length === 0) return
    const row = this.#parts.random.pick(mine)
    await this.#noteSecret(row)
    const reference = cidText(row.digest)
    const report = await hub.attempt(context =>
      eraseText(context, { frontier: FRONTIER, reference }, { reason: 'withdrawn' }),
    )
    if (report === undefined) return
    this.tally.erasures += 1
    if (isOwner) this.tally.ownerErasures += 1
  }

  /** Deletes a text here only. A hub that keeps all may be the only way to others, so all have it. */
  async #delete(keeper: Keeper): Promise<void> {
    const rows = (await rowsOf(keeper.hub)).filter(row => !isErasureRow(row))
    if (rows.length === 0) return
    const row = this.#parts.random.pick(rows)
    const others = await Promise.all(this.full.map(({ hub }) => stateAt(hub, row)))
    if (!others.every(state => state === 'here' || state === 'erased')) return
    const reference = cidText(row.digest)
    await keeper.hub.insist(context =>
      eraseText(context, { frontier: FRONTIER, reference }, { reason: 'a request', local: true }),
    )
    keeper.deleted.add(digestKey(decodeNode(row.bytes).event))
    this.tally.deletions += 1
  }

  /** Fetches texts by the names of their nodes: the live channels bring them. */
  async #fetch(): Promise<void> {
    const { hub, chosen } = this.#part
    const { random } = this.#parts
    const rows = (await rowsOf(hub)).filter(({ text }) => text === 'left-out')
    const picked = new Set<NodeRow>()
    for (let left = 1 + random.below(NAMED_MAX); left > 0 && rows.length > 0; left -= 1) picked.add(random.pick(rows))
    const named = [...picked]
    await hub.insist(context => textsOf(context).fetch(named.map(({ digest }) => cidText(digest))))
    for (const { digest } of named) chosen.set(digestKey(digest), true)
    this.tally.fetched += named.length
  }

  /** Drops the texts that may be dropped, except some. */
  async #drop(): Promise<void> {
    const { hub, chosen } = this.#part
    const { random } = this.#parts
    const before = await rowsOf(hub)
    const kept = before.filter(() => random.chance(0.5))
    const keep = new Set(kept.map(({ digest }) => digestKey(digest)))
    await hub.insist(context => textsOf(context).drop({ keep: kept.map(({ digest }) => cidText(digest)) }))
    for (const row of await rowsOf(hub)) {
      const key = digestKey(row.digest)
      const was = before.find(({ seq }) => seq === row.seq)
      const isOwn = toHex(decodeNode(row.bytes).key) === hub.key.publicKey
      const isPinned = chosen.get(key) === true
      const mayGo = was?.text === 'here' && !isOwn && !isPinned && !isErasureRow(was) && !keep.has(key)
      if (mayGo && row.text === 'here') throw new TypeError(`${hub.name} still has a text that it dropped`)
      if (keep.has(key) && was?.text === 'here' && row.text === 'left-out' && this.#part.deleted.size === 0) {
        throw new TypeError(`${hub.name} dropped a text that was to stay`)
      }
      if (row.text !== 'left-out' || isOwn) continue
      if (was?.text !== 'left-out') this.tally.dropped += 1
      chosen.set(key, false)
    }
  }

  /** Reads the view, so that later changes of texts find one. */
  async #look(hub: MeshHub): Promise<void> {
    await hub.attempt(context => FrontierProjection.of(context, FRONTIER).read(() => undefined))
  }

  async #noteSecret({ digest, bytes }: NodeRow): Promise<void> {
    for (const { hub } of this.keepers) {
      const [place] = await hub.log.locate([digest])
      const [row] = place === undefined ? [] : await hub.log.read([place.seq])
      if (row?.text !== 'here') continue
      this.secrets.set(digestKey(decodeNode(bytes).event), row.bytes.slice(row.headerBytes))
      return
    }
  }

  isLinked(a: MeshHub, b: MeshHub): boolean {
    const { net } = this.#parts
    return net.joins(a, b) || net.joins(b, a)
  }

  /** Two hubs without which the others still reach each other, each with a link to one of those. */
  #chooseParts(): readonly [MeshHub, MeshHub] {
    const { honest, random } = this.#parts
    const pairs = honest.flatMap(a => honest.filter(b => b !== a).map(b => [a, b] as const))
    return random.pick(
      pairs.filter(pair => {
        const full = honest.filter(hub => !pair.includes(hub))
        const reached = new Set([full[0]!])
        for (const hub of reached) for (const other of full) if (this.isLinked(hub, other)) reached.add(other)
        return reached.size === full.length && pair.every(hub => full.some(other => this.isLinked(hub, other)))
      }),
    )
  }
}

export async function rowsOf({ log }: MeshHub): Promise<NodeRow[]> {
  const found: NodeRow[] = []
  for await (const rows of log.scan({ from: 0 })) found.push(...rows)
  return found
}

export function isErasureRow({ bytes, headerBytes, text }: NodeRow): boolean {
  return text === 'here' && JSON.parse(Buffer.from(bytes.subarray(headerBytes)).toString()).kind === ERASURE_KIND
}

async function stateAt({ log }: MeshHub, { digest }: NodeRow): Promise<TextState | undefined> {
  const [place] = await log.locate([digest])
  return place === undefined ? undefined : (await log.read([place.seq]))[0]!.text
}

function textsOf(context: ReplicaContext): Texts {
  return new Texts({
    frontier: context.frontier(FRONTIER),
    ownKeys: context.ownKeys,
    now: () => context.now(),
    pull: async () => {}, // a live channel is open
  })
}
