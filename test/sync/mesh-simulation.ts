// Five hubs that follow each other live, in virtual time: all write, links break at any frame, frames linger, processes die in the
// middle of a write and come back, a hub is registered late, another is revoked and harboured, and in a third of the runs one lies. Some
// runs have no fault at all. After the last fault all honest hubs must be equal within thirty seconds, with everything that
// `append` ever acknowledged, with nothing by a key that may not, and with nothing going round. All by one seed.

import { Byzantine } from './mesh-byzantine.ts'
import { MeshHub, type Risk } from './mesh-hub.ts'
import type { Wire } from './mesh-link.ts'
import { checkLog } from './mesh-log.ts'
import { type Climate, Net } from './mesh-net.ts'
import { Revocation } from './mesh-revocation.ts'
import { joinAll, SHAPES, type Shape } from './mesh-shapes.ts'
import { TextCheck } from './mesh-text-check.ts'
import { type MeshTally, MeshTexts } from './mesh-texts.ts'
import { World } from './mesh-world.ts'
import { Random } from './random.ts'

/**
 * All honest hubs are equal so long after the last fault; virtual milliseconds. A link whose attempts failed often
 * waits for up to half a minute.
 */
const SETTLE_MS_MAX = 60_000
/** Texts that were requested in vain are requested again after 30 s, then after a minute, and so on. */
const TEXTS_MS_MAX = 7_200_000
/** Once they are equal they are left alone for so long, and nothing may move. */
const STILL_MS = 6_000
/** Bytes of documents; the last is more than a block. */
const DOCUMENT_SIZES = [1, 900, 900, 900, 900, 900, 900, 270_000]
const HUBS = ['one', 'two', 'three', 'four', 'five']

/** What happened, for whoever wants to see that something did. */
export interface MeshOutcome {
  readonly shape: Shape
  readonly nodes: number
  readonly acknowledged: number
  /** Documents that they link. */
  readonly documents: number
  readonly crashes: number
  /** Writes under way at a crash that never reached the disk. */
  readonly lostWrites: number
  readonly links: number
  /** Sessions that ended out of order. */
  readonly broken: number
  readonly lies: number
  readonly revoked: boolean
  /** Nodes of the revoked hub that honest hubs refused, each time that they were offered. */
  readonly refused: number
  readonly late: boolean
  readonly faultless: boolean
  /** Nodes that crossed links, and the most often that one crossed one link. */
  readonly crossed: number
  readonly crossedMost: number
  /** From the last fault until all were equal; virtual milliseconds. */
  readonly settledMs: number
  /** In a run with texts. */
  readonly texts: MeshTally | undefined
}

export interface MeshOptions {
  /** One hub keeps no texts and one a part, and texts are erased: see mesh-texts.ts. */
  readonly texts: boolean
}

export async function simulateMesh(seed: number, options: MeshOptions = { texts: false }): Promise<MeshOutcome> {
  try {
    return await new MeshSimulation(seed, options).run()
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
  }
}

class MeshSimulation {
  readonly #random: Random
  readonly #world: World
  readonly #net: Net
  readonly #byzantine: Byzantine
  readonly #climate: Climate = { cut: 0, slow: 0 }
  readonly #risk: Risk = { crash: 0, writeMs: 0 }
  readonly #honest: MeshHub[] = []
  readonly #shape: Shape
  readonly #isFaultless: boolean
  readonly #hasDocuments: boolean
  /** Runs the program, but lies. */
  readonly #liar: MeshHub | undefined
  /** Honest until it is revoked; then nobody takes its nodes any more. */
  readonly #outcast: MeshHub | undefined
  /** Registered late at the others. */
  readonly #late: MeshHub | undefined
  /** Goes on taking the outcast's nodes: the liar, where there is one. */
  readonly #harbour: MeshHub | undefined
  readonly #revocation: Revocation | undefined
  readonly #textRandom: Random | undefined
  #texts: MeshTexts | undefined
  #crashesLeft = 4

