// The commands that add events: import and append.

import { sha256, toHex } from '../../base/bytes.ts'
import type { ExitCode } from '../../base/errors.ts'
import { parseCid } from '../../cbor/cid.ts'
import { canonicalize } from '../../json/json.ts'
import type { FrontierImportReport, importFrontier } from '../../projection/files/import-file.ts'
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
  summary: 'import a frontier or a log of events',
  about: [
    'A whole frontier is a frontier.json or a .vela repository (the parent folder of .vela, or .vela itself). Its events go into the log. The rest is stored in documents that are synced with the log; export --format vela writes it again.',
    'A log of events is a JSON array, JSONL, or a folder with one event per file; - reads stdin. Lists keep their order; the events of a folder are sorted by timestamp and id. Events are not changed; a second import adds nothing.',
    'A log that does not name its frontier needs --frontier. An invalid event is reported with its position and skipped; with --strict, one invalid event stops the whole import.',
  ],
  arguments: [{ name: 'file', help: 'a file, a folder, or - for stdin' }],
  options: [
    { name: 'frontier', value: 'vfr', help: 'frontier of a log that does not name it' },
    { name: 'strict', help: 'import nothing if an event is invalid' },
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
    'The event has the heads of the frontier as parents and is signed with the key of this store. It comes from options or from a JSON file (- reads stdin). The file has a whole event with its id, or an event without id and timestamp, which are then added.',
  ],
  arguments: [{ name: 'file', optional: true, help: 'a JSON file with one event, or - for stdin' }],
  options: [
    { name: 'kind', value: 'kind', help: 'kind of the event, such as finding.noted' },
    { name: 'target', value: 'type:id', help: 'object of the event, such as finding:vf_04f7f6513eaa1b4d' },
    { name: 'actor', value: 'id', help: 'actor of the event, such as reviewer:ada' },
    { name: 'reason', value: 'text', help: 'reason, in one sentence' },
    { name: 'payload', value: 'json', help: 'any JSON value (default: null)' },
    { name: 'caveat', value: 'text', repeated: true, help: 'a caveat; can be repeated' },
    { name: 'timestamp', value: 'time', help: 'RFC 3339 time (default: now)' },
    { name: 'link', value: 'cid', repeated: true, help: 'a document that the event links; can be repeated' },
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
  let report: ImportReport | FrontierImportReport
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

async function importWhole(...given: Parameters<typeof importFrontier>): Promise<FrontierImportReport> {
  const files = await import('../../projection/files/import-file.ts')
  return files.importFrontier(...given)
}

/** Returns the heads; none if the import added nothing to a frontier that was not in the store. */
function headsOf(replica: Replica, frontier: string): { heads: string[]; heads_digest: string } {
  if (!replica.frontiers().includes(frontier)) return { heads: [], heads_digest: toHex(sha256(new Uint8Array())) }
  return { heads: replica.heads(frontier), heads_digest: replica.headsDigest(frontier) }
}

/**
 * Returns the frontier of the option or of the log.
 * @throws ReplicaError ERR_USAGE if they differ or both are missing
 */
function frontierOf(given: string | undefined, { frontier }: EventInput): string {
  if (given !== undefined && frontier !== undefined && given !== frontier)
    throw usage(`the log is of ${frontier}, not of ${given}`)
  const name = given ?? frontier
  if (name === undefined) throw usage('the log does not name its frontier', 'name it with --frontier <vfr>')
  return name
}

function importFields(
  report: ImportReport | FrontierImportReport,
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

function baseFields({ base, baseKnown, baseCounts, documents }: FrontierImportReport): { [key: string]: Printable } {
  return { document: base, known: baseKnown, counts: baseCounts, documents }
}

function importLines(report: ImportReport | FrontierImportReport, input: EventInput): string[] {
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
  // With --strict and an invalid event nothing is stored.
  if ('base' in report && (report.baseKnown || report.documents > 0)) {
    const state = report.baseKnown ? 'is already stored' : `is stored with ${plural(report.documents, 'document')}`
    lines.push(`the rest of the frontier ${state}: ${report.base}`)
    if (!report.baseCounts)
      lines.push('it is not in effect, because another base document is: see replica document bases')
  }
  lines.push(...leftOf(input), ...unreadLines(input))
  if (dropped.length > 0) lines.push(`dropped unknown fields of ${plural(dropped.length, 'event')}: --json lists them`)
  return lines
}

function leftOf({ left = [], lost }: EventInput): string[] {
  return lost === undefined ? [...left] : [...left, lost]
}

/** Lists malformed findings, which are stored unchanged. */
function unreadLines({ whole }: EventInput): string[] {
  const unread = whole?.unread ?? []
  const shown = unread.slice(0, UNREAD_LISTED_MAX)
  const lines = shown.map(({ list, index, reason }) => `stored but malformed: ${list}[${index}]: ${reason}`)
  return unread.length === shown.length ? lines : [...lines, `and ${thousands(unread.length - shown.length)} more`]
}

async function runAppend(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, cwd, io } = context
  const frontier = replica.frontier(args.text('frontier'))
  const file = args.positionals[0]
  const text = file === undefined ? draftFrom(args) : await readWhole(file, { cwd, stdin: io.stdin })
  if (file !== undefined && DRAFT_FLAGS.some(name => args.has(name)))
    throw usage('give the event as a file or as options, not both')
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
    lines: [made.known ? `already stored: ${made.event}` : `appended ${made.event}`, `  ${made.cid}`],
  })
}

const DRAFT_FLAGS = ['kind', 'target', 'actor', 'reason', 'payload', 'caveat', 'timestamp'] as const

/**
 * Returns the options as JSON text of a draft. The payload stays text, so that its numbers stay
 * exact.
 */
function draftFrom(args: Args): string {
  const target = args.required('target')
  const colon = target.indexOf(':')
  if (colon < 1 || colon === target.length - 1) throw usage(`--target must be type:id, not ${JSON.stringify(target)}`)
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
