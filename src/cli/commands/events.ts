// Verbs that bring events in: import, append.

import { sha256, toHex } from '../../base/bytes.ts'
import type { ExitCode } from '../../base/errors.ts'
import { parseCid } from '../../cbor/cid.ts'
import { canonicalize } from '../../json/json.ts'
import type { importFrontier, WholeImportReport } from '../../projection/files/import-file.ts'
import type { ImportOptions, ImportReport } from '../../replica/import/import-reader.ts'
import type { Replica } from '../../replica/replica.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { type EventInput, openEvents, readWhole } from '../files/event-files.ts'
import type { Printable } from '../terminal/json-output.ts'
import { columns, plural, thousands } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { ProgressLine } from '../terminal/progress.ts'

const importCommand: Command = {
  name: 'import',
  group: 'log',
  where: 'store',
  summary: 'take in a frontier, or a log of events',
  about: [
    'A whole frontier is a frontier.json, or a .vela repository (the folder that contains .vela, or .vela itself). Its events go into the log; all the rest is kept in documents that travel with the log, and comes out again with export --format vela.',
    'A log of events is a JSON array, JSONL, or a folder with one event a file; - reads stdin. Lists keep their order, a folder is ordered by timestamp and id. Events are not changed; importing twice adds nothing.',
    'What does not name its frontier needs --frontier. A bad event is named with its place and left out of the log, and the rest goes in; with --strict nothing does.',
  ],
  arguments: [{ name: 'file', help: 'a file, a folder, or - for stdin' }],
  options: [
    { name: 'frontier', value: 'vfr', help: 'the frontier of a log that does not name itself' },
    { name: 'strict', help: 'one bad event keeps everything out' },
  ],
  examples: ['replica import bbb.events.json --frontier vfr_1d802563e4c4b1d8', 'replica import ~/projects/bbb'],
  run: runImport,
}

const append: Command = {
  name: 'append',
  group: 'log',
  where: 'store',
  summary: 'add an event',
  about: [
    'The event is built on the heads of the frontier and signed with the key of this store. It comes from flags, or from a JSON file (- reads stdin) that holds a whole event with its id, or one without id and timestamp, which are then made.',
  ],
  arguments: [{ name: 'file', optional: true, help: 'a JSON file with one event, or - for stdin' }],
  options: [
    { name: 'kind', value: 'kind', help: 'what happened, such as finding.noted' },
    { name: 'target', value: 'type:id', help: 'what it is about, such as finding:vf_04f7f6513eaa1b4d' },
    { name: 'actor', value: 'id', help: 'who says so, such as reviewer:ada' },
    { name: 'reason', value: 'text', help: 'why, in a sentence' },
    { name: 'payload', value: 'json', help: 'any JSON value; null when not given' },
    { name: 'caveat', value: 'text', repeated: true, help: 'a reservation; may be given several times' },
    { name: 'timestamp', value: 'time', help: 'RFC 3339; now when not given' },
    { name: 'link', value: 'cid', repeated: true, help: 'a document that goes with it; may be given several times' },
    FRONTIER_OPTION,
  ],
  examples: [
    'replica append --kind finding.noted --target finding:vf_04f7f6513eaa1b4d --actor reviewer:ada --reason "first look"',
    'replica append event.json',
  ],
  run: runAppend,
}

const UNREAD_LISTED_MAX = 1000

export const EVENT_COMMANDS: readonly Command[] = [importCommand, append]

async function runImport(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, io, out, signal, cwd } = context
  const input = await openEvents(args.argument(0), { cwd, stdin: io.stdin })
  const progress = new ProgressLine(io.stderr, out)
  let report: ImportReport | WholeImportReport
  try {
    const frontier = frontierOf(args.text('frontier'), input)
    const options: ImportOptions = {
      strict: args.has('strict'),
      signal,
      onProgress: ({ read, verified, durable }) =>
        progress.update({ phase: 'import', received: read, verified, durable }),
    }
    report =
      input.whole === undefined
        ? await replica.import(frontier, input.log, options)
        : await importWhole(replica, { frontier, parts: input.whole }, options)
  } finally {
    await progress.clear()
  }
  const { frontier } = report
  return out.done({
    exit: report.refusedCount > 0 || input.lost !== undefined ? 1 : 0,
    fields: importFields(report, input, headsOf(replica, frontier)),
    lines: importLines(report, input),
  })
}

async function importWhole(...given: Parameters<typeof importFrontier>): Promise<WholeImportReport> {
  const files = await import('../../projection/files/import-file.ts')
  return files.importFrontier(...given)
}

/** A log of which nothing could go in leaves a frontier unkept that was not kept before: it has no heads. */
function headsOf(replica: Replica, frontier: string): { heads: string[]; heads_digest: string } {
  if (!replica.frontiers().includes(frontier)) return { heads: [], heads_digest: toHex(sha256(new Uint8Array())) }
  return { heads: replica.heads(frontier), heads_digest: replica.headsDigest(frontier) }
}

