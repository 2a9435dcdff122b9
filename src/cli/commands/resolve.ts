// Verbs by which people settle conflicts: resolve, and what becomes of proposals. Agents and placeholders are refused, and the
// reviewer's own key signs; the store's key only signs the node, as it does for every event.

import * as path from 'node:path'
import type { ExitCode } from '../../base/errors.ts'
import { Key } from '../../crypto/key.ts'
import type { AcceptedReport, Choice } from '../../projection/resolver.ts'
import { type Proposal, printProposal } from '../../vela/resolution/proposal.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION, type OptionSpec } from '../command-spec.ts'
import { readWhole } from '../files/event-files.ts'
import { indentJson, type Printable, RawJson } from '../terminal/json-output.ts'
import { columns } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'

const AS: OptionSpec = { name: 'as', value: 'reviewer', required: true, help: 'who decides, as reviewer:ada' }
const KEY: OptionSpec = { name: 'key', value: 'file', help: "the reviewer's key file, 64 hex digits, closed to others" }
const PROPOSAL = { name: 'proposal', help: 'a proposal, vpr_…' } as const

const resolve: Command = {
  name: 'resolve',
  group: 'log',
  where: 'store',
  summary: 'propose how a conflict is settled, and with --accept settle it',
  about: [
    'The conflict is one that `replica conflicts` lists, or the event that recorded one in the journal. Ours and theirs are what both sides had when a comparison recorded it, which may be no review state, or no such finding; of two events made apart, ours is the one that this hub made.',
    'What is accepted becomes a signed event of the frontier, goes to peers, and has the same effect there. Where resolutions made apart contest each other, a further one takes the place of them all. The same command again changes nothing, and gives what is there.',
  ],
  arguments: [{ name: 'conflict', help: 'vcx_… or vev_…' }],
  options: [
    { name: 'ours', help: 'what this side has stands' },
    { name: 'theirs', help: 'what the other side has stands' },
    { name: 'pick', value: 'event', help: 'what this event set stands' },
    { name: 'value', value: 'json', help: 'this value stands' },
    { name: 'reason', value: 'text', required: true, help: 'why; it is signed and stays' },
    AS,
    KEY,
    { name: 'accept', help: 'accept the proposal at once; needs --key' },
    FRONTIER_OPTION,
  ],
  examples: ['replica resolve vcx_5f0c… --ours --reason "the larger cohort" --as reviewer:ada --key ada.key --accept'],
  run: runResolve,
}

const accept: Command = {
  name: 'proposal accept',
  group: 'log',
  where: 'store',
  summary: 'make a proposal to settle a conflict a signed event',
  arguments: [PROPOSAL],
  options: [
    AS,
    { ...KEY, required: true },
    { name: 'reason', value: 'text', help: 'why it is accepted; kept beside the proposal' },
    FRONTIER_OPTION,
  ],
  examples: ['replica proposal accept vpr_90ab… --as reviewer:ada --key ada.key'],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const reason = args.text('reason')
    const key = await loadKey(args.required('key'), context)
    const by = { reviewer: args.required('as'), key, ...(reason === undefined ? {} : { reason }) }
    return accepted(context, frontier, await settling.accept(args.argument(0), by))
  },
}

const list: Command = {
  name: 'proposal list',
  group: 'look',
  where: 'store',
  summary: 'list the proposals that are kept here',
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const proposals = await settling.proposals()
    const rows = proposals.map(({ id, status, actor, reason }) => [id, status, actor.id, reason])
    return context.out.done({
      fields: { frontier, proposals: proposals.map(printed) },
      lines: rows.length === 0 ? ['no proposals'] : columns(rows),
    })
  },
}

const show: Command = {
  name: 'proposal show',
  group: 'look',
  where: 'store',
  summary: 'print a proposal',
  about: ['With --json, member proposal is what `replica proposal add` takes elsewhere.'],
  arguments: [PROPOSAL],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const proposal = await settling.proposal(args.argument(0))
    return context.out.done({
      fields: { frontier, proposal: printed(proposal) },
      lines: indentJson(printProposal(proposal)),
    })
  },
}

