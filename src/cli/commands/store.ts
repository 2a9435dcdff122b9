// The commands that create a store and manage its key.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import type { OpenOptions } from '../../replica/replica.ts'
import { isPostgresUrl } from '../../store/postgres/pg-address.ts'
import type { Args } from '../args.ts'
import type { Command } from '../command.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { findStore, STORE_FOLDER, storeIn } from '../find-store.ts'
import { columns } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'

const init: Command = {
  name: 'init',
  group: 'store',
  where: 'here',
  summary: 'create a store and its key',
  about: [
    `The store is the folder ${STORE_FOLDER} inside <folder> (default: the working folder). Later commands find it from there and from all folders below. The key is created once, stays in that folder, and only its owner can read it.`,
    'With --store the store is in a PostgreSQL database, and the folder has only the key and the address. Several machines may use one store: each runs `replica init --store` with the same address and, after the first, with --key.',
  ],
  arguments: [{ name: 'folder', optional: true, help: 'created if it does not exist' }],
  options: [
    { name: 'hub-id', value: 'hub:name', help: 'id of this replica (default: made from its key)' },
    { name: 'store', value: 'url', help: 'postgres://user@host[,host]/database: keep the store there' },
    { name: 'key', value: 'file', help: 'key file to copy instead of a new key' },
    { name: 'allow-async', help: 'accept a database that commits on one machine only' },
  ],
  examples: [
    'replica init lab',
    'replica init --hub-id hub:lab',
    'replica init --store postgres://replica@db1,db2/replica',
  ],
  async run(context, args) {
    const location = storeIn(context.cwd, args.positionals[0] ?? context.dir ?? '.')
    await makeFolder(location)
    const { Replica } = await import('../../replica/replica.ts')
    const options = { location, create: true, ...(await initOptions(context.cwd, args)) }
    await using replica = await Replica.open(options).catch(error => removeIfEmpty(location, error))
    return context.out.done({
      fields: { dir: location, hub_id: replica.hubId, public_key: replica.key.publicKey },
      lines: [`created ${location}`, ...identity(replica.hubId, replica.key.publicKey)],
    })
  },
}

async function initOptions(
  cwd: string,
  args: Args,
): Promise<Pick<OpenOptions, 'hubId' | 'store' | 'key' | 'allowAsync'>> {
  const [hubId, store, key] = ['hub-id', 'store', 'key'].map(name => args.text(name))
  if (store !== undefined && !isPostgresUrl(store)) throw usage('--store must be an address postgres://…')
  if (store === undefined && args.has('allow-async')) throw usage('--allow-async goes with --store')
  const { Key } = await import('../../crypto/key.ts')
  return {
    ...(hubId === undefined ? {} : { hubId }),
    ...(store === undefined ? {} : { store, allowAsync: args.has('allow-async') }),
    ...(key === undefined ? {} : { key: await Key.load(path.resolve(cwd, key)) }),
  }
}

const keysShow: Command = {
  name: 'keys show',
  group: 'store',
  where: 'store',
  summary: "print the store's public key",
  about: ['Operators of other hubs register it with `replica peer add`.'],
  options: [{ name: 'public', help: 'print only the key, for scripts' }],
  examples: ['replica keys show', 'LAB_KEY=$(replica keys show --public)'],
  async run(context, args) {
    const { hubId, key } = context.replica
    return context.out.done({
      fields: { dir: context.location, hub_id: hubId, public_key: key.publicKey },
      lines: args.has('public') ? [key.publicKey] : identity(hubId, key.publicKey),
    })
  },
}

const keysNew: Command = {
  name: 'keys new',
  group: 'store',
  where: 'store',
  summary: 'replace the key with a new one',
  about: [
    'Nodes signed with the former key stay valid; the former key is cut off at the current heads. Peers refuse or hold nodes of the new key until their operators run `replica peer rotate`.',
  ],
  examples: ['replica keys new'],
  async run(context) {
    const { publicKey, former } = await context.replica.rotateKey()
    return context.out.done({
      fields: { dir: context.location, hub_id: context.replica.hubId, public_key: publicKey, former },
      lines: columns([
        ['hub', context.replica.hubId],
        ['key', publicKey],
        ['former', former],
      ]),
    })
  },
}

const keysUse: Command = {
  name: 'keys use',
  group: 'store',
  where: 'here',
  summary: 'replace the key with the key of a file',
  about: [
    'Use it if the key file of the store is lost, damaged or wrong, or to restore a lost hub from a new clone. Nodes signed with the former key stay valid here; peers identify this replica by the registered key. The store must not be in use.',
  ],
  arguments: [{ name: 'file', help: 'a key file: 64 hex digits, private to its owner; the file is copied' }],
  examples: ['replica keys use ../backup/key'],
  async run(context, args) {
    const { Replica } = await import('../../replica/replica.ts')
    const { Key } = await import('../../crypto/key.ts')
    const location = await findStore(context)
    const useKey = await Key.load(path.resolve(context.cwd, args.argument(0)))
    await using replica = await Replica.open({ location, useKey }).catch(addStopHint)
    const { hubId, key } = replica
    return context.out.done({
      fields: { dir: location, hub_id: hubId, public_key: key.publicKey },
      lines: identity(hubId, key.publicKey),
    })
  },
}

export const STORE_COMMANDS: readonly Command[] = [init, keysShow, keysNew, keysUse]

/** Adds a hint, because this command can't run inside the hub that serves the store. */
function addStopHint(error: unknown): never {
  if (!hasCode(error, 'ERR_STORE_LOCKED')) throw error
  const facts = { ...error.facts, hint: 'stop the hub that serves this store first' }
  throw new ReplicaError(error.code, error.message, { cause: error, facts })
}

function identity(hubId: string, publicKey: string): string[] {
  return columns([
    ['hub', hubId],
    ['key', publicKey],
  ])
}

/**
 * Creates the folder of a new store, readable only by its owner.
 * @throws ReplicaError ERR_STORE_EXISTS
 */
export async function makeFolder(location: string): Promise<void> {
  try {
    await fs.mkdir(path.dirname(location), { recursive: true })
    await fs.mkdir(location, { mode: 0o700 })
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw fileError(error, location)
    if (await isEmpty(location)) return
    throw new ReplicaError('ERR_STORE_EXISTS', `a store already exists: ${location}`, { cause: error })
  }
}

/** Removes an empty folder and rethrows the error. */
async function removeIfEmpty(location: string, error: unknown): Promise<never> {
  if (await isEmpty(location)) await fs.rmdir(location)
  throw error
}

/** Returns whether a folder is empty; false for a file. */
export async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await fs.readdir(folder)).length === 0
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return false
    throw fileError(error, folder)
  }
}
