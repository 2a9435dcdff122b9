// The commands push and pull, which exchange nodes with a registered peer. The verdict on each node
// is part of the report and not an error: refused nodes give exit code 1, held nodes give a notice
// with the command that would admit them.

import type { ExitCode } from '../../base/errors.ts'
import type { Replica } from '../../replica/replica.ts'
import type { SyncReport } from '../../replica/sync/sync-client.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { follow, heldLocally, heldRemotely, printSyncReport } from '../terminal/sync-report.ts'

/** The peer of an exchange. */
export const PEER_ARGUMENT = {
  name: 'peer',
  optional: true,
  help: 'a registered peer (default: the hub of the clone, or the only peer)',
} as const

/** Returns the named peer, else the default one. @throws ReplicaError ERR_PEER_UNKNOWN */
export async function peerOrDefault(replica: Replica, frontier: string, args: Args): Promise<string> {
  return args.positionals[0] ?? (await replica.registry(frontier).default()).id
}

const push: Command = {
  name: 'push',
  group: 'sync',
  where: 'store',
  summary: 'send a peer the nodes that it lacks',
  about: [
    'Sends only the nodes that the peer lacks. The peer reports each node as admitted, known, held or refused, and the conflicts that they opened there.',
  ],
  arguments: [PEER_ARGUMENT],
  options: [FRONTIER_OPTION],
  examples: ['replica push hub:lab'],
  run: (context, args) => exchange('push', context, args),
}

const pull: Command = {
  name: 'pull',
  group: 'sync',
  where: 'store',
  summary: 'fetch the nodes that this store lacks from a peer',
  about: [
    'Each node is verified: its hash, form and signature, and that its key is registered here. An interrupted pull resumes where it stopped.',
    'The report has the conflicts between received and existing events. For a long log they are computed only with --conflicts.',
  ],
  arguments: [PEER_ARGUMENT],
  options: [
    { name: 'conflicts', help: 'report opened conflicts even if a long log must be replayed' },
    FRONTIER_OPTION,
  ],
  examples: ['replica pull hub:lab'],
  run: (context, args) => exchange('pull', context, args),
}

export const SYNC_COMMANDS: readonly Command[] = [push, pull]

async function exchange(way: 'push' | 'pull', context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, io, out, signal } = context
  const frontier = replica.frontier(args.text('frontier'))
  const peer = await peerOrDefault(replica, frontier, args)
  const progress = new ProgressLine(io.stderr, out)
  let report: SyncReport
  try {
    report = await replica[way](frontier, peer, {
      signal,
      onProgress: follow(progress),
      conflicts: args.has('conflicts'),
    })
  } finally {
    await progress.clear()
  }
  const notice = way === 'push' ? heldRemotely(report) : await heldLocally(replica, report)
  return printSyncReport(context, { way, report, notice, fields: {}, lines: [] })
}
