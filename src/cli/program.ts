// Runs one command line: finds the command, the store and its owner, and returns an exit code. If a
// hub serves the store, the command runs in that hub, else the store is opened here. Each error
// becomes a message and an exit code.

import { type ExitCode, hasCode, ReplicaError } from '../base/errors.ts'
import type { MergeObserver } from '../replica/merge-observer.ts'
import type { Replica } from '../replica/replica.ts'
import { readPgPlace } from '../store/postgres/pg-place.ts'
import { type Args, type CommandMatch, findCommand, readArgs, wantsJson } from './args.ts'
import type { Command, Context, RunInside, StoreCommand } from './command.ts'
import { COMMANDS } from './command-table.ts'
import { connectHub, runInHub } from './control/control-client.ts'
import { removeSocket } from './control/socket-path.ts'
import { hintFor } from './error-hints.ts'
import { findStore, retryWhileLocked } from './find-store.ts'
import { commandFields, commandHelp, familyHelp, overview } from './help.ts'
import { type Io, OutputClosed } from './io.ts'
import { ShortLivedStore, type StoreOwner } from './short-lived-store.ts'
import { Output, usage } from './terminal/output.ts'

/** The environment that the process or a test provides. */
export interface CliHost {
  readonly io: Io
  readonly cwd: string
  /** The value of REPLICA_DIR. */
  readonly dir: string | undefined
  readonly runtime: Context['runtime']
  readonly signal: AbortSignal
}

/** Runs a command line typed in a shell. */
export async function runProgram(argv: readonly string[], host: CliHost): Promise<ExitCode> {
  return attempt(argv, host, async (command, args, out) => {
    const context: Context = {
      io: host.io,
      out,
      signal: host.signal,
      cwd: host.cwd,
      dir: namedDir(args) ?? host.dir,
      runtime: host.runtime,
      servedAt: undefined,
      runInside,
    }
    const onStore = storePart(command, args)
    if (onStore === undefined && command.where === 'here') return command.run(context, args)
    return runOnStore(onStore!, args, { argv, context })
  })
}

/**
 * Returns the value of --dir.
 * @throws ReplicaError ERR_USAGE for an empty value, as from an unset variable
 */
function namedDir(args: Args): string | undefined {
  const dir = args.text('dir')
  if (dir === '') throw usage('--dir is empty')
  return dir
}

/** Runs a command line inside a hub, on the store that the hub has open. */
const runInside: RunInside = async (request, hub, session) =>
  attempt(request.argv, session, async (command, args, out) => {
    const onStore = storePart(command, args)
    if (onStore === undefined) throw new ReplicaError('ERR_USAGE', `${command.name} can't run inside a hub`)
    const { replica, location, servedAt, runtime } = hub
    const { cwd } = request
    return onStore.run({ ...session, out, cwd, dir: undefined, runtime, servedAt, runInside, replica, location }, args)
  })

type OnStore = Pick<StoreCommand, 'run' | 'runUnserved' | 'runDamaged'>

/** Returns the part of the command that runs on a store; undefined if it does not need one. */
function storePart(command: Command, args: Args): OnStore | undefined {
  if (command.where === 'store') return command
  return command.withStore?.wanted(args) === true ? command.withStore : undefined
}

type RunCommand = (command: Command, args: Args, out: Output) => Promise<ExitCode>

/** Runs a command and converts every error to an exit code. */
async function attempt(
  argv: readonly string[],
  host: { io: Io; signal: AbortSignal },
  run: RunCommand,
): Promise<ExitCode> {
  const words = argv[0] === '--version' ? ['version', ...argv.slice(1)] : argv
  let out = new Output('replica', host.io, { json: wantsJson(words), quiet: false })
  try {
    const { rest, ...found } = findCommand(words, COMMANDS)
    const { command } = found
    const name = command?.name ?? 'help'
    out = new Output(name, host.io, { json: wantsJson(rest), quiet: false })
    const args = readArgs(rest, command)
    out = new Output(name, host.io, { json: args.has('json'), quiet: args.has('quiet') })
    const exit = await (helpFor(found, args, out) ?? run(command!, args, out))
    await host.io.stdout.flush()
    return exit
  } catch (error) {
    if (error instanceof OutputClosed) return 0
    return await reportError(error, out, host)
  }
}

/** Prints help if the command line asks for it or has no command; else returns undefined. */
function helpFor(
  { command, family }: Omit<CommandMatch<Command>, 'rest'>,
  args: Args,
  out: Output,
): Promise<ExitCode> | undefined {
  const isAsked = args.has('help')
  if (family !== undefined) return out.done({ fields: { verbs: commandFields(family) }, lines: familyHelp(family) })
  if (command === undefined) return out.done({ exit: isAsked ? 0 : 2, fields: {}, lines: overview(COMMANDS) })
  return isAsked ? out.done({ fields: { help: commandHelp(command) }, lines: commandHelp(command) }) : undefined
}

