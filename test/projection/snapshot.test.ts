// Imports and exports of whole frontiers: an export equals its import, on other replicas too, and
// has later changes.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { Hub } from '../../src/hub/hub.ts'
import { printBase, readBase } from '../../src/projection/files/base-document.ts'
import { importFrontier } from '../../src/projection/files/import-file.ts'
import { joinFrontier } from '../../src/projection/files/join.ts'
import { baseDocuments, exportFrontier } from '../../src/projection/files/snapshot.ts'
import { splitFrontier } from '../../src/projection/files/split.ts'
import { FrontierProjection } from '../../src/projection/frontier-projection.ts'
import { contextOf, Replica } from '../../src/replica/replica.ts'
import * as vela from '../../src/vela/index.ts'
import { type Scratch, scratch, shared, skip } from '../shared-data.ts'
import { signed, signer } from '../vela/signers.ts'
import { finding } from '../vela/state/logs.ts'

const test = suite('projection/snapshot')

const exact = (bytes: Uint8Array | string): string => vela.printJson(vela.parseJson(bytes, { numbers: 'exact' }))
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

/** Returns all frontier files of the shared data. */
function frontierFiles(): string[] {
  const root = shared('vela')
  if (root === undefined) return []
  const files = fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.json'))
  return files
    .map(name => path.join(root, name))
    .filter(file => {
      const value = JSON.parse(fs.readFileSync(file, 'utf8'))
      return 'findings' in value && 'frontier' in value && 'stats' in value
    })
    .sort()
}

const files = frontierFiles()
if (files.length === 0) skip('whole frontiers of other people', 'shared/vela is not at hand')

for (const file of files) {
  const name = path.relative(shared('vela')!, file)
  test(`${name} is exported as it was imported, and a second import adds nothing`, async () => {
    await using dir = await scratch()
    const bytes = fs.readFileSync(file)
    await using replica = await Replica.open({ location: dir.join('one'), create: true })
    const parts = splitFrontier(bytes)
    const frontier = parts.frontier!
    const report = await importFrontier(replica, { frontier, parts })
    assert.equal(report.refused, [])
    assert.not(report.baseKnown)
    const { file: whole, text } = await exportFrontier(replica, frontier)
    assert.is(textOf(text), exact(bytes))
    const original = vela.readFrontier(bytes)
    assert.is(whole.id, original.id)
    assert.is(vela.snapshotHash(whole), vela.snapshotHash(original))
    assert.is(vela.eventLogHash(whole.events, 'full'), vela.eventLogHash(original.events, 'full'))
    const digest = replica.headsDigest(frontier)
    const again = await importFrontier(replica, { frontier, parts: splitFrontier(text) })
    assert.equal([again.added, again.baseKnown, again.documents], [0, true, 0])
    assert.is(replica.headsDigest(frontier), digest)
  })
}

const target = 'vf_0000000000000001'

/**
 * Returns a small frontier with every feature: unsorted events, one with missing members, and a
 * thin one.
 */
function small(): { text: string; frontier: string; body: Map<string, vela.Json> } {
  const body = finding(target)
  const proposal = {
    id: 'vpr_00000000000000aa',
    schema: 'vela.proposal.v0.1',
    kind: 'finding.add',
    payload: { finding: body },
  }
  const asserted = vela.makeEvent({
    kind: 'finding.asserted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ada' },
    reason: 'first',
    timestamp: '2026-01-02T00:00:00Z',
    after_hash: vela.findingHash(body),
    payload: { proposal_id: proposal.id },
  })
  const noted = vela.makeEvent({
    kind: 'finding.noted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ada' },
    reason: 'n',
    timestamp: '2026-01-01T00:00:00Z',
    payload: { annotation_id: 'ann_1', text: 'older by its clock' },
  })
  const short = new Map(vela.parseJson(noted.text, { numbers: 'exact' }) as Map<string, vela.Json>)
  short.delete('caveats')
  const members = vela.toJson({
    vela_version: '0.10.0',
    schema: 'https://vela.science/schema/finding-bundle/v0.10.0',
    frontier_id: 'vfr_00000000000000ff',
    frontier: { name: 'Small', description: '', compiled_at: '2026-01-03T00:00:00Z', compiler: 'test/1' },
    stats: { findings: 1, event_count: 2 },
    _meta: { number: vela.JsonNumber.float(1), big: 18446744073709551615n },
    findings: [body, finding('vf_0000000000000002')],
    proposals: [proposal, { id: 'vpr_00000000000000bb', schema: 'vela.proposal.v0.1', kind: 'x', payload: null }],
    events: [vela.parseJson(asserted.text), short],
  })
  return { text: vela.printJson(members), frontier: 'vfr_00000000000000ff', body }
}

