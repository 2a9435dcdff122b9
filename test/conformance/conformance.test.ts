// The conformance command: it finds no failure in correct data and every failure in wrong data, and
// skips unknown data.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { eventSignature, makeEvent } from '../../src/event/event.ts'
import { JsonNumber } from '../../src/json/value.ts'
import { entryPreimage, signEntry } from '../../src/vela/federation/registry-entry.ts'
import { readFrontier } from '../../src/vela/files/frontier-file.ts'
import { snapshotHash } from '../../src/vela/hashes/snapshot-hash.ts'
import { type Scratch, scratch, shared, skip } from '../shared-data.ts'
import { signed, signer } from '../vela/signers.ts'
import { checkFolder, type FileResult } from './check-folder.ts'

const test = suite('conformance/conformance')

const results = (folder: string): FileResult[] => [...checkFolder(folder)]
const byName = (folder: string): Record<string, FileResult['result']> =>
  Object.fromEntries(results(folder).map(({ file, result }) => [file, result]))

async function folderOf(files: Record<string, unknown>): Promise<Scratch> {
  const dir = await scratch()
  for (const [name, value] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(dir.join(name)), { recursive: true })
    fs.writeFileSync(dir.join(name), typeof value === 'string' ? value : JSON.stringify(value))
  }
  return dir
}

const hash = (text: string): string => toHex(sha256(utf8(text)))
const revoked = { event_timestamp: '2026-05-01T02:00:00+02:00', revoked_at: '2026-05-01T00:00:00Z' }

test('files are told by their form wherever they lie, what is of no known form is skipped, and no JSON fails', async () => {
  await using dir = await folderOf({
    'here/some-numbers.json': [{ text: '1.0', ok: true, canonical: '1.0', sha256: hash('1.0') }],
    'there/others.json': [{ text: '01', ok: false }],
    'when.json': [{ ...revoked, revoked_by_text_order: true, revoked_by_time_order: true }],
    'README.md': 'words',
    'unknown.json': { anything: 1 },
    'empty.json': [],
    'broken.json': '{',
  })
  assert.equal(byName(dir.path), {
    'README.md': 'skip',
    'broken.json': 'FAIL',
    'empty.json': 'skip',
    'here/some-numbers.json': 'ok',
    'there/others.json': 'ok',
    'unknown.json': 'skip',
    'when.json': 'ok',
  })
})

test('a wrong statement is a failure of its file alone, and so is a file that a check stumbles over', async () => {
  await using dir = await folderOf({
    'good.json': [{ text: '1.0', ok: true, canonical: '1.0', sha256: hash('1.0') }],
    'hash.json': [{ text: '1.0', ok: true, canonical: '1.0', sha256: hash('1') }],
    'taken.json': [{ text: '1.0', ok: false }],
    'when.json': [{ ...revoked, revoked_by_time_order: false }],
    'frontier.json': { findings: {}, frontier: {}, stats: {} },
  })
  assert.equal(byName(dir.path), {
    'frontier.json': 'FAIL',
    'good.json': 'ok',
    'hash.json': 'FAIL',
    'taken.json': 'FAIL',
    'when.json': 'FAIL',
  })
})

const actor = { id: 'ada' }
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** A fixture of these events, as text so that numbers keep their spelling. */
function fixture(events: readonly string[], more: Record<string, unknown> = {}): string {
  const rows = ['negative_results', 'trajectories', 'artifacts', 'replications', 'predictions']
  const expected = Object.fromEntries(rows.map(name => [`expected_${name}`, []]))
  const rest = JSON.stringify({ expected_states: [], ...expected, genesis_findings: [], ...more })
  return `{"event_log":[${events.join()}],${rest.slice(1)}`
}

test('an event that does not apply is worth a note, and a failure only where rows or values say otherwise', async () => {
  const about = { target: { type: 'finding', id: 'vf_1' }, actor, reason: 'r', timestamp: '2026', payload: {} }
  const events = ['finding.retracted', 'attempt.extended'].map(kind => textOf(makeEvent({ kind, ...about }).text))
  await using dir = await folderOf({ 'one.json': fixture(events) })
  const [{ result, notes }] = results(dir.path) as [FileResult]
  assert.is(result, 'ok')
  assert.equal(notes.filter(note => note.startsWith('not applied in full: vev_')).length, 1)
})

