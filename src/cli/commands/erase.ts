// The command that erases the text of an event.

import type { ExitCode } from '../../base/errors.ts'
import type { Args } from '../args.ts'
import type { Command, StoreContext } from '../command.ts'
import { FRONTIER_OPTION } from '../command-spec.ts'
import { plural } from '../terminal/layout.ts'

const erase: Command = {
  name: 'erase',
  group: 'log',
  where: 'store',
  summary: 'erase the text of an event',
  about: [
    "Appends a signed erasure. Each replica that admits it deletes the text from its files, refuses it afterwards and shows who erased it and why. The nodes stay: headers, heads and signatures do not change. The key that signed an event's node can erase its text there; the owner of the frontier can erase it at all nodes.",
    'The id and the SHA-256 of the text stay. A reader who can guess a short text can confirm the guess. Exports and backups that were made before are not changed.',
    '--local deletes the text in this store only and writes that to the journal; peers are not told.',
  ],
  arguments: [{ name: 'cid|vev', help: "a node's CID, or an event's id" }],
  options: [
    { name: 'reason', value: 'text', required: true, help: 'the reason; it becomes part of the signed event' },
    { name: 'local', help: 'delete the text here only' },
    FRONTIER_OPTION,
  ],
  examples: ['replica erase vev_01d80143725060ef --reason "a person withdrew consent"'],
  run: runErase,
}

export const ERASE_COMMANDS: readonly Command[] = [erase]

async function runErase({ replica, out }: StoreContext, args: Args): Promise<ExitCode> {
  const frontier = replica.frontier(args.text('frontier'))
  const local = args.has('local')
  const report = await replica.erase(frontier, args.argument(0), { reason: args.required('reason'), local })
  const { event, text, cid, nodes, kept } = report
  return out.done({
    fields: { frontier, event, text, local, cid: cid ?? null, nodes, kept },
    lines: [
      `erased the text of ${event} at ${plural(nodes.length, 'node')}${local ? ', in this store only' : ''}`,
      ...(cid === undefined ? [] : [`  ${cid}`]),
      ...kept.map(node => `  kept at ${node}, which another key signed`),
    ],
  })
}
