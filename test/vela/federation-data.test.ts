// Comparison and its events against recorded data: the events of real comparisons must be
// reproduced byte for byte, and synthetic frontiers, payloads and peers have stated verdicts. The
// data is read in place if it is present.

import * as fs from 'node:fs'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('vela/federation-data')

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

/** Registers a test that needs `file`; without the file it counts as skipped. */
function withFile(name: string, file: string, run: (file: string) => void): void {
  const found = shared(`vela/${file}`)
  if (found === undefined) skip(name, `vela/${file} is not at hand`)
  else test(name, () => run(found))
}

interface RecordedPass {
  target: { id: string }
  timestamp: string
  reason: string
  payload: { peer_id: string; our_snapshot_hash: string; peer_snapshot_hash: string; divergence_count: number }
}

withFile('all 81 real federation events come out again with equal ids and texts', 'bbb-flagship.events.json', file => {
  const real = new Map<string, string>()
  for (const { text } of vela.readLog(fs.readFileSync(file)).events()) {
    const event = vela.importEvent(text)
    if (event.head.kind.startsWith('frontier.')) real.set(event.head.id, textOf(event.text))
  }
  assert.is(real.size, 81)
  const passes = [...real.values()]
    .map((text): RecordedPass & { kind: string } => JSON.parse(text))
    .filter(({ kind }) => kind === 'frontier.synced_with_peer')
  assert.is(passes.length, 4)
  const frontier = (name: string) => vela.readFrontier(fs.readFileSync(shared(`vela/real-sync/${name}`)!))
  const [ours, peer] = [frontier('ours.bbb-alzheimer.json'), frontier('peer.bbb-alzheimer.json')]
  const made = passes.flatMap(({ target, timestamp, payload }) => {
    const { peer_id, divergence_count, ...hashes } = payload
    const pass = { peer: peer_id, at: timestamp, frontier: target.id }
    if (payload.peer_snapshot_hash === '') return brokenPass({ ...pass, ...hashes })
    const conflicts = vela.diffFrontiers(ours, divergence_count === 0 ? ours : peer)
    assert.is(conflicts.length, divergence_count)
    return vela.recordSync({ ...hashes, conflicts }, pass).events
  })
  assert.is(made.length, 81)
  assert.equal(new Map(made.map(({ text, head }) => [head.id, textOf(text)])), new Map([...real].sort(byMade(made))))
})

/** The comparison whose locator returned no frontier. */
function brokenPass({
  our_snapshot_hash,
  ...pass
}: vela.ComparisonRun & { frontier: string; our_snapshot_hash: string }) {
  const locator = 'https://raw.githubusercontent.com/vela-science/vela/main/frontiers/bbb-alzheimer.json'
  const failure = { vfr_id: 'vfr_093f7f15b6c79386', locator, status: 404 }
  return vela.recordLocatorFailure({ id: pass.frontier, snapshot_hash: our_snapshot_hash }, failure, pass).events
}

function byMade(made: readonly vela.LoggedEvent[]): (a: [string, string], b: [string, string]) => number {
  const ids = made.map(({ head }) => head.id)
  return ([a], [b]) => ids.indexOf(a) - ids.indexOf(b)
}

interface Comparison {
  name: string
  peer_id: string
  now: string
  expected: {
    our_snapshot_hash: string
    peer_snapshot_hash: string
    conflicts: unknown[]
    events_appended: number
    events: unknown[]
  }
}

withFile('all made-up comparisons give their hashes, conflicts and events', 'synthetic/conflicts.json', file => {
  const cases = vela.parseJson(fs.readFileSync(file)) as Map<string, vela.Json>[]
  const plainCases: Comparison[] = JSON.parse(fs.readFileSync(file, 'utf8'))
  assert.is(cases.length, 10)
  for (const [index, { name, peer_id, now, expected }] of plainCases.entries()) {
    const side = (member: string) => vela.readFrontier(vela.printJson(cases[index]!.get(member)!))
    const { report, events } = vela.syncWithPeer(side('ours'), side('theirs'), { peer: peer_id, at: now })
    const { events: wanted, ...rest } = expected
    assert.equal(plain(report), { peer_id, ...rest }, name)
    assert.equal(
      events.map(({ text }) => JSON.parse(textOf(text))),
      wanted,
      name,
    )
    assert.equal(
      events.map(({ text }) => textOf(text)),
      (cases[index]!.get('expected') as Map<string, vela.Json[]>).get('events')!.map(vela.printJson),
      name,
    )
  }
})

withFile('ours against the real peer gives exactly the 38 known conflicts', 'expected.json', file => {
  const { conflicts_ours_vs_peer: known } = JSON.parse(fs.readFileSync(file, 'utf8')).real_sync
  const frontier = (name: string) => vela.readFrontier(fs.readFileSync(shared(`vela/real-sync/${name}`)!))
  const conflicts = vela.diffFrontiers(frontier('ours.bbb-alzheimer.json'), frontier('peer.bbb-alzheimer.json'))
  assert.is(conflicts.length, 38)
  assert.equal(conflicts, known)
})

withFile('payloads of federation events get the verdicts of the reference', 'synthetic/payloads.json', file => {
  const cases: { kind: string; reference_accepts: boolean }[] = JSON.parse(fs.readFileSync(file, 'utf8'))
  const parsed = vela.parseJson(fs.readFileSync(file)) as Map<string, vela.Json>[]
  for (const [index, { kind, reference_accepts: accepts }] of cases.entries()) {
    const check = () => vela.checkFrontierPayload(kind, parsed[index]!.get('payload')!)
    if (accepts) assert.not.throws(check)
    else assert.throws(check, (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'))
  }
})

withFile('made-up peers get the verdicts of the reference', 'synthetic/peers.json', file => {
  const cases: { peer: unknown; reference_accepts: boolean; field: string | null }[] = JSON.parse(
    fs.readFileSync(file, 'utf8'),
  )
  const codes = { id: 'ERR_PEER_ID', url: 'ERR_PEER_URL', public_key: 'ERR_KEY' } as const
  for (const { peer, reference_accepts: accepts, field } of cases) {
    const read = () => vela.readPeerHubs(utf8(JSON.stringify([peer])))
    if (accepts) assert.equal(read(), [peer])
    else assert.throws(read, (error: unknown) => hasCode(error, codes[field as keyof typeof codes]))
  }
})

withFile('the real list of peers is read and printed again', 'bbb-flagship.peers.json', file => {
  const peers = vela.readPeerHubs(fs.readFileSync(file))
  assert.is(peers.length, 1)
  assert.is(`[${peers.map(vela.printPeerHub).join()}]`, vela.canonicalize(fs.readFileSync(file)))
})

test.run()