test('an event of a fixture keeps its id where only the exact reading of a float gives it', async () => {
  const payload = { new_score: JsonNumber.float(0.9092974268256817) }
  const about = { target: { type: 'finding', id: 'vf_1' }, actor, reason: 'r', timestamp: '2026', payload }
  const { text } = makeEvent({ kind: 'finding.confidence_revised', ...about })
  await using dir = await folderOf({ 'one.json': fixture([textOf(text)]) })
  assert.equal(byName(dir.path), { 'one.json': 'ok' })
})

test('a stated verdict, count or field that is not the reference’s fails, also where ours is stricter', async () => {
  const payload = { base_frontier: 'vfr_1', base_root: 'r', fork_reason: 'why' }
  const fork = { kind: 'frontier.forked_from', payload, reference_accepts: true }
  const peer = { id: 'hub:x', url: 'https://x.example', public_key: '0a'.repeat(32), added_at: '2026-01-01T00:00:00Z' }
  const weak = { peer: { ...peer, id: 'a\u200bb' }, reference_accepts: true, field: null }
  await using dir = await folderOf({
    'good.json': [fork],
    'payload.json': [{ ...fork, payload: { ...payload, base_frontier: 'vf_1' } }],
    'peers.json': [weak],
    'peer-url.json': [{ peer: { ...peer, url: 'http://x.example' }, reference_accepts: true, field: null }],
    'peer-field.json': [{ peer, reference_accepts: true, field: 'url' }],
    'stats.json': fixture([], { stats: { events: 0, findings: 0 } }),
    'stats-wrong.json': fixture([], { stats: { events: 1 } }),
  })
  assert.equal(byName(dir.path), {
    'good.json': 'ok',
    'payload.json': 'FAIL',
    'peer-field.json': 'FAIL',
    'peer-url.json': 'FAIL',
    'peers.json': 'ok',
    'stats-wrong.json': 'FAIL',
    'stats.json': 'ok',
  })
})

test('an entry that is refused though the reference verifies it is no failure, a wrong statement of it is', async () => {
  const draft = {
    vfr_id: 'vfr_00000000000000a1',
    name: 'A',
    owner_actor_id: 'reviewer:ada',
    latest_snapshot_hash: 'a'.repeat(64),
    latest_event_log_hash: 'b'.repeat(64),
    network_locator: 'https://hub.example',
    signed_publish_at: '2026-04-25T00:00:00Z',
  }
  const { rest: _, license: __, ...entry } = signEntry(draft, signer(7))
  const right = { entry, preimage_sha256: toHex(sha256(entryPreimage(entry))), verifies: true }
  const upper = { ...right, entry: { ...entry, signature: entry.signature.toUpperCase() } }
  const short = { ...right, entry: { ...entry, signature: 'ab' }, verifies: false }
  await using dir = await folderOf({
    'both.json': [upper, { ...right, verifies: false }],
    'licence.json': [{ ...right, entry: { ...entry, license: null } }],
    'short-hash.json': [{ ...short, preimage_sha256: hash('') }],
    'short.json': [short],
    'upper-wrong.json': [{ ...upper, verifies: false }],
    'upper.json': [upper],
  })
  assert.equal(byName(dir.path), {
    'both.json': 'FAIL',
    'licence.json': 'ok',
    'short-hash.json': 'FAIL',
    'short.json': 'ok',
    'upper-wrong.json': 'FAIL',
    'upper.json': 'ok',
  })
})

