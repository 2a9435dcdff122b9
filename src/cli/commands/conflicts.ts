// Verbs about what was said apart and can't both be: conflicts list, show, explain. They compute and print; settling is for `resolve`.

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
import { type Printable, RawJson } from '../terminal/json-output.ts'
import { columns, plural, shortCid } from '../terminal/layout.ts'
import { ProgressLine } from '../terminal/progress.ts'

const ID = { name: 'id', help: 'a conflict, vcx_…, or the event that recorded one, vev_…' }

const list: Command = {
  name: 'conflicts list',
  group: 'look',
  where: 'store',
  isDefault: true,
  summary: 'list what was said apart and can’t both be',
  about: [
    'Computed from the log, never stored: two events of which neither saw the other, and which set the same field of a finding to values that differ. Equal logs give equal lists, with equal ids. The view shows the value that comes last in replay order and marks the field as contested; nothing is decided by that.',
    'A conflict is contested where it is between resolutions that people made apart. It is listed under its own id too where these set no field, such as for a finding that one side lacks.',
    'With --recorded those that comparisons recorded are listed, in the journal or in the log, and whether each is open, settled or contested; and events that were to settle something and don’t count, with the reason.',
  ],
  options: [
    { name: 'finding', value: 'vf', help: 'only conflicts of this finding' },
    { name: 'recorded', help: 'list what events record, settled or not' },
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
  summary: 'show one conflict: what each event says, and what the view shows',
  arguments: [ID],
  options: [FRONTIER_OPTION],
  examples: ['replica conflicts show vcx_0123456789abcdef'],
  run: runShow,
}

const explain: Command = {
  name: 'conflicts explain',
  group: 'look',
  where: 'store',
  summary: 'say of one conflict who said what, why it is one, and what settles it',
  arguments: [ID],
  options: [FRONTIER_OPTION],
  examples: ['replica conflicts explain vcx_0123456789abcdef'],
  run: runExplain,
}

export const CONFLICT_COMMANDS: readonly Command[] = [list, show, explain]

/** A long log is replayed for the first answer: how far that is, is shown. */
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
  const conflicts = await withReplayProgress(context, frontier, all => all.list(only))
  const fields = { frontier, conflicts: conflicts.map(conflictFields) }
  if (!args.has('recorded')) return out.done({ fields, lines: listLines(frontier, conflicts) })
  const recorded = await withReplayProgress(context, frontier, all => all.recorded(only))
  const { ConflictResolver } = await import('../../projection/resolver.ts')
  const { ignored } = await new ConflictResolver(replica, frontier).resolutions()
  return out.done({
    fields: { ...fields, recorded: recorded.map(recordedFields), ignored: ignored.map(one => ({ ...one })) },
    lines: [
      ...recordedLines(frontier, recorded),
      ...ignored.map(({ event, reason }) => `${event} settles nothing: ${reason}`),
    ],
  })
}

function listLines(frontier: string, conflicts: readonly ListedConflict[]): string[] {
  if (conflicts.length === 0) return [`nothing was set apart in ${frontier}`]
  const rows = conflicts.map(({ id, finding_id, kind, field, values, state }) => [
    id,
    finding_id ?? '',
    field ?? kind ?? '',
    state,
    ...values.map(exact),
  ])
  return [...columns(rows), `${plural(conflicts.length, 'conflict')}`]
}

function recordedLines(frontier: string, recorded: readonly RecordedConflict[]): string[] {
  if (recorded.length === 0) return [`no conflict is recorded for ${frontier}`]
  const rows = recorded.map(({ id, finding_id, kind, state, peer_id, detail }) => [
    id,
    finding_id,
    kind,
    state,
    peer_id,
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
      'What settles it:',
      ...settle.map(way => `  ${way}`),
    ],
  })
}

type Fields = { [key: string]: Printable }

function conflictFields(conflict: Omit<ListedConflict, 'state'> & { state: ConflictView['state'] }): Fields {
  const { id, finding_id, kind, field, events, values, state } = conflict
  const subject = { finding_id: finding_id ?? null, kind: kind ?? null, field: field ?? null }
  return { id, ...subject, events: [...events], values: values.map(raw), state }
}

function recordedFields({ detail, resolutions, ...rest }: RecordedConflict): Fields {
  return { ...rest, detail: detail ?? null, resolutions: [...resolutions] }
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
  const { id, finding_id, kind, events, values, state, shown, standing, recorded } = conflict
  return [
    ['conflict', id],
    ['kind', kind ?? 'not known here'],
    ['finding', finding_id ?? 'not known here'],
    ['state', state],
    ...(recorded === undefined ? [] : [['recorded', recordedText(recorded)]]),
    ...events.map((event, at) => [event, exact(values[at]!)]),
    ...(shown === undefined ? [] : [['shown now', exact(shown)]]),
    ...(standing.length > 2 ? [['standing', plural(standing.length, 'event')]] : []),
  ]
}

function recordedText({ peer_id, at, recorded_in, detail }: RecordedConflict): string {
  return [`with ${peer_id} at ${at}, in the ${recorded_in}`, ...(detail === undefined ? [] : [detail])].join(': ')
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
  return `${hub ?? 'a key that is not registered'} ${key.slice(0, 16)}…, node ${shortCid(cid)}`
}

/** Values as they are in the log, numbers in their spelling. */
function raw(value: Json): RawJson {
  return new RawJson(printExact(value))
}

function exact(value: Json): string {
  return printExact(value)
}
