// Verbs for what nodes link: document put, get and bases.

import * as path from 'node:path'
import type { ExitCode } from '../../base/errors.ts'
import { cidText, parseCid } from '../../cbor/cid.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { readWhole } from '../files/event-files.ts'
import { replaceFile } from '../files/out-file.ts'
import { pieces } from '../io.ts'
import { columns, size } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'

const put: Command = {
  name: 'document put',
  group: 'log',
  where: 'store',
  summary: 'keep a document, to be linked by an event',
  about: [
    'A document is any bytes, at most 128 MiB. It goes to other hubs with the event that links it: replica append --link <cid>.',
  ],
  arguments: [{ name: 'file', help: 'a file, or - for stdin' }],
  options: [FRONTIER_OPTION],
  examples: ['replica document put table.csv'],
  run: runPut,
}

const get: Command = {
  name: 'document get',
  group: 'look',
  where: 'store',
  summary: 'write a document that an event links',
  about: ['Which documents an event links says replica show.'],
  arguments: [{ name: 'cid', help: 'the CID of the document' }],
  options: [{ name: 'out', value: 'file', help: 'write to a file, which is replaced as a whole' }, FRONTIER_OPTION],
  examples: ['replica document get bafkrei… --out table.csv'],
  run: runGet,
}

const bases: Command = {
  name: 'document bases',
  group: 'look',
  where: 'store',
  summary: 'list the base documents of a frontier, and say which one counts',
  about: [
    'A base document has what came in with a whole frontier beside its events: findings, registered actors and all the rest. Any peer may link one; that of the frontier’s owner counts, who made the first node here. The others are kept, and are in no view and no export.',
  ],
  options: [FRONTIER_OPTION],
  run: runBases,
}

export const DOCUMENT_COMMANDS: readonly Command[] = [put, get, bases]

async function runPut({ replica, io, out, cwd }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const bytes = await readWhole(args.argument(0), { cwd, stdin: io.stdin })
  const link = await replica.documents(frontier).put(bytes)
  const cid = cidText(link.digest, link.codec)
  return out.done({ fields: { frontier, cid, bytes: bytes.length }, lines: [cid] })
}

async function runGet({ replica, io, out, cwd }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const cid = args.argument(0)
  const name = args.text('out')
  if (name === undefined && out.json) throw usage('with --json the document needs a file of its own: --out <file>')
  if (name === undefined && io.stdout.terminal)
    throw usage('these bytes are not for a terminal', 'send them to a file: replica document get … --out <file>')
  const bytes = await replica.documents(frontier).read(parseCid(cid))
  if (name === undefined) {
    for (const piece of pieces(bytes)) await io.stdout.write(piece)
    return 0
  }
  const file = path.resolve(cwd, name)
  await replaceFile(file, [bytes])
  const fields = { frontier, cid, bytes: bytes.length, file }
  return out.done({ fields, lines: [`wrote ${size(bytes.length)} to ${file}`] })
}

async function runBases({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const { baseDocuments } = await import('../../projection/files/snapshot.ts')
  const found = await baseDocuments(replica, frontier)
  const rows = found.map(({ document, counts, linkedBy }) => [
    document,
    counts ? 'counts' : 'does not count',
    linkedBy.map(({ hub, key }) => hub ?? `key ${key.slice(0, 16)}…`).join(', '),
  ])
  const fields = found.map(({ document, counts, linkedBy }) => ({
    document,
    counts,
    linked_by: linkedBy.map(({ hub, key }) => ({ hub: hub ?? null, key })),
  }))
  return out.done({
    fields: { frontier, bases: fields },
    lines: rows.length === 0 ? [`no whole frontier was imported into ${frontier}`] : columns(rows),
  })
}
