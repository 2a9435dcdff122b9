// Compares protocol/cli.md with the command line: the help of each command word for word, and the members of each
// JSON object, from one story in which each command runs.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLI_LIMITS } from '../../src/base/cli-limits.ts'
import { COMMON_OPTIONS } from '../../src/cli/command-spec.ts'
import { COMMANDS } from '../../src/cli/command-table.ts'
import { helpWithoutCommonOptions, overview, usageLine } from '../../src/cli/help.ts'
import { Key } from '../../src/crypto/key.ts'
import { makeEvent } from '../../src/event/event.ts'
import { readText } from '../sources.ts'
import { Desk, type Json } from './in-process.ts'

const test = suite('cli/reference')

const page = readText('protocol/cli.md')

/** Returns the block ```language under the heading of a command. */
function block(verb: string, language: string): string | undefined {
  const at = page.indexOf(`### \`replica ${verb}\`\n`)
  if (at < 0) return undefined
  const section = page.slice(at + 4, page.indexOf('\n### ', at) < 0 ? undefined : page.indexOf('\n### ', at))
  return new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)\n\`\`\`$`, 'm').exec(section)?.[1]
}

test('each command is on the page with its help, word for word', () => {
  for (const command of COMMANDS)
    assert.is(block(command.name, 'text'), helpWithoutCommonOptions(command).join('\n'), command.name)
})

