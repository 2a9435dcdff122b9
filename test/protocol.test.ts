// The ties between protocol/ and the code: rules and vectors, error codes, numbers, the grammar and its version, links.
// What a vector says is checked by the tests of the part it is about; that it exists and is well-formed is checked here.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../src/base/bytes.ts'
import * as cliLimits from '../src/base/cli-limits.ts'
import * as clientLimits from '../src/base/client-limits.ts'
import { CODES, isErrorCode } from '../src/base/errors.ts'
import * as otherLimits from '../src/base/limits.ts'
import * as pageLimits from '../src/base/page-limits.ts'
import { repository } from './shared-data.ts'
import { filesBelow, none, readText, sources } from './sources.ts'

const test = suite('protocol')

interface Rule {
  id: string
  file: string
  /** The rule says of itself that no vector can show it. */
  vectorless: boolean
}

/** A rule starts a line as `**N7** …`, also as a list item, and ends before the next rule, heading, fence or empty line. */
function rulesIn(file: string, text: string): Rule[] {
  const starts = [...text.matchAll(/^(?:[-*] )?\*\*([A-Z]\d+)\*\*/gm)]
  return starts.map(start => {
    const from = start.index + start[0].length
    const end = /\n(?:[-*] )?\*\*[A-Z]\d+\*\*|\n#|\n```|\n\s*\n/.exec(text.slice(from))
    const body = text.slice(from, end === null ? undefined : from + end.index)
    return { id: start[1]!, file, vectorless: /\(no vector\)\.?$/.test(body.trimEnd()) }
  })
}

interface Vector {
  file: string
  name: unknown
  rule: unknown
  passes: boolean
  error: unknown
  fields: string[]
}

/** A file holds one vector, a list of them, or an object with the list under `vectors`. */
function vectorsIn(file: string, value: unknown): Vector[] {
  const held = value as { vectors?: unknown }
  const list = Array.isArray(value) ? value : Array.isArray(held.vectors) ? held.vectors : [value]
  return list.map((vector: { name: unknown; rule: unknown; error: unknown }) => ({
    file,
    name: vector.name,
    rule: vector.rule,
    passes: Object.hasOwn(vector, 'ok'),
    error: vector.error,
    fields: Object.keys(vector),
  }))
}

const pages = filesBelow('protocol').filter(file => file.endsWith('.md'))
const rules = pages.flatMap(file => rulesIn(file, readText(file)))
const vectors = filesBelow('protocol/vectors')
  .filter(file => file.endsWith('.json'))
  .flatMap(file => vectorsIn(file, JSON.parse(readText(file))))

test('every part of the protocol has rules', () => {
  const letters = new Set(rules.map(rule => rule.id[0]))
  assert.equal(
    ['N', 'V', 'K', 'T', 'D', 'S'].filter(letter => !letters.has(letter)),
    [],
  )
})

test('a rule id is given once', () => {
  const ids = rules.map(rule => rule.id)
  none(rules.filter(({ id }, index) => ids.indexOf(id) !== index).map(({ id, file }) => `${file}: ${id} again`))
})

test('every rule has a passing and a failing vector, or says that it has none', () => {
  const offences = []
  for (const { id, file, vectorless } of rules) {
    const own = vectors.filter(vector => vector.rule === id)
    if (vectorless && own.length > 0) offences.push(`${file}: ${id} says (no vector) and has ${own.length}`)
    if (vectorless) continue
    if (!own.some(vector => vector.passes)) offences.push(`${file}: ${id} has no passing vector`)
    if (own.every(vector => vector.passes)) offences.push(`${file}: ${id} has no failing vector`)
  }
  none(offences)
})

test('every vector names a known rule and has one outcome, a known code where it fails, and a name of its own', () => {
  const known = new Set(rules.map(rule => rule.id))
  const seen = new Set<string>()
  const offences = []
  for (const { file, name, rule, passes, error, fields } of vectors) {
    const place = `${file}: ${String(rule)} ${String(name)}`
    if (typeof name !== 'string' || name === '') offences.push(`${place}: no name`)
    if (seen.has(place)) offences.push(`${place}: a second one of this name`)
    seen.add(place)
    if (typeof rule !== 'string' || !known.has(rule)) offences.push(`${place}: unknown rule ${String(rule)}`)
    if (passes === fields.includes('error')) offences.push(`${place}: needs either ok or error`)
    if (!passes && !(typeof error === 'string' && isErrorCode(error)))
      offences.push(`${place}: unknown code ${String(error)}`)
  }
  none(offences)
})

test('errors.md lists the codes of the code, in their order, with exit and close codes', () => {
  const rows = [...readText('protocol/errors.md').matchAll(/^\| (ERR_\w+) \| (\d) \| (\d{4})? ?\| (.*) \|$/gm)]
  const documented = rows.map(([, code, exit, close]) => `${code} ${exit} ${close ?? ''}`)
  const entries: [string, { exit: number; close?: number }][] = Object.entries(CODES)
  assert.equal(
    documented,
    entries.map(([code, { exit, close }]) => `${code} ${exit} ${close ?? ''}`),
  )
  none(rows.filter(row => !/^[A-Z].+\.$/.test(row[4]!)).map(row => `${row[1]}: no sentence`))
})

