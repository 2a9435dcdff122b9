// The commands that show the state of a store: status, heads and held.

import type { ExitCode } from '../../base/errors.ts'
import type { FrontierStatus, HeldBy } from '../../replica/status.ts'
import type { SharingStatus } from '../../store/store.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { type Printable, toJsonNames } from '../terminal/json-output.ts'
import { columns, plural, shortHex, size, thousands } from '../terminal/layout.ts'
import { linkFields, linkLines } from '../terminal/link-lines.ts'
import { textFields, textLines } from '../terminal/text-counts.ts'

const status: Command = {
  name: 'status',
  group: 'look',
  where: 'store',
  summary: 'show the content of the store, held nodes and the state of peers',
  about: [
    'A peer is in sync, behind or ahead as of the last exchange, held or forked if one side holds or refuses nodes of the other, or unreachable. If no hub serves the store, this is the last recorded state.',
    'If the store refuses writes, for example because the disk is full, the reason is shown and the exit code is 4.',
  ],
  run: runStatus,
}

const heads: Command = {
  name: 'heads',
  group: 'look',
  where: 'store',
  summary: "print the CIDs of a frontier's heads",
  about: ['Heads are the nodes without children. Two replicas have the same nodes exactly if their heads are equal.'],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const cids = context.replica.heads(frontier)
    return context.out.done({
      fields: { frontier, heads: cids, heads_digest: context.replica.headsDigest(frontier) },
      lines: cids,
    })
  },
}

const held: Command = {
  name: 'held',
  group: 'look',
  where: 'store',
  summary: 'list the held nodes and what they wait for',
  about: [
    'A held node is valid, but its key is not registered here, or a parent or document is missing. It is admitted as soon as the missing item is there.',
  ],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const frontier = context.replica.frontier(args.text('frontier'))
    const { frontiers } = await context.replica.status()
    const one = frontiers.find(status => status.frontier === frontier)!
    return context.out.done({
      fields: toJsonNames({ frontier, ...heldFields(one) }),
      lines: one.held === 0 ? [`no held nodes for ${frontier}`] : heldLines(one),
    })
  },
}

export const STATUS_COMMANDS: readonly Command[] = [status, heads, held]

async function runStatus(context: StoreContext): Promise<ExitCode> {
  const report = await context.replica.status()
  const { frontiers } = report
  const rows = frontiers.map(one => [
    one.frontier,
    thousands(one.events),
    thousands(one.nodes),
    thousands(one.heads),
    thousands(one.held),
    thousands(one.peers),
    shortHex(one.headsDigest),
  ])
  const titles = ['frontier', 'events', 'nodes', 'heads', 'held', 'peers', 'heads digest']
  const lines = columns([
    ['hub', report.hubId],
    ['key', report.publicKey],
    ['store', `${context.location}, ${size(report.diskBytes)}`],
    ...(context.servedAt === undefined ? [] : [['serving', context.servedAt]]),
  ])
  const { refusal, sharing } = report
  if (sharing !== undefined) lines.push(...databaseLines(sharing))
  if (refusal !== null) {
    lines.push('', `the store refuses writes: ${refusal.message} (${refusal.code})`)
    if (refusal.hint !== null) lines.push(`  hint: ${refusal.hint}`)
  }
  if (rows.length === 0) lines.push('', 'no frontiers yet: create, track, import or clone one')
  else lines.push('', ...columns([titles, ...rows], { right: [1, 2, 3, 4, 5] }))
  for (const one of frontiers) lines.push(...linkLines(one))
  for (const { frontier, texts } of frontiers) if (texts !== undefined) lines.push('', ...textLines(frontier, texts))
  for (const one of frontiers) if (one.held > 0) lines.push('', ...heldLines(one))
  return context.out.done({
    exit: refusal === null ? 0 : 4,
    fields: {
      dir: context.location,
      hub_id: report.hubId,
      public_key: report.publicKey,
      serving: context.servedAt ?? null,
      disk_bytes: report.diskBytes,
      writable: report.writable,
      ...(sharing === undefined ? {} : { database: toJsonNames({ ...sharing, lagBytes: sharing.lagBytes ?? null }) }),
      refusal: refusal === null ? null : { ...refusal },
      frontiers: frontiers.map(one => statusFields(one)),
    },
    lines,
  })
}

function databaseLines({ server, isReplicated, unknownWrites }: SharingStatus): string[] {
  const safety = isReplicated ? 'commits wait for a second machine' : 'commits do NOT wait for a second machine'
  const unknown = unknownWrites === 0 ? '' : `, ${plural(unknownWrites, 'write')} of unknown outcome`
  return ['', `database ${server}: ${safety}${unknown}`]
}

function statusFields(one: FrontierStatus): { [key: string]: Printable } {
  const { heldBy: _, links, texts, ...rest } = one
  const counts = texts === undefined ? {} : { texts: textFields(texts) }
  return toJsonNames({ ...rest, ...counts, ...heldFields(one), links: links.map(linkFields) })
}

function heldFields({ held, heldBytes, heldBy }: FrontierStatus): { [key: string]: Printable } {
  return { held, heldBytes, heldBy: heldBy.map(({ kind, id, nodes }) => ({ kind, id, nodes })) }
}

const WAITS: Record<HeldBy['kind'], string> = {
  key: 'for the registration of key',
  parent: 'for the parent',
  cut: 'for the head of a cut',
  document: 'for the document',
}

function heldLines({ frontier, held, heldBytes, heldBy }: FrontierStatus): string[] {
  const lines = [`held for ${frontier}: ${plural(held, 'node')}, ${size(heldBytes)}`]
  for (const { kind, id, nodes } of heldBy)
    lines.push(`  ${plural(nodes, 'node')} ${nodes === 1 ? 'waits' : 'wait'} ${WAITS[kind]} ${id}`)
  const key = heldBy.find(wait => wait.kind === 'key')
  if (key !== undefined) lines.push(`  to admit: replica peer add <id> <url> --key ${key.id} --frontier ${frontier}`)
  return lines
}
