// The commands that list nodes and journal entries of a frontier: log, show and journal.

import { toHex } from '../../base/bytes.ts'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { type ExitCode, ReplicaError } from '../../base/errors.ts'
import type { CborValue } from '../../cbor/dag-cbor.ts'
import type { ErasureView } from '../../replica/erase.ts'
import type { JournalEntry } from '../../replica/journal.ts'
import type { NodeView } from '../../replica/node-view.ts'
import type { Replica } from '../../replica/replica.ts'
import type { TextState } from '../../store/store.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION, type OptionSpec } from '../command-spec.ts'
import { LOG_FILTER_OPTIONS, type LogFilter, logFilterOf } from '../log-filter.ts'
import { LogGraph } from '../terminal/graph.ts'
import { indentJson, type Printable, RawJson, writeJson } from '../terminal/json-output.ts'
import { columns, shortCid, thousands } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'

const NUMBER: OptionSpec = {
  name: 'number',
  short: 'n',
  value: 'count',
  help: 'maximum number (default: 20; 0 for all)',
}
const JSONL: OptionSpec = { name: 'jsonl', help: 'print a stream of JSON objects, one per line' }
const NUMBER_DEFAULT = 20
const PAGE = 256

const log: Command = {
  name: 'log',
  group: 'look',
  where: 'store',
  summary: 'list the nodes of a frontier, newest first',
  about: [
    'The newest node is the last that arrived in this store. Each line has the start of the CID, the event id, the time, the kind, the actor and the target.',
    'Options that select nodes combine: a node is listed if it matches each of them. -n counts the listed nodes. A node whose text is not here matches --key only.',
  ],
  options: [
    NUMBER,
    { name: 'graph', help: 'draw the graph of the nodes' },
    { name: 'oneline', help: 'print the CID, the kind, the target and the reason of each node' },
    ...LOG_FILTER_OPTIONS,
    JSONL,
    FRONTIER_OPTION,
  ],
  examples: [
    'replica log --graph -n 50',
    'replica log --oneline --actor reviewer:ada --since 2026-01-31',
    'replica log -n 0 --jsonl',
  ],
  run: runLog,
}

const show: Command = {
  name: 'show',
  group: 'look',
  where: 'store',
  summary: 'show a node and its event',
  about: [
    'An event id is a short label: if several nodes have it, all are shown. --raw writes the header of one node, but not on a terminal.',
  ],
  arguments: [{ name: 'cid|vev', help: "a node's CID, or an event's id" }],
  options: [{ name: 'raw', help: 'write the header of the node' }, FRONTIER_OPTION],
  examples: ['replica show vev_01d80143725060ef', 'replica show bafyrei… --raw > node.cbor'],
  run: runShow,
}

const journal: Command = {
  name: 'journal',
  group: 'look',
  where: 'store',
  summary: 'list the observations of this replica',
  about: [
    'The journal records added and removed peers, rotated keys, syncs with changes, opened conflicts, comparisons and forks. It is signed and not sent to peers; `replica verify` checks it.',
    '--export writes all entries, one JSON object per line, each with its signed bytes, so that others can check them.',
  ],
  options: [
    NUMBER,
    { name: 'after', value: 'number', help: 'list the first entries after this one instead of the last' },
    JSONL,
    { name: 'export', help: 'print all entries as with --jsonl, with the signed bytes' },
    FRONTIER_OPTION,
  ],
  run: runJournal,
}

export const LOG_COMMANDS: readonly Command[] = [log, show, journal]

async function runLog(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, signal } = context
  const frontier = replica.frontier(args.text('frontier'))
  const most = limitOf(args)
  const filter = logFilterOf(args)
  checkLogForm(args, { json: out.json, filtered: filter !== undefined })
  const all = replica.nodes(frontier, { order: 'arrival', reverse: true, signal })
  const nodes = first(filter === undefined ? all : matching(all, filter), most)
  if (args.has('jsonl')) {
    for await (const node of nodes) await out.jsonLine(nodeFields(node))
    return 0
  }
  if (args.has('graph')) {
    checkCount(most)
    const graph = new LogGraph()
    for await (const node of nodes) await out.lines(graphLines(node, graph))
    return 0
  }
  const cells = args.has('oneline') ? onelineCells : logCells
  if (!out.json && most > CLI_LIMITS.jsonItemsMax) {
    for await (const node of nodes) await out.lines([cells(node).join('  ')])
    return 0
  }
  checkCount(most)
  const listed: NodeView[] = []
  for await (const node of nodes) listed.push(node)
  return out.done({ fields: { frontier, nodes: listed.map(nodeFields) }, lines: columns(listed.map(cells)) })
}

