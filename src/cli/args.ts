// Parses a command line into a command and its arguments. node:util splits the words; this file
// checks them and suggests corrections, so that each mistake is one ERR_USAGE with a hint.

import { parseArgs } from 'node:util'
import type { ReplicaError } from '../base/errors.ts'
import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from './command-spec.ts'
import { usage } from './terminal/output.ts'

/** The arguments of one command, checked against its specification. */
export class Args {
  readonly positionals: readonly string[]
  readonly #values: ReadonlyMap<string, readonly string[]>

  constructor(positionals: readonly string[], values: ReadonlyMap<string, readonly string[]>) {
    this.positionals = positionals
    this.#values = values
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Returns the last value of an option; undefined without one. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.at(-1)
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  /** Returns the value of a required option. @throws ReplicaError ERR_USAGE */
  required(name: string): string {
    const value = this.text(name)
    if (value === undefined) throw usage(`missing option --${name}`)
    return value
  }

  /** Returns a required positional argument. @throws ReplicaError ERR_USAGE */
  argument(index: number): string {
    const value = this.positionals[index]
    if (value === undefined) throw usage('missing argument')
    return value
  }

  /** Returns an option's value as a whole number of 0 or more. @throws ReplicaError ERR_USAGE */
  count(name: string, fallback: number): number {
    const text = this.text(name)
    if (text === undefined) return fallback
    const count = Number(text)
    if (!/^[0-9]+$/.test(text) || !Number.isSafeInteger(count))
      throw usage(`--${name} must be a whole number, not ${JSON.stringify(text)}`)
    return count
  }
}

/** Returns whether the words have --json. Works before they are parsed, for early errors. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end < 0 ? undefined : end).includes('--json')
}

/** The command that the words name, and the remaining words. */
export interface CommandMatch<C extends CommandSpec> {
  /** Undefined if no command is named. */
  readonly command: C | undefined
  /** The commands with the given first word, if the words ask for their help. */
  readonly family?: readonly C[]
  readonly rest: string[]
}

/** @throws ReplicaError ERR_USAGE */
export function findCommand<C extends CommandSpec>(argv: readonly string[], commands: readonly C[]): CommandMatch<C> {
  const { before, words } = splitAtCommand(argv)
  if (words.length === 0) return { command: undefined, rest: before }
  const { rest, ...found } = matchCommand(words, commands)
  return { ...found, rest: [...before, ...rest] }
}

/** Common options may precede the command: `replica --dir lab status`. */
function splitAtCommand(argv: readonly string[]): { before: string[]; words: string[] } {
  let at = 0
  while (at < argv.length && argv[at]!.startsWith('-')) {
    const spec = COMMON_OPTIONS.find(option => `--${option.name}` === argv[at])
    at += spec?.value === undefined ? 1 : 2
  }
  return { before: argv.slice(0, at), words: argv.slice(at) }
}

function matchCommand<C extends CommandSpec>(words: readonly string[], commands: readonly C[]): CommandMatch<C> {
  const [first, second] = words as [string, string | undefined]
  const one = commands.find(command => command.name === first)
  if (one !== undefined) return { command: one, rest: words.slice(1) }
  const family = commands.filter(command => command.name.startsWith(`${first} `))
  if (family.length === 0) throw unknownCommand(first, commands)
  const two = family.find(command => command.name === `${first} ${second}`)
  if (two !== undefined) return { command: two, rest: words.slice(2) }
  const isAlone = second === undefined || second.startsWith('-')
  if (isAlone && asksForHelp(words)) return { command: undefined, family, rest: words.slice(1) }
  const main = family.find(command => command.isDefault === true)
  if (isAlone && main !== undefined) return { command: main, rest: words.slice(1) }
  throw unknownSubcommand(words, family)
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--')
  return words.slice(0, end < 0 ? undefined : end).some(word => word === '--help' || word === '-h')
}

function unknownSubcommand([first, second]: readonly string[], family: readonly CommandSpec[]): ReplicaError {
  const names = family.map(command => command.name)
  const words = `${first} ${second}`
  const isWord = second !== undefined && !second.startsWith('-')
  if (isWord && nearest(words, names) !== undefined) return unknownCommand(words, family)
  return usage(`replica ${first} needs one of: ${names.map(name => name.slice(first!.length + 1)).join(', ')}`)
}

/** Returns the error for an unknown command, with the nearest command or first word as hint. */
export function unknownCommand(words: string, commands: readonly CommandSpec[]): ReplicaError {
  const known = commands.flatMap(command => [command.name, command.name.split(' ')[0]!])
  return unknown('command', words, [...new Set(known)])
}

/** Parses the words after the command. @throws ReplicaError ERR_USAGE */
export function readArgs(words: readonly string[], command: CommandSpec | undefined): Args {
  const specs = [...(command?.options ?? []), ...COMMON_OPTIONS]
  const { tokens } = parseArgs({
    args: [...words],
    options: Object.fromEntries(specs.map(spec => [spec.name, parseOption(spec)])),
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const positionals: string[] = []
  const values = new Map<string, string[]>()
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value)
    else if (token.kind === 'option') readOption(token, specs, values)
  }
  if (!values.has('help')) checkComplete(command, positionals, values)
  return new Args(positionals, values)
}

function parseOption(spec: OptionSpec): { type: 'string' | 'boolean'; short?: string; multiple: true } {
  const type = spec.value === undefined ? 'boolean' : 'string'
  return spec.short === undefined ? { type, multiple: true } : { type, multiple: true, short: spec.short }
}

interface OptionToken {
  readonly name: string
  readonly rawName: string
  readonly value?: string | undefined
  readonly inlineValue?: boolean | undefined
}

function readOption(token: OptionToken, specs: readonly OptionSpec[], values: Map<string, string[]>): void {
  const spec = specs.find(candidate => candidate.name === token.name)
  if (spec === undefined)
    throw unknown(
      'option',
      token.rawName,
      specs.map(candidate => `--${candidate.name}`),
    )
  if (spec.value === undefined) {
    if (token.value !== undefined) throw usage(`${token.rawName} does not take a value`)
    values.set(spec.name, ['true'])
    return
  }
  if (token.value === undefined) throw usage(`${token.rawName} needs a value: <${spec.value}>`)
  if (token.inlineValue === false && token.value.length > 1 && token.value.startsWith('-'))
    throw usage(
      `${token.rawName} needs a value, but ${token.value} looks like an option`,
      `for this value, write --${token.name}=${token.value}`,
    )
  const given = values.get(spec.name)
  if (given === undefined) values.set(spec.name, [token.value])
  else if (spec.repeated) given.push(token.value)
  else throw usage(`${token.rawName} is given twice`)
}

function checkComplete(
  command: CommandSpec | undefined,
  positionals: readonly string[],
  values: ReadonlyMap<string, unknown>,
): void {
  const wanted = command?.arguments ?? []
  const hint = command === undefined ? 'replica help' : `replica help ${command.name}`
  const missing = wanted.filter((argument, i) => !argument.optional && positionals[i] === undefined)
  const options = command?.options?.filter(spec => spec.required && !values.has(spec.name)) ?? []
  const lacking = [
    ...named(
      'argument',
      missing.map(({ name }) => `<${name}>`),
    ),
    ...named(
      'option',
      options.map(({ name, value }) => `--${name} <${value}>`),
    ),
  ]
  if (lacking.length > 0) throw usage(`missing ${lacking.join(' and ')}`, hint)
  const extra = wanted.at(-1)?.repeated ? undefined : positionals[wanted.length]
  if (extra !== undefined) throw usage(`unexpected argument ${JSON.stringify(extra)}`, hint)
}

/** Returns the words after their noun, or nothing: `options --kind <kind>, --target <id>`. */
function named(noun: string, words: readonly string[]): string[] {
  return words.length === 0 ? [] : [`${noun}${words.length > 1 ? 's' : ''} ${words.join(', ')}`]
}

function unknown(what: 'command' | 'option', word: string, known: readonly string[]): ReplicaError {
  const near = nearest(word, known)
  return usage(`unknown ${what} ${word}`, near === undefined ? 'replica help' : `did you mean ${near}?`)
}

/** Returns the nearest known word: at most a third of the letters differ, or `word` is a prefix. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const most = Math.max(1, Math.floor(word.length / 3))
  let best: string | undefined
  let least = most + 1
  for (const candidate of known) {
    const changes = distance(word, candidate)
    if (changes < least) {
      best = candidate
      least = changes
    }
  }
  return best ?? known.find(candidate => word.length >= 3 && candidate.startsWith(word))
}

/**
 * Damerau-Levenshtein distance (optimal string alignment) of two short words; 4 if over 3 apart.
 */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 3) return 4
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let least = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1)
      next.push(least)
    }
    before = row
    row = next
  }
  return row[b.length]!
}
