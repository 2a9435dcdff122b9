// `npm run demo`: the main job, on real processes. Two hubs on LevelDB in temporary folders; two writers with a thousand
// events each (or one log from a file) for one frontier; push, pull, and a third replica cloned; then a check that all
// three hold the same, byte for byte. Prints a table and exits non-zero if anything differs.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { makeEvent } from '../src/vela/index.ts'
import { events } from './data.ts'

const run = promisify(execFile)
const CLI = fileURLToPath(new URL('../src/cli/main.js', import.meta.url))
const SEED = 2026
const EVENTS_PER_WRITER = 1000
const OUTPUT_BYTES_MAX = 1 << 30

type Answer = Record<string, never> & { [key: string]: unknown }

/** Runs one verb in a replica's folder and returns its JSON. A verb that fails fails the demo. */
async function replica(dir: string, ...words: string[]): Promise<Answer> {
  const argv = [CLI, ...words, '--dir', dir, '--json']
  const { stdout } = await run(process.execPath, argv, { maxBuffer: OUTPUT_BYTES_MAX })
  return JSON.parse(stdout) as Answer
}

interface RunningHub {
  readonly dir: string
  readonly id: string
  readonly url: string
  readonly key: string
  readonly child: ChildProcess
}

async function startHub(dir: string, id: string): Promise<RunningHub> {
  await run(process.execPath, [CLI, 'init', dir, '--hub-id', id, '--json'])
  const argv = [CLI, 'serve', '--listen', '127.0.0.1:0', '--dir', dir, '--json']
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  const ready = await firstLine(child)
  const { url, public_key: key } = JSON.parse(ready) as { url: string; public_key: string }
  return { dir, id, url, key, child }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout!.setEncoding('utf8')
    child.stdout!.on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('exit', code => reject(new Error(`a hub ended with code ${code} before it was ready`)))
  })
}

async function stopHub(hub: RunningHub): Promise<void> {
  if (hub.child.exitCode !== null) return
  const ended = new Promise(resolve => hub.child.once('exit', resolve))
  hub.child.kill('SIGTERM')
  await ended
}

/** The logs of two writers, or the file that was given: its path for one writer, nothing for the other. */
async function logs(folder: string, given: string | undefined): Promise<[string, string | undefined]> {
  if (given !== undefined) return [path.resolve(given), undefined]
  const files: string[] = []
  for (const writer of [0, 1]) {
    const file = path.join(folder, `writer-${writer + 1}.jsonl`)
    const lines: string[] = []
    for (const draft of events(SEED + writer, EVENTS_PER_WRITER))
      lines.push(Buffer.from(makeEvent(draft).text).toString('utf8'))
    await fs.writeFile(file, `${lines.join('\n')}\n`)
    files.push(file)
  }
  return [files[0]!, files[1]]
}

interface Row {
  readonly what: string
  readonly answer: Answer
  readonly ms: number
}

async function timed(what: string, task: () => Promise<Answer>): Promise<Row> {
  const started = performance.now()
  const answer = await task()
  return { what, answer, ms: performance.now() - started }
}

async function exportHash(dir: string, frontier: string): Promise<{ hash: string; bytes: number }> {
  const argv = [CLI, 'export', '--format', 'events', '--frontier', frontier, '--dir', dir]
  const { stdout } = await run(process.execPath, argv, { maxBuffer: OUTPUT_BYTES_MAX })
  return { hash: createHash('sha256').update(stdout).digest('hex'), bytes: Buffer.byteLength(stdout) }
}