/** @throws ReplicaError ERR_USAGE for options that exclude each other */
function checkLogForm(args: Args, { json, filtered }: { json: boolean; filtered: boolean }): void {
  const forms = ['graph', 'oneline', 'jsonl'].filter(name => args.has(name))
  if (json && !args.has('jsonl')) forms.push('json')
  if (forms.length > 1) throw usage(`--${forms[0]} and --${forms[1]} exclude each other`)
  if (filtered && args.has('graph'))
    throw usage('--graph draws all nodes and excludes options that select nodes', 'use --oneline')
}

/** Limits output that is collected in memory. @throws ReplicaError ERR_USAGE */
function checkCount(most: number): void {
  if (most <= CLI_LIMITS.jsonItemsMax) return
  throw usage(`more than ${CLI_LIMITS.jsonItemsMax} items need a stream`, 'use --jsonl or -n <count>')
}

function limitOf(args: Args): number {
  return args.count('number', NUMBER_DEFAULT) || Number.POSITIVE_INFINITY
}

async function* first<T>(items: AsyncIterable<T>, most: number): AsyncGenerator<T> {
  let count = 0
  for await (const item of items) {
    yield item
    if (++count >= most) return
  }
}

async function* matching(nodes: AsyncIterable<NodeView>, filter: LogFilter): AsyncGenerator<NodeView> {
  for await (const node of nodes) if (filter(node)) yield node
}

/** Yields the last items in order; all items without a limit. */
async function* last<T>(items: AsyncIterable<T>, most: number): AsyncGenerator<T> {
  const kept: T[] = []
  for await (const item of items) {
    if (most === Number.POSITIVE_INFINITY) yield item
    else if (kept.push(item) > most) kept.shift()
  }
  yield* kept
}

function logCells({ cid, id, text, event }: NodeView): string[] {
  if (event === undefined) return [shortCid(cid), id, `(${textState(text)})`]
  return [shortCid(cid), event.id, event.timestamp.slice(0, 19), event.kind, event.actor.id, event.target.id]
}

/** The reason is last, and only its first line: its length is the author's choice. */
function onelineCells({ cid, id, text, event }: NodeView): string[] {
  if (event === undefined) return [shortCid(cid), id, `(${textState(text)})`]
  const reason = event.reason.split('\n', 1)[0]!
  return [shortCid(cid), event.kind, event.target.id, reason]
}

function graphLines(node: NodeView, graph: LogGraph): string[] {
  const { node: mark, below } = graph.next(node.cid, node.parents)
  return [`${mark}  ${logCells(node).join('  ')}`, ...below]
}

/** Returns the state of a text that is not here, in words. */
export function textState(text: TextState): string {
  return `text ${text === 'left-out' ? 'left out' : text}`
}

/**
 * Returns a node as JSON; the event is embedded as the signed text, or null if its text is not
 * here.
 */
export function nodeFields(node: NodeView): { [key: string]: Printable } {
  const { seq, cid, id, height, parents, links, key, frontier, text, event } = node
  const place = { cid, seq, height, parents, links, key, frontier }
  if (event === undefined) return { ...place, id, text, event: null }
  return { ...place, event: new RawJson(event.text) }
}

