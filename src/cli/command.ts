// What a verb is: a name, what it takes, what its help says, and a function from a context to an exit code. The same
// function runs in the process of the shell and inside a hub that owns the store; all it may touch is its context.

import type { ExitCode } from '../base/errors.ts'
import type { Replica } from '../replica/replica.ts'
import type { Args } from './args.ts'
import type { CommandSpec } from './command-spec.ts'
import type { Io } from './io.ts'
import type { ShortLivedStore } from './short-lived-store.ts'
import type { Output } from './terminal/output.ts'

/** Where a verb comes from and what stands around it. */
export interface Context {
  readonly io: Io
  readonly out: Output
  readonly signal: AbortSignal
  /** Absolute; relative file names are resolved against it, also inside a hub. */
  readonly cwd: string
  /** --dir, else REPLICA_DIR. */
  readonly dir: string | undefined
  readonly runtime: {
    readonly pid: number
    readonly node: string
    readonly residentBytes?: () => number
    /** Has something done when the process is told to read its settings again (SIGHUP). Answers how to end it. */
    readonly onReload?: (reload: () => void) => () => void
  }
  /** The hub's own address when the verb runs inside one. */
  readonly servedAt: string | undefined
  /** Runs a whole command line against an open replica: what `serve` hands to its control socket. */
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
  /** Needs a store: runs in the hub that serves it, else opens it. */
  readonly where: 'store'
  run(context: StoreContext, args: Args): Promise<ExitCode>
  /**
   * For a verb that stays for long and only looks: what it does where no hub serves the store, so that it leaves the store to others.
   * It answers an exit code, or the words of a command line with which to go on when a hub serves the store by now.
   */
  runUnserved?(context: Context, args: Args, visits: ShortLivedStore): Promise<ExitCode | readonly string[]>
  /** What the verb does with a store that is too damaged to open; without this it fails as any verb does. */
  runDamaged?(context: Context & { readonly location: string }, args: Args): Promise<ExitCode>
}

export interface FreeCommand extends CommandSpec {
  /** Runs in the process of the shell, without a store or with one that it makes itself. */
  readonly where: 'here'
  run(context: Context, args: Args): Promise<ExitCode>
  /** What the verb does where its arguments name something of the store: then it runs as a store's verb does. */
  readonly withStore?: {
    readonly wanted: (args: Args) => boolean
    run(context: StoreContext, args: Args): Promise<ExitCode>
  }
}

export type Command = StoreCommand | FreeCommand
