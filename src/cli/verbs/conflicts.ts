// Verbs about what was said apart and can't both be: conflicts list, show, explain. They compute and print; settling is for `resolve`.

import type { ExitCode } from '../../errors.ts'
import type { CarrierView, ComputedConflict, ConflictSide, ConflictView } from '../../replica/conflicts.ts'
import { printJson as printExact } from '../../vela/json.ts'
import type { Json } from '../../vela/value.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { type Printable, RawJson } from '../json.ts'
import { columns, plural, shortCid } from '../layout.ts'
import { FRONTIER } from '../shape.ts'

const ID = { name: 'id', help: 'a conflict, vcx_…' }

const list: Command = {
  name: 'conflicts list',
  group: 'look',
  where: 'store',
  isDefault: true,
  summary: 'list the fields of findings that were set apart to different values',
  about: [
    'Computed from the log, never stored: two events of which neither saw the other, and which set the same field of a finding to values that differ. Equal logs give equal lists, with equal ids. The view shows the value that comes last in replay order and marks the field as contested; nothing is decided by that.',
  ],
  options: [{ name: 'finding', value: 'vf', help: 'only conflicts of this finding' }, FRONTIER],
  examples: ['replica conflicts', 'replica conflicts list --finding vf_04f7f6513eaa1b4d'],
  run: runList,
}

const show: Command = {
  name: 'conflicts show',
  group: 'look',
  where: 'store',
  summary: 'show one conflict: both values, and what the view shows',
  arguments: [ID],
  options: [FRONTIER],
  examples: ['replica conflicts show vcx_0123456789abcdef'],
  run: runShow,
}

const explain: Command = {
  name: 'conflicts explain',
  group: 'look',
  where: 'store',
  summary: 'say of one conflict who said what, why it is one, and what settles it',
  arguments: [ID],
  options: [FRONTIER],
  examples: ['replica conflicts explain vcx_0123456789abcdef'],
  run: runExplain,
}

export const CONFLICT_VERBS: readonly Command[] = [list, show, explain]

async function runList({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const finding = args.text('finding')
  const conflicts = await replica.conflicts(frontier).list(finding === undefined ? {} : { findings: [finding] })
  return out.done({
    fields: { frontier, conflicts: conflicts.map(conflictFields) },
    lines:
      conflicts.length === 0
        ? [`nothing was set apart in ${frontier}`]
        : [
            ...columns(
              conflicts.map(({ id, finding_id, field, values }) => [id, finding_id, field, ...values.map(exact)]),
            ),
            `${plural(conflicts.length, 'conflict')}`,
          ],
  })
}

async function runShow({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const conflict = await replica.conflicts(frontier).show(args.argument(0))
  return out.done({ fields: { frontier, conflict: viewFields(conflict) }, lines: columns(viewRows(conflict)) })
}

async function runExplain({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const conflict = await replica.conflicts(frontier).explain(args.argument(0))
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

function conflictFields({ id, finding_id, kind, field, events, values }: ComputedConflict): {
  [key: string]: Printable
} {
  return { id, finding_id, kind, field, events: [...events], values: values.map(raw) }
}

function viewFields(conflict: ConflictView): { [key: string]: Printable } {
  const { shown, standing } = conflict
  return { ...conflictFields(conflict), shown: shown === undefined ? null : raw(shown), standing: [...standing] }
}

function viewRows({ id, finding_id, kind, events, values, shown, standing }: ConflictView): string[][] {
  return [
    ['conflict', id],
    ['kind', kind],
    ['finding', finding_id],
    [events[0], exact(values[0])],
    [events[1], exact(values[1])],
    ...(shown === undefined ? [] : [['shown now', exact(shown)]]),
    ...(standing.length > 2 ? [['standing', plural(standing.length, 'event')]] : []),
  ]
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