test('every code is used somewhere', () => {
  const code = sources('src').filter(source => source.path !== 'src/base/errors.ts')
  none(Object.keys(CODES).filter(name => !code.some(source => source.code.includes(`'${name}'`))))
})

const limits = { ...otherLimits, ...cliLimits, ...clientLimits, ...pageLimits }

/** `group.name` → value for all numbers that limits.ts exports; those outside of a group stand under their own name. */
function numbersInCode(): Map<string, number> {
  const found = new Map<string, number>()
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === 'number') found.set(name, value)
    else for (const [key, number] of Object.entries(value)) found.set(`${name}.${key}`, number)
  }
  return found
}

/** The same, as limits.md has them: a table row starts with `name = value`, its heading may name the group in brackets. */
function numbersInText(): Map<string, number> {
  const found = new Map<string, number>()
  let group = ''
  for (const line of readText('protocol/limits.md').split('\n')) {
    const heading = /^## .*?(?:\((\w+)\))?$/.exec(line)
    if (heading !== null) group = heading[1] ?? ''
    const row = /^\| `(\w+) = (\d+)` \|/.exec(line)
    if (row === null) continue
    const grouped = `${group}.${row[1]!}`
    found.set(Object.hasOwn(limits, row[1]!) ? row[1]! : grouped, Number(row[2]))
  }
  return found
}

test('limits.md has every limit of the code with its value, and no other', () => {
  const code = numbersInCode()
  const text = numbersInText()
  const offences = []
  for (const [name, value] of code) {
    if (text.get(name) !== value) offences.push(`limits.md needs \`${name.split('.').at(-1)} = ${value}\` for ${name}`)
  }
  for (const name of text.keys()) if (!code.has(name)) offences.push(`limits.md has ${name}, which the code doesn't`)
  none(offences)
})

test('a limit that another page repeats as `name = value` has the value of the code', () => {
  const code = numbersInCode()
  const offences = []
  for (const file of pages) {
    for (const [span, name, value] of readText(file).matchAll(/`(?:\w+\.)?(\w+) = ([\d_]+)`/g)) {
      const own = [...code].filter(([full]) => full === name || full.endsWith(`.${name}`)).map(([, number]) => number)
      if (own.length > 0 && !own.includes(Number(value!.replaceAll('_', '')))) offences.push(`${file}: ${span}`)
    }
  }
  none(offences)
})

test('every limit is used by some part of the code', () => {
  const code = sources('src').filter(source => !source.path.endsWith('limits.ts'))
  const names = [...numbersInCode().keys()].map(name => name.split('.').at(-1)!)
  none(names.filter(name => !code.some(source => new RegExp(`\\b${name}\\b`).test(source.code))))
})

test('the grammar is the one that this protocol version was pinned with', async () => {
  const file = '../src/sync/message.ts'.replace('.ts', '.js') // Looked up at run time, so that this file compiles without it.
  const message = (await import(file)) as { PROTOCOL_VERSION: unknown; CDDL_SHA256: unknown }
  assert.type(message.PROTOCOL_VERSION, 'number')
  const hash = toHex(sha256(utf8(readText('protocol/replica.cddl'))))
  assert.is(
    message.CDDL_SHA256,
    hash,
    'replica.cddl changed: raise PROTOCOL_VERSION if the wire did, and pin the new hash',
  )
})

test('links between the pages lead somewhere', () => {
  const offences = []
  for (const file of [...pages, ...filesBelow('.').filter(name => name === 'README.md')]) {
    for (const [, link] of readText(file).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^(?:https?:|#|mailto:)/.test(link!)) continue
      const place = path.join(repository, path.dirname(file), link!.split('#')[0]!)
      if (!fs.existsSync(place)) offences.push(`${file} → ${link}`)
    }
  }
  none(offences)
})

test('every page and vector file is listed in the index of the protocol', () => {
  const index = readText('protocol/README.md')
  const listed = filesBelow('protocol').filter(
    file => file !== 'protocol/README.md' && !file.startsWith('protocol/vectors/session/'),
  )
  none(listed.filter(file => !index.includes(file.slice('protocol/'.length))))
})

test('the reading of rules finds ends and marks', () => {
  const text =
    '**A1** one\nline (no vector)\n**A2** two\n\n(no vector)\n\n- **A3** three (no vector).\n# Next\nsee **A1**\n'
  assert.equal(
    rulesIn('a.md', text).map(rule => [rule.id, rule.vectorless]),
    [
      ['A1', true],
      ['A2', false],
      ['A3', true],
    ],
  )
})

test.run()
