// A child process commits chunks to a store and says which are acknowledged; it is killed with SIGKILL at some moment,
// the store is opened again and compared with what was acknowledged, and the next child goes on. Nothing
// acknowledged may be lost, no node may lack a parent, a batch of changed texts is there whole or not at all, and counts, events, heads, records and held nodes must be what
// a recomputation from the log gives. kill -9 does not empty the disk's caches: this is about the order of writes
// and about recovery, not about fsync.
// Run: node dist/test/campaign/kill.js [--rounds 200] [--seed 1]. Short form: test/store/kill.test.ts

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as readline from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { concat, type Digest, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { createLevelDb, openLevelDb } from '../../src/store/index.ts'
import type { FrontierStore, NodeEntry, NodeRow, Store, TextChange } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeHeld, madeKey, madeNode } from '../store/made-nodes.ts'
import { Random } from '../sync/random.ts'

export interface KillTotals {
  rounds: number
  /** Rounds in which the child was killed before it had opened the store. */
  killedInOpen: number
  acknowledgedNodes: number
  acknowledgedHeld: number
  /** Texts that were taken out or put back. */
  acknowledgedTexts: number
  /** Nodes found that were durable but not acknowledged yet. */
  unacknowledged: number
  /** What went wrong, in sentences. */
  failures: string[]
}

const frontiers = ['vfr_00000000000000aa', 'vfr_00000000000000bb'] as const
const self = fileURLToPath(import.meta.url)

export async function killCampaign(options: {
  rounds: number
  seed: number
  onRound?: (line: string) => void
}): Promise<KillTotals> {
  await using folder = await scratch()
  const location = folder.join('store')
  const store = await createLevelDb(location)
  for (const name of frontiers) await store.track(name)
  await store.close()
  const random = new Random(options.seed)
  const next = () => random.next()
  const totals: KillTotals = {
    rounds: 0,
    killedInOpen: 0,
    acknowledgedNodes: 0,
    acknowledgedHeld: 0,
    acknowledgedTexts: 0,
    unacknowledged: 0,
    failures: [],
  }
  const models = new Map(frontiers.map(name => [name, new Model(name)]))
  const held = new Set<string>()
  for (let round = 0; round < options.rounds; round++) {
    const said = await runAndKill(location, {
      seed: Math.floor(next() * 2 ** 32),
      round,
      ms: next() * 90,
      since: MOMENTS[Math.floor(next() * MOMENTS.length)]!,
    })
    totals.rounds++
    if (!said.opened) totals.killedInOpen++
    if (said.failure !== undefined) totals.failures.push(`round ${round}: the child failed: ${said.failure}`)
    for (const digest of said.held) held.add(digest)
    try {
      await using reopened = await openLevelDb(location)
      for (const model of models.values()) {
        totals.unacknowledged += await model.check(reopened, said.nodes)
        await model.checkTexts(reopened, said.texts)
      }
      await checkHeld(reopened, held)
      if (round % 20 === 19 || round === options.rounds - 1) {
        for await (const fault of reopened.verify()) throw new TypeError(`verify: ${fault.kind} ${fault.reason}`)
      }
    } catch (error) {
      totals.failures.push(`round ${round}: ${error instanceof Error ? error.message : error}`)
      break
    }
    totals.acknowledgedNodes += said.nodes.reduce((sum, { count }) => sum + count, 0)
    totals.acknowledgedHeld = held.size
    for (const { changes, isDone } of said.texts) if (isDone) totals.acknowledgedTexts += changes.length
    options.onRound?.(
      `round ${round}: ${said.nodes.length} commits acknowledged, killed ${said.opened ? 'at work' : 'while it opened'}`,
    )
  }
  return totals
}

interface Acknowledged {
  frontier: string
  first: number
  count: number
  /** SHA-256 over the digests of the chunk. */
  digest: string
}

/** A batch of changed texts. */
interface ChangedTexts {
  frontier: string
  changes: { seq: number; state: string }[]
  /** Acknowledged; the last one of a round may not be. */
  isDone: boolean
}

interface Said {
  opened: boolean
  texts: ChangedTexts[]
  nodes: Acknowledged[]
  held: string[]
  failure: string | undefined
}