async function demo(given: string | undefined): Promise<boolean> {
  const folder = await fs.mkdtemp(path.join(os.tmpdir(), 'replica-demo-'))
  const hubs: RunningHub[] = []
  try {
    const north = await startHub(path.join(folder, 'north'), 'hub:north')
    hubs.push(north)
    const south = await startHub(path.join(folder, 'south'), 'hub:south')
    hubs.push(south)
    const [first, second] = await logs(folder, given)
    const frontier = String((await replica(north.dir, 'frontier', 'create', '--name', 'demo')).frontier)
    await replica(north.dir, 'peer', 'add', south.id, south.url, '--key', south.key, '--frontier', frontier)
    await replica(south.dir, 'peer', 'add', north.id, north.url, '--key', north.key, '--frontier', frontier)

    const rows: Row[] = []
    rows.push(await timed('north imports', () => replica(north.dir, 'import', first, '--frontier', frontier)))
    if (second !== undefined) {
      rows.push(await timed('south imports', () => replica(south.dir, 'import', second, '--frontier', frontier)))
    }
    rows.push(await timed('north pushes to south', () => replica(north.dir, 'push', south.id, '--frontier', frontier)))
    rows.push(await timed('north pulls from south', () => replica(north.dir, 'pull', south.id, '--frontier', frontier)))
    const third = path.join(folder, 'third')
    const cloneWords = [
      CLI,
      'clone',
      north.url,
      third,
      '--key',
      north.key,
      '--frontier',
      frontier,
      '--adopt-registry',
      '--json',
    ]
    rows.push(
      await timed('third clones north', async () => {
        const { stdout } = await run(process.execPath, cloneWords, { maxBuffer: OUTPUT_BYTES_MAX })
        return JSON.parse(stdout) as Answer
      }),
    )
    return await compare(rows, frontier, [
      { name: 'north', dir: north.dir },
      { name: 'south', dir: south.dir },
      { name: 'third', dir: third },
    ])
  } finally {
    for (const hub of hubs) await stopHub(hub)
    await fs.rm(folder, { recursive: true, force: true })
  }
}

/** Prints what happened and what each replica holds now; true when all hold the same. */
async function compare(
  rows: readonly Row[],
  frontier: string,
  places: readonly { name: string; dir: string }[],
): Promise<boolean> {
  print([
    ['step', 'events', 'sent B', 'received B', 'round trips', 'ms'],
    ...rows.map(({ what, answer, ms }) => [
      what,
      String(answer.added ?? answer.admitted),
      String(answer.sent_bytes ?? ''),
      String(answer.received_bytes ?? ''),
      String(answer.round_trips ?? ''),
      ms.toFixed(0),
    ]),
  ])
  const states: {
    name: string
    nodes: number
    events: number
    heads: number
    digest: string
    bytes: number
    hash: string
    ok: boolean
  }[] = []
  for (const { name, dir } of places) {
    const status = await replica(dir, 'status')
    const found = (
      status.frontiers as { frontier: string; nodes: number; events: number; heads: number; heads_digest: string }[]
    ).find(item => item.frontier === frontier)!
    const verified = await replica(dir, 'verify', '--signatures')
    const { hash, bytes } = await exportHash(dir, frontier)
    const { nodes, events: count, heads, heads_digest: digest } = found
    states.push({ name, nodes, events: count, heads, digest, bytes, hash, ok: verified.ok === true })
  }
  print([
    ['replica', 'nodes', 'events', 'heads', 'heads digest', 'export B', 'export SHA-256', 'verified'],
    ...states.map(state => [
      state.name,
      String(state.nodes),
      String(state.events),
      String(state.heads),
      state.digest.slice(0, 16),
      String(state.bytes),
      state.hash.slice(0, 16),
      state.ok ? 'yes' : 'NO',
    ]),
  ])
  const [model] = states
  const same = states.every(
    state =>
      state.ok &&
      state.events > 0 &&
      state.digest === model!.digest &&
      state.hash === model!.hash &&
      state.nodes === model!.nodes,
  )
  console.log(same ? `all three replicas hold the same ${model!.events} events` : 'THE REPLICAS DIFFER')
  return same
}

function print(table: readonly (readonly string[])[]): void {
  const widths = table[0]!.map((_, column) => Math.max(...table.map(row => row[column]!.length)))
  for (const row of table)
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('  '))
  console.log('')
}

process.exitCode = (await demo(process.argv[2])) ? 0 : 1
