// The commands about conflicts: conflicts list, show and explain. They only compute and print;
// `resolve` settles conflicts.

import type { ExitCode } from '../../base/errors.ts'
import { printJson as printExact } from '../../json/json.ts'
import type { Json } from '../../json/value.ts'
import type {
  CarrierView,
  ConflictSide,
  Conflicts,
  ConflictView,
  ListedConflict,
  RecordedConflict,
} from '../../projection/conflicts-api.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { type Printable, RawJson, toJsonNames } from '../terminal/json-output.ts'
import { columns, plural, shortCid } from '../terminal/layout.ts'
import { ProgressLine } from '../terminal/progress.ts'
import { withheldFields, withheldLines } from '../terminal/withheld.ts'

const ID = { name: 'id', help: 'a conflict, vcx_…, or the event that recorded it, vev_…' }

const list: Command = {
  name: 'conflicts list',
  group: 'look',
  where: 'store',
  isDefault: true,
  summary: 'list the conflicts of a frontier',
  about: [
    'A conflict is two concurrent events that set the same field of a finding to different values. Conflicts are computed from the log and not stored: equal logs give equal lists with equal ids. The view shows the last value in replay order and marks the field as contested; this does not settle the conflict.',
    'A conflict is contested if concurrent resolutions of it differ. It then has its own id also if the resolutions do not set a field, for example for a finding that one side lacks.',
    '--recorded lists the conflicts that comparisons recorded in the journal or in the log, each with its state: open, settled or contested. It also lists resolution events that have no effect, with the reason.',
  ],
  options: [
    { name: 'finding', value: 'vf', help: 'only conflicts of this finding' },
    { name: 'recorded', help: 'list recorded conflicts, settled or not' },
    FRONTIER_OPTION,
  ],
  examples: [
    'replica conflicts',
    'replica conflicts list --finding vf_04f7f6513eaa1b4d',
    'replica conflicts list --recorded',
  ],
  run: runList,
}

const show: Command = {
  name: 'conflicts show',
  group: 'look',
  where: 'store',
  summary: 'show the value of each event of a conflict, and the value in the view',
  arguments: [ID],
  options: [FRONTIER_OPTION],
  examples: ['replica conflicts show vcx_0123456789abcdef'],
  run: runShow,
}

const explain: Command = {
  name: 'conflicts explain',
  group: 'look',
  where: 'store',
  summary: 'explain a conflict: its events and actors, its cause, and how to settle it',
  arguments: [ID],
  options: [FRONTIER_OPTION],
  examples: ['replica conflicts explain vcx_0123456789abcdef'],
  run: runExplain,
}

export const CONFLICT_COMMANDS: readonly Command[] = [list, show, explain]

/** Shows the progress of the replay that the first query of a long log needs. */
async function withReplayProgress<T>(
  { replica, io, out }: StoreContext,
  frontier: string,
  ask: (conflicts: Conflicts) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(io.stderr, out)
  const api = await import('../../projection/conflicts-api.ts')
  const conflicts = new api.Conflicts(replica, frontier)
  const stop = conflicts.watch(steps => progress.update({ phase: 'conflicts', ...steps }))
  try {
    return await ask(conflicts)
  } finally {
    stop()
    await progress.clear()
  }
}

async function runList(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out } = context
  const frontier = replica.frontier(args.text('frontier'))
  const finding = args.text('finding')
  const only = finding === undefined ? {} : { findings: [finding] }
  const { conflicts, withheld } = await withReplayProgress(context, frontier, async all => {
    const listed = await all.list(only)
    return { conflicts: listed, withheld: all.withheld }
  })
  const fields = { frontier, conflicts: conflicts.map(conflictFields), ...withheldFields(withheld) }
  const about = withheldLines(withheld)
  if (!args.has('recorded')) return out.done({ fields, lines: [...listLines(frontier, conflicts), ...about] })
  const recorded = await withReplayProgress(context, frontier, all => all.recorded(only))
  const { ConflictResolver } = await import('../../projection/resolver.ts')
  const { ignored } = await new ConflictResolver(replica, frontier).resolutions()
  return out.done({
    fields: { ...fields, recorded: recorded.map(recordedFields), ignored: ignored.map(one => ({ ...one })) },
    lines: [
      ...recordedLines(frontier, recorded),
      ...ignored.map(({ event, reason }) => `${event} has no effect: ${reason}`),
      ...about,
    ],
  })
}

