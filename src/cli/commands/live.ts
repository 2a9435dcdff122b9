// The command sync: exchanges nodes in both directions, in one session or continuously.

import { isLiveSetting, type LiveMode } from '../../admission/peer.ts'
import { type ExitCode, ReplicaError } from '../../base/errors.ts'
import type { LiveState } from '../../replica/links/follow-peer.ts'
import type { MergeReport } from '../../replica/merge-observer.ts'
import type { DirectionReport, ExchangeReport } from '../../replica/sync/sync-client.ts'
import type { LiveRound } from '../../transport/session.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { type Printable, toJsonNames } from '../terminal/json-output.ts'
import { columns, plural, size, thousands } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { conflictRows, follow, openedMembers, openedRemotely } from '../terminal/sync-report.ts'
import { textFields } from '../terminal/text-counts.ts'
import { PEER_ARGUMENT, peerOrDefault } from './sync.ts'

const sync: Command = {
  name: 'sync',
  group: 'sync',
  where: 'store',
  summary: 'exchange nodes with a peer in both directions, once or continuously',
  about: [
    'Runs one session in which each side receives the nodes that it lacks, and reports both directions. Exit code 1 means that nodes were refused or, in both directions, that the heads differ.',
    'With --live the link stays open until an interrupt: new nodes are sent at once, and a lost link is reconnected. With --until-caught-up the command ends when the heads are equal on both sides or, in one direction, when the receiver has all nodes of the sender.',
  ],
  arguments: [PEER_ARGUMENT],
  options: [
    { name: 'mode', value: 'way', help: 'direction as seen from here: both (default), pull or push' },
    { name: 'live', help: 'keep the link open and follow' },
    { name: 'until-caught-up', help: 'follow until both sides, or the receiver, have caught up' },
    { name: 'timeout', value: 'seconds', help: 'time limit in seconds' },
    { name: 'jsonl', help: 'with --live, print each round as one line of JSON' },
    FRONTIER_OPTION,
  ],
  examples: ['replica sync hub:lab', 'replica sync hub:lab --live --until-caught-up --timeout 30'],
  run: runSync,
}

export const LIVE_COMMANDS: readonly Command[] = [sync]

async function runSync(context: StoreContext, args: Args): Promise<ExitCode> {
  const mode = args.text('mode') ?? 'both'
  if (!isLiveSetting(mode) || mode === 'off')
    throw usage(`--mode must be both, pull or push, not ${JSON.stringify(mode)}`)
  const seconds = args.count('timeout', 0)
  if (args.has('timeout') && (seconds < 1 || seconds > 2_000_000)) throw usage('--timeout must be 1 to 2000000 seconds')
  const frontier = context.replica.frontier(args.text('frontier'))
  const request = {
    frontier,
    peer: await peerOrDefault(context.replica, frontier, args),
    mode,
    late: args.has('timeout') ? AbortSignal.timeout(1000 * seconds) : undefined,
  }
  const isLive = args.has('live') || args.has('until-caught-up')
  if (args.has('jsonl') && !isLive) throw usage('--jsonl needs --live or --until-caught-up')
  if (isLive)
    return followLive(context, request, { jsonl: args.has('jsonl'), untilCaughtUp: args.has('until-caught-up') })
  return runOnce(context, request)
}

interface SyncRequest {
  readonly frontier: string
  readonly peer: string
  readonly mode: LiveMode
  readonly late: AbortSignal | undefined
}

async function runOnce({ replica, io, out, signal }: StoreContext, request: SyncRequest): Promise<ExitCode> {
  const { frontier, peer, mode, late } = request
  const progress = new ProgressLine(io.stderr, out)
  let report: ExchangeReport
  try {
    const until = late === undefined ? signal : AbortSignal.any([signal, late])
    report = await replica.sync(frontier, peer, { mode, signal: until, onProgress: follow(progress) })
  } catch (error) {
    throw late?.aborted && !signal.aborted
      ? new ReplicaError('ERR_SYNC_TIMEOUT', 'time limit exceeded', { cause: error })
      : error
  } finally {
    await progress.clear()
  }
  const refused = (report.in?.refusedCount ?? 0) + (report.out?.refusedCount ?? 0)
  return out.done({
    exit: refused > 0 || (mode === 'both' && !report.equal) ? 1 : 0,
    fields: reportFields(report),
    lines: reportLines(report),
  })
}

function reportFields(report: ExchangeReport): { [key: string]: Printable | undefined } {
  const { in: came, out: went, heads, texts, conflictsOpened: _, ...rest } = report
  const ways = { in: came && directionFields(came), out: went && directionFields(went) }
  const counts = texts === undefined ? {} : { texts: textFields(texts) }
  return toJsonNames({ ...rest, heads: [...heads], ...ways, ...counts, ...openedMembers(report) })
}

function directionFields(report: DirectionReport & MergeReport): { [key: string]: Printable | undefined } {
  const { held, refused, conflictsOpened: _, ...counts } = report
  return {
    ...counts,
    held: held.map(({ cid, key }) => ({ cid, key })),
    refused: refused.map(({ cid, code }) => ({ cid, code })),
    ...openedMembers(report),
  }
}

