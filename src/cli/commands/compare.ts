// The commands that compare whole frontiers: compare records the differences from a peer in the
// journal; diff compares any two and records nothing.

import { sha256Hex } from '../../base/bytes.ts'
import type { ExitCode } from '../../base/errors.ts'
import type { EventReading } from '../../event/event.ts'
import type { CompareWith, Comparison } from '../../projection/compare-peer.ts'
import { type Conflict, diffFrontiers } from '../../vela/federation/diff.ts'
import { type FrontierFile, readFrontier, unreadOf } from '../../vela/files/frontier-file.ts'
import { snapshotHash } from '../../vela/hashes/snapshot-hash.ts'
import type { Args } from '../args.ts'
import type { Command, Context, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { isFrontierReference, openFrontierOrLog, readFrontierFile } from '../files/frontier-files.ts'
import type { Printable } from '../terminal/json-output.ts'
import { columns, plural, thousands } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { withheldFields, withheldLines } from '../terminal/withheld.ts'

const LISTED_MAX = 200

const compare: Command = {
  name: 'compare',
  group: 'sync',
  where: 'store',
  summary: "compare a frontier with a peer's and record the differences",
  about: [
    'Compares whole frontiers. A registered peer provides its signed manifest; with --via-hub, a hub provides its registry entry and the content at its locator. Each difference is recorded once in the journal; nothing is merged or settled. The exit code is 1 if the frontiers differ.',
    'An entry that fails verification and a broken locator are recorded as such. Hosts of private networks are contacted only if named here or registered.',
  ],
  arguments: [{ name: 'with', help: 'a registered peer, an http(s):// URL, a frontier.json or a folder with .vela' }],
  options: [
    { name: 'via-hub', help: "use the hub's registry entry of the frontier" },
    {
      name: 'owner-key',
      value: 'hex',
      help: 'with --via-hub: the owner’s key (default: the known key, else any)',
    },
    { name: 'dry-run', help: 'record nothing' },
    { name: 'again', help: 'record also differences that were already recorded for this peer' },
    { name: 'allow-private', help: 'allow other hosts of this machine and of private networks' },
    { name: 'allow-plain', help: 'allow http:// to public hosts' },
    FRONTIER_OPTION,
  ],
  examples: ['replica compare hub:lab', 'replica compare https://hub.example --via-hub --dry-run'],
  run: runCompare,
}

const diff: Command = {
  name: 'diff',
  group: 'look',
  where: 'here',
  summary: 'show the differences between two frontiers',
  about: [
    'Each side is a frontier.json, a folder with .vela or with a frontier.json, a log of events (a JSON array, JSON Lines, a folder with one event per file), - for stdin, or the name of a frontier in the store. Files do not need a store. Nothing is recorded. The exit code is 1 if findings or events differ.',
  ],
  arguments: [
    { name: 'ours', help: 'a file, a folder, or a frontier of the store' },
    { name: 'theirs', help: 'a file, a folder, or a frontier of the store' },
  ],
  examples: ['replica diff ours/frontier.json theirs/frontier.json'],
  run: (context, args) => runDiff(context, args, noStore),
  withStore: {
    wanted: args => args.positionals.some(isFrontierReference),
    run: (context, args) =>
      runDiff(context, args, async name => {
        const { exportFrontier } = await import('../../projection/files/snapshot.ts')
        const { text, absent } = await exportFrontier(context.replica, name)
        return { file: readFrontier(text, { broken: 'keep' }), withheld: absent.withheld }
      }),
  },
}

export const COMPARE_COMMANDS: readonly Command[] = [compare, diff]

async function runCompare(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, signal } = context
  const frontier = replica.frontier(args.text('frontier'))
  const ownerKey = args.text('owner-key')
  if (ownerKey !== undefined && !/^[0-9a-f]{64}$/.test(ownerKey))
    throw usage('--owner-key must be 64 lower-case hex digits')
  const from = await compareTarget(args.argument(0), frontier, context)
  const { comparePeer } = await import('../../projection/compare-peer.ts')
  const request = { frontier, from }
  const found = await comparePeer(replica, request, {
    viaHub: args.has('via-hub'),
    dryRun: args.has('dry-run'),
    again: args.has('again'),
    allowPrivate: args.has('allow-private'),
    allowPlain: args.has('allow-plain'),
    ...(ownerKey === undefined ? {} : { ownerKey }),
    signal,
  })
  const { report } = found
  const { conflicts, ...rest } = report
  return out.done({
    exit: conflicts.length === 0 ? 0 : 1,
    fields: {
      frontier,
      peer: rest.peer_id,
      outcome: found.outcome,
      dry_run: !found.recorded,
      report: { ...rest, conflicts: conflictFields(conflicts) },
      events: [...found.events],
      unread: unreadFields(found.unread),
      ...withheldFields(found.withheld),
    },
    lines: [
      ...conflictLines(conflicts),
      ...unreadLines(found.unread),
      summaryOf(found),
      ...withheldLines(found.withheld),
    ],
  })
}