test('an id that matches may be stated not to, but only where no key here signed the content', async () => {
  const by = signer(7)
  const draft = {
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_1' },
    actor,
    timestamp: '2026',
    payload: {},
  }
  const unsigned = { ...draft, reason: 'r' }
  const event = signed(unsigned, by)
  const { sig } = eventSignature(event.text)!
  const changed = makeEvent({ ...draft, reason: 'other', signature: toHex(sig) })
  const one = ({ text }: { text: Uint8Array }, verifies: boolean, key: string) =>
    `{"event":${textOf(text)},"id_matches":${verifies},"public_key":"${key}","verifies":${verifies}}`
  const file = (...items: string[]) => `{"actors":[],"cases":[${[one(event, true, by.publicKey), ...items].join()}]}`
  await using dir = await folderOf({
    'changed.json': file(one(changed, false, by.publicKey)),
    'other-key.json': file(one(event, false, signer(8).publicKey)),
    'unsigned.json': file(one(makeEvent(unsigned), false, by.publicKey)),
  })
  assert.equal(byName(dir.path), { 'changed.json': 'ok', 'other-key.json': 'FAIL', 'unsigned.json': 'FAIL' })
})

function frontier(name: string, dependencies: readonly object[], findings: readonly object[]): string {
  const meta = { name, description: '', compiled_at: '2026', compiler: 'c', dependencies }
  return JSON.stringify({ vela_version: '0.10.0', schema: 's', frontier: meta, stats: {}, findings, events: [] })
}

test('what is stated of a link and a pin between two frontiers is looked for in them', async () => {
  const finding = (id: string, links: object[]) => ({
    id,
    assertion: { text: id, type: 'mechanism' },
    confidence: { score: 0.5 },
    flags: {},
    links,
  })
  const a = frontier('A', [], [finding('vf_1', [])])
  const { id: to, ...rest } = readFrontier(a)
  const pin = { vfr_id: to, pinned_snapshot_hash: snapshotHash(rest) }
  const target = `vf_1@${to}`
  const b = frontier('B', [pin], [finding('vf_2', [{ target, type: 'extends' }])])
  const { id: from } = readFrontier(b)
  const valuesOf = (text: string, path: string, finding_id: string) => {
    const one = readFrontier(text)
    return { path, vfr_id: one.id, snapshot_hash: snapshotHash(one), event_log_hash: hash('[]'), finding_id }
  }
  const link = {
    from_frontier: from,
    from_finding: 'vf_2',
    target,
    to_frontier: to,
    to_finding: 'vf_1',
    link_type: 'extends',
  }
  const dependency = { in_frontier: from, ...pin, must_match_actual_snapshot_of: to }
  const both = { a: valuesOf(a, 'a.json', 'vf_1'), b: valuesOf(b, 'b.json', 'vf_2') }
  const wrong = (values: Record<string, string>) => Object.keys(values).map(name => ({ ...values, [name]: 'x' }))
  await using dir = await folderOf({ 'a.json': a, 'b.json': b })
  const verdict = (value: object): string => {
    fs.writeFileSync(dir.join('pair.json'), JSON.stringify(value))
    return byName(dir.path)['pair.json']!
  }
  assert.is(verdict({ ...both, link, dependency }), 'ok')
  for (const other of wrong(link)) assert.is(verdict({ ...both, link: other, dependency }), 'FAIL')
  for (const other of wrong(dependency)) assert.is(verdict({ ...both, link, dependency: other }), 'FAIL')
})

test('a lock may differ from what is beside it where that is stated, and only there', async () => {
  const whole = frontier('A', [], [])
  const read = readFrontier(whole)
  const right = { snapshot_hash: `sha256:${snapshotHash(read)}`, event_log_hash: `sha256:${hash('[]')}` }
  const equal = { lock_snapshot_hash_equal: true, lock_event_log_hash_is: 'full form' }
  await using dir = await folderOf({ 'lone/frontier.json': whole })
  const verdict = (values: object, checks: object): boolean => {
    const lines = Object.entries({
      frontier_id: read.id,
      proposal_state_hash: right.event_log_hash,
      ...right,
      ...values,
    })
    fs.writeFileSync(dir.join('lone/vela.lock'), lines.map(([name, value]) => `${name}: ${value}\n`).join(''))
    fs.writeFileSync(dir.join('expected.json'), JSON.stringify({ git: { lone: { log: {}, checks } } }))
    return Object.values(byName(dir.path)).every(result => result !== 'FAIL')
  }
  const [snapshot, log] = [{ snapshot_hash: 'sha256:x' }, { event_log_hash: 'sha256:x' }]
  assert.is(verdict({}, equal), true)
  assert.is(verdict(snapshot, { ...equal, lock_snapshot_hash_equal: false }), true)
  assert.is(verdict(snapshot, equal), false)
  assert.is(verdict({}, { ...equal, lock_snapshot_hash_equal: false }), false)
  assert.is(verdict(log, { ...equal, lock_event_log_hash_is: null }), true)
  assert.is(verdict(log, equal), false)
  assert.is(verdict({}, { ...equal, lock_event_log_hash_is: 'neither' }), false)
})