/** From which word of the child on its death is timed: a busy machine must acknowledge something too. */
const MOMENTS = ['start', 'opened', 'opened', 'nodes', 'changed'] as const
type Moment = (typeof MOMENTS)[number]
/** ms: a child that does not say the word dies then. */
const LIFE_MS_MAX = 10_000

/** Lets a child work and kills it; answers what it had said by then. */
async function runAndKill(
  location: string,
  plan: { seed: number; round: number; ms: number; since: Moment },
): Promise<Said> {
  const args = [self, '--child', location, '--seed', `${plan.seed}`, '--round', `${plan.round}`]
  const child = childProcess.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const said: Said = { opened: false, texts: [], nodes: [], held: [], failure: undefined }
  const ended = new Promise<NodeJS.Signals | null>(resolve => child.once('close', (_, signal) => resolve(signal)))
  let errors = ''
  child.stderr.on('data', data => (errors += data))
  const kill = (ms: number) => {
    // timer: the moment of death is what this is about; nothing is waited for.
    setTimeout(() => child.kill('SIGKILL'), ms).unref()
  }
  if (plan.since === 'start') kill(40 + plan.ms)
  else kill(LIFE_MS_MAX)
  let isDue = plan.since !== 'start'
  for await (const line of readline.createInterface({ input: child.stdout })) {
    const [word, ...rest] = line.split(' ')
    if (isDue && word === plan.since) {
      isDue = false
      kill(plan.ms)
    }
    if (word === 'opened') {
      said.opened = true
    } else if (word === 'nodes') {
      const [frontier, first, count, digest] = rest
      said.nodes.push({ frontier: frontier!, first: Number(first), count: Number(count), digest: digest! })
    } else if (word === 'texts') {
      const changes = rest.slice(1).map(change => change.split(':'))
      const list = changes.map(([seq, state]) => ({ seq: Number(seq), state: state! }))
      said.texts.push({ frontier: rest[0]!, changes: list, isDone: false })
    } else if (word === 'changed') said.texts.at(-1)!.isDone = true
    else if (word === 'held') said.held.push(rest[0]!)
  }
  const signal = await ended
  if (signal !== 'SIGKILL') said.failure = errors.slice(0, 500) || `ended by ${signal}`
  return said
}

/** One frontier as it must be, recomputed from what the log says. */
class Model {
  readonly #name: string
  readonly #digests: string[] = []
  readonly #heads = new Set<string>()
  readonly #events = new Set<string>()
  /** States of the texts that are not here, by the number of the node. */
  readonly #absent = new Map<number, string>()

  constructor(name: string) {
    this.#name = name
  }

