// The command clone: creates a store from a frontier of a hub.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { type ErrorCode, type ExitCode, hasCode, ReplicaError } from '../../base/errors.ts'
import type { AdoptReport, CloneOptions, CloneReport, SyncOptions } from '../../replica/sync/sync-client.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { fileError, hasErrno } from '../error-hints.ts'
import { FILTER_OPTIONS, filterOf } from '../filter-options.ts'
import { storeIn } from '../find-store.ts'
import { plural } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { follow, heldLocally, printSyncReport } from '../terminal/sync-report.ts'
import { adoptionFields, adoptionLines } from './peers.ts'
import { isEmpty, makeFolder } from './store.ts'

const clone: Command = {
  name: 'clone',
  group: 'sync',
  where: 'here',
  summary: "create a store from a hub's frontier",
  about: [
    "The hub is registered with the given key. Get the key from its operator, not over the network. Nodes that other keys signed are held until these keys are registered; --adopt-registry registers the hub's list of peers at once.",
  ],
  arguments: [
    { name: 'url', help: 'the hub, ws:// or wss://' },
    { name: 'folder', optional: true, help: 'a new or empty folder (default: named after the frontier)' },
  ],
  options: [
    { name: 'key', value: 'hex', required: true, help: "the hub's public key, 64 hex digits" },
    { name: 'frontier', value: 'vfr', help: 'frontier to clone, if the hub has several' },
    { name: 'adopt-registry', help: "register all peers of the hub's list" },
    { name: 'headers', help: 'keep headers only: texts are left out until `replica texts fetch`' },
    ...FILTER_OPTIONS,
    { name: 'hub-id', value: 'hub:name', help: 'id of the new replica (default: made from its key)' },
    {
      name: 'key-file',
      value: 'file',
      help: 'key of the new replica, for example of a lost one (default: a new key)',
    },
    { name: 'allow-plain', help: 'allow ws:// to another machine' },
  ],
  examples: ['replica clone wss://lab.example bbb --key 4fb0…'],
  run: runClone,
}

export const CLONE_COMMANDS: readonly Command[] = [clone]

const NAMES_TRIED_MAX = 99

/** The folder of a clone: the named one, else a new one that gets the frontier's name. */
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

/** Omits the hub itself, which is registered because it was cloned. */
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
    ...keptTexts(args),
    adoptRegistry: args.has('adopt-registry'),
    allowPlain: args.has('allow-plain'),
    ...(frontier === undefined ? {} : { frontier }),
    ...(hubId === undefined ? {} : { hubId }),
  }
}

function keptTexts(args: Args): Pick<CloneOptions, 'texts'> {
  const filter = filterOf(args)
  if (filter === undefined) return args.has('headers') ? { texts: 'none' } : {}
  if (args.has('headers')) throw usage('--headers keeps no texts: leave out --since, --kind and --target')
  return { texts: filter }
}

/** Creates the folder of a clone. @throws ReplicaError ERR_STORE_EXISTS if it is not empty */
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

/**
 * Renames a new folder to the frontier's name, with a number if that exists. Returns the final
 * path.
 */
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

/** Hints of errors before there is a store. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  ERR_SYNC_AUTH:
    "get the hub's key from its operator, not over the network: --key is the key that `replica keys show` prints there",
  ERR_FRONTIER_UNKNOWN: 'name a frontier that the hub offers; --frontier is optional if the hub has only one',
}

/**
 * Cleans up after a failed clone. Received nodes are durable and verified: the store stays and the
 * error has its path. A store without nodes is removed; a store that can't be opened stays.
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
  const rest = `to fetch the rest, run there: replica pull ${peer}`
  return withHint(error, `${folder} has the ${plural(nodes ?? 0, 'node')} received so far; ${rest}`)
}

function withHint(error: ReplicaError, hint: string | undefined): ReplicaError {
  if (hint === undefined) return error
  // No key is registered before a clone.
  const message = error.message.replace('the one registered for it', 'the one given by --key')
  return new ReplicaError(error.code, message, { cause: error, facts: { ...error.facts, hint } })
}

interface Content {
  readonly frontier?: string
  readonly nodes?: number
  /** The id under which the hub is registered. */
  readonly peer?: string
}

/**
 * Returns the content of a new store: 0 nodes without a store, empty if the store can't be opened.
 */
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
      .find(peer => peer.publicKey === key.toLowerCase())
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
