// A replica's own key: the file `key` in its folder, and what the store keeps about it: the public key, and those that the replica
// signed with before. A key file that holds another key, for a flipped digit or a mix-up, is refused: who a replica is
// changes only when somebody says so. Former keys stay as `key.<8 hex of the public key>.former`, readable by the owner only.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fromHex, toHex } from '../base/bytes.ts'
import { hasCode, ReplicaError } from '../base/errors.ts'
import { decodeCbor, encodeCbor } from '../cbor/dag-cbor.ts'
import { Key } from '../crypto/key.ts'
import type { Records } from '../store/store.ts'

const KEY_FILE = 'key'
/** The next key, until it takes the place of the present one. */
const NEXT_FILE = 'key.new'
/** What lay in the place of a key and was none. */
const UNREADABLE_FILE = 'key.unreadable'
const PUBLIC_KEY = 'self/public-key'
const FORMER_KEYS = 'self/former-keys'

export interface OwnKey {
  readonly key: Key
  /** Public keys this replica signed with before, 64 hex digits each. */
  readonly former: readonly string[]
  /** The public key in whose place this one was just put. */
  readonly replaced?: string
}

/** Where a replica's key is: its folder, and the records of the store in it. */
export interface KeyPlace {
  readonly folder: string
  readonly records: Records
}

/** A new store's key. @throws ReplicaError ERR_KEY_FILE */
export async function makeOwnKey({ folder, records }: KeyPlace, key: Key): Promise<OwnKey> {
  await key.save(path.join(folder, KEY_FILE))
  await remember(records, { key, former: [] })
  return { key, former: [] }
}

/**
 * The key of a store that is there. One that was made before stores remembered their key takes it on.
 * @throws ReplicaError ERR_KEY_FILE, also for another key than the store's
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
  // It was to take the present one's place when the process ended.
  await installNextKey(folder)
  return { key: next, former }
}

/** Puts a key in the place of the present one, which stays one's own. @throws ReplicaError ERR_KEY_FILE */
export async function loadIdentity({ folder, records }: KeyPlace, key: Key): Promise<OwnKey> {
  const present = (await readPublicKey(records)) ?? (await loadable(path.join(folder, KEY_FILE)))?.publicKey
  const replaced = present === undefined || present === key.publicKey ? {} : { replaced: present }
  const before = (await readFormer(records)).filter(other => other !== key.publicKey)
  const former = [...before, ...Object.values(replaced)]
  const next = path.join(folder, NEXT_FILE)
  await fs.rm(next, { force: true })
  await key.save(next)
  // From here on the store is the new key's; after a crash the next open moves the file.
  await remember(records, { key, former })
  await installNextKey(folder)
  return { key, former, ...replaced }
}

/** Public keys that a replica signs and signed with, read without opening it for use. @throws ReplicaError ERR_KEY_FILE */
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

/** Moves the next key into the place of the present one. What lay there is kept beside it. */
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

/** The key in a file; undefined where the file is no key file. */
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
