// Opening a replica's folder: the store, the key beside it, the replica's own name; and what the folder contains.
// `key` is the key file; former keys stay as `key.<8 hex of the public key>.former`, readable by the owner only.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { utf8 } from '../bytes.ts'
import { decodeCbor, encodeCbor } from '../codec/cbor.ts'
import { hasCode, ReplicaError } from '../errors.ts'
import { REGISTRY_LIMITS } from '../limits.ts'
import { createLevel, openLevel } from '../store/index.ts'
import type { Records, Store } from '../store/store.ts'
import { Key } from '../trust/key.ts'
import type { LinkTools } from './link-tools.ts'

const KEY_FILE = 'key'
const HUB_ID = 'self/hub-id'
const FORMER_KEYS = 'self/former-keys'

export interface OpenOptions {
  /** A folder (LevelDB), or an engine that is open already; the replica closes it. */
  readonly location: string | Store
  /** Make the store, with a new key, when the folder holds none. */
  readonly create?: boolean
  /** The replica's own name, only when creating: `hub:` and up to 124 bytes. Default `hub:` and 8 hex of its public key. */
  readonly hubId?: string
  /** The key to use with an engine, or to create a folder with; a new one when absent. */
  readonly key?: Key
  /** Alarms and progress for an operator; the library itself logs nothing. Must not throw. */
  readonly onEvent?: (event: ReplicaEvent) => void
  /** The time of events made here; default the machine's clock. */
  readonly clock?: () => Date
  /** How links to peers are dialled, and their time and chance; default the network's, the machine's. */
  readonly linkTools?: Partial<LinkTools>
}

/** Something an operator may want to know. */
export interface ReplicaEvent {
  readonly kind: 'session' | 'alarm'
  readonly message: string
  readonly facts: { readonly [name: string]: string | number | boolean }
}

export interface Opened {
  readonly location: string
  readonly store: Store
  readonly key: Key
  readonly hubId: string
  /** Public keys this replica signed with before, 64 hex digits each. */
  readonly former: readonly string[]
}

/** @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_VERSION, ERR_KEY_FILE, ERR_PEER_ID */
export async function openParts(options: OpenOptions): Promise<Opened> {
  const { location, hubId } = options
  if (hubId !== undefined) checkHubId(hubId)
  if (typeof location !== 'string') return openEngine(location, options)
  const store = await openFolder(location, options.create === true)
  try {
    const key = await keyOf(location, store.created ? options.key : undefined, store.created)
    return { location, key, ...(await identityOf(store.store, key, hubId)) }
  } catch (error) {
    await store.store.close()
    throw error
  }
}

async function openEngine(store: Store, options: OpenOptions): Promise<Opened> {
  const key = options.key ?? Key.generate()
  return { location: '', key, ...(await identityOf(store, key, options.hubId)) }
}

async function openFolder(folder: string, create: boolean): Promise<{ store: Store; created: boolean }> {
  try {
    return { store: await openLevel(folder), created: false }
  } catch (error) {
    if (!create || !hasCode(error, 'ERR_STORE_MISSING')) throw error
  }
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  return { store: await createLevel(folder), created: true }
}

async function keyOf(folder: string, given: Key | undefined, created: boolean): Promise<Key> {
  const file = path.join(folder, KEY_FILE)
  if (!created) return Key.load(file)
  const key = given ?? Key.generate()
  await key.save(file)
  return key
}

/** Puts a new key in place of the present one, which stays beside it. */
export async function replaceKey(folder: string, present: Key, next: Key): Promise<void> {
  const file = path.join(folder, KEY_FILE)
  await present.save(path.join(folder, `${KEY_FILE}.${present.publicKey.slice(0, 8)}.former`))
  const fresh = path.join(folder, `${KEY_FILE}.new`)
  await fs.rm(fresh, { force: true })
  await next.save(fresh)
  await fs.rename(fresh, file)
}

async function identityOf(
  store: Store,
  key: Key,
  given: string | undefined,
): Promise<Omit<Opened, 'location' | 'key'>> {
  return { store, hubId: await nameOf(store, key, given), former: await readFormer(store.records) }
}

async function readFormer(records: Records): Promise<string[]> {
  const value = await records.get(FORMER_KEYS)
  return value === undefined ? [] : (decodeCbor(value) as string[])
}

/** Public keys that a replica signs and signed with, read without opening it for use. @throws ReplicaError ERR_KEY_FILE */
export async function ownKeysIn(folder: string, records: Records): Promise<ReadonlySet<string>> {
  const { publicKey } = await Key.load(path.join(folder, KEY_FILE))
  return new Set([publicKey, ...(await readFormer(records))])
}

export async function writeFormer(records: Records, former: readonly string[]): Promise<void> {
  await records.write([{ key: FORMER_KEYS, value: encodeCbor([...former]) }])
}

async function nameOf(store: Store, key: Key, given: string | undefined): Promise<string> {
  const stored = await store.records.get(HUB_ID)
  if (stored !== undefined) return Buffer.from(stored).toString('utf8')
  const name = given ?? `hub:${key.publicKey.slice(0, 8)}`
  await store.records.write([{ key: HUB_ID, value: utf8(name) }])
  return name
}

function checkHubId(name: string): void {
  const ok = /^[!-~]+$/.test(name) && utf8(name).length <= REGISTRY_LIMITS.idBytesMax
  if (!ok)
    throw new ReplicaError('ERR_PEER_ID', `a hub id is 1 to ${REGISTRY_LIMITS.idBytesMax} visible ASCII characters`)
}

/** @throws ReplicaError ERR_STORE_EXISTS when a folder holds a replica's key or anything else */
export async function refuseExisting(folder: string): Promise<void> {
  const entries = await fs.readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (entries.length > 0) throw new ReplicaError('ERR_STORE_EXISTS', `${folder} is not empty`)
}
