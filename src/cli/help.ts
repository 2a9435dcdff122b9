// Help, made from the table of verbs alone; protocol/cli.md repeats it and a test holds the two equal.

import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from './command-spec.ts'
import { columns } from './terminal/layout.ts'

const WIDTH = 96

const GROUPS: readonly { group: CommandSpec['group']; title: string }[] = [
  { group: 'store', title: 'Begin' },
  { group: 'peers', title: 'Whom to trust' },
  { group: 'log', title: 'Events in and out' },
  { group: 'sync', title: 'With other hubs' },
  { group: 'look', title: 'Look' },
  { group: 'other', title: 'Other' },
]

/** `replica peer add <id> <url> --key <hex> [--note <text>]` */
export function usageLine(command: CommandSpec): string {
  const words = ['replica', command.name]
  for (const argument of command.arguments ?? [])
    words.push(argument.optional ? `[${argument.name}]` : `<${argument.name}>`)
  for (const option of command.options ?? []) {
    const word = shortestForm(option)
    words.push(option.required ? word : `[${word}]`)
  }
  return words.join(' ')
}

/** `-n <count>`, `--json`: the shortest way to write it. */
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

/** Without the options that every verb has: what protocol/cli.md repeats. */
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
  section('Options of every verb', optionRows(everywhere))
  if (command.examples !== undefined) lines.push('', 'Examples', ...command.examples.map(line => `  $ ${line}`))
  return lines
}

function optionRows(options: readonly OptionSpec[]): string[][] {
  return options.map(option => [optionNames(option), option.help])
}

/** The verbs that begin with the same word. */
export function familyHelp(family: readonly CommandSpec[]): string[] {
  const [word] = family[0]!.name.split(' ')
  return [
    `replica ${word} <verb> …`,
    '',
    ...columns(family.map(verb => [`  ${verb.name}`, verb.summary])),
    '',
    `replica help ${word} says more.`,
  ]
}

/** Verbs as `help` names them in JSON. */
export function commandFields(verbs: readonly CommandSpec[]): { name: string; usage: string; summary: string }[] {
  return verbs.map(verb => ({ name: verb.name, usage: usageLine(verb), summary: verb.summary }))
}

export function overview(commands: readonly CommandSpec[]): string[] {
  const lines = ['replica keeps logs of signed events and exchanges them with other hubs.', '', 'replica <verb> …']
  const widest = Math.max(...commands.map(command => command.name.length))
  for (const { group, title } of GROUPS) {
    const verbs = commands.filter(command => command.group === group)
    if (verbs.length === 0) continue
    lines.push('', title, ...verbs.map(verb => `  ${verb.name.padEnd(widest)}  ${verb.summary}`))
  }
  lines.push(
    '',
    'Options of every verb',
    ...columns(optionRows(COMMON_OPTIONS).map(([name, help]) => [`  ${name}`, help!])),
  )
  lines.push(
    '',
    ...wrap(
      'replica help <verb> says more. Exit codes: 0 done, 1 the answer is "no" (something was refused or differs), 2 wrong usage, 3 the other side or the way there, 4 the store.',
      WIDTH,
    ),
  )
  return lines
}

/** Words in lines of at most `width` columns; `indent` before every line but the first. */
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

/** Words, with `[--key <hex>]` kept whole. */
function usageWords(text: string): string[] {
  return text.match(/\[[^\]]*\]|\S+/g) ?? []
}