function listLines(frontier: string, conflicts: readonly ListedConflict[]): string[] {
  if (conflicts.length === 0) return [`no conflicts in ${frontier}`]
  const rows = conflicts.map(({ id, findingId, kind, field, values, state }) => [
    id,
    findingId ?? '',
    field ?? kind ?? '',
    state,
    ...values.map(exact),
  ])
  return [...columns(rows), `${plural(conflicts.length, 'conflict')}`]
}

function recordedLines(frontier: string, recorded: readonly RecordedConflict[]): string[] {
  if (recorded.length === 0) return [`no recorded conflicts in ${frontier}`]
  const rows = recorded.map(({ id, findingId, kind, state, peerId, detail }) => [
    id,
    findingId,
    kind,
    state,
    peerId,
    detail ?? '',
  ])
  return [...columns(rows), `${plural(recorded.length, 'conflict')} recorded`]
}

async function runShow(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out } = context
  const frontier = replica.frontier(args.text('frontier'))
  const conflict = await withReplayProgress(context, frontier, all => all.show(args.argument(0)))
  return out.done({ fields: { frontier, conflict: viewFields(conflict) }, lines: columns(viewRows(conflict)) })
}

async function runExplain(context: StoreContext, args: Args): Promise<ExitCode> {
  const { replica, out } = context
  const frontier = replica.frontier(args.text('frontier'))
  const conflict = await withReplayProgress(context, frontier, all => all.explain(args.argument(0)))
  const { sides, why, settle } = conflict
  return out.done({
    fields: {
      frontier,
      conflict: { ...viewFields(conflict), sides: sides.map(sideFields), why, settle: [...settle] },
    },
    lines: [
      ...columns(viewRows(conflict)),
      ...sides.flatMap(side => ['', ...columns(sideRows(side))]),
      '',
      why,
      'To settle it:',
      ...settle.map(way => `  ${way}`),
    ],
  })
}

type Fields = { [key: string]: Printable }

function conflictFields(conflict: Omit<ListedConflict, 'state'> & { state: ConflictView['state'] }): Fields {
  const { id, findingId, kind, field, events, values, state } = conflict
  const subject = { finding_id: findingId ?? null, kind: kind ?? null, field: field ?? null }
  return { id, ...subject, events: [...events], values: values.map(raw), state }
}

function recordedFields({ detail, resolutions, ...rest }: RecordedConflict): Fields {
  return toJsonNames({ ...rest, detail: detail ?? null, resolutions: [...resolutions] })
}

function viewFields(conflict: ConflictView): Fields {
  const { shown, standing, recorded } = conflict
  return {
    ...conflictFields(conflict),
    shown: shown === undefined ? null : raw(shown),
    standing: [...standing],
    recorded: recorded === undefined ? null : recordedFields(recorded),
  }
}

function viewRows(conflict: ConflictView): string[][] {
  const { id, findingId, kind, events, values, state, shown, standing, recorded } = conflict
  return [
    ['conflict', id],
    ['kind', kind ?? 'unknown'],
    ['finding', findingId ?? 'unknown'],
    ['state', state],
    ...(recorded === undefined ? [] : [['recorded', recordedText(recorded)]]),
    ...events.map((event, at) => [event, exact(values[at]!)]),
    ...(shown === undefined ? [] : [['shown now', exact(shown)]]),
    ...(standing.length > 2 ? [['current', plural(standing.length, 'event')]] : []),
  ]
}

function recordedText({ peerId, at, recordedIn, detail }: RecordedConflict): string {
  return [`with ${peerId} at ${at}, in the ${recordedIn}`, ...(detail === undefined ? [] : [detail])].join(': ')
}

function sideFields(side: ConflictSide): { [key: string]: Printable } {
  const { event, value, kind, actor, timestamp, reason, text, carriers } = side
  const fields = carriers.map(({ hub, ...rest }) => ({ ...rest, hub: hub ?? null }))
  return { event, value: raw(value), kind, actor, timestamp, reason, carriers: fields, text: new RawJson(text) }
}

function sideRows({ event, value, kind, actor, timestamp, reason, carriers }: ConflictSide): string[][] {
  return [
    ['event', event],
    ['says', exact(value)],
    ['kind', kind],
    ['actor', `${actor.id} (${actor.type})`],
    ['time', timestamp],
    ['reason', reason],
    ...carriers.map((carrier, i) => [i === 0 ? 'signed by' : '', signer(carrier)]),
  ]
}

function signer({ hub, key, cid }: CarrierView): string {
  return `${hub ?? 'an unregistered key'} ${key.slice(0, 16)}…, node ${shortCid(cid)}`
}

/** Returns a value as in the log, with the notation of its numbers. */
function raw(value: Json): RawJson {
  return new RawJson(printExact(value))
}

function exact(value: Json): string {
  return printExact(value)
}
