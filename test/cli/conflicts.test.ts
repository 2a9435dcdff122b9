// The commands about conflicts and the journal: two stores with concurrent events, their output,
// and the data that leaves a store only on request.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { fromHex, sha256, toHex } from '../../src/base/bytes.ts'
import { Desk } from './in-process.ts'

const test = suite('cli/conflicts')

function draft(kind: string, payload: object): string[] {
  const about = ['--kind', kind, '--target', 'finding:vf_1', '--actor', 'reviewer:ada', '--reason', 'why not']
  return ['append', ...about, '--payload', JSON.stringify(payload)]
}

const asserted = draft('finding.asserted', {
  finding: {
    id: 'vf_1',
    assertion: { text: 'It works.', type: 'mechanism', entities: [] },
    evidence: { evidence_spans: [] },
    confidence: { score: 0.7, basis: 'made up', method: 'llm_initial' },
    flags: { contested: false, retracted: false },
  },
})

test('a pull reports a conflict, which is listed, shown and explained until an event with both as ancestors settles it', async () => {
  await using desk = await Desk.open()
  await desk.run('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  await desk.run('lab', asserted)
  await using hub = await desk.serve('lab')
  const { url, public_key: key } = hub.value
  const ada = await desk.json('.', ['clone', url, 'ada', '--key', key, '--hub-id', 'hub:ada'])
  assert.not('conflicts_opened_count' in ada.value)
  assert.match((await desk.run('ada', ['conflicts'])).stdout, /^no conflicts in vfr_/)
  await desk.run('ada', draft('finding.confidence_revised', { new_score: 0.2 }))
  await desk.run('lab', draft('finding.confidence_revised', { new_score: 0.9 }))
  const pull = await desk.run('ada', ['pull', 'hub:lab'])
  assert.match(pull.stdout, /conflicts +1 opened/)
  const { value } = await desk.json('ada', ['conflicts', 'list', '--finding', 'vf_1'])
  const [{ id, values }] = value.conflicts
  assert.equal([...values].sort(), [0.2, 0.9])
  assert.equal((await desk.json('ada', ['conflicts', '--finding', 'vf_2'])).value.conflicts, [])
  assert.match((await desk.run('ada', ['conflicts', 'show', id])).stdout, /shown now +0\.[29]/)
  const explained = (await desk.run('ada', ['conflicts', 'explain', id])).stdout
  for (const part of ['hub:ada', 'hub:lab', 'why not', 'replica resolve', 'The events are concurrent'])
    assert.ok(explained.includes(part), part)
  assert.is((await desk.run('ada', ['conflicts', 'show', 'vcx_0000000000000000'])).exit, 1)
  await desk.run('ada', draft('finding.confidence_revised', { new_score: 0.5 }))
  assert.equal((await desk.json('ada', ['conflicts'])).value.conflicts, [])
  const kinds = (await desk.json('ada', ['journal'])).value.entries.map((entry: { kind: string }) => entry.kind)
  assert.ok(kinds.includes('conflicts.opened'), kinds.join())
})

test('an unauthorized resolution has no effect and is listed with the reason', async () => {
  await using desk = await Desk.open()
  await desk.run('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  const { value } = await desk.json('lab', ['frontier', 'create', '--name', 'One'])
  await desk.run('lab', asserted)
  const choice = { finding_id: 'vf_1', kind: 'confidence_diverged', value: 0.1 }
  const said = { conflict_event_id: 'vcx_0000000000000000', resolved_by: 'reviewer:ada', resolution_note: 'n', choice }
  const about = ['--kind', 'frontier.conflict_resolved', '--target', `frontier_observation:${value.frontier}`]
  const by = ['--actor', 'reviewer:ada', '--reason', 'r', '--payload', JSON.stringify(said)]
  const forged = (await desk.json('lab', ['append', ...about, ...by])).value
  const listed = (await desk.json('lab', ['conflicts', 'list', '--recorded'])).value
  assert.equal(listed.ignored, [{ event: forged.event, reason: 'the payload does not name the signer’s key' }])
  assert.match(
    (await desk.run('lab', ['conflicts', 'list', '--recorded'])).stdout,
    /has no effect: the payload does not name/,
  )
  await desk.run('lab', ['export', '--format', 'vela', '--out', 'whole.json'])
  const whole = JSON.parse(await fs.readFile(desk.dir.join('lab', 'whole.json'), 'utf8'))
  assert.is(whole.findings[0].confidence.score, 0.7)
})

test('the journal is exported with its signed bytes, and its events only on request', async () => {
  await using desk = await Desk.open()
  await desk.run('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  await desk.run('lab', ['frontier', 'create', '--name', 'One'])
  await desk.run('lab', asserted)
  await desk.run('lab', ['export', '--format', 'vela', '--out', 'whole.json'])
  await desk.run('lab', ['compare', 'whole.json'])
  const entries = (await desk.run('lab', ['journal', '--export'])).stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  assert.ok(entries.length > 0)
  for (const { entry, hash } of entries) assert.is(toHex(sha256(fromHex(entry)!)), hash)
  assert.equal(
    entries.slice(1).map(({ prev }) => prev),
    entries.slice(0, -1).map(({ hash }) => hash),
  )
  const kindsIn = async (...options: string[]): Promise<string[]> => {
    await desk.run('lab', ['export', '--format', 'jsonl', '--out', 'log.jsonl', ...options])
    const text = await fs.readFile(desk.dir.join('lab', 'log.jsonl'), 'utf8')
    return text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line).kind)
  }
  assert.equal(await kindsIn(), ['frontier.created', 'finding.asserted'])
  assert.equal(await kindsIn('--with-journal'), ['frontier.created', 'finding.asserted', 'frontier.synced_with_peer'])
  assert.is((await desk.run('lab', ['verify'])).exit, 0)
})

test.run()