test('the page has no unknown command', () => {
  const names = [...page.matchAll(/^### `replica (.+)`$/gm)].map(match => match[1])
  assert.equal(
    names,
    names.filter(name => COMMANDS.some(command => command.name === name)),
  )
  assert.is(new Set(names).size, COMMANDS.length)
})

test('help fits a terminal and describes each option', () => {
  for (const command of COMMANDS) {
    for (const line of helpWithoutCommonOptions(command))
      if (!line.startsWith('  $ ')) assert.ok([...line].length <= 120, `too long: ${line}`)
    for (const option of [...(command.options ?? []), ...COMMON_OPTIONS]) assert.ok(option.help.length > 3, option.name)
    for (const example of command.examples ?? []) assert.match(example, /(?:^|\()replica /)
  }
})

test('the overview lists each command once', () => {
  const lines = overview(COMMANDS)
  for (const { name } of COMMANDS) {
    assert.is(lines.filter(line => new RegExp(`^  ${name} {2,}\\S`).test(line)).length, 1, name)
  }
})

test('a usage line names required options without brackets', () => {
  const add = COMMANDS.find(command => command.name === 'peer add')!
  assert.is(
    usageLine(add),
    'replica peer add <id> <url> --key <hex> [--note <text>] [--live <way>] [--allow-plain] [--frontier <vfr>]',
  )
})

/** Compares names and types of members. The first item of a list represents all. Names with ? are optional. */
function shapeFaults(place: string, documented: Json, actual: Json): string[] {
  if (documented === null || actual === null || typeof documented !== 'object' || typeof actual !== 'object')
    return typeof documented === typeof actual || actual === null
      ? []
      : [`${place}: ${typeof actual}, not ${typeof documented}`]
  if (Array.isArray(documented) !== Array.isArray(actual)) return [`${place}: a list on one side only`]
  if (Array.isArray(documented))
    return actual.flatMap((item: Json, i: number) => shapeFaults(`${place}[${i}]`, documented[0], item))
  if (Object.hasOwn(documented, '…')) return []
  const faults: string[] = []
  const known = new Map<string, Json>()
  for (const [name, value] of Object.entries(documented)) {
    known.set(name.replace(/\?$/, ''), value)
    if (!name.endsWith('?') && !Object.hasOwn(actual, name)) faults.push(`${place}.${name} is missing`)
  }
  for (const [name, value] of Object.entries(actual)) {
    if (!known.has(name)) faults.push(`${place}.${name} is not on the page`)
    else faults.push(...shapeFaults(`${place}.${name}`, known.get(name), value))
  }
  return faults
}

/** Runs commands and compares the output of each with the page. */
class Witness {
  readonly desk: Desk
  readonly seen = new Set<string>()

  constructor(desk: Desk) {
    this.desk = desk
  }

  async call(folder: string, ...argv: string[]): Promise<Json> {
    const { exit, value } = await this.desk.json(folder, argv)
    assert.not(value.error, JSON.stringify(value))
    this.check(value)
    assert.is(value.ok, exit === 0)
    return value
  }

  check(value: Json): void {
    const name = value.command
    const documented = block(name, `json ${name}`)
    assert.ok(documented, `${name} has no JSON on the page`)
    assert.equal(shapeFaults(name, JSON.parse(documented), value), [])
    assert.equal(Object.keys(value).slice(0, 2), ['ok', 'command'])
    this.seen.add(name)
  }
}

function draft(reason: string, kind = 'finding.noted', payload = 'null'): string[] {
  return [
    ...['append', '--kind', kind, '--target', 'finding:vf_1', '--actor', 'reviewer:ada'],
    ...['--reason', reason, '--payload', payload],
  ]
}

const asserted = draft(
  'a finding',
  'finding.asserted',
  JSON.stringify({
    finding: {
      id: 'vf_1',
      assertion: { text: 'It works.', type: 'mechanism', entities: [] },
      evidence: { evidence_spans: [] },
      confidence: { score: 0.7, basis: 'made up', method: 'llm_initial' },
      flags: { contested: false, retracted: false },
    },
  }),
)

const log = [
  '{"zzz":1,',
  Buffer.from(
    makeEvent({
      kind: 'finding.noted',
      target: { type: 'finding', id: 'vf_1' },
      actor: { id: 'reviewer:ada' },
      reason: 'imported',
      timestamp: '2026-03-02T09:15:00Z',
    }).text,
  )
    .toString()
    .slice(1),
].join('')

/** Creates a finding, compares its frontier with an earlier export, and settles the difference. */
async function settled(desk: Desk, call: Witness['call']): Promise<void> {
  const key = desk.dir.join('ada.key')
  await Key.generate().save(key)
  await call('.', 'init', 'desk')
  const { frontier } = await call('desk', 'frontier', 'create', '--name', 'Two')
  const finding = { id: 'vf_1', assertion: { text: 'a', type: 'b' }, confidence: { score: 0.5 }, flags: {} }
  const about = ['--target', 'finding:vf_1', '--actor', 'reviewer:ada', '--reason', 'r']
  await call('desk', 'append', '--kind', 'finding.asserted', ...about, '--payload', JSON.stringify({ finding }))
  await desk.run('desk', ['export', '--format', 'vela', '--out', '../before.json'])
  await call('desk', 'append', '--kind', 'finding.retracted', ...about)
  const { events } = await call('desk', 'compare', '../before.json')
  await call('desk', 'diff', frontier, '../before.json')
  const by = ['--as', 'reviewer:ada', '--key', key]
  const { proposal } = await call('desk', 'resolve', events[1], '--theirs', '--reason', 'reinstated', ...by)
  await call('desk', 'conflicts', 'list', '--recorded')
  await call('desk', 'conflicts', 'explain', events[1])
  await call('desk', 'proposal', 'list')
  await call('desk', 'proposal', 'show', proposal.id)
  await call('desk', 'proposal', 'accept', proposal.id, ...by)
  await call('desk', 'proposal', 'drop', proposal.id)
  await fs.writeFile(desk.dir.join('proposal.json'), JSON.stringify(proposal))
  await call('desk', 'proposal', 'add', '../proposal.json')
}

test('each command prints the members that the page has', async () => {
  await using desk = await Desk.open()
  const witness = new Witness(desk)
  const call = witness.call.bind(witness)
  await call('.', 'init', 'lab', '--hub-id', 'hub:lab')
  const { frontier } = await call('lab', 'frontier', 'create', '--name', 'One')
  const old = await call('.', 'init', 'old')
  await call('lab', 'peer', 'add', 'hub:old', 'wss://old.example', '--key', old.public_key, '--note', 'x')
  await call('lab', 'peer', 'remove', 'hub:old')
  await using hub = await desk.serve('lab')
  witness.check(hub.value)
  const { url, public_key: key } = hub.value
  const ada = await call('.', 'clone', url, 'ada', '--key', key, '--hub-id', 'hub:ada')
  await call('lab', 'peer', 'add', 'hub:ada', 'wss://ada.example', '--key', ada.public_key)
  const { event, cid } = await call('ada', ...draft('first'))
  await fs.writeFile(desk.dir.join('log.jsonl'), `${log}\n{"bad":1}\n`)
  assert.equal((await call('ada', 'import', '../log.jsonl', '--frontier', frontier)).refused.length, 1)
  await call('ada', 'push', 'hub:lab')
  await call('lab', ...draft('second'))
  await call('ada', 'pull', 'hub:lab')
  await call('ada', 'peer', 'set', 'hub:lab', '--live', 'pull')
  await call('ada', 'peer', 'limit', 'hub:lab', '600')
  await call('ada', 'sync', 'hub:lab')
  await call('ada', 'watch', '--since', '1', '-n', '1')
  const ben = await call('.', 'clone', url, 'ben', '--key', key)
  assert.is(ben.held_count, 3)
  const cas = await call('.', 'clone', url, 'cas', '--key', key, '--adopt-registry')
  assert.equal([cas.adopted, cas.cut, cas.held_count], [['hub:ada'], [old.public_key], 0])
  await call('ben', 'status')
  await call('ben', 'held')
  await call('ben', 'fork', '--reason', 'she does not answer')
  await call('ben', 'peer', 'adopt', 'hub:lab', '--frontier', frontier)
  await call('lab', ...asserted)
  await call('ada', 'pull', 'hub:lab')
  await call('ada', ...draft('here', 'finding.retracted'))
  await call('lab', ...draft('there', 'finding.reviewed', '{"status":"accepted"}'))
  assert.is((await call('ada', 'pull', 'hub:lab')).conflicts_opened_count, 1)
  const { conflicts } = await call('ada', 'conflicts')
  await call('ada', 'conflicts', 'show', conflicts[0].id)
  await call('ada', 'conflicts', 'explain', conflicts[0].id)
  await call('ada', 'merge', '--reason', 'both')
  await call('lab', 'peer', 'list')
  await call('lab', 'publish', url)
  for (const verb of ['status', 'heads', 'log', 'journal', 'held', 'verify']) await call('lab', verb)
  await call('ada', 'show', event)
  await call('ada', 'show', cid)
  await call('ada', 'export', '--out', 'all.json')
  await fs.writeFile(desk.dir.join('note.txt'), 'a note')
  const note = await call('ada', 'document', 'put', '../note.txt')
  await call('ada', 'document', 'get', note.cid, '--out', 'note.txt')
  await call('lab', 'document', 'bases')
  await call('ada', 'texts', 'status')
  await call('ada', 'texts', 'drop', '--budget', '1000000')
  await call('ada', 'texts', 'fetch', '--all')
  await fs.writeFile(desk.dir.join('gap.json'), '[{"id":"vev_0000000000000001","parents":["vev_0000000000000002"]}]')
  await call('ada', 'classify', '../gap.json')
  const { event: mistake } = await call('ada', ...draft('mistake'))
  await call('ada', 'erase', mistake, '--reason', 'sent by mistake')
  await call('ada', 'show', mistake)
  await call('ada', 'verify', '--erased')
  await settled(desk, call)
  await call('lab', 'peer', 'rotate', 'hub:ada', '--key', Key.generate().publicKey)
  await call('ada', 'keys', 'show')
  await call('ada', 'keys', 'new')
  await call('ada', 'keys', 'use', '.replica/key')
  await call('ada', 'backup', '../backup')
  await call('ada', 'restore', '../backup', '../restored')
  await call('ada', 'store', 'copy', '../restored', '../copied')
  await call('ada', 'frontier', 'track', 'vfr_0000000000000001')
  await call('ada', 'frontier', 'list')
  await call('ada', 'version')
  await call('ada', 'help')
  assert.equal(
    COMMANDS.map(command => command.name).filter(name => !witness.seen.has(name)),
    [],
  )
})

test('an error has the members of the page and the exit code of its code', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  await desk.run('lab', ['frontier', 'create', '--name', 'x'])
  const documented = JSON.parse(/^```json error\n(.*)\n```$/m.exec(page)![1]!)
  const cases: [string[], string, number][] = [
    [['push', 'hub:x'], 'ERR_PEER_UNKNOWN', 2],
    [['push'], 'ERR_PEER_UNKNOWN', 2],
    [['peer', 'add'], 'ERR_USAGE', 2],
    [['nonsense'], 'ERR_USAGE', 2],
    [['show', 'vev_0000000000000000'], 'ERR_NOT_FOUND', 1],
    [['show', 'nonsense'], 'ERR_CID', 2],
    [['frontier', 'track', 'x'], 'ERR_FRONTIER_ID', 2],
    [['heads', '--frontier', 'vfr_0000000000000001'], 'ERR_FRONTIER_UNKNOWN', 2],
    [['peer', 'add', 'hub:x', 'wss://x', '--key', '00'], 'ERR_KEY', 2],
    [
      [
        'peer',
        'add',
        'hub:x',
        'http://example.org',
        '--key',
        'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      ],
      'ERR_PEER_URL',
      2,
    ],
    [['init'], 'ERR_STORE_EXISTS', 4],
    [['clone', 'ws://127.0.0.1:1', 'new', '--key', '00'], 'ERR_KEY', 2],
    [['status', '--dir', '/nowhere/at/all'], 'ERR_STORE_MISSING', 4],
    [
      ['append', '--kind', 'k', '--target', 't:i', '--actor', 'a', '--reason', 'r', '--payload', '{"a":1}x'],
      'ERR_JSON',
      1,
    ],
    [['import', 'nowhere.json'], 'ERR_USAGE', 2],
  ]
  for (const [argv, code, exit] of cases) {
    const ran = await desk.json('lab', argv)
    assert.is(ran.value.error.code, code, argv.join(' '))
    assert.is(ran.exit, exit, argv.join(' '))
    assert.equal(Object.keys(ran.value), Object.keys(documented))
    assert.equal(Object.keys(ran.value.error), Object.keys(documented.error))
  }
})

test('the numbers on the page equal those of the code', () => {
  for (const [, name, value] of page.matchAll(/`(\w+) = (\d+)`/g))
    assert.is(CLI_LIMITS[name as keyof typeof CLI_LIMITS], Number(value), name!)
})

test.run()
