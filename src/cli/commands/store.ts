// Verbs that make a store and show its key.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { hasCode, ReplicaError } from '../../base/errors.ts'
import type { Command } from '../command.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { findStore, STORE_FOLDER, storeIn } from '../find-store.ts'
import { columns } from '../terminal/layout.ts'

const init: Command = {
  name: 'init',
  group: 'store',
  where: 'here',
  summary: 'make a store and its key',
  about: [
    `The store is the folder ${STORE_FOLDER} inside <folder> (here, when none is named); later verbs find it from there and from every folder below. Its key is made once, stays in that folder, and only its owner can read it.`,
  ],
  arguments: [{ name: 'folder', optional: true, help: 'made when it is not there' }],
  options: [
    { name: 'hub-id', value: 'hub:name', help: 'what this replica calls itself; made from its key when not given' },
  ],
  examples: ['replica init lab', 'replica init --hub-id hub:lab'],
  async run(context, args) {
    const location = storeIn(context.cwd, args.positionals[0] ?? context.dir ?? '.')
    await makeFolder(location)
    const { Replica } = await import('../../replica/replica.ts')
    const hubId = args.text('hub-id')
    const options = { location, create: true, ...(hubId === undefined ? {} : { hubId }) }
    await using replica = await Replica.open(options).catch(error => removeIfEmpty(location, error))
    return context.out.done({
      fields: { dir: location, hub_id: replica.hubId, public_key: replica.key.publicKey },
      lines: [`made ${location}`, ...identity(replica.hubId, replica.key.publicKey)],
    })
  },
}

const keysShow: Command = {
  name: 'keys show',
  group: 'store',
  where: 'store',
  summary: "print the store's public key",
  about: ['Give it to the operators of other hubs: they register it with `replica peer add`.'],
  options: [{ name: 'public', help: 'print the key alone, for scripts' }],
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
  summary: 'replace the key by a new one',
  about: [
    'What was signed with the former key stays; the former key itself is cut off at the present heads. Peers refuse or hold what the new key signs until their operators run `replica peer rotate`.',
  ],
  examples: ['replica keys new'],
  async run(context) {
    const { public_key, former } = await context.replica.rotateKey()
    return context.out.done({
      fields: { dir: context.location, hub_id: context.replica.hubId, public_key, former },
      lines: columns([
        ['hub', context.replica.hubId],
        ['key', public_key],
        ['former', former],
      ]),
    })
  },
}

const keysUse: Command = {
  name: 'keys use',
  group: 'store',
  where: 'here',
  summary: 'take the key of a file, in place of the present one',
  about: [
    'For a store whose own key file is lost, damaged or another one, and for a new clone that is to be a hub that was lost. What was signed with the former key stays valid here; peers know this replica by the key that they registered. The store must not be in use.',
  ],
  arguments: [{ name: 'file', help: 'a key file, 64 hex digits, closed to others; it stays where it is' }],
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

/** This verb can't run inside of the hub that has the store. */
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

/** Makes the folder of a new store, readable by its owner only. @throws ReplicaError ERR_STORE_EXISTS */
export async function makeFolder(location: string): Promise<void> {
  try {
    await fs.mkdir(path.dirname(location), { recursive: true })
    await fs.mkdir(location, { mode: 0o700 })
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw fileError(error, location)
    if (await isEmpty(location)) return
    throw new ReplicaError('ERR_STORE_EXISTS', `there is a store already: ${location}`, { cause: error })
  }
}

/** Takes an empty folder away again and passes the error on. */
async function removeIfEmpty(location: string, error: unknown): Promise<never> {
  if (await isEmpty(location)) await fs.rmdir(location)
  throw error
}

/** True for a folder with nothing in it; false for a file. */
export async function isEmpty(folder: string): Promise<boolean> {
  try {
    return (await fs.readdir(folder)).length === 0
  } catch (error) {
    if (hasErrno(error, 'ENOTDIR')) return false
    throw fileError(error, folder)
  }
}
