// Whole frontiers of other people, read in place where they are at hand: the hashes that were published or computed of them
// elsewhere come out again.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/bytes.ts'
import { hasCode } from '../../src/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('vela frontier data')

interface LogValues {
  events: number
  distinct_ids: number
  event_log_hash: string
  event_log_hash_content_form: string
  event_hashes_in_file_order?: string[]
  merkle_root_of_preimages_in_file_order: string
  sha256_of_ids_in_timestamp_id_order: string
}

interface Values {
  log: LogValues
  chains?: Record<string, number>
  findings?: number
  frontier_id_from_meta?: string
  frontier_id_stored?: string | null
  snapshot_hash?: string
  snapshot_hash_of_file_as_is?: string
  checks?: { lock_event_log_hash_is: string; older_lock_event_log_hash_is?: string }
  published?: Record<string, Record<string, string>>
}

const expectedFile = shared('vela/expected.json')
const at = (name: string): string => shared(`vela/${name}`)!
const frontierAt = (name: string) => vela.readFrontier(fs.readFileSync(at(name)))
const hashOf = (text: string): string => toHex(sha256(utf8(text)))
const readJson = (name: string) => JSON.parse(fs.readFileSync(at(name), 'utf8'))

/** Events of a file, as a frontier's are read. */
function eventsAt(name: string): vela.EventReading[] {
  return [...vela.readLog(fs.readFileSync(at(name))).events()].map(({ text }) => vela.importEvent(text))
}

function checkLog(events: readonly vela.EventReading[], log: LogValues): void {
  assert.is(events.length, log.events)
  assert.is(new Set(events.map(({ head }) => head.id)).size, log.distinct_ids)
  assert.ok(events.every(({ head, computedId }) => head.id === computedId))
  assert.is(vela.eventLogHash(events, 'full'), log.event_log_hash)
  assert.is(vela.eventLogHash(events, 'content'), log.event_log_hash_content_form)
  assert.is(toHex(vela.logRoot(events)), log.merkle_root_of_preimages_in_file_order)
  assert.is(
    hashOf(
      vela
        .byTimestamp(events)
        .map(({ head }) => head.id)
        .join('\n'),
    ),
    log.sha256_of_ids_in_timestamp_id_order,
  )
  if (log.event_hashes_in_file_order === undefined) return
  assert.equal(
    events.map(({ text }) => vela.eventHash(text)),
    log.event_hashes_in_file_order,
  )
}

function checkChains(report: vela.ChainReport, chains: Record<string, number>): void {
  assert.is(report.targets, chains.targets_with_chain)
  assert.is(report.breaks.length, chains.chain_breaks)
  assert.is(report.equal, chains.finding_hash_equals_last_after_hash)
  assert.is(report.differ.length, chains.finding_hash_differs)
}

