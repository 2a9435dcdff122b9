import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { type Args, findCommand, nearest, readArgs, wantsJson } from '../../src/cli/args.ts'
import type { CommandSpec } from '../../src/cli/command-spec.ts'

const test = suite('cli/args')

const verbs: CommandSpec[] = [
  { name: 'status', group: 'look', summary: '' },
  {
    name: 'peer add',
    group: 'peers',
    summary: '',
    arguments: [
      { name: 'id', help: '' },
      { name: 'url', optional: true, help: '' },
    ],
    options: [
      { name: 'key', value: 'hex', required: true, help: '' },
      { name: 'tag', value: 'text', repeated: true, help: '' },
      { name: 'number', short: 'n', value: 'count', help: '' },
      { name: 'plain', help: '' },
    ],
  },
  { name: 'peer list', group: 'peers', summary: '' },
]

function read(...argv: string[]): { name: string | undefined; args: Args } {
  const { command, rest } = findCommand(argv, verbs)
  return { name: command?.name, args: readArgs(rest, command) }
}

/** Returns the message of a usage error and its hint. */
function mistake(...argv: string[]): string {
  try {
    read(...argv)
  } catch (error) {
    if (!hasCode(error, 'ERR_USAGE')) throw error
    const { hint } = error.facts
    return hint === undefined ? error.message : `${error.message} | ${hint}`
  }
  return assert.unreachable('it was read') as never
}

test('a command of two words accepts its arguments and options in any order', () => {
  const { name, args } = read('peer', 'add', '--key', 'ab', 'hub:x', '--plain', 'wss://x', '-n', '5')
  assert.is(name, 'peer add')
  assert.equal(args.positionals, ['hub:x', 'wss://x'])
  assert.is(args.required('key'), 'ab')
  assert.ok(args.has('plain'))
  assert.is(args.count('number', 0), 5)
})

test('common options may precede the command', () => {
  const { name, args } = read('--dir', 'lab', '--json', 'status', '-q')
  assert.is(name, 'status')
  assert.is(args.text('dir'), 'lab')
  assert.ok(args.has('json') && args.has('quiet'))
})

test('a value after an equals sign may begin with a dash', () => {
  assert.is(read('peer', 'add', 'x', '--key=-1').args.required('key'), '-1')
})

test('words after -- are arguments', () => {
  assert.equal(read('peer', 'add', '--key', 'k', '--', '--id').args.positionals, ['--id'])
})

test('a repeatable option keeps all its values', () => {
  assert.equal(read('peer', 'add', 'x', '--key', 'k', '--tag', 'a', '--tag', 'b').args.all('tag'), ['a', 'b'])
})

test('a command line without a command is accepted by the parser', () => {
  assert.is(read('--json').name, undefined)
})

test('each usage error has its message and a suggestion', () => {
  assert.is(mistake('statsu'), 'unknown command statsu | did you mean status?')
  assert.is(mistake('peer', 'ad'), 'unknown command peer ad | did you mean peer add?')
  assert.is(mistake('peers', 'list'), 'unknown command peers | did you mean peer?')
  assert.is(mistake('frobnicate'), 'unknown command frobnicate | replica help')
  assert.is(mistake('peer'), 'replica peer needs one of: add, list')
  assert.is(mistake('peer', 'bogus'), 'replica peer needs one of: add, list')
  assert.is(mistake('peer', '--dir', 'lab'), 'replica peer needs one of: add, list')
  assert.is(mistake('status', '--jason'), 'unknown option --jason | did you mean --json?')
  assert.is(mistake('status', 'extra'), 'unexpected argument "extra" | replica help status')
  assert.is(mistake('peer', 'add', '--key', 'k'), 'missing argument <id> | replica help peer add')
  assert.is(mistake('peer', 'add', 'x'), 'missing option --key <hex> | replica help peer add')
  assert.is(mistake('peer', 'add'), 'missing argument <id> and option --key <hex> | replica help peer add')
  assert.is(mistake('peer', 'add', 'x', '--key'), '--key needs a value: <hex>')
  assert.is(mistake('peer', 'add', 'x', '--key', 'a', '--key', 'b'), '--key is given twice')
  assert.is(mistake('peer', 'add', 'x', '--key', 'a', '--plain=yes'), '--plain does not take a value')
  assert.match(mistake('peer', 'add', 'x', '--key', '--plain'), 'looks like an option')
})

test('a count must be a whole number', () => {
  for (const bad of ['x', '1.5', '1e3', '99999999999999999999', ''])
    assert.throws(
      () => read('peer', 'add', 'x', '--key', 'k', `--number=${bad}`).args.count('number', 0),
      (error: unknown) => hasCode(error, 'ERR_USAGE'),
    )
})

test('--help works on an incomplete command line', () => {
  assert.ok(read('peer', 'add', '--help').args.has('help'))
})

test('help works for a first word, not for an unknown one', () => {
  for (const words of [
    ['peer', '--help'],
    ['peer', '-h'],
    ['peer', '--dir', 'lab', '--help'],
  ]) {
    const { command, family } = findCommand(words, verbs)
    assert.is(command, undefined)
    assert.equal(
      family?.map(verb => verb.name),
      ['peer add', 'peer list'],
    )
  }
  assert.is(mistake('peer', 'bogus', '--help'), 'replica peer needs one of: add, list')
  assert.is(mistake('peer', '--', '--help'), 'replica peer needs one of: add, list')
})

test('only the flag requests JSON, not an argument after --', () => {
  assert.ok(wantsJson(['x', '--json']))
  assert.not(wantsJson(['x', '--', '--json']))
})

test('any words are parsed or refused as ERR_USAGE', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('peer', 'add', 'status', '--key', '--tag', '-n', '--', '--json', '-', '--key=', '-nq', '__proto__'),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 8 }), words => {
      try {
        read(...words)
      } catch (error) {
        assert.ok(hasCode(error, 'ERR_USAGE'), String(error))
      }
    }),
  )
})

test('the nearest word corrects a typing error', () => {
  const known = ['status', 'heads', 'held', 'help', 'clone', 'classify']
  assert.is(nearest('stauts', known), 'status')
  assert.is(nearest('class', known), 'classify')
  assert.is(nearest('clne', known), 'clone')
  assert.is(nearest('xyz', known), undefined)
})

test.run()
