// The verb that makes a new store from a hub's frontier: clone.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type ErrorCode, type ExitCode, hasCode, ReplicaError } from '../../base/errors.ts'
import type { AdoptReport, CloneOptions, CloneReport, SyncOptions } from '../../replica/sync/sync-client.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { storeIn } from '../find-store.ts'
import { plural } from '../terminal/layout.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { follow, heldLocally, printSyncReport } from '../terminal/sync-report.ts'
import { adoptionFields, adoptionLines } from './peers.ts'
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
    {
      name: 'key-file',
      value: 'file',
      help: 'the key of the new replica, such as that of a lost one; made when not given',
    },
    { name: 'allow-plain', help: 'accept ws:// to another machine' },
  ],
  examples: ['replica clone wss://lab.example bbb --key 4fb0…'],
  run: runClone,
}

export const CLONE_COMMANDS: readonly Command[] = [clone]

const NAMES_TRIED_MAX = 99

/** Where a clone goes: to the folder named, else to a fresh one, renamed when the frontier's name is known. */
interface Target {
  readonly cwd: string
  readonly folder: string
  readonly isNamed: boolean
}

async function runClone(context: Context, args: Args): Promise<ExitCode> {
  const { io, out, signal, cwd } = context
  const target = await cloneTarget(cwd, args.positionals[1] ?? context.dir ?? args.text('frontier'))
  const progress = new ProgressLine(io.stderr, out)
  let made: Awaited<ReturnType<typeof makeClone>>
  try {
    made = await makeClone(target, args, { signal, onProgress: follow(progress) })
  } catch (error) {
    throw await cleanUp(error, target, args.required('key'))
  } finally {
    await progress.clear()
  }
  const { report, adopted, notice, identity } = made
  const dir = storeIn(cwd, await renameToFrontier(report.frontier, target))
  const fields = { dir, ...identity, ...(adopted && adoptionFields(adopted)) }
  const said = adopted === undefined ? [] : adoptionLines(withoutHub(adopted, report.peer), report.peer)
  return printSyncReport(context, {
    way: 'clone',
    report,
    notice,
    fields,
    lines: [['store', dir], ...said.map(line => ['', line])],
  })
}

/** That the hub itself is registered already says nothing to a person who has just cloned it. */
function withoutHub(report: AdoptReport, hub: string): AdoptReport {
  return { ...report, skipped: report.skipped.filter(({ id }) => id !== hub) }
}

async function makeClone(
  { cwd, folder }: Target,
  args: Args,
  options: SyncOptions,
): Promise<CloneReport & { notice: string[]; identity: { hub_id: string; public_key: string } }> {
  const { Replica } = await import('../../replica/replica.ts')
  const location = storeIn(cwd, folder)
  const own = await ownKey(cwd, args)
  await makeFolder(location)
  const { replica, ...made } = await Replica.clone(args.argument(0), {
    ...cloneOptions(args),
    ...own,
    ...options,
    location,
  })
  await using open = replica
  const identity = { hub_id: open.hubId, public_key: open.key.publicKey }
  return { ...made, notice: await heldLocally(open, made.report), identity }
}

async function ownKey(cwd: string, args: Args): Promise<Pick<CloneOptions, 'ownKey'>> {
  const file = args.text('key-file')
  if (file === undefined) return {}
  const { Key } = await import('../../crypto/key.ts')
  return { ownKey: await Key.load(path.resolve(cwd, file)) }
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

/** @throws ReplicaError ERR_STORE_EXISTS when the folder holds something */
async function cloneTarget(cwd: string, name: string | undefined): Promise<Target> {
  const folder = path.resolve(cwd, name ?? '.')
  try {
    if (name === undefined) return { cwd, folder: await fs.mkdtemp(path.join(cwd, '.replica-clone-')), isNamed: false }
    await fs.mkdir(folder, { recursive: true })
  } catch (error) {
    throw fileError(error, folder)
  }
  if (await isEmpty(folder)) return { cwd, folder, isNamed: true }
  throw new ReplicaError('ERR_STORE_EXISTS', `${folder} is not empty`)
}

/** Names a fresh folder after the frontier (and a number, where that is taken); answers what the folder is called now. */
async function renameToFrontier(frontier: string, { cwd, folder, isNamed }: Target): Promise<string> {
  if (isNamed) return folder
  for (let number = 1; number <= NAMES_TRIED_MAX; number++) {
    const name = path.join(cwd, number === 1 ? frontier : `${frontier}-${number}`)
    try {
      await fs.rename(folder, name)
      return name
    } catch (error) {
      if (!hasErrno(error, 'ENOTEMPTY', 'EEXIST', 'ENOTDIR')) throw fileError(error, name)
    }
  }
  return folder
}

/** What helps where there is no store yet. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  ERR_SYNC_AUTH:
    "a hub's key comes from its operator, not from the wire; --key wants what `replica keys show` prints there",
  ERR_FRONTIER_UNKNOWN: 'name one that the hub offers; when it is the only one, --frontier may be left out',
}

/**
 * After a clone that failed. What has arrived is durable and checked: it is kept, and the error says where. A store without a
 * single node is taken away; one that can't be looked into is left alone.
 */
async function cleanUp(error: unknown, target: Target, key: string): Promise<unknown> {
  const location = storeIn(target.cwd, target.folder)
  const { frontier, nodes, peer } = await contentOf(location, key)
  if (nodes === 0) {
    await fs.rm(location, { recursive: true, force: true })
    await removeEmpty(target.folder)
  }
  if (!(error instanceof ReplicaError)) return error
  if (frontier === undefined) return withHint(error, HINTS[error.code])
  const folder = await renameToFrontier(frontier, target)
  const rest = `\`replica pull ${peer}\` there fetches the rest`
  return withHint(error, `${plural(nodes ?? 0, 'node')} arrived and are kept in ${folder}; ${rest}`)
}

function withHint(error: ReplicaError, hint: string | undefined): ReplicaError {
  if (hint === undefined) return error
  // Nothing is registered where a clone only begins.
  const message = error.message.replace('the one registered for it', 'the one given by --key')
  return new ReplicaError(error.code, message, { cause: error, facts: { ...error.facts, hint } })
}

interface Content {
  readonly frontier?: string
  readonly nodes?: number
  /** What the hub is registered as. */
  readonly peer?: string
}

/** What is in a new store; no nodes where no store was made; nothing at all where that can't be told. */
async function contentOf(location: string, key: string): Promise<Content> {
  const { Replica } = await import('../../replica/replica.ts')
  try {
    await using replica = await Replica.open({ location })
    const [first] = (await replica.status()).frontiers
    if (first === undefined || first.nodes === 0) return { nodes: 0 }
    const { frontier, nodes } = first
    const hub = replica
      .registry(frontier)
      .list()
      .find(peer => peer.public_key === key.toLowerCase())
    return { frontier, nodes, peer: hub?.id ?? '<hub>' }
  } catch (error) {
    if (!hasCode(error)) throw error
    return error.code === 'ERR_STORE_MISSING' ? { nodes: 0 } : {}
  }
}

async function removeEmpty(folder: string): Promise<void> {
  try {
    await fs.rmdir(folder)
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'ENOTEMPTY')) throw fileError(error, folder)
  }
}
