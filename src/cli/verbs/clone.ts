// The verb that makes a new store from a hub's frontier: clone.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type ExitCode, ReplicaError } from '../../errors.ts'
import type { CloneOptions } from '../../replica/syncing.ts'
import type { Replica } from '../../replica.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { fileError } from '../errno.ts'
import { plural } from '../layout.ts'
import { storeIn } from '../locate.ts'
import { ProgressLine } from '../progress.ts'
import { answer, follow, heldHere } from '../sync-answer.ts'
import { isEmpty, makeFolder } from './store.ts'

const clone: Command = {
  name: 'clone',
  group: 'sync',
  where: 'here',
  summary: "make a new store from a hub's frontier",
  about: [
    "The hub is registered with the key given: get the key from its operator, not from the wire. Nodes that the hub passes on from others are held until their keys are registered; --adopt-registry takes over the hub's list of them at once.",
  ],
  arguments: [
    { name: 'url', help: 'the hub, ws:// or wss://' },
    { name: 'folder', optional: true, help: 'a new or empty folder; named after the frontier when not given' },
  ],
  options: [
    { name: 'key', value: 'hex', required: true, help: "the hub's public key, 64 hex digits" },
    { name: 'frontier', value: 'vfr', help: 'which frontier, when the hub holds several' },
    { name: 'adopt-registry', help: "register everybody whom the hub's list names" },
    { name: 'hub-id', value: 'hub:name', help: 'what the new replica calls itself' },
    { name: 'allow-plain', help: 'accept ws:// to another machine' },
  ],
  examples: ['replica clone wss://lab.example bbb --key 4fb0…'],
  run: runClone,
}

export const CLONE_VERBS: readonly Command[] = [clone]

/** Where a clone goes: to the folder named, else to one beside, renamed when the frontier's name is known. */
interface Target {
  readonly folder: string
  readonly named: boolean
}

async function runClone(context: Context, args: Args): Promise<ExitCode> {
  const { io, out, signal, cwd } = context
  const target = await cloneTarget(cwd, args.positionals[1] ?? context.dir ?? args.text('frontier'))
  const location = storeIn(cwd, target.folder)
  const progress = new ProgressLine(io.stderr, out)
  try {
    const { Replica } = await import('../../replica.ts')
    await makeFolder(location)
    const options = { ...cloneOptions(args), location, signal, onProgress: follow(progress) }
    const { replica, report } = await Replica.clone(args.argument(0), options)
    const notice = await heldHere(replica, report)
    const identity = { hub_id: replica.hubId, public_key: replica.key.publicKey }
    await replica.close()
    await progress.clear()
    const folder = target.named ? target.folder : await rename(target.folder, path.join(cwd, report.frontier))
    const dir = storeIn(cwd, folder)
    return await answer(context, {
      way: 'clone',
      report,
      notice,
      fields: { dir, ...identity },
      lines: [['store', dir]],
    })
  } catch (error) {
    throw await abandon(error, { target, location })
  } finally {
    await progress.clear()
  }
}

function cloneOptions(args: Args): Omit<CloneOptions, 'location'> {
  const frontier = args.text('frontier')
  const hubId = args.text('hub-id')
  return {
    key: args.required('key'),
    adoptRegistry: args.has('adopt-registry'),
    allowPlain: args.has('allow-plain'),
    ...(frontier === undefined ? {} : { frontier }),
    ...(hubId === undefined ? {} : { hubId }),
  }
}

async function cloneTarget(cwd: string, name: string | undefined): Promise<Target> {
  if (name === undefined) return { folder: await fs.mkdtemp(path.join(cwd, '.replica-clone-')), named: false }
  const folder = path.resolve(cwd, name)
  try {
    await fs.mkdir(folder, { recursive: true })
  } catch (error) {
    throw fileError(error, folder)
  }
  if (await isEmpty(folder)) return { folder, named: true }
  throw new ReplicaError('ERR_STORE_EXISTS', `${folder} is not empty`)
}

async function rename(from: string, to: string): Promise<string> {
  try {
    await fs.rename(from, to)
    return to
  } catch {
    return from
  }
}

/** After a clone that failed: what was received durably is kept and named; a store without a single node is taken away. */
async function abandon(error: unknown, made: { target: Target; location: string }): Promise<unknown> {
  const { target, location } = made
  const nodes = await nodesIn(location)
  if (nodes === 0) {
    await fs.rm(location, { recursive: true, force: true })
    if (await isEmpty(target.folder)) await fs.rmdir(target.folder)
    return error
  }
  if (!(error instanceof ReplicaError)) return error
  const hint = `${plural(nodes, 'node')} arrived and are kept in ${target.folder}; \`replica pull\` there fetches the rest`
  return new ReplicaError(error.code, error.message, { cause: error, facts: { ...error.facts, hint } })
}

async function nodesIn(location: string): Promise<number> {
  const { Replica } = await import('../../replica.ts')
  let replica: Replica
  try {
    replica = await Replica.open({ location })
  } catch {
    return 0
  }
  await using open = replica
  const { frontiers } = await open.status()
  return frontiers.reduce((sum, one) => sum + one.nodes, 0)
}