/** The frontier that the log names itself, or the one given; they must not differ. */
function frontierOf(given: string | undefined, { frontier }: EventInput): string {
  if (given !== undefined && frontier !== undefined && given !== frontier)
    throw usage(`the log says that its frontier is ${frontier}, not ${given}`)
  const name = given ?? frontier
  if (name === undefined) throw usage('the log does not name its frontier', 'name it with --frontier <vfr>')
  return name
}

function importFields(
  report: ImportReport | WholeImportReport,
  input: EventInput,
  state: { heads: string[]; heads_digest: string },
): Parameters<StoreContext['out']['done']>[0]['fields'] {
  const { frontier, read, added, known, refused, refusedCount, dropped } = report
  return {
    frontier,
    read,
    added,
    known,
    refused: refused.map(fault => ({ ...fault, file: input.fileOf(fault.index) })),
    refused_count: refusedCount,
    dropped: dropped.map(({ index, fields }) => ({ index, fields })),
    base: 'base' in report ? baseFields(report) : null,
    left: leftOf(input),
    unread: (input.whole?.unread ?? []).slice(0, UNREAD_LISTED_MAX).map(one => ({ ...one })),
    unread_count: input.whole?.unread.length ?? 0,
    ...state,
  }
}

function baseFields({ base, baseKnown, baseCounts, documents }: WholeImportReport): { [key: string]: Printable } {
  return { document: base, known: baseKnown, counts: baseCounts, documents }
}

function importLines(report: ImportReport | WholeImportReport, input: EventInput): string[] {
  const { refused, dropped } = report
  const lines = [
    `imported into ${report.frontier}`,
    ...columns(
      [
        ['  read', thousands(report.read)],
        ['  added', thousands(report.added)],
        ['  known', thousands(report.known)],
        ['  refused', thousands(report.refusedCount)],
      ],
      { right: [1] },
    ),
  ]
  for (const { index, id, code, reason } of refused) {
    const file = input.fileOf(index)
    const name = [`event ${index}`, ...(id === undefined ? [] : [id]), ...(file === undefined ? [] : [`in ${file}`])]
    lines.push(`refused ${name.join(' ')}: ${reason} (${code})`)
  }
  if (report.refusedCount > refused.length) lines.push(`and ${thousands(report.refusedCount - refused.length)} more`)
  // With --strict and a bad event nothing is kept.
  if ('base' in report && (report.baseKnown || report.documents > 0)) {
    const state = report.baseKnown ? 'is here already' : `is kept with ${plural(report.documents, 'document')}`
    lines.push(`the rest of the frontier ${state}: ${report.base}`)
    if (!report.baseCounts) lines.push('it does not count here, another does: replica document bases')
  }
  lines.push(...leftOf(input), ...unreadLines(input))
  if (dropped.length > 0)
    lines.push(`${plural(dropped.length, 'event')} had fields that no event has; they were left out: see --json`)
  return lines
}

function leftOf({ left = [], lost }: EventInput): string[] {
  return lost === undefined ? [...left] : [...left, lost]
}

/** Findings that are none: they are kept as they are. */
function unreadLines({ whole }: EventInput): string[] {
  const unread = whole?.unread ?? []
  const shown = unread.slice(0, UNREAD_LISTED_MAX)
  const lines = shown.map(({ list, index, reason }) => `kept, and can't be read: ${list}[${index}]: ${reason}`)
  return unread.length === shown.length ? lines : [...lines, `and ${thousands(unread.length - shown.length)} more`]
}

async function runAppend(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, cwd, io } = context
  const frontier = replica.frontier(args.text('frontier'))
  const file = args.positionals[0]
  const text = file === undefined ? draftFrom(args) : await readWhole(file, { cwd, stdin: io.stdin })
  if (file !== undefined && DRAFT_FLAGS.some(name => args.has(name)))
    throw usage('an event comes from a file or from flags, not from both')
  const made = await replica.append(frontier, text, { links: args.all('link').map(parseCid) })
  return out.done({
    fields: {
      frontier,
      event: made.event,
      cid: made.cid,
      seq: made.seq,
      height: made.height,
      parents: made.parents,
      known: made.known,
    },
    lines: [made.known ? `${made.event} is there already` : `appended ${made.event}`, `  ${made.cid}`],
  })
}

const DRAFT_FLAGS = ['kind', 'target', 'actor', 'reason', 'payload', 'caveat', 'timestamp'] as const

/** The flags as JSON text of a draft. The payload stays the text it is: its numbers must not pass through JavaScript's. */
function draftFrom(args: Args): string {
  const target = args.required('target')
  const colon = target.indexOf(':')
  if (colon < 1 || colon === target.length - 1) throw usage(`--target wants type:id, not ${JSON.stringify(target)}`)
  const members = {
    kind: args.required('kind'),
    target: { type: target.slice(0, colon), id: target.slice(colon + 1) },
    actor: { id: args.required('actor') },
    reason: args.required('reason'),
    ...(args.has('caveat') ? { caveats: args.all('caveat') } : {}),
    ...(args.has('timestamp') ? { timestamp: args.required('timestamp') } : {}),
  }
  const payload = canonicalize(args.text('payload') ?? 'null')
  return `${JSON.stringify(members).slice(0, -1)},"payload":${payload}}`
}
