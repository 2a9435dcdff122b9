// The interface of a command: its specification and a function from a context to an exit code.
// The same function runs in the shell's process and inside a hub that owns the store. A command
// uses nothing but its context.

import type { ExitCode } from '../base/errors.ts'
import type { Replica } from '../replica/replica.ts'
import type { Args } from './args.ts'
import type { CommandSpec } from './command-spec.ts'
import type { Io } from './io.ts'
import type { ShortLivedStore } from './short-lived-store.ts'
import type { Output } from './terminal/output.ts'

/** The environment of a command. */
export interface Context {
  readonly io: Io
  readonly out: Output
  readonly signal: AbortSignal
  /** Absolute; relative file names are resolved against it, also inside a hub. */
  readonly cwd: string
  /** The value of --dir, else of REPLICA_DIR. */
  readonly dir: string | undefined
  readonly runtime: {
    readonly pid: number
    readonly node: string
    readonly residentBytes?: () => number
    /** Files that this process may open; undefined if unknown. */
    readonly openFilesMax?: number | undefined
    /** Registers a callback for SIGHUP. Returns a function that removes it. */
    readonly onReload?: (reload: () => void) => () => void
  }
  /** The URL of the hub in which the command runs; undefined in a shell. */
  readonly servedAt: string | undefined
  /** Runs a command line on an open replica; `serve` uses it for its control socket. */
  readonly runInside: RunInside
}

export interface StoreContext extends Context {
  readonly replica: Replica
  /** The store's folder. */
  readonly location: string
}

export type RunInside = (
  request: { argv: readonly string[]; cwd: string },
  host: { replica: Replica; location: string; servedAt: string; runtime: Context['runtime'] },
  session: { io: Io; signal: AbortSignal },
) => Promise<ExitCode>

export interface StoreCommand extends CommandSpec {
  /**
   * The command needs a store: it runs in the hub that serves the store, else it opens the store.
   */
  readonly where: 'store'
  run(context: StoreContext, args: Args): Promise<ExitCode>
  /**
   * Runs a long read-only command on a store that no hub serves, without keeping the store open.
   * @returns an exit code, or the command line that continues in a hub that serves the store now
   */
  runUnserved?(context: Context, args: Args, visits: ShortLivedStore): Promise<ExitCode | readonly string[]>
  /** Runs the command on a store that is too damaged to open; without it the command fails. */
  runDamaged?(context: Context & { readonly location: string }, args: Args): Promise<ExitCode>
}

export interface FreeCommand extends CommandSpec {
  /** The command runs in the shell's process, without a store or with one that it creates. */
  readonly where: 'here'
  run(context: Context, args: Args): Promise<ExitCode>
  /** The form of the command for arguments that name something in a store. */
  readonly withStore?: {
    readonly wanted: (args: Args) => boolean
    run(context: StoreContext, args: Args): Promise<ExitCode>
  }
}

export type Command = StoreCommand | FreeCommand