if (expectedFile === undefined) skip('hashes of whole frontiers', 'vela/expected.json is not at hand')
else {
  const expected = JSON.parse(fs.readFileSync(expectedFile, 'utf8'))

  const files: [string, string, Values][] = [
    ...Object.entries<Values>(expected.frontiers).map(([name, values]): [string, string, Values] => {
      const file = name.startsWith('real-sync/') ? `${name}.bbb-alzheimer.json` : `frontiers/${name}`
      return [name, file, values]
    }),
    ...Object.entries<Values>(expected.git_frontiers).map(([name, values]): [string, string, Values] => [
      name,
      `git-frontiers/${name}/frontier.json`,
      values,
    ]),
  ]

  for (const [name, file, values] of files) {
    test(`the frontier ${name} has the hashes that others found`, () => {
      const frontier = frontierAt(file)
      if (values.findings !== undefined) assert.is(frontier.findings.length, values.findings)
      assert.is(vela.snapshotHash(frontier), values.snapshot_hash ?? values.snapshot_hash_of_file_as_is)
      checkLog(frontier.events, values.log)
      if (values.chains !== undefined) checkChains(vela.checkChains(frontier.findings, frontier.events), values.chains)
      if (values.frontier_id_from_meta === undefined) return
      const members = new Map(frontier.members)
      for (const member of ['frontier_id', 'events']) members.delete(member)
      assert.is(vela.readFrontier(vela.printFrontier({ members })).id, values.frontier_id_from_meta)
      assert.is(frontier.id, values.frontier_id_stored ?? values.frontier_id_from_meta)
    })

    test(`the frontier ${name} is the same when it was printed and read again`, () => {
      const bytes = fs.readFileSync(at(file))
      const frontier = vela.readFrontier(bytes)
      const again = vela.readFrontier(vela.printFrontier(frontier))
      assert.is(vela.printFrontier(again), vela.printFrontier(frontier))
      assert.is(vela.eventLogHash(again.events, 'full'), vela.eventLogHash(frontier.events, 'full'))
      const { snapshots, logs } = vela.contentHashes(bytes)
      assert.is(snapshots[0], vela.snapshotHash(frontier))
      assert.ok(logs.includes(values.log.event_log_hash_content_form))
    })
  }

  for (const [name, values] of Object.entries<Values>(expected.git_frontiers)) {
    test(`locks, manifest and trace of ${name} come out again`, () => {
      const folder = `git-frontiers/${name}`
      const frontier = frontierAt(`${folder}/frontier.json`)
      const events = eventsAt(`${folder}/events.json`)
      const forms = new Map([
        ['full form', vela.eventLogHash(events, 'full')],
        ['content form', vela.eventLogHash(events, 'content')],
      ])
      const proposals = vela.proposalStateHash(frontier.members.get('proposals') as vela.Json[])
      for (const [lock, published] of Object.entries(values.published!)) {
        const { lock_event_log_hash_is: form, older_lock_event_log_hash_is: older } = values.checks!
        const logged = forms.get(lock === 'vela.lock' ? form : older!)
        assert.is(published.event_log_hash, `sha256:${logged}`)
        assert.is(published.snapshot_hash, `sha256:${vela.snapshotHash(frontier)}`)
        assert.is(published.proposal_state_hash, `sha256:${proposals}`)
        assert.is(published.frontier_id, frontier.id)
      }
      const lines = (file: string) =>
        fs
          .readFileSync(at(`${folder}/${file}`), 'utf8')
          .trimEnd()
          .split('\n')
      assert.equal(vela.eventManifest(events), lines('events.manifest.jsonl'))
      assert.equal(vela.replayTrace(events), lines('replay.trace.jsonl'))
    })
  }

  test('the log, the findings and the chains of bbb-flagship are as others found them', () => {
    const { log, chains } = expected['bbb-flagship']
    const events = eventsAt('bbb-flagship.events.json')
    checkLog(events, log)
    const bodies = vela.parseJson(fs.readFileSync(at('bbb-flagship.findings.json'))) as vela.Json[]
    checkChains(vela.checkChains(bodies.map(vela.readFinding), events), chains)
    const proofState = readJson('bbb-flagship.proof-state.json')
    assert.is(vela.eventLogHash([], 'full'), proofState.latest_packet.event_log_hash)
  })

  test('the real passes of sync recorded the hashes that their files have', () => {
    const known = expected.real_sync
    const ours = frontierAt('real-sync/ours.bbb-alzheimer.json')
    const peer = frontierAt('real-sync/peer.bbb-alzheimer.json')
    assert.is(vela.snapshotHash(ours), known.snapshot_hash_ours_as_is)
    assert.is(vela.snapshotHash(peer), known.snapshot_hash_peer_as_is)
    assert.is(vela.snapshotHash(peer, { reader: '0.40' }), known['snapshot_hash_peer_as_read_by_0.40'])
    const meta = new Map(ours.members.get('frontier') as Map<string, vela.Json>)
    meta.set('compiled_at', '2026-04-27T23:53:34.832570+00:00')
    const members = new Map(ours.members).set('frontier', meta).set('frontier_id', 'vfr_c686164a56697706')
    assert.is(vela.snapshotHash({ members }), known.snapshot_hash_ours_with_load_clock_of_third_sync)
  })

  test('the two frontiers of the conformance suite have the published hashes, and the pin is right', () => {
    const suiteOf = readJson('conformance/cross-frontier/expected.json')
    for (const side of ['frontier_a', 'frontier_b']) {
      const frontier = frontierAt(`conformance/cross-frontier/${suiteOf[side].path}`)
      assert.is(frontier.id, suiteOf[side].vfr_id)
      assert.is(vela.snapshotHash(frontier), suiteOf[side].snapshot_hash)
      assert.is(vela.eventLogHash(frontier.events, 'full'), suiteOf[side].event_log_hash)
      assert.equal(
        frontier.findings.map(({ id }) => id),
        [suiteOf[side].finding_id],
      )
    }
  })

  test('ids of findings are those of the conformance suite, and those that the findings of all files have', () => {
    const parsed = vela.parseJson(fs.readFileSync(at('conformance/id-generation.json'))) as Map<string, vela.Json>
    const cases = parsed.get('cases') as Map<string, vela.Json>[]
    assert.is(cases.length, expected.conformance['id-generation.json'][1])
    for (const item of cases) {
      const wanted = item.get('expected_output') as Map<string, vela.Json>
      assert.is(vela.findingId(item.get('input') as Map<string, vela.Json>), wanted.get('id'))
    }
    const bodies = vela.parseJson(fs.readFileSync(at('bbb-flagship.findings.json'))) as vela.Json[]
    const findings = files.flatMap(([, file]) => [...frontierAt(file).findings]).concat(bodies.map(vela.readFinding))
    assert.ok(findings.length > 300)
    assert.equal(
      findings.filter(({ id, body }) => vela.findingId(body) !== id).map(({ id }) => id),
      [],
    )
  })

  test('proposals have the ids of the conformance suite, published or computed', () => {
    const { cases } = readJson('conformance/proposal-idempotency.json')
    for (const { name, input, expected_output: wanted } of cases) {
      const id = vela.proposalId({ ...input, payload: vela.toJson(input.payload) })
      assert.is(id, wanted.id ?? expected.conformance['proposal-idempotency.json'][name])
    }
  })

  test('the logs of the cascade fixtures have the hashes that others found', () => {
    for (const [name, values] of Object.entries<{ event_log_hash: string; events: number }>(expected.cascade)) {
      const parsed = vela.parseJson(fs.readFileSync(at(`cascade/${name}`))) as Map<string, vela.Json>
      const events = (parsed.get('event_log') as vela.Json[]).map(event => vela.importEvent(vela.printJson(event)))
      assert.is(events.length, values.events)
      assert.is(vela.eventLogHash(events, 'full'), values.event_log_hash)
    }
  })

  test('every comparison of two frontiers gives the list that others found', () => {
    const frontiers = new Map<string, vela.Frontier>()
    const load = (file: string) => {
      if (!frontiers.has(file)) frontiers.set(file, frontierAt(file))
      return frontiers.get(file)!
    }
    assert.is(expected.comparisons.length, 21)
    for (const { ours, theirs, by_kind, sha256_of_canonical_conflict_list: hash } of expected.comparisons) {
      const conflicts = vela.diffFrontiers(load(ours), load(theirs))
      const counts: Record<string, number> = {}
      for (const { kind } of conflicts) counts[kind] = (counts[kind] ?? 0) + 1
      assert.equal(counts, by_kind, `${ours} ${theirs}`)
      assert.is(hashOf(vela.printJson(vela.toJson(conflicts))), hash, `${ours} ${theirs}`)
    }
  })
}

test('a frontier with one byte too many, or that is none, is refused with a code', () => {
  const refused = (text: string, code: 'ERR_FRONTIER' | 'ERR_JSON') =>
    assert.throws(
      () => vela.readFrontier(text),
      (error: unknown) => hasCode(error, code),
    )
  refused('[]', 'ERR_FRONTIER')
  refused('{}', 'ERR_FRONTIER')
  refused('{"schema":1,', 'ERR_JSON')
  refused('['.repeat(200), 'ERR_JSON')
  refused(`{"x":${'['.repeat(127)}${']'.repeat(127)}}`, 'ERR_JSON')
})

test.run()
