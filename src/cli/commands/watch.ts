// The command watch: prints events as they are merged. In a hub it follows the log. Without a hub,
// other commands write to the store: watch opens the store briefly when its files have changed, and
// closes it before it prints.
// Spec: protocol/live.md, L14 to L16.

import { CLI_LIMITS } from '../../base/cli-limits.ts'
import type { ExitCode } from '../../base/errors.ts'
import type { NodeView } from '../../replica/node-view.ts'
import type { Replica } from '../../replica/replica.ts'
import type { Args } from '../args.ts'
import type { Command, Context, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import type { ShortLivedStore } from '../short-lived-store.ts'
import { type Printable, RawJson } from '../terminal/json-output.ts'
import { type Output, usage } from '../terminal/output.ts'
import { textState } from './log.ts'

const watch: Command = {
  name: 'watch',
  group: 'log',
  where: 'store',
  summary: 'print events as they are merged',
  about: [
    "Prints events in the order of this store's log, starting now or at --since, until an interrupt, which gives exit code 0. Each line starts with a cursor: `--since <cursor>` continues after that line. Cursors are valid only for this store.",
    'If no hub serves the store, the command checks it twice a second and does not block other commands. When a hub serves the store, events are printed as the hub merges them.',
  ],
  options: [
    { name: 'since', value: 'cursor', help: 'start at this cursor instead of now; 0 is the start of the log' },
    { name: 'kind', value: 'kind', repeated: true, help: 'only events of this kind; can be repeated' },
    { name: 'number', short: 'n', value: 'count', help: 'end after this number of events' },
    { name: 'jsonl', help: 'print each event as one line of JSON' },
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
  /** The first sequence number; undefined for the current end of the log. */
  readonly since: number | undefined
  readonly limit: number
}

function readRequest(out: Output, args: Args): WatchRequest {
  if (out.json && args.has('jsonl')) throw usage('--json and --jsonl exclude each other')
  if (out.json && !args.has('number'))
    throw usage('--json needs -n <count>, because it prints all at the end; --jsonl prints a stream')
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

/** The position of a watch in the log. */
interface WatchPosition {
  readonly frontier: string
  readonly cursor: number
  /** The number of events still to print. */
  readonly left: number
}

/**
 * Watches without a hub. Returns the command line that continues in a hub, once one serves the
 * store.
 */
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
    // With --json the output is one object, so the hub starts again from the first position.
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

/** Returns the start position. @throws ReplicaError ERR_USAGE for a cursor past the end */
async function beginning(replica: Replica, { frontier, since, limit }: WatchRequest): Promise<WatchPosition> {
  const name = replica.frontier(frontier)
  if (since === undefined) return { frontier: name, cursor: await endOf(replica, name), left: limit }
  void replica.changes(name, { since }) // only checks the cursor; the iterator is not read
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
  /** The end of the log is reached. */
  readonly isAll: boolean
}

/** Reads new nodes, up to about `watchBytesMax` bytes. */
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
    if (kinds.length > 0 && !(node.event !== undefined && kinds.includes(node.event.kind))) continue
    bytes += node.event?.text.length ?? 0
    nodes.push(node)
  }
  return read(true)
}

/** Returns the command line that continues at `position`. */
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

/** Returns an event as JSON; `cursor` continues after it. */
function changeFields({ seq, cid, id, height, key, parents, text, event }: NodeView): Printable {
  if (event === undefined) return { cursor: seq + 1, seq, cid, height, key, parents, id, text, event: null }
  return { cursor: seq + 1, seq, cid, height, key, parents, event: new RawJson(event.text) }
}

function changeLine({ seq, id, text, event }: NodeView): string {
  if (event === undefined) return [String(seq + 1).padStart(6), id, `(${textState(text)})`].join('  ')
  const { kind, actor, target, reason } = event
  return [String(seq + 1).padStart(6), id, kind, `${target.type}:${target.id}`, actor.id, reason].join('  ')
}