async function open(dir: Scratch, name: string): Promise<Replica> {
  return Replica.open({ location: dir.join(name), create: true })
}

test('the event that names a proposal links it, and the first event the base document', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  const report = await importFrontier(replica, { frontier, parts: splitFrontier(utf8(text)) })
  assert.equal([report.added, report.documents, report.baseKnown], [2, 2, false])
  const links: number[] = []
  for await (const node of replica.nodes(frontier)) links.push(node.links.length)
  assert.equal(links, [2, 0])
  assert.is(textOf((await exportFrontier(replica, frontier)).text), text)
})

test('an export has later changes, and everything else unchanged', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  await importFrontier(replica, { frontier, parts: splitFrontier(utf8(text)) })
  await replica.append(frontier, {
    kind: 'finding.retracted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ben' },
    reason: 'wrong',
    timestamp: '2026-02-01T00:00:00Z',
    payload: {},
  })
  const before = vela.readFrontier(text)
  const { file } = await exportFrontier(replica, frontier)
  assert.equal(
    file.findings.map(({ id, retracted }) => [id, retracted]),
    [
      [target, true],
      ['vf_0000000000000002', false],
    ],
  )
  assert.is(vela.printJson(new Map(file.findings[1]!.body)), vela.printJson(new Map(before.findings[1]!.body)))
  assert.equal(
    file.events.map(({ head }) => head.kind),
    ['finding.asserted', 'finding.noted', 'finding.retracted'],
  )
  assert.is(vela.printJson(file.members.get('_meta')!), '{"big":18446744073709551615,"number":1.0}')
  assert.is(vela.printJson(file.members.get('stats')!), '{"event_count":3,"findings":2}')
  // The export is imported by another replica as the same frontier.
  await using other = await open(dir, 'two')
  const printed = (await exportFrontier(replica, frontier)).text
  await importFrontier(other, { frontier, parts: splitFrontier(printed) })
  assert.is(textOf((await exportFrontier(other, frontier)).text), textOf(printed))
})

test('a newer version of a frontier is imported, also if it has no new event', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  await importFrontier(replica, { frontier, parts: splitFrontier(utf8(text)) })
  const renamed = text.replace('"name":"Small"', '"name":"Renamed"')
  const report = await importFrontier(replica, { frontier, parts: splitFrontier(utf8(renamed)) })
  assert.equal([report.added, report.documents, report.baseKnown], [0, 1, false])
  assert.is(textOf((await exportFrontier(replica, frontier)).text), renamed)
  const heads = replica.headsDigest(frontier)
  assert.ok((await importFrontier(replica, { frontier, parts: splitFrontier(utf8(renamed)) })).baseKnown)
  assert.is(replica.headsDigest(frontier), heads)
})

test('a refused event is kept in the base document and not in the log', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  const wrong = text.replace('"reason":"first"', '"reason":"changed"')
  const report = await importFrontier(replica, { frontier, parts: splitFrontier(utf8(wrong)) })
  assert.equal(
    report.refused.map(({ code }) => code),
    ['ERR_EVENT_ID'],
  )
  assert.is(report.added, 1)
  assert.is(textOf((await exportFrontier(replica, frontier)).text), wrong)
})

test('an unreadable finding or event does not affect others', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  const members = new Map(vela.parseJson(text, { numbers: 'exact' }) as Map<string, vela.Json>)
  const [first, second] = members.get('findings') as Map<string, vela.Json>[]
  members.set('findings', [first!, new Map(second).set('confidence', new Map()), null])
  members.set('events', [{ id: 'vev_0' }, null, ...(members.get('events') as vela.Json[])].map(vela.toJson))
  const odd = vela.printJson(members)
  const parts = splitFrontier(utf8(odd))
  assert.equal(
    parts.unread.map(({ list, index, id }) => [list, index, id]),
    [
      ['findings', 1, 'vf_0000000000000002'],
      ['findings', 2, undefined],
    ],
  )
  const report = await importFrontier(replica, { frontier, parts })
  assert.equal(
    report.refused.map(({ index, code }) => [index, code]),
    [
      [0, 'ERR_EVENT_SHAPE'],
      [1, 'ERR_EVENT_SHAPE'],
    ],
  )
  assert.is(report.added, 2)
  assert.is(textOf((await exportFrontier(replica, frontier)).text), odd)
  // Later events apply to readable parts; the rest is unchanged.
  const about = { actor: { id: 'reviewer:ben' }, reason: 'r', payload: {} }
  for (const id of [target, 'vf_0000000000000002'])
    await replica.append(frontier, { kind: 'finding.retracted', target: { type: 'finding', id }, ...about })
  const { file } = await exportFrontier(replica, frontier)
  assert.equal(
    file.findings.map(({ id, retracted }) => [id, retracted]),
    [[target, true]],
  )
  assert.equal(
    file.unread.map(({ list, index }) => `${list} ${index}`),
    ['findings 1', 'findings 2', 'events 0', 'events 1'],
  )
})

