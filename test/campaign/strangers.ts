// Attacks on a hub with an honest peer beside: a registered replica appends and pushes, with a new session each time, and
// asks for health. What is measured: refused pushes, the time of a push and of a health check, and the memory of the hub,
// before, during and after each attack.
// Run: node dist/test/campaign/strangers.js [--nodes 20000] [--pushes 60] [--rest 60] [--attack <name>]
// Short form: test/hub/strangers.test.ts

import * as childProcess from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
// timer: the load of an honest peer and the time until memory comes back are what is measured
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { mainFile } from '../cli/shell.ts'
import { draft } from '../replica/drafts.ts'
import { type Scratch, scratch } from '../shared-data.ts'
import { ATTACKS, type Target } from './stranger-attacks.ts'

/** One phase: quiet, or during an attack. Times in ms at the 99th percentile. */
export interface Phase {
  readonly pushMs: number
  readonly healthMs: number
  /** Pushes and health checks that failed, by reason. */
  readonly refused: readonly string[]
}

export interface AttackResult {
  readonly attack: string
  readonly quiet: Phase
  readonly during: Phase
  /** Resident memory of the hub in MB: before the attack, at its end, and after the rest. */
  readonly residentMb: readonly [before: number, atEnd: number, after: number]
}

export interface StrangersOptions {
  readonly attacks: readonly string[]
  /** Events in the frontier of the hub. */
  readonly nodes: number
  /** Pushes in each phase. */
  readonly pushes: number
  /** ms between two pushes. */
  readonly pauseMs: number
  /** ms after the end of an attack before the memory is read again. */
  readonly restMs: number
  readonly onResult?: (result: AttackResult) => void
}

const self = fileURLToPath(import.meta.url)

/** Runs the attacks one after another, each on a hub of its own. */
export async function strangersCampaign(options: StrangersOptions): Promise<AttackResult[]> {
  const results: AttackResult[] = []
  for (const attack of options.attacks) {
    await using folder = await scratch()
    const result = await runAttack(attack, folder, options)
    results.push(result)
    options.onResult?.(result)
  }
  return results
}

