// The commands that settle conflicts: resolve and proposal. Only people can settle: agents and
// placeholders are refused. The reviewer's key signs the resolution; the store's key signs the
// node, as for every event.

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

const AS: OptionSpec = { name: 'as', value: 'reviewer', required: true, help: 'the reviewer, such as reviewer:ada' }
const KEY: OptionSpec = {
  name: 'key',
  value: 'file',
  help: "the reviewer's key file: 64 hex digits, private to its owner",
}
const PROPOSAL = { name: 'proposal', help: 'a proposal, vpr_…' } as const

const resolve: Command = {
  name: 'resolve',
  group: 'log',
  where: 'store',
  summary: 'propose a resolution of a conflict, or settle it with --accept',
  about: [
    'The conflict is one that `replica conflicts` lists, or the event that recorded one in the journal. For a recorded conflict, ours and theirs are the values of the two sides at the comparison; a side may lack the review state or the finding. For two concurrent events, ours is the event of this hub.',
    'An accepted resolution is a signed event of the frontier and has the same effect at all peers. If concurrent resolutions contest each other, a further one replaces them all. A repeated command changes nothing and returns the existing resolution.',
  ],
  arguments: [{ name: 'conflict', help: 'vcx_… or vev_…' }],
  options: [
    { name: 'ours', help: 'keep the value of this side' },
    { name: 'theirs', help: 'keep the value of the other side' },
    { name: 'pick', value: 'event', help: 'keep the value of this event' },
    { name: 'value', value: 'json', help: 'set this value' },
    { name: 'reason', value: 'text', required: true, help: 'the reason; it becomes part of the signed event' },
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
  summary: 'accept a proposal: its resolution becomes a signed event',
  arguments: [PROPOSAL],
  options: [
    AS,
    { ...KEY, required: true },
    { name: 'reason', value: 'text', help: 'reason of the acceptance; stored with the proposal' },
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
  summary: 'list the stored proposals',
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
  about: ['With --json, the member proposal is the input of `replica proposal add` in another store.'],
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
  summary: 'store a proposal from elsewhere',
  about: ['Anyone may propose, also a program. A proposal has no effect until a reviewer accepts it.'],
  arguments: [{ name: 'file', help: 'a JSON file with one proposal, or - for stdin' }],
  options: [FRONTIER_OPTION],
  async run(context, args) {
    const { settling, frontier } = await resolverOf(context, args)
    const { cwd, io } = context
    const proposal = await settling.add(await readWhole(args.argument(0), { cwd, stdin: io.stdin }))
    return context.out.done({ fields: { frontier, proposal: printed(proposal) }, lines: [`stored ${proposal.id}`] })
  },
}

const drop: Command = {
  name: 'proposal drop',
  group: 'log',
  where: 'store',
  summary: 'delete a proposal; the event of an accepted one stays',
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
  if (args.has('accept') && file === undefined) throw usage('--accept needs --key <file>')
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
      `  to accept it: replica proposal accept ${proposal.id} --as ${reviewer} --key <file>`,
    ],
  })
}

/** Returns the choice, at most one of four options; the library checks whether one is needed. */
function choiceOf(args: Args): Choice | undefined {
  const given = ['ours', 'theirs', 'pick', 'value'].filter(name => args.has(name))
  if (given.length > 1) throw usage(`--${given.join(' and --')} exclude each other`)
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
      applied === 'now' ? `settled ${conflict}` : `already settled: ${conflict}`,
      `  ${event}  ${cid}`,
      ...supersededBy(proposal).map(id => `  replaces ${id}`),
    ],
  })
}

/** Returns the concurrent resolutions that the proposal replaces. */
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
