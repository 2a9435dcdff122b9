// The commands about the graph of a frontier: classify, merge and fork; and verify, which checks
// the store.

import type { ExitCode } from '../../base/errors.ts'
import { ReplicaError } from '../../base/errors.ts'
import { readEvent } from '../../event/event.ts'
import type { IdPair } from '../../graph/causal-closure.ts'
import { readLog } from '../../json/event-array-reader.ts'
import type { VerifyOptions, VerifyReport } from '../../replica/verify.ts'
import type { Args } from '../args.ts'
import type { Command, Context, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { readWhole } from '../files/event-files.ts'
import type { Printable } from '../terminal/json-output.ts'
import { plural, thousands } from '../terminal/layout.ts'
import { ProgressLine } from '../terminal/progress.ts'

const REASON = {
  name: 'reason',
  value: 'text',
  required: true,
  help: 'the reason; it becomes part of the signed event',
} as const

const classify: Command = {
  name: 'classify',
  group: 'log',
  where: 'store',
  summary: 'check whether events can be merged without further ancestors',
  about: [
    'Prints proceed, or fetch with the ancestors that are neither in the store nor in the file. Changes nothing. The file is a JSON array of events (with their payload.parents) or of objects {id, parents}; - reads stdin.',
  ],
  arguments: [{ name: 'file', help: 'a JSON file, or - for stdin' }],
  options: [FRONTIER_OPTION],
  run: runClassify,
}

const merge: Command = {
  name: 'merge',
  group: 'log',
  where: 'store',
  summary: 'join the heads of a frontier with a signed event',
  about: ['A merge is optional: the next event has all heads as parents. The program never merges by itself.'],
  options: [REASON, { name: 'actor', value: 'id', help: 'actor of the merge (default: this hub)' }, FRONTIER_OPTION],
  examples: ['replica merge --reason "both readings stand"'],
  async run(context, args) {
    const { replica, out } = context
    const frontier = replica.frontier(args.text('frontier'))
    const actor = args.text('actor')
    const reason = args.required('reason')
    const made = await replica.merge(frontier, actor === undefined ? { reason } : { reason, actor })
    return out.done({
      fields: { frontier, event: made.event, cid: made.cid, parents: made.parents },
      lines: [`merged ${plural(made.parents.length, 'head')} of ${frontier}`, `  ${made.cid}`],
    })
  },
}

const fork: Command = {
  name: 'fork',
  group: 'log',
  where: 'store',
  summary: 'create a frontier from the available events of another',
  about: [
    'Use it if ancestors are lost. This store signs the available events, including held ones, again; the first event names the missing ancestors. The original frontier does not change.',
  ],
  options: [REASON, FRONTIER_OPTION],
  examples: ['replica fork --reason "the archive of 2025 is lost"'],
  async run(context, args) {
    const { replica, out } = context
    const base = replica.frontier(args.text('frontier'))
    const made = await replica.fork(base, { reason: args.required('reason') })
    return out.done({
      fields: { base, frontier: made.frontier, cid: made.cid, mapped: made.mapped, missing: made.missing },
      lines: [
        `forked ${base} as ${made.frontier}: ${plural(made.mapped, 'node')}`,
        ...made.missing.map(cid => `  missing ${cid}`),
      ],
    })
  },
}

const verify: Command = {
  name: 'verify',
  group: 'look',
  where: 'store',
  summary: 'check the whole store and list its faults',
  about: [
    'Hashes every node, checks its form and event, and compares the indexes with the log. The exit code is 1 if there are faults.',
  ],
  options: [
    { name: 'signatures', help: 'also check all signatures' },
    { name: 'erased', help: 'also search all files of the store for erased texts' },
  ],
  run: (context, args) => runVerify(context, args, options => context.replica.verify(options)),
  async runDamaged(context, args) {
    const { verifyFolder } = await import('../../replica/verify.ts')
    return runVerify(context, args, options => verifyFolder(context.location, options))
  },
}

export const DAG_COMMANDS: readonly Command[] = [classify, merge, fork, verify]

async function runClassify(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, cwd, io } = context
  const frontier = replica.frontier(args.text('frontier'))
  const log = readLog(await readWhole(args.argument(0), { cwd, stdin: io.stdin }))
  const pairs: IdPair[] = []
  for (const { index, text } of log.events()) pairs.push(pairOf(text, index))
  const action = await replica.classify(frontier, pairs)
  const missing = action.kind === 'fetch' ? action.missing : []
  return out.done({
    exit: action.kind === 'proceed' ? 0 : 1,
    fields: { frontier, kind: action.kind, ...(action.kind === 'fetch' ? { missing } : {}), events: pairs.length },
    lines: [action.kind, ...missing.map(id => `  ${id}`)],
  })
}

/** Returns the id and parents of an item: an event or {id, parents}. */
function pairOf(text: Uint8Array, index: number): IdPair {
  const value = parse(text, index)
  const { id, parents } = value
  if (typeof id === 'string' && Array.isArray(parents))
    return { id, parents: parents.filter(item => typeof item === 'string') }
  if (typeof id === 'string' && !('kind' in value))
    throw new ReplicaError(
      'ERR_EVENT_SHAPE',
      `item ${index} has no list of parents: expected {"id": …, "parents": […]}`,
    )
  const { head } = readEvent(text)
  return { id: head.id, parents: head.parents ?? [] }
}

function parse(text: Uint8Array, index: number): { id?: unknown; parents?: unknown } {
  try {
    const value: unknown = JSON.parse(Buffer.from(text).toString('utf8'))
    return typeof value === 'object' && value !== null ? value : {}
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new ReplicaError('ERR_JSON', `item ${index} is not JSON`, { cause: error })
  }
}

async function runVerify(
  context: Context,
  args: Args,
  verify: (options: VerifyOptions) => Promise<VerifyReport>,
): Promise<ExitCode> {
  const { out, io, signal } = context
  const progress = new ProgressLine(io.stderr, out)
  const onProgress = (nodes: number): void => progress.update({ phase: 'verify', verified: nodes })
  let report: VerifyReport
  try {
    report = await verify({ signatures: args.has('signatures'), erased: args.has('erased'), signal, onProgress })
  } finally {
    await progress.clear()
  }
  const faults = report.faults.map(({ kind, frontier, seq, cid, reason }) => ({ kind, frontier, seq, cid, reason }))
  return out.done({
    exit: report.ok ? 0 : 1,
    fields: {
      checked: report.checked,
      signatures: args.has('signatures'),
      ...(args.has('erased') && { erased_texts: report.searched }),
      faults: faults as Printable,
      shared_ids: report.sharedIds as Printable,
    },
    lines: [
      ...faults.map(({ kind, frontier, seq, cid, reason }) =>
        [kind, frontier, seq === undefined ? undefined : thousands(seq), cid, reason]
          .filter(word => word !== undefined)
          .join('  '),
      ),
      ...report.sharedIds.map(
        ({ frontier, event }) =>
          `notice  ${frontier}  several events with different content have the id ${event}; all are kept`,
      ),
      ...(args.has('erased') ? [`${plural(report.searched, 'erased text')} searched for in all files`] : []),
      `${plural(report.checked, 'node')} checked, ${faults.length === 0 ? 'no faults' : plural(faults.length, 'fault')}`,
    ],
  })
}
