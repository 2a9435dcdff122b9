// Verifying a replica whose disk changed a byte: the fault is named, the rest is checked, and nothing damaged is served.

import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Replica } from '../../src/index.ts'
import { verifyFolder } from '../../src/replica/verify.ts'
import { scratch } from '../shared-data.ts'
import { codeOf, draft, FRONTIER, reasons, texts } from './drafts.ts'

const test = suite('replica/damage')

test('a damaged node is named, and all others are checked', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const made = await Replica.open({ location, create: true })
  await made.import(FRONTIER, () => texts(...Array.from({ length: 40 }, (_, i) => draft(`event ${i}`))))
  await made.close()
  await flipInLargestTable(path.join(location, 'log'))
  const report = await verifyFolder(location, { signatures: true })
  assert.is(report.ok, false)
  assert.ok(report.faults.length > 0)
  assert.ok(report.checked < 40, `${report.checked} nodes could be read`)
  const opened = Replica.open({ location })
  const replica = await opened.catch(() => undefined)
  if (replica === undefined) return
  await using open = replica
  assert.is(await codeOf(reasons(open)), 'ERR_STORE_CORRUPT')
})

test('a sound folder verifies as it does when it is open', async () => {
  await using dir = await scratch()
  const location = dir.join('store')
  const made = await Replica.open({ location, create: true })
  await made.import(FRONTIER, () => texts(draft('one'), draft('two')))
  await made.close()
  assert.equal(await verifyFolder(location, { signatures: true }), { ok: true, checked: 2, faults: [] })
})

async function flipInLargestTable(folder: string): Promise<void> {
  const files = (await fs.readdir(folder)).filter(name => name.endsWith('.ldb')).map(name => path.join(folder, name))
  const sized = await Promise.all(files.map(async file => ({ file, size: (await fs.stat(file)).size })))
  const [largest] = sized.sort((a, b) => b.size - a.size)
  const bytes = await fs.readFile(largest!.file)
  bytes[Math.floor(bytes.length / 3)]! ^= 0x40
  await fs.writeFile(largest!.file, bytes)
}

test.run()
