// The command export: writes events and whole frontiers.

import * as path from 'node:path'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import type { ExitCode } from '../../base/errors.ts'
import { isOwn } from '../../projection/files/log-events.ts'
import type { AbsentTexts } from '../../projection/files/snapshot.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { replaceFile } from '../files/out-file.ts'
import { writeVelaFolder } from '../files/vela-folder.ts'
import { plural, size } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { ProgressLine } from '../terminal/progress.ts'

const exportCommand: Command = {
  name: 'export',
  group: 'log',
  where: 'store',
  summary: 'print the events of a frontier or the whole frontier',
  about: [
    'Events are in replay order, each once: parents first, then by id. The JSON values are unchanged, including numbers. Two replicas with the same heads print the same bytes.',
    'A whole frontier is the imported one with all later events and their effects; its events are in order of arrival. A folder is created under a temporary name and then renamed; a folder that is not empty is not changed.',
    'Some events are specific to this program: frontier.merged, which other readers do not support, and events that only carry the documents of a whole frontier. Whole frontiers do not include them; lists do with --all.',
    'Events whose text is erased or not here are left out, with a notice on stderr. Hashes of such an export differ from those of the complete frontier.',
    'Events of the journal have the actor federation and record what this replica observed of its peers. --with-journal appends them.',
  ],
  options: [
    {
      name: 'format',
      value: 'form',
      help: 'events: a JSON array (default); jsonl: one per line; vela: frontier.json; vela-repo: .vela folder',
    },
    {
      name: 'out',
      value: 'file',
      help: 'write to a file, which is replaced atomically, or to a new folder (default: stdout)',
    },
    { name: 'all', help: 'include events that are specific to this program' },
    { name: 'with-journal', help: "append the events of this replica's journal to a list" },
    FRONTIER_OPTION,
  ],
  examples: ['replica export --format jsonl > bbb.jsonl', 'replica export --format vela-repo --out ./bbb'],
  run: runExport,
}

export const EXPORT_COMMANDS: readonly Command[] = [exportCommand]

async function runExport(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, io, out, cwd } = context
  const frontier = replica.frontier(args.text('frontier'))
  const format = args.text('format') ?? 'events'
  if (format !== 'events' && format !== 'jsonl' && format !== 'vela' && format !== 'vela-repo')
    throw usage(`--format must be events, jsonl, vela or vela-repo, not ${JSON.stringify(format)}`)
  const name = args.text('out')
  if (name === undefined && out.json) throw usage('with --json, write the events to a file: --out <file>')
  if (format === 'vela-repo') return exportRepository(context, frontier, name)
  const form = { frontier, format, all: args.has('all'), journal: args.has('with-journal') }
  // On a terminal the printed data replaces the progress line.
  const quiet = out.quiet || (name === undefined && io.stdout.terminal)
  const progress = new ProgressLine(io.stderr, { quiet })
  const source =
    format === 'vela' ? wholePieces(context, frontier, progress) : exportPieces(context, { ...form, format })
  const pieces = withProgress(inBatches(source), progress)
  if (name === undefined) {
    for await (const { text } of pieces) await out.data(text)
    await out.notice(absentLines(await absentOf(context, frontier)))
    return 0
  }
  const file = path.resolve(cwd, name)
  const written = await writeFile(file, pieces)
  const absent = await absentOf(context, frontier)
  await out.notice(absentLines(absent))
  const place = { file, heads_digest: replica.headsDigest(frontier) }
  return out.done({
    fields: { frontier, format, ...written, ...place, ...absentFields(absent) },
    lines: [`exported ${plural(written.events, 'event')}, ${size(written.bytes)}, to ${file}`],
  })
}

