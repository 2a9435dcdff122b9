// Commands on a store whose texts are not all here: results say what they leave out, and results of
// a full store do not change. Spec: protocol/text.md, X20 to X23.

import * as fs from 'node:fs/promises'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { contextOf, Replica } from '../../src/replica/replica.ts'
import type { TextChange } from '../../src/store/store.ts'
import { Desk } from './in-process.ts'

const test = suite('cli/withheld')

async function made(): Promise<{ desk: Desk; frontier: string; change: (change: TextChange) => Promise<void> }> {
  const desk = await Desk.open()
  await desk.run('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  const { frontier } = (await desk.json('lab', ['frontier', 'create', '--name', 'One'])).value
  for (const reason of ['one', 'two'])
    await desk.run('lab', [
      ...['append', '--kind', 'finding.noted', '--target', 'finding:vf_1', '--actor', 'reviewer:ada'],
      ...['--reason', reason, '--payload', '{"annotation_id":"ann_1","text":"t"}'],
    ])
  const change = async (one: TextChange): Promise<void> => {
    await using replica = await Replica.open({ location: desk.dir.join('lab', '.replica') })
    await contextOf(replica).frontier(frontier).setTexts([one])
  }
  return { desk, frontier, change }
}

test('lists, comparisons, exports and the status state withheld texts, and only then', async () => {
  const { desk, frontier, change } = await made()
  await using _ = desk
  const commands = [['conflicts'], ['diff', frontier, frontier], ['export', '--out', 'all.json']]
  for (const command of commands) {
    const { value } = await desk.json('lab', command)
    assert.not('withheld' in value || 'erased' in value, command.join(' '))
  }
  assert.not('texts' in (await desk.json('lab', ['status'])).value.frontiers[0])
  await desk.run('lab', ['export', '--format', 'vela', '--out', 'whole.json'])
  await change({ seq: 1, state: 'left-out' })
  for (const command of commands) {
    const { value } = await desk.json('lab', command)
    assert.is(value.withheld, command[0] === 'diff' ? 2 : 1, command.join(' '))
  }
  const { texts } = (await desk.json('lab', ['status'])).value.frontiers[0]
  assert.equal(texts, { keeps: 'all', complete: true, here: 2, wanted: 0, left_out: 1, erased: 0, void: 0 })
  assert.match((await desk.run('lab', ['status'])).stdout, /texts of vfr_\w+: 2 here, 1 left out/)
  assert.match((await desk.run('lab', ['conflicts'])).stdout, /withheld: the texts of 1 node/)
  assert.match((await desk.run('lab', ['export'])).stderr, /1 event whose text is not here/)
  const compared = await desk.json('lab', ['compare', 'whole.json'])
  assert.equal([compared.exit, compared.value.error.code], [1, 'ERR_TEXT_WITHHELD'])
  assert.is((await desk.json('lab', ['compare', 'whole.json', '--dry-run'])).value.withheld, 1)
})

test('an export leaves out an erased event and says that the hashes differ', async () => {
  const { desk, change } = await made()
  await using _ = desk
  await change({ seq: 1, state: 'erased' })
  const { value } = await desk.json('lab', ['export', '--out', 'all.json'])
  assert.equal([value.events, value.erased, 'withheld' in value], [2, 1, false])
  assert.is(JSON.parse(await fs.readFile(desk.dir.join('lab', 'all.json'), 'utf8')).length, 2)
  const printed = await desk.run('lab', ['export', '--format', 'vela'])
  assert.match(printed.stderr, /1 erased event; hashes differ/)
  assert.not.match(printed.stdout, '"reason":"one"')
})

test.run()
