// The commands for the texts of events: texts status, fetch and drop.

import type { ExitCode } from '../../base/errors.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { FILTER_OPTIONS, filterOf } from '../filter-options.ts'
import { columns, plural, size } from '../terminal/layout.ts'
import { usage } from '../terminal/output.ts'
import { textFields, textRows } from '../terminal/text-counts.ts'

const status: Command = {
  name: 'texts status',
  group: 'look',
  where: 'store',
  isDefault: true,
  summary: 'count the texts of events by state',
  about: [
    'A node is a signed header with the text of its event beside it. A text is here, wanted from peers, left out by choice, erased, or void because it is not a valid event.',
  ],
  options: [FRONTIER_OPTION],
  run: runStatus,
}

const fetch: Command = {
  name: 'texts fetch',
  group: 'sync',
  where: 'store',
  summary: 'fetch texts that are left out from peers',
  about: [
    'A text that was named and that no peer has stays wanted, and each later pull requests it again. A named text stays when `replica texts drop` makes room.',
    'With --since, --kind and --target, the peers send the texts of events that match all of them.',
  ],
  arguments: [{ name: 'vev|cid', optional: true, repeated: true, help: 'ids of events, or CIDs of nodes' }],
  options: [
    { name: 'all', help: 'fetch all texts' },
    ...FILTER_OPTIONS,
    { name: 'peer', value: 'id', help: 'fetch from this peer (default: each registered peer)' },
    FRONTIER_OPTION,
  ],
  examples: [
    'replica texts fetch vev_01d80143725060ef',
    'replica texts fetch --all --peer hub:lab',
    'replica texts fetch --kind finding.reviewed --since 2026-01-01',
  ],
  run: runFetch,
}

const drop: Command = {
  name: 'texts drop',
  group: 'log',
  where: 'store',
  summary: 'leave texts out, oldest first',
  about: [
    'The headers stay, so the log stays whole and verifiable. Texts of nodes that this store made, of erasures, and texts that were fetched by name stay. A dropped text can be fetched again while a peer has it.',
    'With names, only these texts are dropped, also those that were fetched by name.',
  ],
  arguments: [{ name: 'vev|cid', optional: true, repeated: true, help: 'ids of events, or CIDs of nodes' }],
  options: [
    { name: 'budget', value: 'bytes', help: 'keep the newest texts up to this size (default: 0)' },
    { name: 'keep', value: 'vev', repeated: true, help: 'keep the text of this event; can be repeated' },
    FRONTIER_OPTION,
  ],
  examples: ['replica texts drop --budget 1000000000 --keep vev_01d80143725060ef'],
  run: runDrop,
}

export const TEXT_COMMANDS: readonly Command[] = [status, fetch, drop]

async function runStatus({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const texts = replica.texts(frontier).status()
  return out.done({ fields: { frontier, ...textFields(texts) }, lines: columns(textRows(texts)) })
}

async function runFetch({ replica, out, signal }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const ids = args.positionals
  const filter = filterOf(args)
  const ways = [ids.length > 0, args.has('all'), filter !== undefined].filter(Boolean).length
  if (ways !== 1) throw usage('name events, or give a filter, or fetch --all texts')
  const peer = args.text('peer')
  const texts = replica.texts(frontier)
  const { fetched } = await texts.fetch(filter ?? (ids.length === 0 ? 'all' : ids), {
    signal,
    ...(peer === undefined ? {} : { peer }),
  })
  const { wanted } = texts.status()
  const rest = wanted === 0 ? [] : [`${plural(wanted, 'text')} still wanted: no peer that was reached has more`]
  const lines = [`fetched ${plural(fetched, 'text')}`, ...rest]
  return out.done({ exit: wanted === 0 ? 0 : 1, fields: { frontier, fetched, wanted }, lines })
}

async function runDrop({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const ids = args.positionals
  if (ids.length > 0 && (args.has('budget') || args.has('keep')))
    throw usage('drop named texts, or those beyond --budget')
  const oldest = { budgetBytes: args.count('budget', 0), keep: args.all('keep') }
  const options = ids.length > 0 ? { events: ids } : oldest
  const { dropped, bytes } = await replica.texts(frontier).drop(options)
  return out.done({
    fields: { frontier, dropped, bytes },
    lines: [`dropped ${plural(dropped, 'text')} of ${size(bytes)}`],
  })
}
