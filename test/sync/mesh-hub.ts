// A hub of the mesh: a disk that outlasts its processes, and the process of the moment, with the real registry, gate, services
// and supervisor on it. What the gate reports is checked at once against the disk: it must be there if the process dies now.

import { type Digest, digestKey, toHex } from '../../src/base/bytes.ts'
import { nodeDigest } from '../../src/cbor/cid.ts'
import type { Key } from '../../src/crypto/key.ts'
import type { EventDraft } from '../../src/event/index.ts'
import type { DocumentLink } from '../../src/node/node.ts'
import { appendEvent } from '../../src/replica/append.ts'
import type { NetworkHooks } from '../../src/replica/links/backoff.ts'
import { OutboundLinks } from '../../src/replica/links/outbound-links.ts'
import type { ReplicaEvent } from '../../src/replica/open-replica.ts'
import { FrontierPeers } from '../../src/replica/peers.ts'
import type { ReplicaContext } from '../../src/replica/replica-context.ts'
import type { MemoryStore } from '../../src/store/memory-store.ts'
import type { FrontierStore } from '../../src/store/store.ts'
import type { ReplicaPort } from '../../src/transport/session.ts'
import { FRONTIER, keyOf, type Local, local, storeOf } from './local.ts'
import { Disk } from './mesh-disk.ts'
import type { Wire } from './mesh-link.ts'
import type { World } from './mesh-world.ts'

const EVENT = {
  kind: 'finding.noted',
  target: { type: 'finding', id: 'vf_1' },
  actor: { id: 'reviewer:one', type: 'human' },
  timestamp: '2026-01-01T00:00:00.000Z',
} as const
/** When the world begins. */
const EPOCH = Date.UTC(2026, 0, 1)

export interface Risk {
  /** Probability, per write, that the process crashes in it. */
  crash: number
  /** What a write takes, virtual milliseconds. */
  writeMs: number
}

export interface MeshHubOptions {
  readonly risk: Risk
  readonly onCrash: (hub: MeshHub) => void
  readonly dialler: (hub: MeshHub) => NetworkHooks['dial']
}

/** An event that changes the confidence of a finding. Two hubs that make the same one carry one text. */
export interface Revision {
  readonly finding: string
  readonly score: number
  readonly isShared: boolean
}

function revise({ finding, score, isShared }: Revision, name: string): EventDraft {
  const reason = isShared ? `shared ${score}` : name
  const target = { type: 'finding', id: finding }
  return { ...EVENT, kind: 'finding.confidence_revised', target, reason, payload: { new_score: score / 10 } }
}

export class MeshHub {
  readonly name: string
  readonly key: Key
  readonly wires = new Set<Wire>()
  /** Nodes whose `append` has returned, as digest keys. */
  readonly acknowledged = new Set<string>()
  /** What the acknowledged nodes link. */
  readonly documents: DocumentLink[] = []
  readonly #world: World
  readonly #store: MemoryStore
  readonly #risk: Risk
  readonly #onCrash: (hub: MeshHub) => void
  readonly #dial: NetworkHooks['dial']
  #process: { local: Local; disk: Disk } | undefined
  #starting: Promise<void> | undefined
  /** The disk of the last process. */
  #left: Disk | undefined
  #written = 0
  #writing = 0
  crashes = 0
  /** Writes under way at a crash that never reached the disk. */
  lostWrites = 0
  /** Nodes refused because their key is revoked, each time that one came. */
  refusedRevoked = 0

  constructor(world: World, name: string, options: MeshHubOptions) {
    this.name = name
    this.key = keyOf(name)
    this.#world = world
    this.#store = storeOf(name)
    this.#risk = options.risk
    this.#onCrash = options.onCrash
    this.#dial = options.dialler(this)
  }

  /** The process, while one runs. */
  get local(): Local | undefined {
    return this.#process?.local
  }

  /** Something that it writes may still come to be. */
  get isWriting(): boolean {
    return this.#writing > 0
  }

  /** The log on the disk, whether or not a process runs. */
  get log(): FrontierStore {
    return this.#store.frontier(FRONTIER)
  }

  get url(): string {
    return `wss://${this.name}.example`
  }

  get headsDigest(): string {
    return toHex(this.log.headsDigest())
  }

