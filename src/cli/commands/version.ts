// The commands about the program: version and help.

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
  summary: 'print the versions of this program, its protocol and Node.js',
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

/**
 * Returns the command `help`. It gets the table of commands as a function, because the table has
 * `help`.
 */
export function helpCommand(commands: () => readonly Command[]): Command {
  return {
    name: 'help',
    group: 'other',
    where: 'here',
    summary: 'list the commands, or show the help of one',
    arguments: [
      { name: 'command', optional: true, help: 'a command' },
      { name: 'second', optional: true, help: 'the second word of the command: help peer add' },
    ],
    async run({ out }, args) {
      const all = commands()
      const name = args.positionals.join(' ')
      const chosen = name === '' ? all : all.filter(one => one.name === name || one.name.startsWith(`${name} `))
      if (chosen.length === 0) throw unknownCommand(name, all)
      return out.done({
        fields: { verbs: commandFields(chosen) },
        lines: name === '' ? overview(all) : chosen.flatMap((one, i) => [...(i > 0 ? [''] : []), ...commandHelp(one)]),
      })
    },
  }
}