  /** Compares the store with the model and with what was acknowledged; answers how many nodes are there beyond that. */
  async check(store: Store, acknowledged: readonly Acknowledged[]): Promise<number> {
    const log = store.frontier(this.#name)
    const before = this.#digests.length
    for await (const rows of log.scan({ from: before })) for (const row of rows) this.#add(row)
    expect(this.#digests.length === log.nodes, `${log.nodes} nodes are said to be there, ${this.#digests.length} are`)
    let certain = before
    for (const { frontier, first, count, digest } of acknowledged) {
      if (frontier !== this.#name) continue
      const found = this.#digests.slice(first, first + count).map(hex => Buffer.from(hex, 'hex'))
      expect(toHex(sha256(concat(found))) === digest, `acknowledged nodes ${first} to ${first + count - 1} are lost`)
      certain = Math.max(certain, first + count)
    }
    const heads = [...this.#heads].sort()
    expect(log.heads().map(toHex).join() === heads.join(), 'the heads are not those of the log')
    expect(log.events === this.#events.size, `${log.events} events are counted, ${this.#events.size} are there`)
    const record = await store.records.get(`nodes/${this.#name}`)
    expect(Number(Buffer.from(record ?? '0').toString()) === log.nodes, 'the record is not the one of the last commit')
    await this.#locate(log, before)
    return log.nodes - certain
  }

  /** Compares the states of texts with the acknowledged ones; a batch under way holds whole or not at all. */
  async checkTexts(store: Store, batches: readonly ChangedTexts[]): Promise<void> {
    const log = store.frontier(this.#name)
    const own = batches.filter(({ frontier }) => frontier === this.#name)
    for (const { changes, isDone } of own) {
      if (!isDone && !(await this.#isApplied(log, changes))) continue
      for (const { seq, state } of changes) state === 'here' ? this.#absent.delete(seq) : this.#absent.set(seq, state)
    }
    const counts = { here: log.nodes - this.#absent.size, wanted: 0, 'left-out': 0, erased: 0, void: 0 }
    for (const state of this.#absent.values()) counts[state as keyof typeof counts] += 1
    expect(JSON.stringify(log.texts()) === JSON.stringify(counts), 'the states of texts are miscounted')
    for await (const rows of log.scan({ from: 0 })) {
      for (const { seq, text, bytes, headerBytes } of rows) {
        const due = this.#absent.get(seq) ?? 'here'
        expect(text === due, `text ${seq} is ${text}, not ${due}`)
        expect(bytes.length > headerBytes === (text === 'here'), `text ${seq} is ${text}, and its bytes say otherwise`)
      }
    }
  }

  async #isApplied(log: FrontierStore, changes: ChangedTexts['changes']): Promise<boolean> {
    const rows = await log.read(changes.map(({ seq }) => seq))
    const applied = rows.filter(({ text }, i) => text === changes[i]!.state).length
    expect(applied === 0 || applied === rows.length, 'a change of texts holds by half')
    return applied > 0
  }

  async #locate(log: FrontierStore, from: number): Promise<void> {
    const digests = this.#digests.slice(from).map(hex => Buffer.from(hex, 'hex'))
    const places = await log.locate(digests)
    expect(
      places.every((place, at) => place?.seq === from + at),
      'the index does not know the new nodes',
    )
  }

  #add(row: NodeRow): void {
    const seq = this.#digests.length
    expect(row.seq === seq, 'a number is left out')
    const { parents, event } = parse(row.bytes)
    expect(parents.length === row.parents.length, 'a parent is missing')
    for (const [at, parent] of parents.entries()) {
      expect(this.#digests[row.parents[at]!] === parent, `node ${seq} came without its parent`)
      this.#heads.delete(parent)
    }
    const digest = toHex(row.digest)
    this.#digests.push(digest)
    this.#heads.add(digest)
    this.#events.add(event)
  }
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new TypeError(otherwise)
}

async function checkHeld(store: Store, held: ReadonlySet<string>): Promise<void> {
  const found = await store.held.list(frontiers[0], { limit: 1_000_000 })
  const digests = new Set(found.map(node => toHex(node.digest)))
  for (const digest of held) expect(digests.has(digest), `held node ${digest} is lost`)
  const bytes = found.reduce((sum, node) => sum + node.bytes.length, 0)
  const usage = store.held.usage()
  expect(usage.nodes === found.length && usage.bytes === bytes, 'the use of the room for held nodes is miscounted')
  let waiting = 0
  for (const { nodes } of await store.held.listWaits(frontiers[0], 1000)) waiting += nodes
  expect(waiting === found.length, 'held nodes and waits differ')
}

/** A node says in its first line how many parents it has and what its event is called; the parents' digests follow. */
function parse(bytes: Uint8Array): { parents: string[]; event: string } {
  const end = bytes.indexOf(10)
  const [, event, count] = Buffer.from(bytes.subarray(0, end)).toString().split('|')
  const parents = Array.from({ length: Number(count) }, (_, at) =>
    toHex(bytes.subarray(end + 1 + 32 * at, end + 33 + 32 * at)),
  )
  return { parents, event: event! }
}

/** What the child does until it is killed. */
async function work(location: string, options: { seed: number; round: number }): Promise<void> {
  const random = new Random(options.seed)
  const next = () => random.next()
  await using store = await openLevelDb(location)
  // Written at once: what is said must have been said when the process dies.
  const say = (...words: unknown[]) => fs.writeSync(1, `${words.join(' ')}\n`)
  say('opened')
  const leftOut = new Map<string, Uint8Array>()
  const recent = new Map<string, NodeEntry[]>()
  for (const name of frontiers) recent.set(name, await lastNodes(store.frontier(name)))
  for (let step = 0; ; step++) {
    const name = frontiers[next() < 0.7 ? 0 : 1]
    const chunk = makeChunk(recent.get(name)!, next, `${options.round}.${step}`)
    const count = store.frontier(name).nodes + chunk.length
    const first = await store.frontier(name).commit(chunk, [{ key: `nodes/${name}`, value: utf8(`${count}`) }])
    say('nodes', name, first, chunk.length, toHex(sha256(concat(chunk.map(node => node.digest)))))
    recent.set(name, [...recent.get(name)!, ...chunk].slice(-40))
    if (next() < 0.3) await changeTexts(store.frontier(name), { next, say, leftOut })
    if (next() < 0.1) {
      const wait = { kind: 'key', id: madeKey(`k${step % 3}`) } as const
      const node = madeHeld(`held ${options.round}.${step}`, wait)
      const [kept] = await store.held.put(frontiers[0], [node])
      if (kept === true) say('held', toHex(node.digest))
    }
  }
}

/** Takes some texts out, for ever or to put them back later. */
async function changeTexts(
  log: FrontierStore,
  tools: { next: () => number; say: (...words: unknown[]) => void; leftOut: Map<string, Uint8Array> },
): Promise<void> {
  const { next, say, leftOut } = tools
  const seqs = new Set(Array.from({ length: 1 + Math.floor(next() * 5) }, () => Math.floor(next() * log.nodes)))
  const known = [...leftOut.keys()].filter(key => key.startsWith(`${log.name} `)).slice(0, 2)
  for (const key of known) seqs.add(Number(key.split(' ')[1]))
  const changes = (await log.read([...seqs])).flatMap(({ seq, text, bytes, headerBytes }): TextChange[] => {
    const key = `${log.name} ${seq}`
    const kept = leftOut.get(key)
    if (text === 'left-out' && kept !== undefined) {
      leftOut.delete(key)
      return [{ seq, text: kept }]
    }
    if (text !== 'here') return []
    if (next() < 0.4) return [{ seq, state: 'erased' }]
    leftOut.set(key, bytes.slice(headerBytes))
    return [{ seq, state: 'left-out' }]
  })
  if (changes.length === 0) return
  say('texts', log.name, ...changes.map(change => `${change.seq}:${'state' in change ? change.state : 'here'}`))
  await log.setTexts(changes)
  say('changed')
}

function makeChunk(recent: readonly NodeEntry[], next: () => number, name: string): NodeEntry[] {
  const chunk: NodeEntry[] = []
  const size = next() < 0.3 ? 1 : Math.ceil(next() * 120)
  for (let at = 0; at < size; at++) {
    const all = [...recent, ...chunk]
    const parents = new Map<string, NodeEntry>()
    for (let left = Math.floor(next() * 3.5); left > 0 && all.length > 0; left--) {
      const parent = all[all.length - 1 - Math.floor(next() * Math.min(all.length, 30))]!
      parents.set(toHex(parent.digest), parent)
    }
    const bytes = next() < 0.01 ? 200_000 : 300 + Math.floor(next() * 1200)
    const isShared = next() < 0.05 && bytes < 2000
    const event = isShared ? `event ${Math.floor(next() * 50)}` : `${name}.${at}`
    chunk.push(madeNode(`${name}.${at}|${event}|${parents.size}`, [...parents.values()], { size: bytes, event }))
  }
  return chunk
}

/** The last nodes of a log, as far as they are needed to be parents. */
async function lastNodes(log: FrontierStore): Promise<NodeEntry[]> {
  const digests: Digest[] = []
  for await (const rows of log.scan({ from: Math.max(0, log.nodes - 40) })) digests.push(...rows.map(row => row.digest))
  const places = await log.locate(digests)
  const nothing = {
    bytes: new Uint8Array(1),
    headerBytes: 1,
    text: 'wanted',
    parents: [],
    label: new Uint8Array(8),
    event: new Uint8Array(32),
  } as const
  return digests.map((digest, at) => ({ ...nothing, digest, height: places[at]!.height }))
}

if (process.argv[1] === self) {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string' },
      seed: { type: 'string' },
      child: { type: 'string' },
      round: { type: 'string' },
    },
  })
  const seed = Number(values.seed ?? 1)
  if (values.child !== undefined) await work(values.child, { seed, round: Number(values.round) })
  else {
    const rounds = Number(values.rounds ?? 200)
    console.log(`seed ${seed}, ${rounds} rounds`)
    const totals = await killCampaign({ rounds, seed, onRound: line => console.log(line) })
    console.log(JSON.stringify(totals))
    console.log(totals.failures.length === 0 ? 'nothing acknowledged was lost' : totals.failures.join('\n'))
    process.exitCode = totals.failures.length === 0 ? 0 : 1
  }
}
