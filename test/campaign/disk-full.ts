// A store on a small tmpfs that runs full while it is written: the commit that fails says so with a code, nothing more
// is written through that handle, reading goes on; and when there is room again, an open finds everything that was
// acknowledged. Each round leaves another amount of room, so that it is now the write-ahead log that fails, now a table.
// Needs the right to mount; says so and exits 0 without it.
// Run: node dist/test/campaign/disk-full.js [--rounds 40]. Short form: test/store/disk-full.test.ts

import * as childProcess from 'node:child_process'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { createLevelDb, openLevelDb } from '../../src/store/index.ts'
import type { NodeEntry, NodeRow, Store } from '../../src/store/store.ts'
import { scratch } from '../shared-data.ts'
import { madeChain, madeHeld, madeKey } from '../store/made-nodes.ts'

export interface DiskFullTotals {
  rounds: number
  acknowledgedNodes: number
  /** Opens that were tried while the disk was still full and refused with a code. */
  refusedOpens: number
  failures: string[]
}

const frontier = 'vfr_00000000000000aa'
const diskBytes = 80 * 1024 * 1024
const roomStep = 1_250_000

/** undefined when a file system can be mounted here; otherwise why not. */
export async function whyNotMountable(): Promise<string | undefined> {
  await using folder = await scratch()
  const { status, stderr, error } = mount(folder.path)
  if (error !== undefined) return error.message
  if (status !== 0) return `mount: ${stderr.toString().trim()}`
  unmount(folder.path)
  return undefined
}

export async function diskFullCampaign(options: {
  rounds: number
  onRound?: (line: string) => void
}): Promise<DiskFullTotals> {
  const totals: DiskFullTotals = { rounds: 0, acknowledgedNodes: 0, refusedOpens: 0, failures: [] }
  await using folder = await scratch()
  if (mount(folder.path).status !== 0) throw new TypeError('no file system can be mounted here')
  try {
    const location = folder.join('store')
    const created = await createLevelDb(location)
    await created.track(frontier)
    await created.close()
    const nodes: NodeEntry[] = []
    for (let round = 0; round < options.rounds; round++) {
      // A store that has grown too large for the disk gives way to a new one.
      if (nodes.length > 25_000) {
        fs.rmSync(location, { recursive: true })
        nodes.length = 0
        const next = await createLevelDb(location)
        await next.track(frontier)
        await next.close()
      }
      try {
        const before = nodes.length
        const room = 100_000 + (round % 11) * roomStep
        totals.refusedOpens += await fillAndFail({ folder: folder.path, location, round, room, nodes })
        totals.acknowledgedNodes += nodes.length - before
        totals.rounds++
        options.onRound?.(`round ${round}: ${room} bytes of room, ${nodes.length - before} nodes acknowledged`)
      } catch (error) {
        totals.failures.push(`round ${round}: ${error instanceof Error ? error.message : error}`)
        break
      }
    }
  } finally {
    unmount(folder.path)
  }
  return totals
}

