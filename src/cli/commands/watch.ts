// The verb that prints events as they are merged. In a hub it follows the log. Where no hub serves the store, other verbs write to
// it: it is opened for a moment whenever its files say that something has changed, and let go before anything is printed.
// Specification: protocol/live.md, L14 to L16.

import type { ExitCode } from '../../base/errors.ts'
import { CLI_LIMITS } from '../../base/limits.ts'
import type { NodeView } from '../../replica/node-view.ts'
import type { Replica } from '../../replica/replica.ts'
import type { Args } from '../args.ts'
import type { Command, Context, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import type { ShortLivedStore } from '../short-lived-store.ts'
import { type Printable, RawJson } from '../terminal/json-output.ts'
import { type Output, usage } from '../terminal/output.ts'

const watch: Command = {
  name: 'watch',
  group: 'log',
  where: 'store',
  summary: 'print events as they are merged',
  about: [
    "In the order of this store's log, from now on or from --since, until an interrupt, which ends it with 0. Each line begins with a cursor: `--since <cursor>` goes on after that line. Cursors mean something in this store only.",
    'While no hub serves the store it is looked at twice a second, and other verbs go on working; once a hub does, events are printed as that hub merges them.',
  ],
  options: [
    { name: 'since', value: 'cursor', help: 'begin there instead of now; 0 is the beginning' },
    { name: 'kind', value: 'kind', repeated: true, help: 'only events of this kind; may be given several times' },
    { name: 'number', short: 'n', value: 'count', help: 'end after so many' },
    { name: 'jsonl', help: 'print each as a line of JSON' },
    FRONTIER_OPTION,
  ],
  examples: ['replica watch --jsonl --since 0', 'replica watch --kind finding.asserted'],
  run: runWatch,
  runUnserved: watchUnserved,
}

export const WATCH_COMMANDS: readonly Command[] = [watch]

interface WatchRequest {
  readonly frontier: string | undefined
  readonly kinds: readonly string[]
  /** The first number; undefined for the end of the log as it is when the verb begins. */
  readonly since: number | undefined
  readonly limit: number
}

function readRequest(out: Output, args: Args): WatchRequest {
  if (out.json && args.has('jsonl')) throw usage('--json and --jsonl exclude each other')
  if (out.json && !args.has('number')) throw usage('--json prints all at the end: say how many with -n, or use --jsonl')
  const most = out.json ? CLI_LIMITS.jsonItemsMax : Number.MAX_SAFE_INTEGER
  return {
    frontier: args.text('frontier'),
    kinds: args.all('kind'),
    since: args.has('since') ? args.count('since', 0) : undefined,
    limit: Math.min(args.count('number', most), most),
  }
}

async function runWatch({ replica, out, signal }: StoreContext, args: Args): Promise<ExitCode> {
  const { kinds, since, limit, ...request } = readRequest(out, args)
  const frontier = replica.frontier(request.frontier)
  const from = since === undefined ? {} : { since }
  const wanted = kinds.length === 0 ? {} : { kinds }
  const all: Printable[] = []
  let cursor = since ?? 0
  for await (const node of replica.changes(frontier, { ...from, ...wanted, limit, signal })) {
    cursor = node.seq + 1
    if (out.json) all.push(changeFields(node))
    else await printChange(out, args, node)
  }
  return out.json ? out.done({ fields: { frontier, changes: all, cursor }, lines: [] }) : 0
}

/** How far a watch has come. */
interface WatchPosition {
  readonly frontier: string
  readonly cursor: number
  /** Events still to be printed. */
  readonly left: number
}

/** Answers the words with which a hub that serves the store by now goes on. */
async function watchUnserved(
  { out, signal }: Context,
  args: Args,
  shortLived: ShortLivedStore,
): Promise<ExitCode | readonly string[]> {
  const request = readRequest(out, args)
  const all: Printable[] = []
  let begun: WatchPosition | undefined
  let position: WatchPosition | undefined
  while (position?.left !== 0 && !signal.aborted) {
    const read = await shortLived.visit(async replica =>
      readOn(replica, position ?? (await beginning(replica, request)), request.kinds),
    )
    // What is one object at the end, a hub makes from where this began.
    if (read === 'served') return resumeArgs(args, out.json ? begun : position)
    if (read === 'aborted') break
    begun ??= read.from
    position = read.to
    for (const node of read.nodes) {
      if (out.json) all.push(changeFields(node))
      else await printChange(out, args, node)
    }
    if (position.left > 0 && read.isAll) await shortLived.changed()
  }
  if (!out.json) return 0
  return out.done({ fields: { frontier: position?.frontier, changes: all, cursor: position?.cursor ?? 0 }, lines: [] })
}

/** @throws ReplicaError ERR_USAGE for a number past the end */
async function beginning(replica: Replica, { frontier, since, limit }: WatchRequest): Promise<WatchPosition> {
  const name = replica.frontier(frontier)
  if (since === undefined) return { frontier: name, cursor: await endOf(replica, name), left: limit }
  void replica.changes(name, { since }) // never read from: it refuses what is past the end
  return { frontier: name, cursor: since, left: limit }
}

async function endOf(replica: Replica, frontier: string): Promise<number> {
  for await (const { seq } of replica.nodes(frontier, { reverse: true })) return seq + 1
  return 0
}

interface Read {
  readonly from: WatchPosition
  readonly to: WatchPosition
  readonly nodes: readonly NodeView[]
  /** The log has no more. */
  readonly isAll: boolean
}

/** What is new in the log, up to about `watchBytesMax`. */
async function readOn(replica: Replica, from: WatchPosition, kinds: readonly string[]): Promise<Read> {
  const nodes: NodeView[] = []
  let { cursor } = from
  let bytes = 0
  const read = (isAll: boolean): Read => ({
    from,
    to: { ...from, cursor, left: from.left - nodes.length },
    nodes,
    isAll,
  })
  for await (const node of replica.nodes(from.frontier, { since: cursor })) {
    if (nodes.length === from.left || bytes >= CLI_LIMITS.watchBytesMax) return read(false)
    cursor = node.seq + 1
    if (kinds.length > 0 && !kinds.includes(node.event.kind)) continue
    bytes += node.event.text.length
    nodes.push(node)
  }
  return read(true)
}

/** The same command line, from here on. */
function resumeArgs(args: Args, position: WatchPosition | undefined): string[] {
  const words = ['watch', ...['json', 'jsonl', 'quiet'].filter(name => args.has(name)).map(name => `--${name}`)]
  for (const kind of args.all('kind')) words.push(`--kind=${kind}`)
  const frontier = position?.frontier ?? args.text('frontier')
  const since = position?.cursor ?? args.text('since')
  const left = args.has('number') ? (position?.left ?? args.text('number')) : undefined
  for (const [name, value] of Object.entries({ frontier, since, number: left })) {
    if (value !== undefined) words.push(`--${name}=${value}`)
  }
  return words
}

async function printChange(out: Output, args: Args, node: NodeView): Promise<void> {
  if (args.has('jsonl')) await out.jsonLine(changeFields(node))
  else await out.lines([changeLine(node)])
}

/** `cursor`: where to go on after this one. */
function changeFields({ seq, cid, height, key, parents, event }: NodeView): Printable {
  return { cursor: seq + 1, seq, cid, height, key, parents, event: new RawJson(event.text) }
}

function changeLine({ seq, event }: NodeView): string {
  const { id, kind, actor, target, reason } = event
  return [String(seq + 1).padStart(6), id, kind, `${target.type}:${target.id}`, actor.id, reason].join('  ')
}