test('a frontier without events or proposals is exported without them', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  const members = new Map(vela.parseJson(text) as Map<string, vela.Json>)
  for (const member of ['events', 'proposals']) members.delete(member)
  const bare = vela.printJson(members)
  const report = await importFrontier(replica, { frontier, parts: splitFrontier(utf8(bare)) })
  assert.equal([report.read, report.documents], [0, 1])
  assert.is(textOf((await exportFrontier(replica, frontier)).text), bare)
})

test('a frontier that is one level too deep for a document is refused', () => {
  const { text } = small()
  const nested = (levels: number): Uint8Array =>
    utf8(text.replace('"_meta":', `"_deep":${'['.repeat(levels)}${']'.repeat(levels)},"_meta":`))
  assert.ok(splitFrontier(nested(125)))
  assert.throws(
    () => splitFrontier(nested(126)),
    (error: unknown) => hasCode(error, 'ERR_JSON'),
  )
})

test('an unusable candidate for the base document is ignored', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  await importFrontier(replica, { frontier, parts: splitFrontier(utf8(text)) })
  const { documents } = contextOf(replica).frontier(frontier)
  const bad = [
    printBase({ frontier, members: new Map(), events: [], proposals: undefined, files: undefined }),
    printBase({
      frontier,
      members: splitMembers(text),
      events: [],
      proposals: [{ link: { codec: 'raw', digest: sha256(utf8('elsewhere')) } }],
      files: undefined,
    }),
    utf8('{"events":[1'),
  ]
  const links = await Promise.all(bad.map(bytes => documents.put(bytes)))
  const event = {
    kind: 'finding.noted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:eve' },
    reason: 'with documents',
    timestamp: '2026-04-01T00:00:00Z',
    payload: { annotation_id: 'ann_2', text: 'x' },
  }
  await replica.append(frontier, event, { links })
  let linked = 0
  for await (const node of replica.nodes(frontier)) linked += node.links.length
  assert.is(linked, 2 + links.length)
  const { file } = await exportFrontier(replica, frontier)
  assert.is(vela.printJson(file.members.get('_meta')!), '{"big":18446744073709551615,"number":1.0}')
  assert.is(file.events.length, 3)
})

function splitMembers(text: string): Map<string, vela.Json> {
  const members = new Map(vela.parseJson(text) as Map<string, vela.Json>)
  for (const member of ['events', 'proposals']) members.delete(member)
  return members
}

test('a log without a base document is exported as a frontier of its findings', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { frontier } = await replica.createFrontier({ name: 'Bare' })
  await replica.append(frontier, {
    kind: 'finding.asserted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ada' },
    reason: 'first',
    timestamp: '2026-01-02T00:00:00Z',
    payload: { finding: finding(target) },
  })
  const { file } = await exportFrontier(replica, frontier)
  assert.is(file.id, frontier)
  assert.is((file.members.get('frontier') as Map<string, vela.Json>).get('name'), 'Bare')
  assert.equal(
    file.findings.map(({ id }) => id),
    [target],
  )
  assert.is(file.events.length, 2)
})

/**
 * Opens two hubs with each other's events, after each revised the same score; with both events in
 * replay order.
 */
async function wentOnApart(dir: Scratch) {
  const hub = await Hub.listen({ location: dir.join('hub'), create: true, port: 0 })
  const { text, frontier } = small()
  await importFrontier(hub.replica, { frontier, parts: splitFrontier(utf8(text)) })
  const { replica: other } = await Replica.clone(hub.url, {
    location: dir.join('other'),
    hubId: 'hub:other',
    key: hub.replica.key.publicKey,
    frontier,
  })
  await hub.replica
    .registry(frontier)
    .add({ id: 'hub:other', url: 'wss://other.example', publicKey: other.key.publicKey })
  const [origin] = other.registry(frontier).list()
  const revise = (score: number, at: string) => ({
    kind: 'finding.confidence_revised',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ben' },
    reason: 'again',
    timestamp: at,
    payload: { previous_score: vela.JsonNumber.float(0.7), new_score: vela.JsonNumber.float(score) },
  })
  const made = [
    await hub.replica.append(frontier, revise(0.2, '2026-03-01T00:00:00Z')),
    await other.append(frontier, revise(0.9, '2026-03-02T00:00:00Z')),
  ].map(({ event: id }, at) => ({ id, score: at === 0 ? 0.2 : 0.9 }))
  const sync = async () => {
    await other.pull(frontier, origin!.id)
    await other.push(frontier, origin!.id)
  }
  await sync()
  made.sort((a, b) => (a.id < b.id ? -1 : 1))
  const close = async () => {
    await other.close()
    await hub.close()
  }
  return { hub, other, frontier, made, sync, [Symbol.asyncDispose]: close }
}