  constructor(seed: number, { texts }: MeshOptions) {
    const random = new Random(seed)
    if (texts) this.#textRandom = new Random(seed ^ 0x5eed)
    this.#random = random
    this.#world = new World(random)
    this.#byzantine = new Byzantine(random)
    this.#net = new Net(this.#world, this.#climate, (link, at) =>
      at === this.#liar ? this.#byzantine.between(link) : link,
    )
    const onCrash = (hub: MeshHub): void => this.#restartLater(hub)
    const risk = this.#risk
    const dialler = this.#net.dialler.bind(this.#net)
    for (const name of HUBS) this.#honest.push(new MeshHub(this.#world, name, { risk, onCrash, dialler }))
    this.#shape = random.pick(SHAPES)
    this.#hasDocuments = random.chance(0.3)
    this.#isFaultless = random.chance(0.2)
    if (this.#isFaultless) return
    const safe = { risk: { crash: 0, writeMs: 0 }, onCrash, dialler }
    if (random.chance(0.42)) this.#liar = new MeshHub(this.#world, 'byzantine', safe)
    if (random.chance(0.3)) {
      const outcast = new MeshHub(this.#world, 'outcast', safe)
      this.#outcast = outcast
      this.#harbour = this.#liar ?? new MeshHub(this.#world, 'harbour', safe)
      this.#revocation = new Revocation({ world: this.#world, outcast, honest: this.#honest })
    }
    if (random.chance(0.4)) this.#late = random.pick(this.#honest)
  }

  async run(): Promise<MeshOutcome> {
    await this.#setUp()
    const stormMs = 4_000 + this.#random.below(6_000)
    this.#planWrites(stormMs)
    this.#texts?.plan(stormMs)
    if (!this.#isFaultless) this.#planFaults(stormMs)
    await this.#world.run(stormMs)
    const settledMs = await this.#settle()
    await this.#check()
    return this.#outcome(settledMs)
  }

  get #all(): MeshHub[] {
    return [...this.#honest, ...this.#odd]
  }

  get #odd(): MeshHub[] {
    const odd = [this.#liar, this.#outcast, this.#harbour].filter(hub => hub !== undefined)
    return [...new Set(odd)]
  }

  async #setUp(): Promise<void> {
    const odd = this.#odd
    joinAll(this.#net, this.#random, { shape: this.#shape, honest: this.#honest, odd })
    if (this.#harbour !== undefined) {
      this.#net.join(this.#outcast!, this.#harbour)
      const hub = this.#random.pick(this.#honest)
      if (!this.#net.joins(this.#harbour, hub)) this.#net.join(this.#harbour, hub)
    }
    if (this.#textRandom !== undefined) {
      const parts = { world: this.#world, net: this.#net, honest: this.#honest, odd, late: this.#late }
      this.#texts = new MeshTexts({ ...parts, random: this.#textRandom })
    }
    for (const hub of this.#all) await hub.start()
    for (const hub of this.#all) {
      for (const other of this.#all) {
        if (other !== hub && other !== this.#late) await this.#register(hub, other)
      }
    }
    for (const other of this.#all) if (this.#late !== undefined && !this.#honest.includes(other)) await this.#register(other, this.#late) // biome-ignore format: one thought
    await this.#texts?.setUp()
    for (let count = this.#random.below(4); count > 0; count -= 1) await this.#write(this.#random.pick(this.#honest))
  }

  #register(hub: MeshHub, other: MeshHub): Promise<void> {
    return hub.register(other, this.#net.joins(hub, other))
  }

  #planWrites(stormMs: number): void {
    const below = (end: number): number => this.#random.below(end)
    for (const hub of this.#all) {
      for (let left = 1 + below(6); left > 0; left -= 1) {
        this.#world.after(below(stormMs), () => this.#world.start(() => this.#write(hub)))
      }
      if (!this.#random.chance(0.2)) continue
      const at = below(stormMs)
      for (let left = 10; left > 0; left -= 1)
        this.#world.after(at + left, () => this.#world.start(() => this.#write(hub)))
    }
  }

  /** What the liar and the harbour make is as good as any other node, but they make nothing that another may never see. */
  async #write(hub: MeshHub): Promise<void> {
    if (hub === this.#liar && this.#world.now > 3_000) return
    if (hub === this.#harbour && this.#revocation?.isBegun) return
    if (hub === this.#outcast && this.#revocation?.isUnderWay) return
    await hub.write(this.#documentBytes(), this.#texts?.revision())
  }

  #documentBytes(): number {
    return this.#hasDocuments && this.#random.chance(0.3) ? this.#random.pick(DOCUMENT_SIZES) : 0
  }

  #planFaults(stormMs: number): void {
    const random = this.#random
    const world = this.#world
    Object.assign(this.#climate, { cut: random.pick([0, 0.005, 0.02]), slow: random.pick([0, 0.02]) })
    this.#risk.crash = random.pick([0, 0, 0.01])
    this.#risk.writeMs = random.pick([0, 5, 60])
    const times = (most: number, act: () => void): void => {
      for (let left = random.below(most + 1); left > 0; left -= 1) world.after(random.below(stormMs), act)
    }
    const someWires = (): Wire[] => [...random.pick(this.#net.edges).wires]
    times(4, () => {
      for (const wire of someWires()) wire.cut()
    })
    times(2, () => {
      for (const wire of someWires()) wire.fallSilent()
    })
    times(2, () => this.#crash(random.pick(this.#honest)))
    times(2, () => {
      const edge = random.pick(this.#net.edges)
      edge.isDown = true
      for (const wire of [...edge.wires]) random.chance(0.5) ? wire.cut() : wire.fallSilent()
      world.after(random.below(4_000), () => {
        edge.isDown = false
      })
    })
    for (const hub of this.#honest) {
      if (this.#late !== undefined && hub !== this.#late) {
        world.after(random.below(stormMs), () => world.start(() => this.#registerLate(hub)))
      }
    }
    const revocation = this.#revocation
    if (revocation !== undefined) world.after(random.below(stormMs), () => world.start(() => revocation.run()))
  }

  #crash(hub: MeshHub): void {
    if (this.#crashesLeft > 0) hub.crash()
  }

  #restartLater(hub: MeshHub): void {
    this.#crashesLeft -= 1
    if (this.#crashesLeft === 0) this.#risk.crash = 0
    this.#world.after(this.#random.below(3_000), () => this.#world.start(() => hub.start()))
  }

  async #registerLate(hub: MeshHub): Promise<void> {
    const late = this.#late!
    await this.#checkLog(hub, key => key !== late.key.publicKey)
    await this.#register(hub, late)
  }

  /** From here on nothing breaks; answers how long it took until all honest hubs were equal. */
  async #settle(): Promise<number> {
    this.#net.heal()
    Object.assign(this.#risk, { crash: 0, writeMs: 0 })
    const world = this.#world
    for (const hub of this.#honest) world.start(() => hub.start())
    await world.run(world.now + SETTLE_MS_MAX, () => !this.#revocation?.isUnderWay && !this.#texts?.isRunning)
    const started = world.now
    await world.run(started + SETTLE_MS_MAX, () => this.#areEqual())
    if (!this.#areEqual()) throw new TypeError(`not equal ${SETTLE_MS_MAX} ms after the last fault: ${this.#states()}`)
    const settledMs = world.now - started
    if (this.#texts !== undefined) await this.#settleTexts(this.#texts)
    if (this.#revocation !== undefined) await this.#letOutcastSpeak()
    if (this.#odd.length > 0) return settledMs // they may have something to say yet
    const before = this.#honest.map(hub => hub.headsDigest)
    await world.run(world.now + STILL_MS)
    const { crossed } = this.#net
    await world.run(world.now + STILL_MS)
    if (this.#net.crossed !== crossed) throw new TypeError(`${this.#net.crossed - crossed} nodes still go round`)
    if (before.some((digest, i) => digest !== this.#honest[i]!.headsDigest)) {
      throw new TypeError('heads changed after all were equal')
    }
    return settledMs
  }

  /** Waits until each text is where it must be, and all are equal: a hub that is not honest may send nodes meanwhile. */
  async #settleTexts(texts: MeshTexts): Promise<void> {
    const last = this.#world.now + TEXTS_MS_MAX
    for (;;) {
      const fault = (await TextCheck.of(texts)).fault()
      const isEqual = this.#areEqual()
      if (fault === undefined && isEqual) return
      if (this.#world.now >= last) throw new TypeError(fault ?? `not equal any more: ${this.#states()}`)
      await this.#world.run(this.#world.now + STILL_MS)
    }
  }

  /** What it makes once it is revoked changes nothing, however it comes. */
  async #letOutcastSpeak(): Promise<void> {
    await this.#world.run(this.#world.now + STILL_MS)
    if (this.#liar === undefined && !this.#areEqual()) throw new TypeError(`not equal any more: ${this.#states()}`)
  }

  #areEqual(): boolean {
    const [first, ...others] = this.#honest
    const isUnsettled = this.#honest.some(hub => hub.local === undefined || hub.isWriting)
    return (
      !isUnsettled && others.every(hub => hub.log.nodes === first!.log.nodes && hub.headsDigest === first!.headsDigest)
    )
  }

  #states(): string {
    const codes = [...this.#net.codes].map(([code, count]) => `${count} ${code}`).join(', ')
    const hubs = this.#honest.map(({ name, log }) => `${name} ${log.nodes}/${log.headCount}`).join(' ')
    return `${this.#shape}: ${hubs}; ${codes}`
  }

  async #check(): Promise<void> {
    const acknowledged = new Set(this.#honest.flatMap(hub => [...hub.acknowledged]))
    const documents = this.#honest.flatMap(hub => hub.documents)
    for (const hub of this.#honest) {
      if (!(await hub.stores(acknowledged))) throw new TypeError(`${hub.name} lacks what was acknowledged`)
      if (!(await hub.hasDocuments(documents))) throw new TypeError(`${hub.name} lacks a document`)
    }
    if (this.#texts !== undefined) {
      await this.#settleTexts(this.#texts) // a hub that is not honest may have sent a text meanwhile
      await (await TextCheck.of(this.#texts)).finish()
    }
    const keys = new Set(this.#all.map(hub => hub.key.publicKey))
    await this.#checkLog(this.#honest[0]!, key => keys.has(key)) // the others have the same
    // Where there is one way only between any two, nothing may come back over it.
    const { crossedMost, edges } = this.#net
    const { fetched, dropped } = this.#texts?.tally ?? { fetched: 0, dropped: 0 }
    // A text that was dropped comes again, and one that a skeleton could not send comes later.
    const again = (dropped > 0 ? fetched : 0) + (this.#texts === undefined ? 0 : 1)
    const crossedMax = again + (edges.length === this.#honest.length - 1 ? 1 : 2)
    if (this.#isFaultless && crossedMost > crossedMax) {
      throw new TypeError(`a node crossed a link ${crossedMost} times of a net with ${edges.length} links`)
    }
  }

  /** Of a revoked key, what was spared may be there. */
  #checkLog(hub: MeshHub, mayWrite: (key: string) => boolean): Promise<void> {
    const [outcast, spared] = [this.#outcast, this.#revocation?.spared]
    const isRevoked = outcast !== undefined && spared !== undefined
    return checkLog(hub, { mayWrite, revoked: isRevoked ? { key: outcast.key.publicKey, spared } : undefined })
  }

  #outcome(settledMs: number): MeshOutcome {
    const { links, codes, crossed, crossedMost } = this.#net
    return {
      shape: this.#shape,
      nodes: this.#honest[0]!.log.nodes,
      documents: this.#honest.reduce((sum, hub) => sum + hub.documents.length, 0),
      acknowledged: this.#honest.reduce((sum, hub) => sum + hub.acknowledged.size, 0),
      crashes: this.#honest.reduce((sum, hub) => sum + hub.crashes, 0),
      lostWrites: this.#honest.reduce((sum, hub) => sum + hub.lostWrites, 0),
      links,
      broken: [...codes.values()].reduce((sum, count) => sum + count, 0),
      lies: this.#byzantine.lies,
      revoked: this.#revocation?.spared !== undefined,
      refused: this.#honest.reduce((sum, hub) => sum + hub.refusedRevoked, 0),
      late: this.#late !== undefined,
      faultless: this.#isFaultless,
      crossed,
      crossedMost,
      settledMs,
      texts: this.#texts?.tally,
    }
  }
}
