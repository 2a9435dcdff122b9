// Verbs about the program itself.

import { PACKAGE_VERSION } from '../../base/version.ts'
import { SUBPROTOCOL } from '../../sync/message.ts'
import { unknownCommand } from '../args.ts'
import type { Command } from '../command.ts'
import { commandFields, commandHelp, overview } from '../help.ts'
import { columns } from '../terminal/layout.ts'

export const VERSION_COMMAND: Command = {
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
export function helpCommand(commands: () => readonly Command[]): Command {
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
      if (chosen.length === 0) throw unknownCommand(name, all)
      return out.done({
        fields: { verbs: commandFields(chosen) },
        lines:
          name === '' ? overview(all) : chosen.flatMap((verb, i) => [...(i > 0 ? [''] : []), ...commandHelp(verb)]),
      })
    },
  }
}
