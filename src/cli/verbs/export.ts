// The verb that takes events out: export.

import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import type { ExitCode } from '../../errors.ts'
import { CLI_LIMITS } from '../../limits.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { fileError } from '../errno.ts'
import { plural, size } from '../layout.ts'
import { usage } from '../output.ts'
import { FRONTIER } from '../shape.ts'

const exportVerb: Command = {
  name: 'export',
  group: 'log',
  where: 'store',
  summary: 'print the events of a frontier, each once',
  about: [
    'In replay order: parents first, among the ready the least id first. The JSON values are those that came in, numbers included. Two replicas with the same heads print the same bytes.',
    'frontier.merged events are of this program and stop readers that do not know them; they are left out without --all.',
  ],
  options: [
    { name: 'format', value: 'form', help: 'events: a JSON array (default); jsonl: one event a line' },
    { name: 'out', value: 'file', help: 'write to a file instead of stdout; it is replaced as a whole' },
    { name: 'all', help: 'frontier.merged events too' },
    FRONTIER,
  ],
  examples: ['replica export --format jsonl > bbb.jsonl'],
  run: runExport,
}

export const EXPORT_VERBS: readonly Command[] = [exportVerb]

async function runExport(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out, cwd } = context
  const frontier = replica.frontier(args.text('frontier'))
  const format = args.text('format') ?? 'events'
  if (format !== 'events' && format !== 'jsonl')
    throw usage(`--format is events or jsonl, not ${JSON.stringify(format)}`)
  const name = args.text('out')
  if (name === undefined && out.json) throw usage('with --json the events need a file of their own: --out <file>')
  const pieces = exportPieces(context, { frontier, format, all: args.has('all') })
  if (name === undefined) {
    for await (const { text } of batched(pieces)) await out.data(text)
    return 0
  }
  const file = path.resolve(cwd, name)
  const written = await writeFile(file, pieces)
  return out.done({
    fields: { frontier, format, ...written, file, heads_digest: replica.headsDigest(frontier) },
    lines: [`exported ${plural(written.events, 'event')}, ${size(written.bytes)}, to ${file}`],
  })
}

interface Piece {
  readonly text: string
  /** Events in it: 0 or 1. */
  readonly events: number
}

async function* exportPieces(
  { replica, signal }: StoreContext,
  form: { frontier: string; format: 'events' | 'jsonl'; all: boolean },
): AsyncGenerator<Piece> {
  const isList = form.format === 'events'
  let between = isList ? '[\n' : ''
  for await (const { event } of replica.events(form.frontier, { signal })) {
    if (event.kind === 'frontier.merged' && !form.all) continue
    yield { text: `${between}${Buffer.from(event.text).toString('utf8')}${isList ? '' : '\n'}`, events: 1 }
    between = isList ? ',\n' : ''
  }
  if (isList) yield { text: between === '[\n' ? '[]\n' : '\n]\n', events: 0 }
}

/** Under another name first: a reader never sees half a file, and a failed export leaves the former one. */
async function writeFile(file: string, pieces: AsyncIterable<Piece>): Promise<{ events: number; bytes: number }> {
  const fresh = `${file}.${randomBytes(4).toString('hex')}.new`
  let events = 0
  let bytes = 0
  try {
    const handle = await fs.open(fresh, 'wx')
    try {
      for await (const piece of batched(pieces)) {
        events += piece.events
        bytes += Buffer.byteLength(piece.text)
        await handle.appendFile(piece.text)
      }
      await handle.sync()
    } finally {
      await handle.close()
    }
    await fs.rename(fresh, file)
  } catch (error) {
    await fs.rm(fresh, { force: true })
    throw fileError(error, file)
  }
  return { events, bytes }
}

/** Many small pieces as fewer large ones. */
async function* batched(pieces: AsyncIterable<Piece>): AsyncGenerator<Piece> {
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