async function runAttack(attack: string, folder: Scratch, options: StrangersOptions): Promise<AttackResult> {
  const location = folder.join('hub')
  const { frontier, peer } = await makeStores(location, options.nodes)
  await using hub = await ServedStore.start(location)
  await using honest = peer
  await honest.registry(frontier).set('hub:main', { url: hub.url })
  await honest.pull(frontier, 'hub:main')
  const measured = { peer: honest, hub, frontier, ...options }
  await measure({ ...measured, pushes: 5 }) // compiles the code of both sides
  const before = hub.residentMb()
  const quiet = await measure(measured)
  const attacker = childProcess.spawn(process.execPath, [self, '--child', attack, hub.url, frontier], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(attacker.stdout, 'data')
  const during = await measure(measured)
  const atEnd = hub.residentMb()
  attacker.kill('SIGKILL')
  await once(attacker, 'close')
  await delay(options.restMs)
  return { attack, quiet, during, residentMb: [before, atEnd, hub.residentMb()] }
}

/** Makes the store of a hub with a frontier of so many events, and a replica that is registered there. */
async function makeStores(location: string, nodes: number) {
  await using hub = await Replica.open({ location, create: true, hubId: 'hub:main' })
  const { frontier } = await hub.createFrontier({ name: 'Attacked' })
  for (let made = 0; made < nodes; made += 500) {
    const some = Array.from({ length: Math.min(500, nodes - made) }, (_, i) => draft(`note ${made + i}`))
    await hub.appendAll(frontier, some)
  }
  const peer = await Replica.open({ location: new MemoryStore(), hubId: 'hub:peer' })
  const hubKey = hub.key.publicKey
  await hub.registry(frontier).add({ id: 'hub:peer', url: 'wss://peer.example', publicKey: peer.key.publicKey })
  await peer.registry(frontier).add({ id: 'hub:main', url: 'ws://127.0.0.1:1', publicKey: hubKey })
  return { frontier, peer }
}

/** `replica serve` as a process of its own. */
class ServedStore {
  readonly url: string
  readonly #child: childProcess.ChildProcess

  private constructor(url: string, child: childProcess.ChildProcess) {
    this.url = url
    this.#child = child
  }

  static async start(location: string): Promise<ServedStore> {
    const args = [mainFile, 'serve', '--dir', location, '--listen', '127.0.0.1:0', '--json']
    const child = childProcess.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = await once(child.stdout!, 'data')
    return new ServedStore(JSON.parse(String(line)).url, child)
  }

  residentMb(): number {
    const status = fs.readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1024)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
    if (this.#child.exitCode === null) await once(this.#child, 'close')
  }
}

interface Measured extends Pick<StrangersOptions, 'pushes' | 'pauseMs'> {
  readonly peer: Replica
  readonly hub: ServedStore
  readonly frontier: string
}

let appended = 0

async function measure({ peer, hub, frontier, pushes, pauseMs }: Measured): Promise<Phase> {
  const times: { push: number[]; health: number[] } = { push: [], health: [] }
  const refused: string[] = []
  const time = async (kind: 'push' | 'health', task: () => Promise<unknown>): Promise<void> => {
    const since = performance.now()
    try {
      await task()
      times[kind].push(performance.now() - since)
    } catch (error) {
      refused.push(`${kind}: ${(error as { code?: string }).code ?? String(error)}`)
    }
  }
  const health = async (): Promise<void> => {
    const response = await fetch(`${hub.url.replace(/^ws/, 'http')}/healthz`, { headers: { connection: 'close' } })
    await response.text()
    if (response.status !== 200) throw new TypeError(`status ${response.status}`)
  }
  for (let i = 0; i < pushes; i += 1) {
    appended += 1
    await peer.append(frontier, draft(`honest ${appended}`))
    await Promise.all([time('push', () => peer.push(frontier, 'hub:main')), time('health', health)])
    await delay(pauseMs)
  }
  return { pushMs: percentile(times.push), healthMs: percentile(times.health), refused }
}

function percentile(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b)
  return Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? sorted.at(-1) ?? Number.NaN)
}

/** A row for docs/reliability.md. */
function rowOf({ attack, quiet, during, residentMb }: AttackResult): string {
  const pair = (one: number, other: number): string => `${one} / ${other}`
  const cells = [
    attack,
    pair(quiet.pushMs, during.pushMs),
    pair(quiet.healthMs, during.healthMs),
    during.refused.length,
  ]
  return `| ${[...cells, residentMb.join(' / ')].join(' | ')} |`
}

async function main(): Promise<void> {
  const texts = { type: 'string' } as const
  const { values, positionals } = parseArgs({
    options: { nodes: texts, pushes: texts, rest: texts, attack: texts, child: { type: 'boolean' } },
    allowPositionals: true,
  })
  if (values.child === true) {
    const [attack = '', url = '', frontier = ''] = positionals
    const target: Target = { url, frontier }
    setInterval(() => {}, 60_000) // timer: paused sockets alone do not keep a process running
    const running = ATTACKS[attack]!(target)
    console.log('attacking')
    await running
    return
  }
  const results = await strangersCampaign({
    attacks: values.attack === undefined ? Object.keys(ATTACKS) : [values.attack],
    nodes: Number(values.nodes ?? 20_000),
    pushes: Number(values.pushes ?? 60),
    pauseMs: 100,
    restMs: 1_000 * Number(values.rest ?? 60),
    onResult: result => console.log(rowOf(result), result.during.refused.slice(0, 3).join(' ')),
  })
  process.exitCode = results.every(({ during }) => during.refused.length === 0) ? 0 : 1
}

if (process.argv[1] === self) await main()
