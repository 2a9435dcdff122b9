// Stores to measure on. Signed logs enter through the real gate with all its checks. The plain
// ones, for look-ups only, are written directly: their nodes have no valid signature.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { Gate } from '../src/admission/gate.ts'
import { Registry } from '../src/admission/registry.ts'
import { TextPolicy } from '../src/admission/text-policy.ts'
import { fromHex } from '../src/base/bytes.ts'
import { Key } from '../src/crypto/key.ts'
import { VerifierPool } from '../src/crypto/verifier-pool.ts'
import { Replica } from '../src/replica/replica.ts'
import { createLevelDb, openLevelDb, type Store } from '../src/store/index.ts'
import { type LogOptions, type MadeNode, type Shape, signedNodes } from './data.ts'

export const frontier = 'vfr_00000000000be9c4'
export const hubId = 'hub:bench'
export const seed = 2026

/** Writers; the first is the hub. The last makes the nodes that only the other side has. */
const writers = Array.from({ length: 9 }, (_, index) => Key.fromSeed(new Uint8Array(32).fill(index + 1)))
const hubKey = writers[0]!
const visitor = writers.at(-1)!
export const visitors: readonly Key[] = [visitor]

/** The writers of a shape: one for a chain, two for a mesh, many for the others. */
export function writersOf(shape: Shape): readonly Key[] {
  return writers.slice(0, { chain: 1, mesh: 2, wide: 8, heads: 8 }[shape])
}

const chunkNodes = 512

/** A new replica folder with a log, which registers all writers. */
export async function makeStore(folder: string, log: { shape: Shape; count: number }): Promise<void> {
  const replica = await Replica.open({ location: folder, create: true, hubId, key: hubKey })
  const peers = replica.registry(frontier)
  for (const [index, { publicKey }] of writers.slice(1).entries()) {
    await peers.add({ id: `hub:writer-${index + 1}`, url: `wss://writer-${index + 1}.example`, publicKey })
  }
  await replica.close()
  await addNodes(folder, { seed, frontier, keys: writersOf(log.shape), ...log })
}

/** Admits generated nodes on the current heads, into a folder that is not open. */
export async function addNodes(folder: string, log: LogOptions): Promise<void> {
  await using store = await openLevelDb(folder)
  await using verifier = new VerifierPool()
  const { records, held } = store
  const ours = store.frontier(frontier)
  const key = await Key.load(path.join(folder, 'key'))
  const registry = await Registry.load(records, frontier, { id: hubId, key })
  const policy = await TextPolicy.load(records, frontier)
  const gate = new Gate({ log: ours, held, records, registry, policy, verifier })
  const heads = ours.heads().slice(0, 64)
  const places = await ours.locate(heads)
  const on = heads.map((digest, index) => ({ digest, height: places[index]!.height }))
  let writing: Promise<unknown> = Promise.resolve()
  for (const chunk of chunks(signedNodes({ ...log, on }))) {
    await writing
    writing = gate
      .admit(
        chunk.map(node => node.bytes),
        { from: key.publicKeyBytes },
      )
      .then(({ admitted }) => {
        // biome-ignore format: one thought
        if (admitted !== chunk.length) throw new Error(`${chunk.length - admitted} made-up nodes were not admitted`)
      })
  }
  await writing
}

/** A store with a log of this size; its nodes have no valid signatures. */
export async function makePlainStore(folder: string, log: { shape: Shape; count: number }): Promise<void> {
  const unsigned = { publicKeyBytes: hubKey.publicKeyBytes, sign: () => new Uint8Array(64) } as unknown as Key
  await using store = await createLevelDb(folder)
  const ours = await store.track(frontier)
  for (const chunk of chunks(signedNodes({ seed, frontier, keys: [unsigned], ...log }))) {
    await ours.commit(chunk)
  }
}

function* chunks(nodes: Iterable<MadeNode>): Generator<MadeNode[]> {
  let chunk: MadeNode[] = []
  for (const node of nodes) {
    chunk.push(node)
    if (chunk.length < chunkNodes) continue
    yield chunk
    chunk = []
  }
  if (chunk.length > 0) yield chunk
}

/** Deletes the sync state that two replicas keep about each other's logs. */
export async function forgetCursors(folder: string): Promise<void> {
  await using store: Store = await openLevelDb(folder)
  const rows = await store.records.list('cursor/', { limit: 1000 })
  await store.records.write(rows.map(({ key }) => ({ key, value: undefined })))
}

/** Bytes of all files in a folder, without file system overhead. */
export async function folderBytes(folder: string): Promise<number> {
  let bytes = 0
  for (const entry of await fs.readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await fs.stat(path.join(entry.parentPath, entry.name))).size
  }
  return bytes
}

export function keyBytes(hex: string): Uint8Array {
  return fromHex(hex)!
}
