// Keeps a replica's key: the file `key` in its folder, and in the store the public key and the
// former ones. A key file with another key is refused, because a typing error or a mix-up must not
// change the identity. Former keys stay as `key.<8 hex of the public key>.former`, readable by the
// owner only.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import { Key } from '../crypto/key.ts'
import type { Records } from '../store/store.ts'

const KEY_FILE = 'key'
/** The next key, until it replaces the present one. */
const NEXT_FILE = 'key.new'
/** Backup of a file at the place of the key that was not a key. */
const UNREADABLE_FILE = 'key.unreadable'
const PUBLIC_KEY = 'self/public-key'
const FORMER_KEYS = 'self/former-keys'

export interface OwnKey {
  readonly key: Key
  /** Former public keys, 64 hex digits each. */
  readonly former: readonly string[]
  /** The public key that this one has just replaced. */
  readonly replaced?: string
}

/** Where the key is: the folder, and the records of the store in it. */
export interface KeyPlace {
  readonly folder: string
  readonly records: Records
}

/**
 * Stores the key of a new store.
 * @throws ReplicaError ERR_KEY_FILE
 */
export async function makeOwnKey({ folder, records }: KeyPlace, key: Key): Promise<OwnKey> {
  await key.save(path.join(folder, KEY_FILE))
  await remember(records, { key, former: [] })
  return { key, former: [] }
}

/**
 * Stores the key of an existing store in a new folder: of another process that shares the store.
 * @throws ReplicaError ERR_KEY_FILE without a key, or for another key than the store's
 */
export async function joinOwnKey({ folder, records }: KeyPlace, key: Key | undefined): Promise<OwnKey> {
  const known = await readPublicKey(records)
  if (known === undefined) return makeOwnKey({ folder, records }, key ?? Key.generate())
  if (key?.publicKey !== known) {
    const hint = 'copy the key file from a machine that has it, and give it with --key'
    const message = `the store has the key ${known}: all its processes use one key`
    throw new ReplicaError('ERR_KEY_FILE', message, { facts: { hint } })
  }
  await key.save(path.join(folder, KEY_FILE))
  return { key, former: await readFormer(records) }
}

/**
 * Loads the key of an existing store. A store made before stores recorded their key records it now.
 * @throws ReplicaError ERR_KEY_FILE, also if the file has another key than the store
 */
export async function loadOwnKey({ folder, records }: KeyPlace): Promise<OwnKey> {
  const file = path.join(folder, KEY_FILE)
  const former = await readFormer(records)
  const known = await readPublicKey(records)
  if (known === undefined) {
    const key = await Key.load(file)
    await remember(records, { key, former })
    return { key, former }
  }
  const present = await loadable(file)
  if (present?.publicKey === known) return { key: present, former }
  const next = await loadable(path.join(folder, NEXT_FILE))
  if (next?.publicKey !== known) throw otherKey(file, present ?? (await Key.load(file)), known)
  // The process ended before the next key replaced the present one.
  await installNextKey(folder)
  return { key: next, former }
}

/**
 * Replaces the present key, which becomes a former one.
 * @throws ReplicaError ERR_KEY_FILE
 */
export async function loadIdentity({ folder, records }: KeyPlace, key: Key): Promise<OwnKey> {
  const present = (await readPublicKey(records)) ?? (await loadable(path.join(folder, KEY_FILE)))?.publicKey
  const replaced = present === undefined || present === key.publicKey ? {} : { replaced: present }
  const before = (await readFormer(records)).filter(other => other !== key.publicKey)
  const former = [...before, ...Object.values(replaced)]
  const next = path.join(folder, NEXT_FILE)
  await fs.rm(next, { force: true })
  await key.save(next)
  // From here on the new key counts. After a crash the next open moves the file.
  await remember(records, { key, former })
  await installNextKey(folder)
  return { key, former, ...replaced }
}

/**
 * Returns the present and former public keys without opening the replica.
 * @throws ReplicaError ERR_KEY_FILE
 */
export async function readOwnKeys(folder: string, records: Records): Promise<ReadonlySet<string>> {
  const known = (await readPublicKey(records)) ?? (await Key.load(path.join(folder, KEY_FILE))).publicKey
  return new Set([known, ...(await readFormer(records))])
}

export async function readFormer(records: Records): Promise<string[]> {
  const value = await records.get(FORMER_KEYS)
  return value === undefined ? [] : (decodeCbor(value) as string[])
}

async function readPublicKey(records: Records): Promise<string | undefined> {
  const value = await records.get(PUBLIC_KEY)
  return value === undefined ? undefined : toHex(value)
}

async function remember(records: Records, { key, former }: OwnKey): Promise<void> {
  await records.write([
    { key: PUBLIC_KEY, value: fromHex(key.publicKey)! },
    { key: FORMER_KEYS, value: encodeCbor([...former]) },
  ])
}

/** Moves the next key to the place of the present one, which is kept beside it. */
async function installNextKey(folder: string): Promise<void> {
  const file = path.join(folder, KEY_FILE)
  const present = await loadable(file)
  if (present !== undefined) await keepFormer(folder, present)
  else await fs.rename(file, path.join(folder, UNREADABLE_FILE)).catch(unlessAbsent)
  await fs.rename(path.join(folder, NEXT_FILE), file)
}

async function keepFormer(folder: string, key: Key): Promise<void> {
  try {
    await key.save(path.join(folder, `${KEY_FILE}.${key.publicKey.slice(0, 8)}.former`))
  } catch (error) {
    if (!hasCode(error, 'ERR_KEY_FILE') || error.facts.reason !== 'EEXIST') throw error
  }
}

/** Returns the key in a file; undefined if the file is not a key file. */
async function loadable(file: string): Promise<Key | undefined> {
  try {
    return await Key.load(file)
  } catch (error) {
    if (!hasCode(error, 'ERR_KEY_FILE')) throw error
    return undefined
  }
}

function unlessAbsent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}

function otherKey(file: string, { publicKey }: Key, known: string): ReplicaError {
  const message = `the key file ${file} is for ${publicKey}, but the store's key is ${known}`
  const hint = 'restore the right file from a copy; to give this replica another key: replica keys use <file>'
  return new ReplicaError('ERR_KEY_FILE', message, { facts: { hint } })
}
