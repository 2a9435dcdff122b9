// `npm run demo [-- file]`: the main task, with real processes and disks. Two hubs, north and
// south, have one frontier. Two writers import a thousand generated events each, one at each hub
// (or one log from the given file, at north). The hubs push and pull, and a third replica clones.
// Then the hubs follow each other live, the third as a hub too, over a link that is cut once
// (demo-live.ts). In the end all three must be equal, byte for byte. Exits with 1 if anything
// differs.

import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { makeEvent } from '../src/event/event.ts'
import { type Answer, ask, type ServedHub, serve, stop, VerbFailed, verb } from './cli.ts'
import { events } from './data.ts'
import { livePart } from './demo-live.ts'
import { align, duration, whole } from './table.ts'
import { inTemporaryFolder } from './workplace.ts'

const seed = 2026
const eventsPerWriter = 1000
/** Exit codes: an event was refused; a usage error. */
const refusedSome = 1
const wrongUsage = 2

interface Step {
  readonly what: string
  readonly answer: Answer
  readonly ms: number
}

/** The final contents of a replica. */
interface Holding {
  readonly name: string
  readonly events: number
  readonly nodes: number
  readonly heads: number
  readonly headsDigest: string
  readonly exportBytes: number
  readonly exportHash: string
  readonly verified: boolean
}

async function demo(folder: string, file: string | undefined): Promise<boolean> {
  const hubs: ServedHub[] = []
  try {
    for (const name of ['north', 'south']) hubs.push(await serve(path.join(folder, name), `hub:${name}`))
    const [north, south] = hubs as [ServedHub, ServedHub]
    for (const hub of hubs) console.log(`${hub.id} listens on ${hub.url}, key ${hub.key}`)
    const story = new Story()
    const third = path.join(folder, 'third')
    const logs = file === undefined ? await madeUpLogs(folder) : [path.resolve(file)]
    const frontier = await story.tell({ north, south, third }, logs, file === undefined)
    console.log(`the frontier is ${frontier}\n\n${story.table()}\n`)
    console.log(`${await livePart({ folder, frontier, north, south, third })}\n`)
    const places = [...hubs.map(({ id, dir }) => ({ name: id, dir })), { name: 'third', dir: third }]
    const holdings: Holding[] = []
    for (const { name, dir } of places) holdings.push(await holdingOf(name, dir, frontier))
    console.log(`${holdingsTable(holdings)}\n`)
    return judge(holdings)
  } finally {
    for (const hub of hubs) await stop(hub)
  }
}

/** Creates a file of events for each of the two writers. */
async function madeUpLogs(folder: string): Promise<string[]> {
  const files: string[] = []
  for (const writer of [1, 2]) {
    const file = path.join(folder, `writer-${writer}.jsonl`)
    const lines = [...events(seed + writer, eventsPerWriter)].map(draft =>
      Buffer.from(makeEvent(draft).text).toString(),
    )
    await fs.writeFile(file, `${lines.join('\n')}\n`)
    files.push(file)
  }
  return files
}

/** The steps, each with its result and duration, process start included. */
class Story {
  readonly #steps: Step[] = []

  /** Returns the frontier id. */
  async tell(
    { north, south, third }: { north: ServedHub; south: ServedHub; third: string },
    [first, second]: readonly string[],
    isMadeUp: boolean,
  ): Promise<string> {
    const frontier = isMadeUp ? await newFrontier(north) : await this.#importGiven(north, first!)
    const at = (hub: ServedHub): string[] => ['--frontier', frontier, '--dir', hub.dir]
    await ask(['peer', 'add', south.id, south.url, '--key', south.key, ...at(north)])
    await ask(['peer', 'add', north.id, north.url, '--key', north.key, ...at(south)])
    if (isMadeUp) {
      await this.#step('north imports a log', ['import', first!, ...at(north)])
      await this.#step('south imports a log', ['import', second!, ...at(south)])
    }
    await this.#step('north pushes to south', ['push', south.id, ...at(north)])
    await this.#step('north pulls from south', ['pull', south.id, ...at(north)])
    const clone = ['clone', north.url, third, '--key', north.key, '--frontier', frontier, '--adopt-registry']
    await this.#step('third clones north', clone)
    return frontier
  }