test('two hubs that diverged give the same bytes after a sync', async () => {
  await using dir = await scratch()
  await using apart = await wentOnApart(dir)
  const { hub, other, frontier, made } = apart
  const [one, two] = [await exportFrontier(hub.replica, frontier), await exportFrontier(other, frontier)]
  assert.is(hub.replica.headsDigest(frontier), other.headsDigest(frontier))
  assert.is(textOf(one.text), textOf(two.text))
  assert.is(one.file.findings[0]!.score, made[1]!.score)
})

for (const pick of [0, 1])
  test(`a choice of the ${pick === 0 ? 'former' : 'latter'} of two concurrent events is exported`, async () => {
    await using dir = await scratch()
    await using apart = await wentOnApart(dir)
    const { hub, other, frontier, made, sync } = apart
    const { id, score } = made[pick]!
    const choice = { finding_id: target, kind: 'confidence_diverged', event: id }
    const by = signer(1)
    const said = { conflict_event_id: 'vcx_1', resolved_by: 'reviewer:ada', resolution_note: 'x', choice }
    const draft = {
      kind: 'frontier.conflict_resolved',
      target: { type: 'frontier_observation', id: frontier },
      actor: { id: 'reviewer:ada' },
      reason: 'measured again',
      timestamp: '2026-03-03T00:00:00Z',
      payload: { ...said, signer: by.publicKey },
    }
    await hub.replica.append(frontier, signed(draft, by).text)
    await sync()
    for (const replica of [hub.replica, other]) {
      const projection = FrontierProjection.of(contextOf(replica), frontier)
      const view = await projection.update()
      assert.is(vela.viewRows(view).findings[0]!.confidence_score, score.toFixed(6))
      assert.is((await exportFrontier(replica, frontier)).file.findings[0]!.score, score)
    }
  })

/** Returns a file with other findings and actors, as a peer may import it. */
function replaced(text: string, id: string): string {
  const actors = [{ id, public_key: signer(9).publicKey, created_at: '2026-01-01T00:00:00Z' }]
  const members = new Map(vela.parseJson(text, { numbers: 'exact' }) as Map<string, vela.Json>)
  members.set('actors', vela.toJson(actors))
  members.set('findings', [finding('vf_0000000000000009')])
  return vela.printJson(members)
}

const documentsOf = async (replica: Replica, frontier: string) =>
  (await baseDocuments(replica, frontier)).map(({ counts, linkedBy }) => [counts, linkedBy.map(({ hub }) => hub)])

test('the owner’s base document is authoritative at both hubs, also after a key rotation', async () => {
  await using dir = await scratch()
  await using apart = await wentOnApart(dir)
  const { hub, other, frontier, sync } = apart
  const before = textOf((await exportFrontier(hub.replica, frontier)).text)
  const parts = splitFrontier(utf8(replaced(small().text, 'reviewer:eve')))
  const report = await importFrontier(other, { frontier, parts })
  assert.equal([report.baseKnown, report.baseCounts, report.documents], [false, false, 1])
  await sync()
  for (const replica of [hub.replica, other]) {
    assert.is(textOf((await exportFrontier(replica, frontier)).text), before)
    assert.equal(await documentsOf(replica, frontier), [
      [true, [hub.replica.hubId]],
      [false, ['hub:other']],
    ])
    const projection = FrontierProjection.of(contextOf(replica), frontier)
    const { findings } = vela.viewRows(await projection.update())
    assert.equal(
      findings.map(({ id }) => id),
      [target, 'vf_0000000000000002'],
    )
  }
  const { publicKey: key } = await hub.replica.rotateKey()
  await other.registry(frontier).rotate(hub.replica.hubId, key)
  const renamed = small().text.replace('"name":"Small"', '"name":"Renamed"')
  assert.ok((await importFrontier(hub.replica, { frontier, parts: splitFrontier(utf8(renamed)) })).baseCounts)
  await sync()
  for (const replica of [hub.replica, other]) assert.is(nameOf(await exportFrontier(replica, frontier)), 'Renamed')
})