async function reportError(error: unknown, out: Output, host: { io: Io; signal: AbortSignal }): Promise<ExitCode> {
  const known = asReplicaError(error, host.signal)
  try {
    if (known.code === 'ERR_INTERNAL' && error instanceof Error) await out.notice((error.stack ?? '').split('\n'))
    return await out.failure(known, hintFor(known))
  } catch (failure) {
    if (failure instanceof OutputClosed) return known.exitCode
    if (!hasCode(failure, 'ERR_STORE_IO')) throw failure
    return out.json ? await reportErrorAsText(failure, host.io) : known.exitCode
  }
}

/** Reports on stderr that the JSON could not be written to stdout. */
async function reportErrorAsText(failure: ReplicaError, io: Io): Promise<ExitCode> {
  try {
    return await new Output('', io, { json: false, quiet: false }).failure(failure, undefined)
  } catch (error) {
    if (error instanceof OutputClosed || hasCode(error, 'ERR_STORE_IO')) return failure.exitCode
    throw error
  }
}

function asReplicaError(error: unknown, signal: AbortSignal): ReplicaError {
  if (error instanceof ReplicaError) return error
  if (signal.aborted && error instanceof Error && error.name === 'AbortError')
    return new ReplicaError('ERR_ABORTED', 'the command was interrupted', { cause: error })
  const message = error instanceof Error ? error.message : String(error)
  return new ReplicaError('ERR_INTERNAL', `internal error: ${message}`, { cause: error })
}

/**
 * Runs the command in the hub that serves the store, else here. Waits while the store is locked.
 */
async function runOnStore(
  command: OnStore,
  args: Args,
  { argv, context }: { argv: readonly string[]; context: Context },
): Promise<ExitCode> {
  const { io, signal, cwd, dir } = context
  const location = await findStore({ cwd, dir })
  const store = args.text('store')
  const owner = await waitForOwner({ location, store, signal }).catch(error => {
    if (command.runDamaged !== undefined && hasCode(error, 'ERR_STORE_CORRUPT')) return undefined
    throw error
  })
  if (owner === undefined) return await command.runDamaged!({ ...context, location }, args)
  if (owner.hub !== undefined) return runInHub(owner.hub, { argv, cwd }, { io, signal })
  // Other processes may use a store in a database meanwhile.
  if (command.runUnserved === undefined || (await readPgPlace(location)) !== undefined) {
    await using replica = owner.replica
    return await command.run({ ...context, replica, location }, args)
  }
  await using shortLived = new ShortLivedStore(owner.replica, {
    location,
    signal,
    find: () => findOwner({ location, store, signal }),
  })
  const ended = await command.runUnserved(context, args, shortLived)
  return typeof ended === 'number' ? ended : runOnStore(command, parseAgain(ended), { argv: ended, context })
}

function parseAgain(words: readonly string[]): Args {
  const { command, rest } = findCommand(words, COMMANDS)
  return readArgs(rest, command)
}

/** A folder, and the address of its store if the command line has one. */
interface StorePlace {
  readonly location: string
  readonly store: string | undefined
  readonly signal: AbortSignal
}

async function waitForOwner(place: StorePlace): Promise<StoreOwner> {
  return retryWhileLocked(place.signal, () => findOwner(place))
}

/**
 * Returns the hub that serves the store, or opens the store.
 * @throws ReplicaError as Replica.open
 */
async function findOwner({ location, store, signal }: StorePlace): Promise<StoreOwner> {
  const hub = await connectHub(location, signal)
  if (hub !== undefined) return { hub }
  // A dynamic import: a command that runs inside a hub does not load the database and cryptography.
  const { Replica } = await import('../replica/replica.ts')
  const at = store === undefined ? {} : { store }
  const replica = await Replica.open({ location, ...at, mergeObserver: lazyMergeObserver })
  await removeSocket(location)
  return { replica }
}

/** The merge observer of Vela, loaded at the first merge: most commands receive no nodes. */
function lazyMergeObserver(replica: Replica): MergeObserver {
  let loaded: Promise<MergeObserver> | undefined
  const observer = (): Promise<MergeObserver> => {
    loaded ??= import('../projection/vela-merge-observer.ts').then(module => module.velaMergeObserver(replica))
    return loaded
  }
  return {
    beforeMerge: async frontier => (await observer()).beforeMerge(frontier),
    afterMerge: async merge => (await observer()).afterMerge(merge),
  }
}