/** Interprets a word as a registered peer, else as a URL, else as a file. */
async function compareTarget(word: string, frontier: string, context: StoreContext): Promise<CompareWith> {
  const { replica, cwd, io } = context
  if (
    replica
      .registry(frontier)
      .list()
      .some(peer => peer.id === word)
  )
    return { peer: word }
  if (/^(?:https?|wss?):\/\//i.test(word)) return { url: word }
  return { file: await readFrontierFile(word, { cwd, stdin: io.stdin }), name: word }
}

const OUTCOMES: Record<Comparison['outcome'], string> = {
  compared: 'compared',
  broken_locator: 'the locator of the entry is broken',
  unverified_peer_entry: 'the entry failed verification',
}

function summaryOf({ outcome, report, events, recorded }: Comparison): string {
  const what = recorded ? `${plural(events.length, 'event')} recorded` : 'nothing recorded'
  return `${report.peer_id}: ${OUTCOMES[outcome]}, ${plural(report.conflicts.length, 'conflict')}, ${what}`
}

async function runDiff(
  { out, cwd, io }: Context,
  args: Args,
  stored: (name: string) => Promise<DiffSide>,
): Promise<ExitCode> {
  const place = { cwd, stdin: io.stdin }
  const side = async (word: string): Promise<DiffSide> =>
    isFrontierReference(word) ? stored(word) : { file: await openFrontierOrLog(word, place), withheld: 0 }
  if (args.argument(0) === '-' && args.argument(1) === '-') throw usage('only one side can be stdin')
  const sides = [await side(args.argument(0)), await side(args.argument(1))] as const
  const [ours, theirs] = [sides[0].file, sides[1].file]
  const withheld = sides[0].withheld + sides[1].withheld
  const conflicts = diffFrontiers(ours, theirs)
  const unread = unreadOf({ ours, theirs })
  const events = { ours: eventsOnlyIn(ours, theirs), theirs: eventsOnlyIn(theirs, ours) }
  const eventCount = events.ours.length + events.theirs.length
  return out.done({
    exit: conflicts.length + eventCount === 0 ? 0 : 1,
    fields: {
      ours: { frontier: ours.id, snapshot_hash: snapshotHash(ours) },
      theirs: { frontier: theirs.id, snapshot_hash: snapshotHash(theirs) },
      count: conflicts.length,
      conflicts: conflictFields(conflicts),
      events_only_in_ours: events.ours.map(({ head }) => head.id),
      events_only_in_theirs: events.theirs.map(({ head }) => head.id),
      unread: unreadFields(unread),
      ...withheldFields(withheld),
    },
    lines: [
      ...conflictLines(conflicts),
      ...eventLines('ours', events.ours),
      ...eventLines('theirs', events.theirs),
      ...unreadLines(unread),
      `${plural(conflicts.length, 'difference')} of findings, ${plural(eventCount, 'event')} on one side only`,
      ...withheldLines(withheld),
    ],
  })
}

/**
 * Returns the events of one side that the other lacks, in their order. The same id with another
 * content, such as a signature, is another event.
 */
function eventsOnlyIn(side: FrontierFile, other: FrontierFile): readonly EventReading[] {
  const there = new Set(other.events.map(({ text }) => sha256Hex(text)))
  return side.events.filter(({ text }) => !there.has(sha256Hex(text)))
}

function eventLines(side: 'ours' | 'theirs', events: readonly EventReading[]): string[] {
  const shown = events.slice(0, LISTED_MAX)
  const lines = columns(shown.map(({ head }) => [`only in ${side}`, head.id, head.kind, head.timestamp]))
  const more = events.length - shown.length
  return more === 0 ? lines : [...lines, `and ${thousands(more)} more; --json lists all`]
}

/** One side of a diff, and the number of its nodes whose text is not here. */
interface DiffSide {
  readonly file: FrontierFile
  readonly withheld: number
}

async function noStore(name: string): Promise<DiffSide> {
  throw usage(`${name} names a frontier of a store`)
}

function conflictFields(conflicts: readonly Conflict[]): Printable {
  return conflicts.map(({ finding_id, kind, detail }) => ({ finding_id, kind, detail }))
}

function unreadFields(unread: Comparison['unread']): Printable {
  return unread.slice(0, LISTED_MAX).map(one => ({ ...one }))
}

function unreadLines(unread: Comparison['unread']): string[] {
  const shown = unread.slice(0, LISTED_MAX)
  const lines = shown.map(({ side, list, index, reason }) => `not compared: ${side}, ${list}[${index}]: ${reason}`)
  return unread.length === shown.length ? lines : [...lines, `and ${thousands(unread.length - shown.length)} more`]
}

function conflictLines(conflicts: readonly Conflict[]): string[] {
  const shown = conflicts.slice(0, LISTED_MAX)
  const lines = columns(shown.map(({ finding_id, kind, detail }) => [finding_id, kind, detail]))
  const more = conflicts.length - shown.length
  return more === 0 ? lines : [...lines, `and ${thousands(more)} more; --json lists all`]
}
