// Renders help from the table of commands. protocol/cli.md repeats it; a test compares the two.

import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from './command-spec.ts'
import { columns } from './terminal/layout.ts'

const WIDTH = 96

const GROUPS: readonly { group: CommandSpec['group']; title: string }[] = [
  { group: 'store', title: 'Store' },
  { group: 'peers', title: 'Peers' },
  { group: 'log', title: 'Events' },
  { group: 'sync', title: 'Sync' },
  { group: 'look', title: 'Inspect' },
  { group: 'other', title: 'Other' },
]

/** `replica peer add <id> <url> --key <hex> [--note <text>]` */
export function usageLine(command: CommandSpec): string {
  const words = ['replica', command.name]
  for (const argument of command.arguments ?? []) {
    const name = argument.repeated ? `${argument.name}…` : argument.name
    words.push(argument.optional ? `[${name}]` : `<${name}>`)
  }
  for (const option of command.options ?? []) {
    const word = shortestForm(option)
    words.push(option.required ? word : `[${word}]`)
  }
  return words.join(' ')
}

/** Returns the shortest form of an option: `-n <count>`, `--json`. */
function shortestForm(option: OptionSpec): string {
  const name = option.short === undefined ? `--${option.name}` : `-${option.short}`
  return option.value === undefined ? name : `${name} <${option.value}>`
}

function optionNames(option: OptionSpec): string {
  const value = option.value === undefined ? '' : ` <${option.value}>`
  return option.short === undefined ? `--${option.name}${value}` : `-${option.short}, --${option.name}${value}`
}

export function commandHelp(command: CommandSpec): string[] {
  return help(command, COMMON_OPTIONS)
}

/** Help without the common options, as protocol/cli.md has it. */
export function helpWithoutCommonOptions(command: CommandSpec): string[] {
  return help(command, [])
}

function help(command: CommandSpec, everywhere: readonly OptionSpec[]): string[] {
  const lines = [...wrap(usageLine(command), WIDTH, '    '), '']
  lines.push(`${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`)
  for (const paragraph of command.about ?? []) lines.push('', ...wrap(paragraph, WIDTH))
  const section = (title: string, rows: readonly string[][]): void => {
    if (rows.length > 0) lines.push('', title, ...columns(rows.map(([name, text]) => [`  ${name}`, text!])))
  }
  section(
    'Arguments',
    (command.arguments ?? []).map(argument => [`<${argument.name}>`, argument.help]),
  )
  section('Options', optionRows(command.options ?? []))
  section('Common options', optionRows(everywhere))
  if (command.examples !== undefined) lines.push('', 'Examples', ...command.examples.map(line => `  $ ${line}`))
  return lines
}

function optionRows(options: readonly OptionSpec[]): string[][] {
  return options.map(option => [optionNames(option), option.help])
}

/** Help for the commands with the same first word. */
export function familyHelp(family: readonly CommandSpec[]): string[] {
  const [word] = family[0]!.name.split(' ')
  return [
    `replica ${word} <command> …`,
    '',
    ...columns(family.map(({ name, summary }) => [`  ${name}`, summary])),
    '',
    `For details: replica help ${word}`,
  ]
}

/** Commands as `help` lists them in JSON. */
export function commandFields(commands: readonly CommandSpec[]): { name: string; usage: string; summary: string }[] {
  return commands.map(command => ({ name: command.name, usage: usageLine(command), summary: command.summary }))
}

export function overview(commands: readonly CommandSpec[]): string[] {
  const lines = ['replica stores logs of signed events and syncs them with other hubs.', '', 'replica <command> …']
  const widest = Math.max(...commands.map(command => command.name.length))
  for (const { group, title } of GROUPS) {
    const members = commands.filter(command => command.group === group)
    if (members.length === 0) continue
    lines.push('', title, ...members.map(({ name, summary }) => `  ${name.padEnd(widest)}  ${summary}`))
  }
  lines.push('', 'Common options', ...columns(optionRows(COMMON_OPTIONS).map(([name, help]) => [`  ${name}`, help!])))
  lines.push(
    '',
    ...wrap(
      'For details: replica help <command>. Exit codes: 0 success, 1 negative result (something was refused, differs or is missing), 2 wrong usage, 3 peer or network, 4 store.',
      WIDTH,
    ),
  )
  return lines
}

/** Wraps text into lines of at most `width` columns; `indent` precedes all lines but the first. */
export function wrap(text: string, width: number, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of usageWords(text)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = indent + word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}

/** Splits text into words; keeps `[--key <hex>]` whole. */
function usageWords(text: string): string[] {
  return text.match(/\[[^\]]*\]|\S+/g) ?? []
}