test('an owner’s import is authoritative even if a peer linked it before; without one the last of any is', async () => {
  await using dir = await scratch()
  await using apart = await wentOnApart(dir)
  const { hub, other, frontier, sync } = apart
  const renamed = splitFrontier(utf8(small().text.replace('"name":"Small"', '"name":"Renamed"')))
  await importFrontier(other, { frontier, parts: renamed })
  await sync()
  assert.is(nameOf(await exportFrontier(hub.replica, frontier)), 'Small')
  const report = await importFrontier(hub.replica, { frontier, parts: renamed })
  assert.equal([report.baseKnown, report.baseCounts], [false, true])
  assert.ok((await importFrontier(hub.replica, { frontier, parts: renamed })).baseKnown)
  await sync()
  for (const replica of [hub.replica, other]) assert.is(nameOf(await exportFrontier(replica, frontier)), 'Renamed')
  const { frontier: bare } = await hub.replica.createFrontier({ name: 'Bare' })
  await other.track(bare)
  await other.registry(bare).add({ id: hub.replica.hubId, url: hub.url, publicKey: hub.replica.key.publicKey })
  await other.pull(bare, hub.replica.hubId)
  assert.equal(await baseDocuments(other, bare), [])
  const file = small().text.replace('vfr_00000000000000ff', bare)
  assert.ok((await importFrontier(other, { frontier: bare, parts: splitFrontier(utf8(file)) })).baseCounts)
  assert.is(nameOf(await exportFrontier(other, bare)), 'Small')
})

function nameOf({ file }: { file: vela.FrontierFile }): unknown {
  return (file.members.get('frontier') as Map<string, vela.Json>).get('name')
}

test('an event that precedes the base’s events in replay order counts at its place', async () => {
  const { text } = small()
  const parts = splitFrontier(utf8(text))
  const base = readBase(parts.base(parts.frontier!).bytes, parts.frontier!)!
  const log = parts.events.map(event => vela.importEvent(event))
  const proposals = (vela.parseJson(text) as Map<string, vela.Json[]>).get('proposals')!
  const entry = ({ text: stored, head }: { text: Uint8Array; head: vela.EventHead }) => ({
    text: stored,
    head,
    digest: toHex(sha256(stored)),
    counts: true,
  })
  const early = vela.makeEvent({
    kind: 'finding.retracted',
    target: { type: 'finding', id: target },
    actor: { id: 'reviewer:ben' },
    reason: 'before it was there',
    timestamp: '2025-01-01T00:00:00Z',
  })
  const joined = (events: readonly { text: Uint8Array; head: vela.EventHead }[]) => {
    const basis = { members: base.members, events: base.events }
    const { members } = joinFrontier(basis, events.map(entry), { proposals, authorities: vela.NO_AUTHORITIES })
    return (members.get('findings') as Map<string, vela.Json>[]).map(one => vela.readFinding(one).retracted)
  }
  // After the base's events it retracts; before the assertion of the finding it has no effect.
  assert.equal(joined([...log, early]), [true, false])
  assert.equal(joined([early, ...log]), [false, false])
})

test('the view of an import starts from its findings and proposals', async () => {
  await using dir = await scratch()
  await using replica = await open(dir, 'one')
  const { text, frontier } = small()
  await importFrontier(replica, { frontier, parts: splitFrontier(utf8(text)) })
  const view = await FrontierProjection.of(contextOf(replica), frontier).update()
  assert.equal(vela.viewProblems(view), [])
  assert.equal(
    vela.viewRows(view).findings.map(({ id, annotation_ids }) => [id, annotation_ids]),
    [
      [target, ['ann_1']],
      ['vf_0000000000000002', []],
    ],
  )
})

test('a foreign or broken document is not a base document', () => {
  const frontier = 'vfr_00000000000000ff'
  const good = printBase({ frontier, members: new Map(), events: [], proposals: undefined, files: undefined })
  assert.ok(readBase(good, frontier))
  assert.is(readBase(good, 'vfr_00000000000000fe'), undefined)
  for (const [from, to] of [
    ['"events":[]', '"events":["00"]'],
    ['"events":[]', '"events":[{"path":"../up"}]'],
    ['"events":[]', '"events":{}'],
    ['"members":{}', '"members":[]'],
    ['"members":{}', '"members":{},"files":[{"path":"/etc/passwd","text":""}]'],
    ['"members":{}', '"members":{},"proposals":[{"document":"bafy"}]'],
    ['frontier-base.v1', 'frontier-base.v2'],
    ['{', '['],
  ] as const)
    assert.is(readBase(utf8(textOf(good).replace(from, to)), frontier), undefined, to)
})

test.run()
