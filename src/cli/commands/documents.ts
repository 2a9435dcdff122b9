// The commands for documents that nodes link: document put, get and bases.

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
  summary: 'store a document so that an event can link it',
  about: [
    'A document is any file of at most 128 MiB. It is sent to other hubs with the event that links it: replica append --link <cid>.',
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
  about: ['`replica show` lists the documents that an event links.'],
  arguments: [{ name: 'cid', help: 'the CID of the document' }],
  options: [{ name: 'out', value: 'file', help: 'write to a file, which is replaced atomically' }, FRONTIER_OPTION],
  examples: ['replica document get bafkrei… --out table.csv'],
  run: runGet,
}

const bases: Command = {
  name: 'document bases',
  group: 'look',
  where: 'store',
  summary: 'list the base documents of a frontier and mark the one in effect',
  about: [
    'A base document has the parts of an imported frontier other than its events: findings, registered actors and more. Any peer may link one. Only that of the frontier’s owner, the signer of the first node, is in effect. The others are kept but are not in views and exports.',
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
  if (name === undefined && out.json) throw usage('with --json, write the document to a file: --out <file>')
  if (name === undefined && io.stdout.terminal)
    throw usage("can't print binary data on a terminal", 'write it to a file: replica document get … --out <file>')
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
    counts ? 'in effect' : 'not in effect',
    linkedBy.map(({ hub, key }) => hub ?? `key ${key.slice(0, 16)}…`).join(', '),
  ])
  const fields = found.map(({ document, counts, linkedBy }) => ({
    document,
    counts,
    linked_by: linkedBy.map(({ hub, key }) => ({ hub: hub ?? null, key })),
  }))
  return out.done({
    fields: { frontier, bases: fields },
    lines: rows.length === 0 ? [`${frontier} has no base documents`] : columns(rows),
  })
}
