// The export of a frontier made here: it has all members that other readers require, correct
// counts, and the snapshot hash of its file.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { exportFrontier } from '../../src/projection/files/snapshot.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import * as vela from '../../src/vela/index.ts'
import { serve } from '../hub/site.ts'
import { finding } from '../vela/state/logs.ts'

const test = suite('projection/base-selection')

const target = 'vf_0000000000000001'
const about = { target: { type: 'finding', id: target }, actor: { id: 'reviewer:ada' }, reason: 'r' }

/** SHA-256 of a file's canonical text without the members that no snapshot hash covers. */
function plainHash(text: string | Uint8Array): string {
  const members = new Map(vela.parseJson(text, { numbers: 'exact' }) as Map<string, vela.Json>)
  for (const name of ['events', 'signatures', 'proof_state']) members.delete(name)
  return toHex(sha256(utf8(vela.printJson(members))))
}

async function withFinding(replica: Replica): Promise<string> {
  const { frontier } = await replica.createFrontier({ name: 'Made here' })
  const body = new Map(finding(target)).set('confidence', vela.toJson({ score: 1, components: { sample_strength: 1 } }))
  await replica.append(frontier, { ...about, kind: 'finding.asserted', payload: { finding: body } })
  return frontier
}

test('a frontier made here has every member of stats, computed from its state', async () => {
  await using replica = await Replica.open({ location: new MemoryStore() })
  const { frontier } = await replica.createFrontier({ name: 'Empty' })
  const stats = async (name: string): Promise<Record<string, number>> => {
    const { text } = await exportFrontier(replica, name)
    return JSON.parse(Buffer.from(text).toString('utf8')).stats
  }
  const empty = await stats(frontier)
  const required = ['findings', 'links', 'replicated', 'unreplicated', 'avg_confidence', 'gaps', 'negative_space']
  required.push('contested', 'categories', 'link_types', 'human_reviewed', 'confidence_distribution')
  for (const name of required) assert.ok(name in empty, name)
  assert.equal([empty.findings, empty.event_count], [0, 1])
  const other = await withFinding(replica)
  await replica.append(other, { ...about, kind: 'finding.reviewed', payload: { status: 'contested' } })
  const now = await stats(other)
  assert.equal([now.findings, now.contested, now.human_reviewed, now.event_count], [1, 1, 1, 3])
})

test('the compiler of a frontier made here has the form that the reference requires', async () => {
  const expected = [
    ['vela/0.735.0', 'vela/0.735.0'],
    ['replica/0.1.0', 'vela/0.700.0'],
    ['vela/0.7', 'vela/0.700.0'],
    ['vela/0.700.0-dev', 'vela/0.700.0'],
  ] as const
  for (const [creator, compiler] of expected) {
    await using replica = await Replica.open({ location: new MemoryStore() })
    const { frontier } = await replica.createFrontier({ name: 'Made here', creator })
    const { text } = await exportFrontier(replica, frontier)
    assert.is(JSON.parse(Buffer.from(text).toString('utf8')).frontier.compiler, compiler, creator)
  }
})

test('every reader computes the snapshot hash of an exported frontier from its file', async () => {
  await using replica = await Replica.open({ location: new MemoryStore() })
  const frontier = await withFinding(replica)
  const { file, text } = await exportFrontier(replica, frontier)
  const hash = plainHash(text)
  assert.is(vela.snapshotHash(file), hash)
  assert.is(vela.snapshotHash(file, { reader: '0.40' }), hash)
  assert.is(new Set(vela.contentHashes(text).snapshots).size, 1)
})

test('a hub’s entry of its own frontier has the hash of the snapshot that it serves, byte for byte', async () => {
  await using site = await serve({ notes: 2 })
  await site.hub.replica.append(site.frontier, {
    ...about,
    kind: 'finding.asserted',
    payload: { finding: finding(target) },
  })
  const entry = await site.json(`/entries/${site.frontier}`)
  const text = await (await site.get(`/entries/${site.frontier}/snapshot`)).text()
  assert.is(plainHash(text), entry.latest_snapshot_hash)
})

test.run()