/** Commits until the disk is full, frees it, and compares; `nodes` grows by what was acknowledged. Answers refused opens. */
async function fillAndFail(plan: {
  folder: string
  location: string
  round: number
  room: number
  nodes: NodeEntry[]
}): Promise<number> {
  const { location, nodes } = plan
  const filler = path.join(plan.folder, 'filler')
  const store = await openLevelDb(location)
  const log = store.frontier(frontier)
  fill(plan.folder, filler, plan.room)
  for (let step = 0; ; step++) {
    const size = [1, 30, 200][step % 3]!
    const chunk = madeChain(`${plan.round}.${step}`, size, nodes.at(-1), { size: 900 })
    try {
      await log.commit(chunk, [{ key: 'nodes', value: utf8(`${nodes.length + size}`) }])
      nodes.push(...chunk)
    } catch (error) {
      if (!hasCode(error, 'ERR_STORE_IO')) throw error
      break
    }
    if (step > 100_000) throw new TypeError('the disk does not get full')
  }
  const held = madeHeld('late', { kind: 'key', id: madeKey('k') })
  await refused(() => log.commit(madeChain('late', 1)))
  await refused(() => store.records.write([{ key: 'late', value: utf8('x') }]))
  await refused(() => store.held.put(frontier, [held]))
  const before = JSON.stringify(log.texts())
  if (log.nodes > 0) await refused(() => log.setTexts([{ seq: log.nodes - 1, state: 'erased' }]))
  expect(JSON.stringify(log.texts()) === before, 'a text changed although the disk is full')
  expect(log.nodes === nodes.length, 'what failed is visible')
  await expectNodes(store, nodes)
  await store.close()
  const refusedOpen = await openWhileFull(location)
  fs.rmSync(filler)
  await using again = await openLevelDb(location)
  // The commit that failed may be there: a failed sync does not say what reached the disk. Then it is there whole.
  const found = again.frontier(frontier)
  expect(found.nodes >= nodes.length, `${nodes.length} nodes were acknowledged, ${found.nodes} are there`)
  await expectNodes(again, nodes)
  if (found.nodes > nodes.length)
    for await (const rows of found.scan({ from: nodes.length })) nodes.push(...rows.map(entry))
  const record = await again.records.get('nodes')
  expect(Number(Buffer.from(record ?? '').toString()) === found.nodes, 'the record is not the one of the last commit')
  for await (const fault of again.verify()) throw new TypeError(`verify: ${fault.kind} ${fault.reason}`)
  const [next] = madeChain(`${plan.round} after`, 1, nodes.at(-1))
  await found.commit([next!], [{ key: 'nodes', value: utf8(`${nodes.length + 1}`) }])
  nodes.push(next!)
  return refusedOpen
}

/** On a full disk LevelDB can't open; it may also just fit. Either is fine, an untyped error is not. */
async function openWhileFull(location: string): Promise<number> {
  try {
    await (await openLevelDb(location)).close()
    return 0
  } catch (error) {
    if (hasCode(error, 'ERR_STORE_IO')) return 1
    throw error
  }
}

/** Writes a file that leaves `room` bytes on the disk. */
function fill(folder: string, file: string, room: number): void {
  const { bavail, bsize } = fs.statfsSync(folder)
  fs.writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - room)))
}

async function expectNodes(store: Store, nodes: readonly NodeEntry[]): Promise<void> {
  let seq = 0
  for await (const rows of store.frontier(frontier).scan({ from: 0, to: nodes.length })) {
    for (const row of rows) expect(toHex(row.digest) === toHex(nodes[seq++]!.digest), `node ${row.seq} is another one`)
  }
  expect(seq === nodes.length, `${seq} nodes of ${nodes.length} can be read`)
}

/** A stored node as far as it is needed to be a parent: these chains have heights like their numbers, which nobody checks. */
function entry(row: NodeRow): NodeEntry {
  return { ...row, parents: [], height: row.seq, label: new Uint8Array(8), event: new Uint8Array(32) }
}

async function refused(action: () => Promise<unknown>): Promise<void> {
  try {
    await action()
  } catch (error) {
    if (hasCode(error, 'ERR_STORE_IO')) return
    throw error
  }
  throw new TypeError('a write was accepted after one had failed')
}

function expect(holds: boolean, otherwise: string): void {
  if (!holds) throw new TypeError(otherwise)
}

function mount(folder: string) {
  return childProcess.spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${diskBytes}`, 'tmpfs', folder])
}

function unmount(folder: string): void {
  childProcess.spawnSync('umount', [folder])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { rounds: { type: 'string' } } })
  const reason = await whyNotMountable()
  if (reason !== undefined) console.log(`skipped: no file system can be mounted here (${reason})`)
  else {
    const totals = await diskFullCampaign({ rounds: Number(values.rounds ?? 40), onRound: line => console.log(line) })
    console.log(JSON.stringify(totals))
    console.log(totals.failures.length === 0 ? 'nothing acknowledged was lost' : totals.failures.join('\n'))
    process.exitCode = totals.failures.length === 0 ? 0 : 1
  }
}