test('what is stated and no check knows is named', async () => {
  const verdict = { revoked_by_time_order: true, weather: 'fine' }
  await using dir = await folderOf({
    'fixture.json': fixture([], { expected_songs: [], stats: { songs: 1 } }),
    'when.json': [
      { ...revoked, ...verdict },
      { ...revoked, ...verdict },
    ],
  })
  assert.equal(
    results(dir.path).map(({ notes }) => notes.filter(note => note.startsWith('not checked'))),
    [['not checked: stats.songs', 'not checked: expected_songs'], ['not checked: weather']],
  )
})

test('values of a file that is not here fail, and so does an expected.json that is no JSON', async () => {
  const expected = { conformance: { 'gone.json': [1, 1] }, here: { checks: {}, weather: 'fine' }, lone: { weather: 1 } }
  await using dir = await folderOf({ 'expected.json': expected, 'here/events.json': [] })
  const { result, failures, notes } = results(dir.path).at(-1)!
  assert.equal([result, failures], ['FAIL', ['values are stated of conformance / gone.json, which is not here']])
  assert.match(notes.join(), /here \/ weather, lone \/ weather/)
  fs.writeFileSync(dir.join('expected.json'), '{')
  assert.is(byName(dir.path)['expected.json'], 'FAIL')
})

test('links out of the folder are not followed', async () => {
  await using outside = await folderOf({ 'taken.json': [{ text: '1.0', ok: false }] })
  await using dir = await folderOf({ 'good.json': [{ text: '01', ok: false }] })
  fs.symlinkSync(outside.path, dir.join('folder'))
  fs.symlinkSync(outside.join('taken.json'), dir.join('file.json'))
  assert.equal(byName(dir.path), { 'good.json': 'ok' })
})

test('what is stated of something that is not here fails, and a value that no check knows is named', async () => {
  const log = { events: 1, colour: 'red' }
  const target = { type: 'finding', id: 'vf_1' }
  const event = makeEvent({ kind: 'finding.noted', target, actor: { id: 'ada' }, reason: 'x', timestamp: '2026' })
  await using dir = await folderOf({
    'expected.json': { frontiers: { 'here.json': { log }, 'gone.json': { log } }, comparisons: [], weather: 'fine' },
    'here.json': `[${Buffer.from(event.text).toString('utf8')}]`,
  })
  const { result, failures, notes } = results(dir.path).at(-1)!
  assert.is(result, 'FAIL')
  assert.equal(failures, ['values are stated of frontiers / gone.json, which is not here'])
  assert.equal(notes, ['2 values that no check looks at: frontiers / here.json / log / colour, weather'])
})