async function exportRepository(context: StoreContext, frontier: string, name?: string): Promise<ExitCode> {
  const { replica, io, out, cwd } = context
  if (name === undefined) throw usage('a repository must be written to a folder: --out <folder>')
  const file = path.resolve(cwd, name)
  const files = await new ProgressLine(io.stderr, out).during('export', async () => {
    const snapshot = await import('../../projection/files/snapshot.ts')
    const all = await snapshot.exportRepository(replica, frontier)
    await writeVelaFolder(file, all)
    return all
  })
  const events = files.filter(({ path: place }) => place.startsWith('.vela/events/')).length
  const bytes = files.reduce((sum, { bytes: content }) => sum + content.length, 0)
  const absent = await absentOf(context, frontier)
  await out.notice(absentLines(absent))
  const place = { file, heads_digest: replica.headsDigest(frontier) }
  return out.done({
    fields: { frontier, format: 'vela-repo', events, bytes, ...place, ...absentFields(absent) },
    lines: [`exported ${plural(files.length, 'file')}, ${plural(events, 'event')}, ${size(bytes)}, to ${file}`],
  })
}

async function absentOf({ replica }: StoreContext, frontier: string): Promise<AbsentTexts> {
  const { absentTexts } = await import('../../projection/files/snapshot.ts')
  return absentTexts(replica, frontier)
}

function absentFields({ withheld, erased }: AbsentTexts): { [key: string]: number } {
  return { ...(withheld > 0 && { withheld }), ...(erased > 0 && { erased }) }
}

function absentLines({ withheld, erased }: AbsentTexts): string[] {
  const lines: string[] = []
  if (withheld > 0)
    lines.push(`left out: ${plural(withheld, 'event')} whose text is not here; the export is not complete`)
  if (erased > 0)
    lines.push(`left out: ${plural(erased, 'erased event')}; hashes differ from those that were published before`)
  return lines
}

async function* wholePieces(
  { replica }: StoreContext,
  frontier: string,
  progress: ProgressLine,
): AsyncGenerator<Piece> {
  const { exportFrontier } = await import('../../projection/files/snapshot.ts')
  const { file, text } = await progress.during('export', () => exportFrontier(replica, frontier))
  yield { text: `${Buffer.from(text).toString('utf8')}\n`, events: file.events.length }
}

interface Piece {
  readonly text: string
  /** The number of events in the text. */
  readonly events: number
}

async function* exportPieces(
  { replica, signal }: StoreContext,
  form: { frontier: string; format: 'events' | 'jsonl'; all: boolean; journal: boolean },
): AsyncGenerator<Piece> {
  const isList = form.format === 'events'
  let between = isList ? '[\n' : ''
  const piece = (event: Uint8Array): Piece => {
    const text = `${between}${Buffer.from(event).toString('utf8')}${isList ? '' : '\n'}`
    between = isList ? ',\n' : ''
    return { text, events: 1 }
  }
  for await (const { event } of replica.events(form.frontier, { signal }))
    if (event !== undefined && (form.all || !isOwn(event))) yield piece(event.text)
  if (form.journal) for await (const { text } of replica.journalEvents(form.frontier)) yield piece(text)
  if (isList) yield { text: between === '[\n' ? '[]\n' : '\n]\n', events: 0 }
}

async function writeFile(file: string, pieces: AsyncIterable<Piece>): Promise<{ events: number; bytes: number }> {
  let events = 0
  const texts = async function* (): AsyncGenerator<string> {
    for await (const piece of pieces) {
      events += piece.events
      yield piece.text
    }
  }
  const bytes = await replaceFile(file, texts())
  return { events, bytes }
}

/** Yields the pieces and shows the progress; removes it after the last piece. */
async function* withProgress(pieces: AsyncIterable<Piece>, progress: ProgressLine): AsyncGenerator<Piece> {
  let written = 0
  try {
    for await (const piece of pieces) {
      yield piece
      written += piece.events
      progress.update({ phase: 'export', written })
    }
  } finally {
    await progress.clear()
  }
}

/** Joins small pieces into larger ones. */
async function* inBatches(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
  let text = ''
  let events = 0
  for await (const piece of pieces) {
    text += piece.text
    events += piece.events
    if (text.length < CLI_LIMITS.controlChunkBytes) continue
    yield { text, events }
    text = ''
    events = 0
  }
  yield { text, events }
}