function reportLines(report: ExchangeReport): string[] {
  const way = (name: string, one: DirectionReport | undefined): string[][] =>
    one === undefined ? [] : [[`  ${name}`, directionText(one)]]
  return [
    `exchanged ${report.frontier} with ${report.peer}`,
    ...columns([
      ...way('in', report.in),
      ...way('out', report.out),
      ['  wire', `${size(report.sentBytes)} out, ${size(report.receivedBytes)} in`],
      ['  heads', `${thousands(report.heads.length)}, ${report.equal ? 'equal' : 'different'} on both sides`],
      ...(report.note === undefined ? [] : [['', report.note]]),
      ...indented(report.in === undefined ? [] : conflictRows(report)),
      ...indented(openedRemotely(report.peer, report.out ?? {})),
      ...(report.sameRegistry ? [] : [['  registry', 'peer lists differ: see `replica peer adopt`']]),
    ]),
  ]
}

function indented(rows: readonly string[][]): string[][] {
  return rows.map(([name, value]) => [name === '' ? '' : `  ${name}`, value!])
}

function directionText({ admitted, known, heldCount, refusedCount }: DirectionReport): string {
  return `${thousands(admitted)} admitted, ${thousands(known)} known, ${thousands(heldCount)} held, ${thousands(refusedCount)} refused`
}

/**
 * The maximum number of rounds that wait in memory for a slow reader; further rounds are not
 * printed.
 */
const ROUNDS_WAITING_MAX = 1000

async function followLive(
  { replica, out, signal }: StoreContext,
  { frontier, peer, mode, late }: SyncRequest,
  { jsonl, untilCaughtUp }: { jsonl: boolean; untilCaughtUp: boolean },
): Promise<ExitCode> {
  const settled = new AbortController()
  const rounds: LiveRound[] = []
  const sums = { in: 0, out: 0 }
  let state: LiveState = { phase: 'connecting', equal: false, caughtUp: false }
  let printing: Promise<void> | undefined
  const print = async (): Promise<void> => {
    for (let round = rounds.shift(); round !== undefined; round = rounds.shift()) {
      if (jsonl) await out.jsonLine(roundFields(round))
      else if (!out.json) await out.lines([roundLine(round)])
    }
    printing = undefined
  }
  const failed = (error: unknown): void => settled.abort(error)
  const until = AbortSignal.any([signal, settled.signal, ...(late === undefined ? [] : [late])])
  const merged = await replica.live(frontier, peer, {
    mode,
    signal: until,
    onRound: round => {
      sums[round.direction] += round.tally.admitted
      if (rounds.length < ROUNDS_WAITING_MAX) rounds.push(round)
      printing ??= print()
      printing.catch(failed)
    },
    onState: now => {
      if (settled.signal.aborted) return // the link is ending
      state = now
      if (untilCaughtUp && now.phase === 'live' && now.caughtUp) settled.abort()
    },
  })
  await printing
  const reason: unknown = settled.signal.reason
  if (settled.signal.aborted && !(reason instanceof DOMException)) throw reason
  if (untilCaughtUp && !state.caughtUp) {
    if (signal.aborted)
      throw new ReplicaError('ERR_ABORTED', 'the command was interrupted before both sides had caught up')
    if (state.failure !== undefined) throw state.failure
    if (state.phase === 'connecting') throw new ReplicaError('ERR_SYNC_TIMEOUT', 'time limit exceeded')
  }
  const { equal } = state
  const exit = untilCaughtUp && !state.caughtUp ? 1 : 0
  if (jsonl) return exit
  return out.done({
    exit,
    fields: {
      ...{ frontier, peer, mode, in: sums.in, out: sums.out, equal, heads_digest: replica.headsDigest(frontier) },
      ...toJsonNames(openedMembers(merged)),
    },
    lines: [
      `followed ${peer}: ${plural(sums.in, 'node')} in, ${plural(sums.out, 'node')} out, heads ${equal ? 'equal' : 'different'} on both sides`,
      ...(sums.in === 0 ? [] : columns(indented(conflictRows(merged)))),
    ],
  })
}

function roundFields({ direction, nodes, tally, complete }: LiveRound): Printable {
  const { admitted, known, heldCount, refusedCount } = tally
  return { direction, nodes, admitted, known, held: heldCount, refused: refusedCount, complete }
}

function roundLine({ direction, nodes, tally }: LiveRound): string {
  const { admitted, known, heldCount, refusedCount } = tally
  const rest = [
    ...(known > 0 ? [`${thousands(known)} known`] : []),
    ...(heldCount > 0 ? [`${thousands(heldCount)} held`] : []),
    ...(refusedCount > 0 ? [`${thousands(refusedCount)} refused`] : []),
  ]
  return `${direction.padEnd(3)} ${plural(nodes, 'node')}: ${[`${thousands(admitted)} admitted`, ...rest].join(', ')}`
}