  /** A log that names its frontier is imported into it, any other into a new frontier. */
  async #importGiven(hub: ServedHub, log: string): Promise<string> {
    const words = ['import', log, '--dir', hub.dir]
    const answer = await this.#step('north imports the file', words, [0, refusedSome, wrongUsage])
    if (answer.exit !== wrongUsage) return String(answer.frontier)
    this.#steps.pop()
    const frontier = await newFrontier(hub)
    await this.#step('north imports the file', [...words, '--frontier', frontier], [0, refusedSome])
    return frontier
  }

  async #step(what: string, words: readonly string[], exits?: readonly number[]): Promise<Answer & { exit: number }> {
    const started = performance.now()
    const answer = await ask(words, exits)
    this.#steps.push({ what, answer, ms: performance.now() - started })
    return answer
  }

  table(): string {
    const count = (value: unknown): string => (typeof value === 'number' ? whole(value) : '')
    const rows = this.#steps.map(({ what, answer, ms }) => [
      what,
      count(answer.added ?? answer.admitted),
      count(answer.refused_count),
      count(answer.sent_bytes),
      count(answer.received_bytes),
      count(answer.round_trips),
      duration(ms),
    ])
    return align([['step', 'nodes added', 'refused', 'bytes sent', 'received', 'round trips', 'ms'], ...rows], 1)
  }
}

async function newFrontier(hub: ServedHub): Promise<string> {
  return String((await ask(['frontier', 'create', '--name', 'demo', '--dir', hub.dir])).frontier)
}

async function holdingOf(name: string, dir: string, frontier: string): Promise<Holding> {
  const { frontiers } = await ask(['status', '--dir', dir])
  const found = (frontiers as (Answer & { frontier: string })[]).find(one => one.frontier === frontier)!
  const { ok } = await ask(['verify', '--signatures', '--dir', dir], [0, 1])
  const { text } = await verb(['export', '--format', 'jsonl', '--frontier', frontier, '--dir', dir])
  return {
    name,
    events: Number(found.events),
    nodes: Number(found.nodes),
    heads: Number(found.heads),
    headsDigest: String(found.heads_digest),
    exportBytes: Buffer.byteLength(text),
    exportHash: createHash('sha256').update(text).digest('hex'),
    verified: ok === true,
  }
}

function holdingsTable(holdings: readonly Holding[]): string {
  const titles = ['replica', 'events', 'nodes', 'heads', 'heads digest', 'bytes exported', 'their SHA-256', 'verified']
  const rows = holdings.map(one => [
    one.name,
    whole(one.events),
    whole(one.nodes),
    whole(one.heads),
    `${one.headsDigest.slice(0, 16)}…`,
    whole(one.exportBytes),
    `${one.exportHash.slice(0, 16)}…`,
    one.verified ? 'yes' : 'NO',
  ])
  return align([titles, ...rows], 1)
}

/** Prints the result and returns whether all replicas are equal. */
function judge(holdings: readonly Holding[]): boolean {
  const [model] = holdings as [Holding]
  const same = holdings.every(
    one =>
      one.verified &&
      one.events > 0 &&
      one.events === model.events &&
      one.nodes === model.nodes &&
      one.headsDigest === model.headsDigest &&
      one.exportHash === model.exportHash,
  )
  console.log(
    same
      ? `all three replicas hold the same ${whole(model.events)} events, byte for byte, and every signature is good`
      : 'THE REPLICAS DIFFER',
  )
  return same
}

try {
  const isGood = await inTemporaryFolder('replica-demo-', folder => demo(folder, process.argv[2]))
  process.exitCode = isGood ? 0 : 1
} catch (error) {
  console.error(error instanceof VerbFailed ? error.message : error)
  process.exitCode = 1
}
