// compare, diff and resolve: how a word is interpreted as a peer, a URL or a file, requests to a hub that serves the
// store, and refusals.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Key } from '../../src/crypto/key.ts'
import { entryFor, frontierFile, OWNER, TestServer } from '../projection/fetch-server.ts'
import { shared, skip } from '../shared-data.ts'
import { Desk } from './in-process.ts'

const test = suite('cli/compare')

const FINDING = 'vf_0000000000000001'
const mine = frontierFile([{ id: FINDING, retracted: true }])
const peers = frontierFile([{ id: FINDING }])

/** A store with a frontier, and a peer's beside it. */
async function desk(): Promise<Desk> {
  const made = await Desk.open()
  await fs.writeFile(made.dir.join('mine.json'), mine.text)
  await fs.writeFile(made.dir.join('peers.json'), peers.text)
  await made.json('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  await made.json('lab', ['import', '../mine.json'])
  return made
}

async function events(at: Desk, kind: string): Promise<number> {
  const { value } = await at.json('lab', ['journal', '-n', '1000'])
  return value.entries.filter((entry: { kind: string }) => entry.kind === kind).length
}

test('a comparison is recorded once, not with --dry-run, and again with --again', async () => {
  await using at = await desk()
  const kind = 'frontier.conflict_detected'
  const words = ['compare', '../peers.json']
  const dry = await at.json('lab', [...words, '--dry-run'])
  assert.equal([dry.exit, dry.value.dry_run, dry.value.report.events_appended], [1, true, 2])
  assert.is(await events(at, kind), 0)
  for (const [more, expected] of [
    [[], 1],
    [[], 1],
    [['--again'], 2],
  ] as const) {
    const { exit, value } = await at.json('lab', [...words, ...more])
    assert.equal([exit, value.outcome, value.report.conflicts.length], [1, 'compared', 1])
    assert.is(await events(at, kind), expected)
  }
  const same = await at.json('lab', ['compare', '../mine.json'])
  assert.equal([same.exit, same.value.report.conflicts], [0, []])
})

test('a hub is compared by URL through its entry, and failures are reported', async () => {
  await using at = await desk()
  await using server = await TestServer.open()
  const words = ['compare', server.url, '--via-hub']
  assert.is((await at.json('lab', words)).value.error.code, 'ERR_NOT_FOUND')
  server.serve(`/entries/${mine.frontier}`, entryFor(peers, `${server.url}/x`))
  const broken = await at.json('lab', words)
  assert.equal([broken.exit, broken.value.outcome], [1, 'broken_locator'])
  server.serve('/x', peers.text)
  const found = await at.json('lab', [...words, '--owner-key', OWNER.publicKey])
  assert.equal([found.value.outcome, found.value.report.conflicts.length], ['compared', 1])
  const other = await at.json('lab', [...words, '--owner-key', '0'.repeat(64)])
  assert.is(other.value.outcome, 'unverified_peer_entry')
  assert.is((await at.json('lab', [...words, '--owner-key', 'x'])).exit, 2)
  assert.equal((await at.json('lab', ['compare', 'http://127.0.0.1:1'])).value.error.code, 'ERR_FETCH')
  assert.is((await at.json('lab', ['compare', 'http://127.0.0.1:1'])).exit, 3)
  assert.is((await at.json('lab', ['compare', 'hub:nobody'])).value.error.code, 'ERR_USAGE')
})

test('a registered hub is compared by its manifest, by its entry, and by a bare URL', async () => {
  await using at = await desk()
  await using hub = await at.serve('lab')
  const { url, public_key: key } = hub.value
  await at.json('.', ['clone', url, 'ada', '--key', key])
  assert.equal((await at.json('ada', ['compare', 'hub:lab'])).value.report.conflicts, [])
  const about = ['--target', `finding:${FINDING}`, '--actor', 'reviewer:ada', '--reason', 'r']
  const review = ['--kind', 'finding.reviewed', '--payload', '{"status":"accepted"}']
  await at.json('ada', ['append', ...about, ...review])
  for (const words of [['hub:lab'], ['hub:lab', '--via-hub'], [url], [url.replace('ws', 'http'), '--via-hub']]) {
    const { value } = await at.json('ada', ['compare', ...words, '--dry-run'])
    assert.equal(
      value.report?.conflicts ?? value.error,
      [{ finding_id: FINDING, kind: 'review_state_diverged', detail: 'ours: Some(Accepted), peer: None' }],
      words.join(' '),
    )
  }
})

test('diff accepts files, folders, stdin and frontiers of the store, also of a served one', async () => {
  await using at = await desk()
  await fs.mkdir(at.dir.join('folder'))
  await fs.copyFile(at.dir.join('peers.json'), at.dir.join('folder', 'frontier.json'))
  await at.json('lab', ['export', '--format', 'vela-repo', '--out', '../repo'])
  const { frontier } = mine
  const differ = async (argv: string[], stdin?: string) => {
    const { exit, value } = await at.json('lab', ['diff', ...argv], stdin === undefined ? {} : { stdin })
    return [exit, value.count ?? value.error.code]
  }
  assert.equal(await differ(['../mine.json', '../peers.json']), [1, 1])
  assert.equal(await differ(['../mine.json', '../folder']), [1, 1])
  assert.equal(await differ(['../repo', '../mine.json']), [0, 0])
  assert.equal(await differ(['../repo/.vela', '../peers.json']), [1, 1])
  assert.equal(await differ(['-', '../peers.json'], mine.text), [1, 1])
  assert.equal(await differ([frontier, '../mine.json']), [0, 0])
  assert.equal(await differ(['-', '-'], mine.text), [2, 'ERR_USAGE'])
  assert.equal(await differ(['../mine.json', '../nowhere.json']), [2, 'ERR_USAGE'])
  assert.equal(await differ([frontier, 'vfr_00000000000000aa']), [2, 'ERR_FRONTIER_UNKNOWN'])
  await using hub = await at.serve('lab')
  assert.ok(hub.value.ok)
  assert.equal(await differ([frontier, '../peers.json']), [1, 1])
})

test('diff lists the events that one side lacks, and reads logs in every form', async () => {
  await using at = await Desk.open()
  await at.json('.', ['init', 'lab'])
  await at.json('lab', ['frontier', 'create', '--name', 'A'])
  await at.json('lab', ['export', '--format', 'vela', '--out', '../before.json'])
  const note = ['append', '--kind', 'frontier.observation_reviewed', '--target', 'frontier:f', '--actor', 'reviewer:a']
  const { value: made } = await at.json('lab', [...note, '--reason', 'why'])
  const events: unknown[] = JSON.parse((await at.run('lab', ['export'])).stdout)
  await fs.mkdir(at.dir.join('folder'))
  for (const [i, event] of events.entries())
    await fs.writeFile(at.dir.join('folder', `${i}.json`), JSON.stringify(event))
  await fs.writeFile(at.dir.join('array.json'), JSON.stringify(events))
  const lines = events.map(event => `${JSON.stringify(event)}\n`).join('')
  await fs.writeFile(at.dir.join('lines.jsonl'), lines)
  for (const side of ['../folder', '../array.json', '../lines.jsonl']) {
    const { exit, value } = await at.json('lab', ['diff', side, '../before.json'])
    assert.equal([exit, value.events_only_in_theirs], [1, []], side)
    assert.equal(value.events_only_in_ours, [made.event], side)
    const same = await at.json('lab', ['diff', side, made.frontier])
    assert.equal([same.exit, same.value.count, same.value.events_only_in_ours], [0, 0, []], side)
  }
  const text = await at.run('lab', ['diff', '../before.json', '-'], { stdin: lines })
  assert.match(text.stdout, `only in theirs  ${made.event}`)
})

test('malformed findings are stored and reported by an import, and not compared', async () => {
  await using at = await desk()
  const broken = peers.text.replace('"score"', '"scores"')
  await fs.writeFile(at.dir.join('broken.json'), broken)
  await at.json('.', ['init', 'other'])
  const taken = await at.json('other', ['import', '../broken.json'])
  const id = FINDING
  assert.equal([taken.exit, taken.value.unread_count, taken.value.unread[0].id], [0, 1, id])
  for (const argv of [
    ['diff', '../broken.json', '../mine.json'],
    ['compare', '../mine.json'],
  ]) {
    const { exit, value } = await at.json('other', argv)
    assert.equal([exit, (value.report ?? value).conflicts], [0, []], argv[0])
    const [{ side, list, index, ...rest }] = value.unread
    assert.equal([side, list, index, rest.id, rest.code], ['ours', 'findings', 0, id, 'ERR_FRONTIER'])
  }
  await at.json('other', ['export', '--format', 'vela', '--out', '../out.json'])
  assert.is((await at.json('other', ['import', '../out.json'])).value.base.known, true)
})

test('of a malformed frontier file only the events are imported, with exit code 1', async () => {
  await using at = await desk()
  await fs.writeFile(at.dir.join('half.json'), mine.text.replace('"stats"', '"statistics"'))
  const { exit, value } = await at.json('lab', ['import', '../half.json'])
  assert.equal([exit, value.ok, value.base], [1, false, null])
  assert.match(value.left.join(), /only the events are imported: .*stats/)
})

test('a recorded conflict is resolved with one choice and the right key', async () => {
  await using at = await desk()
  await Key.generate().save(at.dir.join('ada.key'))
  const { value } = await at.json('lab', ['compare', '../peers.json'])
  const words = ['resolve', value.events[1], '--reason', 'r', '--as', 'reviewer:ada']
  const refusals: [string[], string][] = [
    [['--ours', '--theirs'], 'ERR_USAGE'],
    [['--ours', '--accept'], 'ERR_USAGE'],
    [['--ours', '--accept', '--key', 'nowhere'], 'ERR_KEY_FILE'],
    [[], 'ERR_PROPOSAL'],
    [['--value', '3'], 'ERR_PROPOSAL'],
    [['--value', '{'], 'ERR_JSON'],
    [['--pick', 'vev_0000000000000000'], 'ERR_EVENT_TARGET'],
  ]
  for (const [more, code] of refusals)
    assert.is((await at.json('lab', [...words, ...more])).value.error.code, code, more.join(' '))
  const done = await at.json('lab', [...words, '--theirs', '--accept', '--key', '../ada.key'])
  assert.equal([done.exit, done.value.accepted, done.value.applied], [0, true, 'now'])
  const again = await at.json('lab', ['compare', '../peers.json'])
  assert.equal([again.exit, again.value.report.conflicts], [0, []])
  const late = await at.json('lab', [...words, '--ours'])
  assert.is(late.value.error.code, 'ERR_CONFLICT_SETTLED')
})

const realData = 'the two real frontiers differ in the 38 known conflicts, imported or not'
const [ours, theirs] = ['ours', 'peer'].map(side => shared(`vela/real-sync/${side}.bbb-alzheimer.json`))
if (ours === undefined || theirs === undefined) skip(realData, 'vela/real-sync is not at hand')
else
  test(realData, async () => {
    await using at = await Desk.open()
    await at.json('.', ['init', 'lab'])
    await at.json('lab', ['import', ours])
    const [diffed, compared] = [await at.json('lab', ['diff', ours, theirs]), await at.json('lab', ['compare', theirs])]
    assert.is(diffed.value.count, 38)
    assert.equal(compared.value.report.conflicts, diffed.value.conflicts)
    assert.is(compared.value.report.our_snapshot_hash, diffed.value.ours.snapshot_hash)
  })

test.run()
