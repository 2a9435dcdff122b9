// Verbs that exchange nodes with a registered peer: push, pull. What the other side did with each node is part of the
// answer, not an error: refused nodes make the exit code 1, held ones are announced with what would admit them.

import type { ExitCode } from '../../base/errors.ts'
import type { SyncReport } from '../../replica/sync/sync-client.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { follow, heldLocally, heldRemotely, printSyncReport } from '../terminal/sync-report.ts'

const push: Command = {
  name: 'push',
  group: 'sync',
  where: 'store',
  summary: 'send a peer what it lacks',
  about: [
    'Only what the peer lacks goes over the wire. It answers for each node: admitted, known, held or refused, and names the conflicts that were opened there.',
  ],
  arguments: [{ name: 'peer', help: 'a registered peer' }],
  options: [FRONTIER_OPTION],
  examples: ['replica push hub:lab'],
  run: (context, args) => exchange('push', context, args),
}

const pull: Command = {
  name: 'pull',
  group: 'sync',
  where: 'store',
  summary: 'fetch from a peer what is lacking here',
  about: [
    'Every node is checked by itself: its hash, its form, its signature, and that its key is registered here. A pull that was cut off goes on where it stopped.',
    'Conflicts between what came in and what was here are part of the answer, unless the log is so long that looking for them has to be asked for.',
  ],
  arguments: [{ name: 'peer', help: 'a registered peer' }],
  options: [
    { name: 'conflicts', help: 'say which conflicts were opened also where a long log has to be replayed for it' },
    FRONTIER_OPTION,
  ],
  examples: ['replica pull hub:lab'],
  run: (context, args) => exchange('pull', context, args),
}

export const SYNC_COMMANDS: readonly Command[] = [push, pull]

async function exchange(way: 'push' | 'pull', context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, io, out, signal } = context
  const frontier = replica.frontier(args.text('frontier'))
  const progress = new ProgressLine(io.stderr, out)
  let report: SyncReport
  try {
    report = await replica[way](frontier, args.argument(0), {
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