async function runShow(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, io } = context
  const reference = args.argument(0)
  const nodes = await replica.get(reference, args.text('frontier'))
  const first = nodes[0]
  if (first === undefined) throw new ReplicaError('ERR_NOT_FOUND', `${reference} is not in this store`)
  if (!args.has('raw')) {
    const erasures = await Promise.all(nodes.map(node => erasuresOf(replica, node)))
    return out.done({
      fields: { nodes: nodes.map((node, i) => ({ ...nodeFields(node), ...erasureFields(erasures[i]!) })) },
      lines: nodes.flatMap((node, i) => [...nodeLines(node, i), ...erasures[i]!.flatMap(erasureLines)]),
    })
  }
  if (out.json) throw usage('--raw and --json exclude each other')
  if (nodes.length > 1) throw usage(`${nodes.length} nodes have ${reference}: name one by its CID`)
  if (io.stdout.terminal)
    throw usage("can't print binary data on a terminal", 'write it to a file: replica show … --raw > node.cbor')
  await io.stdout.write(first.bytes)
  return 0
}

/** Returns who erased the text of a node, and why. */
async function erasuresOf(replica: Replica, { text, frontier, cid }: NodeView): Promise<ErasureView[]> {
  return text === 'erased' ? await replica.erasures(frontier, cid) : []
}

function erasureFields(erasures: readonly ErasureView[]): { [key: string]: Printable } {
  return erasures.length === 0 ? {} : { erasures: erasures.map(erasure => ({ ...erasure })) }
}

function erasureLines({ cid, key, actor, timestamp, reason }: ErasureView): string[] {
  return columns([
    ['erased', cid],
    ['  by', `${actor}, key ${key}`],
    ['  at', timestamp],
    ['  reason', reason],
  ])
}

function nodeLines(node: NodeView, index: number): string[] {
  const { event } = node
  return [
    ...(index > 0 ? [''] : []),
    ...columns([
      ['node', node.cid],
      ['frontier', node.frontier],
      ['key', node.key],
      ['height', thousands(node.height)],
      ...node.parents.map((parent, i) => [i === 0 ? 'parents' : '', parent]),
      ...node.links.map((link, i) => [i === 0 ? 'links' : '', link]),
      ['event', node.id],
    ]),
    ...(event === undefined
      ? [`  (${textState(node.text)})`]
      : indentJson(Buffer.from(event.text).toString('utf8')).map(line => `  ${line}`)),
  ]
}

async function runJournal(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out } = context
  const frontier = replica.frontier(args.text('frontier'))
  const most = limitOf(args)
  const after = args.has('after') ? args.count('after', 0) : undefined
  const all = journalEntries(replica, frontier, after)
  if (args.has('export')) {
    for await (const entry of all) await out.jsonLine({ ...entryFields(entry), entry: toHex(entry.bytes) })
    return 0
  }
  const entries = after === undefined ? last(all, most) : first(all, most)
  if (args.has('jsonl')) {
    for await (const entry of entries) await out.jsonLine(entryFields(entry))
    return 0
  }
  checkCount(out.json ? most : 0)
  const listed: Printable[] = []
  for await (const entry of entries) {
    if (out.json) listed.push(entryFields(entry))
    else await out.lines([entryLine(entry)])
  }
  return out.json ? out.done({ fields: { frontier, entries: listed }, lines: [] }) : 0
}

/** Yields entries, oldest first, page by page. */
async function* journalEntries(
  replica: Replica,
  frontier: string,
  after: number | undefined,
): AsyncGenerator<JournalEntry> {
  let last = after
  for (;;) {
    const page = await replica.journal(frontier, { ...(last === undefined ? {} : { after: last }), limit: PAGE })
    yield* page
    last = page.at(-1)?.number
    if (last === undefined) return
  }
}

function entryFields({ number, at, kind, facts, ...rest }: JournalEntry): { [key: string]: Printable | undefined } {
  const { hash, prev, key, event } = rest
  return {
    number,
    at,
    kind,
    facts: printable(facts),
    hash,
    prev: prev ?? null,
    key: key ?? null,
    event: event === undefined ? undefined : new RawJson(event),
  }
}

function entryLine({ number, at, kind, facts }: JournalEntry): string {
  const words = Object.entries(facts).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : writeJson(printable(value))}`,
  )
  return [number, at.slice(0, 19), kind, ...words].join('  ')
}

/** Converts facts to JSON values; bytes become hex. */
function printable(value: CborValue): Printable {
  if (value instanceof Uint8Array) return toHex(value)
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(printable)
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, printable(member)]))
}
