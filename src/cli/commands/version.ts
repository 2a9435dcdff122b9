// Verbs about the program itself.

import { PACKAGE_VERSION } from '../../base/version.ts'
import { SUBPROTOCOL } from '../../sync/message.ts'
import { unknownVerb } from '../args.ts'
import type { Command } from '../command.ts'
import { overview, verbFields, verbHelp } from '../help.ts'
import { columns } from '../terminal/layout.ts'

export const VERSION_VERB: Command = {
  name: 'version',
  group: 'other',
  where: 'here',
  summary: 'print the versions of this program, of its protocol and of Node.js',
  async run({ out, runtime }) {
    return out.done({
      fields: { version: PACKAGE_VERSION, protocol: SUBPROTOCOL, node: runtime.node },
      lines: columns([
        ['replica', PACKAGE_VERSION],
        ['protocol', SUBPROTOCOL],
        ['node', runtime.node],
      ]),
    })
  },
}

/** `help` knows all verbs, itself included. */
export function helpVerb(commands: () => readonly Command[]): Command {
  return {
    name: 'help',
    group: 'other',
    where: 'here',
    summary: 'list the verbs, or say more about one',
    arguments: [
      { name: 'verb', optional: true, help: 'a verb' },
      { name: 'second', optional: true, help: 'its second word: help peer add' },
    ],
    async run({ out }, args) {
      const all = commands()
      const name = args.positionals.join(' ')
      const chosen = name === '' ? all : all.filter(verb => verb.name === name || verb.name.startsWith(`${name} `))
      if (chosen.length === 0) throw unknownVerb(name, all)
      return out.done({
        fields: { verbs: verbFields(chosen) },
        lines: name === '' ? overview(all) : chosen.flatMap((verb, i) => [...(i > 0 ? [''] : []), ...verbHelp(verb)]),
      })
    },
  }
}