  /** Starts a process, unless one runs; one that does not come up tells nothing, so it is left alone until it does. */
  start(): Promise<void> {
    if (this.#process !== undefined) return Promise.resolve()
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  get #isStarting(): boolean {
    return this.#starting !== undefined
  }

  async #start(): Promise<void> {
    const { random } = this.#world
    await this.#left?.ended()
    const disk = new Disk({
      moved: () => this.#world.moved(),
      fate: () => {
        if (this.#isStarting || !random.chance(this.#risk.crash)) return 'goes well'
        return random.chance(0.5) ? 'crash before' : 'crash after'
      },
      delay: async () => {
        if (this.#risk.writeMs > 0) await this.#world.pause(this.#risk.writeMs)
      },
      keeps: () => {
        const isKept = random.chance(0.5)
        if (!isKept) this.lostWrites += 1
        return isKept
      },
      crash: () => this.crash(),
    })
    const network = this.#tools(disk)
    const onEvent = ({ message, facts }: ReplicaEvent): void => {
      if (facts.code === 'ERR_INTERNAL' && !disk.isGone) this.#world.fail(new TypeError(`${this.name}: ${message}`))
    }
    const own = await local(this.name, {
      store: disk.open(this.#store),
      open: { network, onEvent, clock: () => new Date(EPOCH + this.#world.now) },
    })
    const services = this.#checked(own.services)
    this.#process = { local: { ...own, services }, disk }
    new OutboundLinks({ context: own.context, port: services, network: own.context.network }).start()
  }

  /** Time, chance and the net, which leave a process alone once it is gone. */
  #tools(disk: Disk): NetworkHooks {
    const { random, setTimer } = this.#world
    return {
      random: () => random.next(),
      elapsed: () => this.#world.now,
      wallMs: () => this.#world.now,
      setTimer: (ms, ring) => setTimer(ms, () => disk.isGone || ring()),
      // Each hub stands for a process of its own whose few channels are not paced: pacing goes by the machine's clock.
      microsPerChannel: 0,
      dial: (url, options) => (disk.isGone ? new Promise(() => {}) : this.#dial(url, options)),
    }
  }

  /** The process is gone, and its connections with it. */
  crash(): void {
    if (this.#process === undefined) return
    this.#process.disk.take()
    this.#left = this.#process.disk
    this.#process = undefined
    this.crashes += 1
    for (const wire of [...this.wires]) wire.cut()
    this.#onCrash(this)
  }

  /** Makes an event with a document of so many bytes, or none, if a process runs and lives long enough. */
  async write(documentBytes: number, revision?: Revision): Promise<void> {
    const process = this.#process
    if (process === undefined) return
    this.#written += 1
    this.#writing += 1
    const { context } = process.local
    const reason = `${this.name} ${this.#written}`
    await this.#unlessGone(async () => {
      const document = Buffer.alloc(documentBytes, reason)
      const links = documentBytes === 0 ? [] : [await context.frontier(FRONTIER).documents.put(document)]
      const event = revision === undefined ? { ...EVENT, reason } : revise(revision, reason)
      const { cid, known } = await appendEvent(context, { frontier: FRONTIER, event }, { links })
      this.acknowledged.add(digestKey(nodeDigest(cid)))
      if (!known) this.documents.push(...links)
    })
    this.#writing -= 1
  }

  /** Calls the replica, if a process runs; undefined if there is none or it dies meanwhile. */
  async attempt<T>(call: (context: ReplicaContext) => Promise<T>): Promise<T | undefined> {
    const process = this.#process
    if (process === undefined) return undefined
    this.#writing += 1
    const result = await this.#unlessGone(() => call(process.local.context))
    this.#writing -= 1
    return result
  }

  /** Calls the replica again and again until a process has lived to say that it is done. */
  async insist(call: (context: ReplicaContext) => Promise<unknown>): Promise<void> {
    for (let isDone = false; !isDone; ) {
      await this.start()
      await this.attempt(async context => {
        await call(context)
        isDone = true
      })
    }
  }

  /** Takes a node of another hub, as from a clone. */
  async plant(node: Uint8Array, from: Uint8Array): Promise<void> {
    await this.insist(context => context.frontier(FRONTIER).gate.admit([node], { from }))
  }

  /** `isFollowed`: a link to it is kept from now on. */
  async register(other: MeshHub, isFollowed: boolean): Promise<void> {
    const { name, url, key } = other
    const live = isFollowed ? ('both' as const) : ('off' as const)
    await this.#operate(peers => peers.add({ id: `hub:${name}`, url, publicKey: key.publicKey, live }))
  }

  async revoke(other: MeshHub): Promise<void> {
    const id = `hub:${other.name}`
    await this.#operate(async peers => (peers.list().some(peer => peer.id === id) ? peers.remove(id) : undefined))
  }

  /** Whether all of these nodes are on the disk, as part of the log. */
  async stores(nodes: ReadonlySet<string>): Promise<boolean> {
    const places = await this.log.locate([...nodes].map(key => Buffer.from(key, 'latin1')))
    return places.every(place => place !== undefined)
  }

  /** Whether it has all of these, whole; only while a process runs. */
  async hasDocuments(links: readonly DocumentLink[]): Promise<boolean> {
    const { documents } = this.local!.context.frontier(FRONTIER)
    for (const link of links) if (!(await documents.has(link))) return false
    return true
  }

  #operate(change: (peers: FrontierPeers) => Promise<unknown>): Promise<void> {
    return this.insist(context => change(new FrontierPeers(context, FRONTIER)))
  }

  /** What fails because the process has crashed is no failure of the run. */
  async #unlessGone<T>(task: () => Promise<T>): Promise<T | undefined> {
    const process = this.#process
    try {
      return await task()
    } catch (error) {
      if (this.#process !== process || process?.disk.isGone) return undefined // it is told a moment after its disk is gone
      throw error
    } finally {
      this.#world.moved()
    }
  }

  #checked(services: ReplicaPort): ReplicaPort {
    return {
      ...services,
      admit: async (frontier, blocks, peer) => {
        const result = await services.admit(frontier, blocks, peer)
        this.#world.moved()
        this.refusedRevoked += result.refused.filter(({ code }) => code === 'ERR_NODE_REVOKED').length
        const refused = new Set(result.refused.map(({ digest }) => digestKey(digest)))
        const kept = blocks.map(block => block.digest).filter(digest => !refused.has(digestKey(digest)))
        await this.#mustKeep(frontier, kept)
        return result
      },
    }
  }

  async #mustKeep(frontier: string, digests: readonly Digest[]): Promise<void> {
    const held = await this.#store.held.has(frontier, digests) // first: what is let in leaves it for the log
    const places = await this.log.locate(digests)
    const documents = await this.log.documents.has(digests)
    const lost = digests.filter((_, i) => places[i] === undefined && !held[i] && !documents[i])
    if (lost.length === 0) return
    this.#world.fail(new TypeError(`${this.name} reported ${lost.length} blocks that are not on its disk`))
  }
}
