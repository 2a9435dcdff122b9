// Prints the report of push, pull and clone as JSON and for people, and lists held nodes with the
// command that would admit them.

import type { ExitCode } from '../../base/errors.ts'
import type { MergeReport, OpenedConflict } from '../../replica/merge-observer.ts'
import type { Replica } from '../../replica/replica.ts'
import type { Progress, SyncReport } from '../../replica/sync/sync-client.ts'
import type { Context } from '../command.ts'
import { type Printable, toJsonNames } from './json-output.ts'
import { columns, plural, size, thousands } from './layout.ts'
import type { ProgressLine } from './progress.ts'
import { textCounts, textFields } from './text-counts.ts'

type SyncVerb = 'push' | 'pull' | 'clone'

interface SyncOutcome {
  readonly way: SyncVerb
  readonly report: SyncReport
  readonly notice: readonly string[]
  readonly fields: { readonly [key: string]: Printable }
  readonly lines: readonly string[][]
}

/** Prints a report. Returns exit code 1 if nodes were refused. */
export async function printSyncReport(
  { out }: Context,
  { way, report, notice, fields, lines }: SyncOutcome,
): Promise<ExitCode> {
  const exit = await out.done({
    exit: report.refusedCount > 0 ? 1 : 0,
    fields: { ...fields, ...reportFields(report) },
    lines: [
      headline(way, report),
      ...columns([...lines, ...rows(way, report)].map(([name, value]) => [`  ${name}`, value!])),
    ],
  })
  await out.notice(notice)
  return exit
}

function reportFields(report: SyncReport): { [key: string]: Printable | undefined } {
  const { frontier, peer, admitted, known, held, refused, texts, conflictsOpened: _, ...rest } = report
  return toJsonNames({
    frontier,
    peer,
    admitted,
    known,
    held: held.map(({ cid, key }) => ({ cid, key })),
    refused: refused.map(({ cid, code }) => ({ cid, code })),
    ...rest,
    ...(texts === undefined ? {} : { texts: textFields(texts) }),
    ...openedMembers(report),
  })
}

export function openedMembers({ conflictsOpened: opened, conflictsOpenedCount }: MergeReport): {
  [key: string]: Printable | undefined
} {
  return { conflictsOpenedCount, conflictsOpened: opened?.map(openedFields) }
}

function openedFields({ id, findingId, kind, field, events, state }: OpenedConflict): { [key: string]: Printable } {
  const subject = { findingId: findingId ?? null, kind: kind ?? null, field: field ?? null }
  return { id, ...subject, events: [...events], state }
}

function headline(way: SyncVerb, { frontier, peer }: SyncReport): string {
  const [verb, word] = { push: ['pushed', 'to'], pull: ['pulled', 'from'], clone: ['cloned', 'from'] }[way] as [
    string,
    string,
  ]
  return `${verb} ${frontier} ${word} ${peer}`
}

const REFUSED_LISTED_MAX = 10

function rows(way: SyncVerb, report: SyncReport): string[][] {
  const { refused, refusedCount, roundTrips } = report
  const listed = refused.slice(0, REFUSED_LISTED_MAX)
  const more = refusedCount - listed.length
  return [
    ['admitted', thousands(report.admitted)],
    ['known', thousands(report.known)],
    ['held', thousands(report.heldCount)],
    ['refused', thousands(refusedCount)],
    ...listed.map(({ cid, code }) => ['', `${cid} ${code}`]),
    ...(more > 0 ? [['', `and ${thousands(more)} more`]] : []),
    ['wire', `${size(report.sentBytes)} out, ${size(report.receivedBytes)} in, ${plural(roundTrips, 'round trip')}`],
    ['heads', `${thousands(report.heads.length)}, ${report.equal ? 'equal on both sides' : 'different on both sides'}`],
    ...(report.note === undefined ? [] : [['', report.note]]),
    ...(report.texts === undefined ? [] : [['texts', textCounts(report.texts)]]),
    ...(way === 'pull' ? conflictRows(report) : []),
    ...(way === 'push' ? openedRemotely(report.peer, report) : []),
    ...(report.sameRegistry ? [] : [['registry', 'peer lists differ: see `replica peer adopt`']]),
  ]
}

const CONFLICTS_LISTED_MAX = 5

/**
 * Returns rows for opened conflicts; without conflicts none; one row if they were not looked for.
 */
export function conflictRows({ conflictsOpened: opened, conflictsOpenedCount: count = 0 }: MergeReport): string[][] {
  if (opened === undefined) return [['conflicts', 'not computed: see `replica conflicts list`']]
  return openedRows(opened, { count, opened: 'opened; for details: `replica conflicts explain <id>`' })
}

/** Returns rows for conflicts that a push opened at the peer, as the peer reports them. */
export function openedRemotely(
  peer: string,
  { conflictsOpened: opened = [], conflictsOpenedCount: count = 0 }: MergeReport,
): string[][] {
  return openedRows(opened, {
    count,
    opened: `opened at ${peer}; pull from it to see them in \`replica conflicts\``,
  })
}

function openedRows(
  conflicts: readonly OpenedConflict[],
  { count, opened }: { count: number; opened: string },
): string[][] {
  if (count === 0) return []
  const listed = conflicts.slice(0, CONFLICTS_LISTED_MAX)
  const more = count - listed.length
  return [
    ['conflicts', `${thousands(count)} ${opened}`],
    ...listed.map(({ id, kind = 'a conflict', findingId, state }) => [
      '',
      `${id} ${conflictText({ kind, findingId, state })}`,
    ]),
    ...(more > 0 ? [['', `and ${thousands(more)} more`]] : []),
  ]
}

function conflictText({ kind, findingId: id, state }: Pick<OpenedConflict, 'kind' | 'findingId' | 'state'>): string {
  const about = id === undefined ? kind! : `${kind} of ${id}`
  return state === 'contested' ? `${about}, between resolutions` : about
}

/** Returns the nodes held after a pull by missing key, with the command that admits them. */
export async function heldLocally(replica: Replica, report: SyncReport): Promise<string[]> {
  if (report.heldCount === 0) return []
  const { frontiers } = await replica.status()
  const waits = frontiers.find(one => one.frontier === report.frontier)?.heldBy ?? []
  return waits.flatMap(({ kind, id, nodes }) => {
    if (kind !== 'key') return []
    const what = `${plural(nodes, 'node')} of key ${id}`
    return [`notice: ${what} ${nodes === 1 ? 'is' : 'are'} held until you register the key:`, addLine(id, report)]
  })
}

/**
 * Returns the nodes that the peer holds after a push, by the key that its operator must register.
 */
export function heldRemotely(report: SyncReport): string[] {
  const byKey = new Map<string, number>()
  for (const { key } of report.held) byKey.set(key, (byKey.get(key) ?? 0) + 1)
  return [...byKey].flatMap(([key, nodes]) => [
    `notice: ${report.peer} holds ${plural(nodes, 'node')} of key ${key} until its operator registers the key:`,
    addLine(key, report),
  ])
}

function addLine(key: string, { frontier }: SyncReport): string {
  return `  replica peer add <id> <url> --key ${key} --frontier ${frontier}`
}

export function follow(line: ProgressLine): (progress: Progress) => void {
  return ({ phase, received, verified, admitted, sent, acked }) =>
    line.update({ phase, received, verified, durable: admitted, sent, acked })
}