const add: Command = {
  name: 'proposal add',
  group: 'log',
  where: 'store',
  summary: 'keep a proposal that was made elsewhere',
  about: ['Anybody may propose, a program too. Nothing comes of it before a reviewer accepts it.'],
  arguments: [{ name: 'file', help: 'a JSON file with one proposal, or - for stdin' }],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const { cwd, io } = context
    const proposal = await settling.add(await readWhole(args.argument(0), { cwd, stdin: io.stdin }))
    return context.out.done({ fields: { frontier, proposal: printed(proposal) }, lines: [`kept ${proposal.id}`] })
  },
}

const drop: Command = {
  name: 'proposal drop',
  group: 'log',
  where: 'store',
  summary: 'forget a proposal; an event that came of it stays',
  arguments: [PROPOSAL],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const proposal = await settling.drop(args.argument(0))
    return context.out.done({ fields: { frontier, proposal: printed(proposal) }, lines: [`dropped ${proposal.id}`] })
  },
}

export const RESOLVE_COMMANDS: readonly Command[] = [resolve, accept, list, show, add, drop]

async function runResolve(context: StoreContext, args: Args): Promise<ExitCode> {
  const { settling, frontier } = await resolverOf(context, args)
  const choice = choiceOf(args)
  const file = args.text('key')
  if (args.has('accept') && file === undefined) throw usage('--accept needs --key <file>: the reviewer signs')
  const key = file === undefined ? undefined : await loadKey(file, context)
  const reviewer = args.required('as')
  const proposal = await settling.propose({
    conflict: args.argument(0),
    reason: args.required('reason'),
    reviewer,
    ...(choice === undefined ? {} : { choice }),
    ...(key === undefined ? {} : { key }),
  })
  if (args.has('accept'))
    return accepted(context, frontier, await settling.accept(proposal.id, { reviewer, key: key! }))
  return context.out.done({
    fields: { frontier, conflict: conflictOf(proposal), proposal: printed(proposal), accepted: false },
    lines: [
      `proposed ${proposal.id}`,
      `  to settle it: replica proposal accept ${proposal.id} --as ${reviewer} --key <file>`,
    ],
  })
}

/** At most one of four; the library says where one is needed. */
function choiceOf(args: Args): Choice | undefined {
  const given = ['ours', 'theirs', 'pick', 'value'].filter(name => args.has(name))
  if (given.length > 1) throw usage(`--${given.join(' and --')} can't both stand`)
  switch (given[0]) {
    case undefined:
      return undefined
    case 'pick':
      return { event: args.required('pick') }
    case 'value':
      return { value: args.required('value') }
    default:
      return { side: given[0] as 'ours' | 'theirs' }
  }
}

async function resolverOf({ replica }: StoreContext, args: Args) {
  const frontier = replica.frontier(args.text('frontier'))
  const { ConflictResolver } = await import('../../projection/resolver.ts')
  return { frontier, settling: new ConflictResolver(replica, frontier) }
}

function loadKey(file: string, { cwd }: StoreContext): Promise<Key> {
  return Key.load(path.resolve(cwd, file))
}

function accepted({ out }: StoreContext, frontier: string, report: AcceptedReport): Promise<ExitCode> {
  const { conflict, event, cid, applied, proposal } = report
  return out.done({
    fields: { frontier, conflict, proposal: printed(proposal), accepted: true, applied, event, cid },
    lines: [
      applied === 'now' ? `settled ${conflict}` : `${conflict} was settled by this before`,
      `  ${event}  ${cid}`,
      ...supersededBy(proposal).map(id => `  in place of ${id}`),
    ],
  })
}

/** The resolutions made apart that it takes the place of. */
function supersededBy({ payload }: Proposal): string[] {
  const named = payload instanceof Map ? payload.get('supersedes') : undefined
  return Array.isArray(named) ? named.map(String) : []
}

function conflictOf({ payload }: Proposal): Printable {
  return payload instanceof Map ? String(payload.get('conflict_event_id')) : null
}

function printed(proposal: Proposal): RawJson {
  return new RawJson(printProposal(proposal))
}
