// The live part of the demo: north and south follow each other, and a third hub follows north
// through a relay that can be cut. Events are written at both while it follows and while the relay
// is cut; afterwards the link reconnects by itself.

import { type ChildProcess, spawn } from 'node:child_process'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { createInterface } from 'node:readline'
import { makeEvent } from '../src/event/event.ts'
import { ask, listen, program, type ServedHub, stop, VerbFailed } from './cli.ts'
import { CutWire } from './cut-wire.ts'
import { events } from './data.ts'
import { align, duration, whole } from './table.ts'

const seed = 4052
/** Events per file; each hub imports one file after another. */
const eventsPerFile = 50
const filesPerPart = 3
const waitMsMax = 30_000
const lookMs = 20

export interface LivePart {
  readonly folder: string
  readonly frontier: string
  readonly north: ServedHub
  readonly south: ServedHub
  /** Folder of the clone that becomes the third hub. */
  readonly third: string
}

/**
 * Returns a table of the events; the third hub has stopped, and its store has the received nodes.
 */
export async function livePart({ folder, frontier, north, south, third }: LivePart): Promise<string> {
  await using wire = await CutWire.before(north.url)
  const at = (dir: string): string[] => ['--frontier', frontier, '--dir', dir]
  await ask(['peer', 'set', north.id, '--url', wire.url, '--live', 'pull', ...at(third)])
  const hub = await listen(third, 'hub:third')
  const { frontiers } = await ask(['status', ...at(third).slice(2)])
  const since = Number((frontiers as { nodes: number }[])[0]!.nodes)
  await using watch = new Watch(hub, { frontier, since })
  try {
    await ask(['peer', 'set', south.id, '--live', 'both', ...at(north.dir)])
    const files = await madeUpFiles(folder)
    await until('the link from third to north', () => wire.connections > 0)
    const write = async (parts: readonly string[][]): Promise<void> => {
      const both = [north, south].map(async ({ dir }, writer) => {
        for (const file of parts[writer]!) await ask(['import', file, ...at(dir)])
      })
      await Promise.all(both)
    }
    const part = (from: number): string[][] => files.map(own => own.slice(from, from + filesPerPart))
    const each = filesPerPart * eventsPerFile
    const lines = [['live', 'written at north', 'at south', 'come to third', 'ms']]
    const step = async (what: string, written: number, task: () => Promise<void>): Promise<void> => {
      const started = performance.now()
      await task()
      const count = written === 0 ? '' : whole(written)
      lines.push([what, count, count, whole(watch.count), duration(performance.now() - started)])
    }
    await step('third follows north, and events are written at both hubs', each, async () => {
      await write(part(0))
      await watch.reaches(2 * each)
    })
    await step('the wire between third and north is cut; more are written', each, async () => {
      wire.cut()
      await write(part(filesPerPart))
    })
    await step('the wire is whole again; the link comes back by itself', 0, async () => {
      wire.mend()
      await watch.reaches(4 * each)
    })
    return align(lines, 1)
  } finally {
    await stop(hub)
  }
}

/** Creates the files of the two writers. */
async function madeUpFiles(folder: string): Promise<string[][]> {
  const files: string[][] = [[], []]
  for (const [writer, own] of files.entries()) {
    const texts = [...events(seed + writer, 2 * filesPerPart * eventsPerFile)].map(draft =>
      Buffer.from(makeEvent(draft).text).toString(),
    )
    for (let from = 0; from < texts.length; from += eventsPerFile) {
      const file = path.join(folder, `live-${writer}-${from}.jsonl`)
      await fs.writeFile(file, `${texts.slice(from, from + eventsPerFile).join('\n')}\n`)
      own.push(file)
    }
  }
  return files
}

/** `replica watch` beside a hub: counts the nodes merged there after a given node. */
class Watch {
  count = 0
  readonly #child: ChildProcess

  constructor({ dir }: ServedHub, { frontier, since }: { frontier: string; since: number }) {
    const words = ['watch', '--since', String(since), '--jsonl', '--frontier', frontier, '--dir', dir]
    this.#child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
    createInterface({ input: this.#child.stdout! }).on('line', () => {
      this.count += 1
    })
  }

  async reaches(count: number): Promise<void> {
    await until(`${count} events at third`, () => this.count >= count)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGTERM')
  }
}

async function until(what: string, holds: () => boolean): Promise<void> {
  const started = performance.now()
  while (!holds()) {
    if (performance.now() - started > waitMsMax) throw new VerbFailed(`${what}: not within ${waitMsMax / 1000} s`)
    await new Promise(resolve => setTimeout(resolve, lookMs))
  }
}