const data = shared('vela/expected.json')
if (data === undefined) skip('conformance with other people’s data', 'vela/expected.json is not at hand')
else {
  const folder = path.dirname(data)

  test('everything that is stated of other people’s data holds', () => {
    const all = results(folder)
    assert.equal(
      all.filter(({ result }) => result === 'FAIL').flatMap(({ file, failures }) => [file, ...failures]),
      [],
    )
    assert.ok(all.filter(({ result }) => result === 'ok').length > 50)
    assert.equal(all.find(({ file }) => file === 'expected.json')!.notes, [], 'a value that no check looks at')
  })

  test('a verdict, a count or a pass that is stated wrongly is a failure', async () => {
    await using dir = await scratch()
    fs.cpSync(folder, dir.path, { recursive: true })
    fs.chmodSync(dir.path, 0o755)
    const text = fs.readFileSync(data, 'utf8')
    for (const [from, to] of [
      [/"rows_equal": true/, '"rows_equal": false'],
      [/"hydrated_from_proposals": \d+/, '"hydrated_from_proposals": 1'],
      [/"hydration_problems": \[\]/, '"hydration_problems": ["vev_0"]'],
      [/"lock_event_log_hash_is": "content form"/, '"lock_event_log_hash_is": "full form"'],
      [/"manifest_order_is_file_order": true/, '"manifest_order_is_file_order": false'],
      [/"events_regenerated_with_equal_id": 39/, '"events_regenerated_with_equal_id": 38'],
      [/"peer_hash_reproduced": true/, '"peer_hash_reproduced": false'],
      [/"signature_verifies": true/, '"signature_verifies": false'],
      [/"theirs": "[^"]+"/, '"theirs": "no/such.json"'],
    ] as const) {
      const changed = text.replace(from, to)
      assert.is.not(changed, text, `${from}`)
      fs.rmSync(dir.join('expected.json'), { force: true })
      fs.writeFileSync(dir.join('expected.json'), changed)
      assert.ok(
        results(dir.path).some(({ result }) => result === 'FAIL'),
        `${from}`,
      )
    }
  })

  test('a repository without its frontier.json is checked by its log, and fails only by what takes the frontier', async () => {
    const name = 'git-frontiers/prover-lane'
    await using dir = await scratch()
    fs.cpSync(path.join(folder, name), dir.join(name), { recursive: true })
    fs.chmodSync(dir.join(name), 0o755)
    fs.rmSync(dir.join(name, 'frontier.json'))
    const { checks, log, signatures } = JSON.parse(fs.readFileSync(data, 'utf8')).git_frontiers['prover-lane']
    const state = (values: Record<string, unknown>): FileResult['result'] => {
      const git_frontiers = { 'prover-lane': { checks: { ...checks, ...values }, log, signatures } }
      fs.writeFileSync(dir.join('expected.json'), JSON.stringify({ git_frontiers }))
      const found = results(dir.path)
      const proved = found.filter(({ file }) => /events|manifest|trace|lock/.test(file))
      assert.equal(
        proved.filter(({ result, passed }) => result !== 'ok' || passed === 0),
        [],
      )
      return found.find(({ file }) => file === 'expected.json')!.result
    }
    const unknown = { lock_snapshot_hash_equal: false, lock_proposal_state_hash_equal: null }
    assert.is(state({ ...unknown, frontier_id_from_meta_equal: undefined }), 'ok')
    assert.is(state({}), 'FAIL')
    assert.is(
      state({ ...unknown, frontier_id_from_meta_equal: undefined, lock_event_log_hash_is: 'full form' }),
      'FAIL',
    )
  })

  test('every hash that is stated is looked at: with all of them changed no log, frontier or fixture passes', async () => {
    await using dir = await scratch()
    fs.cpSync(folder, dir.path, { recursive: true })
    fs.chmodSync(dir.path, 0o755)
    fs.rmSync(dir.join('expected.json'), { force: true })
    const changed = fs
      .readFileSync(data, 'utf8')
      .replaceAll(
        /"([0-9a-f])([0-9a-f]{63})"/g,
        (_, first: string, rest: string) => `"${first === '0' ? 1 : 0}${rest}"`,
      )
    fs.writeFileSync(dir.join('expected.json'), changed)
    const found = byName(dir.path)
    const stated = Object.keys(found).filter(file =>
      /^(?:expected|bbb-flagship\.events|real-sync\/.*|cascade\/cascade-fixture-.*|(?:git-)?frontiers\/.*(?:frontier|events|bbb-extension))\.json$/.test(
        file,
      ),
    )
    assert.ok(stated.length > 15)
    assert.equal(
      stated.filter(file => found[file] !== 'FAIL'),
      [],
    )
  })
}

test.run()
