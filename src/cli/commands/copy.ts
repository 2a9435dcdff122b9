// The commands that copy a store: backup, restore and store copy.

import * as path from 'node:path'
import type { ExitCode } from '../../base/errors.ts'
import type { CopyTarget } from '../../replica/copy/backup.ts'
import type { CopyOptions, CopyReport } from '../../store/copy-store.ts'
import { isPostgresUrl, printablePgUrl } from '../../store/postgres/pg-address.ts'
import type { Args } from '../args.ts'
import type { Command, Context } from '../command.ts'
import { findStore, storeIn } from '../find-store.ts'
import { plural, thousands } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { ProgressLine } from '../terminal/progress.ts'

const ALLOW_ASYNC = { name: 'allow-async', help: 'accept a database that commits on one machine only' } as const

const backup: Command = {
  name: 'backup',
  group: 'store',
  where: 'store',
  summary: 'copy the store to a folder while it is in use',
  about: [
    'The backup is a store on LevelDB with the key, readable only by its owner. The same command continues an interrupted backup, and brings an earlier one up to date.',
  ],
  arguments: [{ name: 'folder', help: 'a new folder, or that of an earlier backup of this store' }],
  examples: ['replica backup /backups/lab'],
  async run(context, args) {
    const to = storeIn(context.cwd, args.argument(0))
    const copy = (options: CopyOptions) => context.replica.backup(to, options)
    return printCopy(context, { verb: 'backed up', to, copy })
  },
}

const restore: Command = {
  name: 'restore',
  group: 'store',
  where: 'here',
  summary: 'make a store from a backup',
  about: [
    'The restored replica has the id and the key of the one that was backed up. Do not run both. Its peers have the nodes that it made after the backup: pull before you append.',
  ],
  arguments: [
    { name: 'backup', help: 'the folder of a backup' },
    { name: 'folder', optional: true, help: 'a new folder (default: the working folder)' },
  ],
  options: [
    { name: 'store', value: 'url', help: 'postgres://user@host[,host]/database: restore into this database' },
    ALLOW_ASYNC,
  ],
  examples: [
    'replica restore /backups/lab lab',
    'replica restore /backups/lab lab --store postgres://replica@db1,db2/replica',
  ],
  async run(context, args) {
    const from = await findStore({ cwd: context.cwd, dir: args.argument(0) })
    const location = storeIn(context.cwd, args.positionals[1] ?? '.')
    const store = args.text('store')
    if (store !== undefined && !isPostgresUrl(store)) throw usage('--store must be an address postgres://…')
    const target = { location, ...(store === undefined ? {} : { store, allowAsync: args.has('allow-async') }) }
    return runCopy(context, { from, target, to: location, verb: 'restored' })
  },
}

const copy: Command = {
  name: 'store copy',
  group: 'store',
  where: 'here',
  summary: 'copy a store to another folder or database',
  about: [
    'Between LevelDB and PostgreSQL, in both directions. The copy has the same id, the same numbers of nodes, and valid cursors: it replaces the source. Do not run both. The source must not be in use. The same command continues an interrupted copy.',
    'A copy in a database has no key: make a folder for it with `replica init --store <url> --key <file>`.',
  ],
  arguments: [
    { name: 'from', help: 'the folder of a store' },
    { name: 'to', help: 'a new folder, or postgres://user@host[,host]/database' },
  ],
  options: [ALLOW_ASYNC],
  examples: ['replica store copy lab postgres://replica@db1,db2/replica'],
  async run(context, args) {
    const from = await findStore({ cwd: context.cwd, dir: args.argument(0) })
    return runCopy(context, { from, verb: 'copied', ...targetOf(context.cwd, args) })
  },
}

export const COPY_COMMANDS: readonly Command[] = [backup, restore, copy]

function targetOf(cwd: string, args: Args): { target: CopyTarget; to: string } {
  const to = args.argument(1)
  const allowAsync = args.has('allow-async')
  if (isPostgresUrl(to)) return { target: { store: to, allowAsync }, to: printablePgUrl(to) }
  if (allowAsync) throw usage('--allow-async goes with an address postgres://…')
  const location = storeIn(cwd, path.resolve(cwd, to))
  return { target: { location }, to: location }
}

async function runCopy(
  context: Context,
  { from, target, to, verb }: { from: string; target: CopyTarget; to: string; verb: string },
): Promise<ExitCode> {
  const { copyReplica } = await import('../../replica/copy/backup.ts')
  return printCopy(context, { verb, to, copy: options => copyReplica(from, target, options) })
}

interface CopyCall {
  readonly verb: string
  readonly to: string
  readonly copy: (options: CopyOptions) => Promise<CopyReport>
}

async function printCopy({ io, out, signal }: Context, { verb, to, copy }: CopyCall): Promise<ExitCode> {
  const progress = new ProgressLine(io.stderr, out)
  let report: CopyReport
  try {
    report = await copy({ signal, onProgress: nodes => progress.update({ phase: 'copy', durable: nodes }) })
  } finally {
    await progress.clear()
  }
  const { frontiers, nodes, held, records } = report
  return out.done({
    fields: { to, frontiers, nodes, held, records },
    lines: [`${verb} ${plural(frontiers, 'frontier')} with ${thousands(nodes)} nodes to ${to}`],
  })
}
