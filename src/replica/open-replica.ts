// Opens a replica's folder: the store, the key beside it (identity.ts), and the replica's name.

import * as fs from 'node:fs/promises'
import { utf8 } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { REGISTRY_LIMITS } from '../base/limits.ts'
import { Key } from '../crypto/key.ts'
import { createLevelDb, createPostgres, openLevelDb, openPostgres } from '../store/index.ts'
import { type PgPlace, readPgPlace, writePgPlace } from '../store/postgres/pg-place.ts'
import type { Store } from '../store/store.ts'
import { checkStoreMembers } from '../store/store-members.ts'
import { joinOwnKey, type KeyPlace, loadIdentity, loadOwnKey, makeOwnKey, type OwnKey, readFormer } from './identity.ts'
import type { NetworkHooks } from './links/backoff.ts'

const HUB_ID = 'self/hub-id'

/** Which store to open, and with which key. */
export interface StoreOptions {
  /** A folder, or an open engine. The replica closes it. */
  readonly location: string | Store
  /**
   * The address of a PostgreSQL database that has the store of the folder: `postgres://…`. The
   * folder then has only the key, and remembers the address when it is created. Default: LevelDB in
   * the folder, or the address that the folder remembers.
   */
  readonly store?: string
  /** Accept a PostgreSQL server that acknowledges commits before a second machine has them. */
  readonly allowAsync?: boolean
  /** Create the store, with a new key, if the folder has none. */
  readonly create?: boolean
  /**
   * The replica's name, only when creating: `hub:` and up to 124 bytes. Default: `hub:` and 8 hex
   * digits of the public key.
   */
  readonly hubId?: string
  /** The key of an engine or of a new folder. Default: a new key. */
  readonly key?: Key
  /** Replaces the key of the folder, which becomes a former key. */
  readonly useKey?: Key
}

/** Environment of an open replica. */
export interface ContextOptions {
  /**
   * Receives alarms and progress for an operator. The library logs nothing itself. Must not throw.
   */
  readonly onEvent?: (event: ReplicaEvent) => void
  /** Returns the time of events made here. Default: the machine's clock. */
  readonly clock?: () => Date
  /** Network, timers and randomness of links, for tests. @internal */
  readonly network?: Partial<NetworkHooks>
}

/** An event for an operator. */
export interface ReplicaEvent {
  readonly kind: 'session' | 'alarm'
  readonly message: string
  readonly facts: { readonly [name: string]: string | number | boolean }
}

export interface OpenedReplica extends OwnKey {
  readonly location: string
  readonly store: Store
  readonly hubId: string
}

/**
 * @throws ReplicaError ERR_STORE_MISSING, ERR_STORE_LOCKED, ERR_STORE_CORRUPT, ERR_STORE_VERSION,
 * ERR_KEY_FILE, ERR_PEER_ID
 */
export async function openParts(options: StoreOptions): Promise<OpenedReplica> {
  const { location, hubId } = options
  if (hubId !== undefined) checkHubId(hubId)
  if (typeof location !== 'string') return openEngine(location, options)
  const { store, state, place } = await openFolder(location, options)
  try {
    const own = await ownKey({ folder: location, records: store.records }, options, state)
    const name = await nameOf(store, own.key, hubId)
    // Last, so that a folder whose making failed is not taken for a replica.
    if (place !== undefined) await writePgPlace(location, place)
    return { location, store, ...own, hubId: name }
  } catch (error) {
    await store.close()
    throw error
  }
}

/** `joined`: the folder is new, and the store is not. */
type StoreState = 'new' | 'joined' | 'there'

function ownKey(place: KeyPlace, options: StoreOptions, state: StoreState): Promise<OwnKey> {
  const { key, useKey } = options
  if (state === 'joined') return joinOwnKey(place, useKey ?? key)
  if (state === 'new') return makeOwnKey(place, useKey ?? key ?? Key.generate())
  return useKey === undefined ? loadOwnKey(place) : loadIdentity(place, useKey)
}

/** @throws TypeError for an engine that lacks a member of the contract */
async function openEngine(store: Store, options: StoreOptions): Promise<OpenedReplica> {
  checkStoreMembers(store)
  const key = options.useKey ?? options.key ?? Key.generate()
  const former = await readFormer(store.records)
  return { location: '', store, key, former, hubId: await nameOf(store, key, options.hubId) }
}

/** `place` goes into a new folder, at the end. */
interface OpenFolder {
  readonly store: Store
  readonly state: StoreState
  readonly place?: PgPlace
}

async function openFolder(folder: string, options: StoreOptions): Promise<OpenFolder> {
  const { create = false, store: url, allowAsync } = options
  const known = await readPgPlace(folder)
  if (known !== undefined) {
    const store = await openPostgres(url ?? known.url, { allowAsync: allowAsync ?? known.allowAsync })
    return { store, state: 'there' }
  }
  if (url !== undefined) return await newPostgresFolder(folder, { url, create, allowAsync: allowAsync ?? false })
  try {
    return { store: await openLevelDb(folder), state: 'there' }
  } catch (error) {
    if (!create || !hasCode(error, 'ERR_STORE_MISSING')) throw error
  }
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  return { store: await createLevelDb(folder), state: 'new' }
}

/** Creates the store of a database, or joins it. */
async function newPostgresFolder(
  folder: string,
  { url, create, allowAsync }: { url: string; create: boolean; allowAsync: boolean },
): Promise<OpenFolder> {
  if (!create) {
    throw new ReplicaError('ERR_STORE_MISSING', `${folder} is not the folder of a replica in a database`, {
      facts: { hint: 'make it with: replica init --store postgres://…' },
    })
  }
  await refuseExisting(folder)
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  return { ...(await createOrJoin(url, allowAsync)), place: { url, allowAsync } }
}

async function createOrJoin(url: string, allowAsync: boolean): Promise<{ store: Store; state: StoreState }> {
  try {
    return { store: await createPostgres(url, { allowAsync }), state: 'new' }
  } catch (error) {
    if (!hasCode(error, 'ERR_STORE_EXISTS')) throw error
    return { store: await openPostgres(url, { allowAsync }), state: 'joined' }
  }
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
    throw new ReplicaError(
      'ERR_PEER_ID',
      `a hub id must be 1 to ${REGISTRY_LIMITS.idBytesMax} visible ASCII characters`,
    )
}

/** @throws ReplicaError ERR_STORE_EXISTS when a folder holds a replica's key or anything else */
export async function refuseExisting(folder: string): Promise<void> {
  const entries = await fs.readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  if (entries.length > 0) throw new ReplicaError('ERR_STORE_EXISTS', `${folder} is not empty`)
}
