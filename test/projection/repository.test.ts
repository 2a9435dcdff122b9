// Imports and exports of `.vela` repositories, with two hubs and on the command line.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { readVelaFolder, velaRoot, writeVelaFolder } from '../../src/cli/files/vela-folder.ts'
import { Hub } from '../../src/hub/hub.ts'
import { importFrontier } from '../../src/projection/files/import-file.ts'
import { exportFrontier, exportRepository } from '../../src/projection/files/snapshot.ts'
import { splitFrontier, splitRepository } from '../../src/projection/files/split.ts'
import { Replica } from '../../src/replica/replica.ts'
import * as vela from '../../src/vela/index.ts'
import { Desk } from '../cli/in-process.ts'
import { type Scratch, scratch, shared, skip } from '../shared-data.ts'

const test = suite('projection/repository')

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')
const exact = (bytes: Uint8Array): string => vela.printJson(vela.parseJson(bytes, { numbers: 'exact' }))

/** Returns the files below a folder, JSON as canonical text. */
function contents(root: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of fs.readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = path.join(root, name)
    if (!fs.statSync(file).isFile()) continue
    const bytes = fs.readFileSync(file)
    found[name] = name.endsWith('.json') ? exact(bytes) : textOf(bytes)
  }
  return found
}

/** Writes one file per record of a bundle, indented as Vela does. */
function unbundle(folder: string, bundle: string): void {
  fs.mkdirSync(folder, { recursive: true })
  for (const record of vela.parseJson(fs.readFileSync(bundle), { numbers: 'exact' }) as Map<string, vela.Json>[])
    fs.writeFileSync(path.join(folder, `${record.get('id')}.json`), `\n ${vela.printJson(record)}\n`)
}

const bundles = shared('vela/bbb-flagship.events.json')
const frontier = 'vfr_1d802563e4c4b1d8'

/** Writes the repository of the bundles. */
function flagship(root: string): void {
  for (const kind of ['events', 'findings', 'proposals'])
    unbundle(path.join(root, '.vela', kind), bundles!.replace('.events.', `.${kind}.`))
  for (const kind of ['peers', 'proof-state'])
    fs.copyFileSync(bundles!.replace('.events.', `.${kind}.`), path.join(root, '.vela', `${kind}.json`))
  const config = 'name = "BBB"\ncompiler = "vela/0.8.0"\ndescription = ""\ncompiled_at = "2026-04-22T00:00:00Z"\n'
  fs.writeFileSync(path.join(root, '.vela', 'config.toml'), `${config}frontier_id = "${frontier}"\n`)
  fs.mkdirSync(path.join(root, 'artifacts'))
  fs.writeFileSync(path.join(root, 'artifacts', 'figure.bin'), Buffer.from([0xff, 0, 0xfe, 10]))
}

async function imported(dir: Scratch, name: string, root: string): Promise<Replica> {
  const replica = await Replica.open({ location: dir.join(name), create: true })
  const { files } = await readVelaFolder(root)
  await importFrontier(replica, { frontier, parts: splitRepository(files) })
  return replica
}

if (bundles === undefined) skip('the repository of bbb-flagship', 'vela/bbb-flagship.events.json is not at hand')
else {
  test('a repository is exported file for file, and as a frontier with its log in time order', async () => {
    await using dir = await scratch()
    flagship(dir.join('in'))
    await using replica = await imported(dir, 'one', dir.join('in'))
    await writeVelaFolder(dir.join('out'), await exportRepository(replica, frontier))
    assert.equal(contents(dir.join('out')), contents(dir.join('in')))
    const { file, text } = await exportFrontier(replica, frontier)
    const known = JSON.parse(fs.readFileSync(shared('vela/expected.json')!, 'utf8'))['bbb-flagship']
    assert.is(vela.eventLogHash(file.events, 'content'), known.log.event_log_hash_content_form)
    assert.equal(
      file.events.map(({ head }) => head.id),
      known.log.order_timestamp_id,
    )
    const chains = vela.checkChains(file.findings, file.events)
    assert.equal([chains.equal, chains.breaks.length], [188, 0])
    assert.is((file.members.get('proposals') as unknown[]).length, 191)
    await using again = await Replica.open({ location: dir.join('two'), create: true })
    await importFrontier(again, { frontier, parts: splitRepository((await readVelaFolder(dir.join('out'))).files) })
    assert.is(textOf((await exportFrontier(again, frontier)).text), textOf(text))
    await using asFile = await Replica.open({ location: dir.join('three'), create: true })
    await importFrontier(asFile, { frontier, parts: splitFrontier(text) })
    assert.is(textOf((await exportFrontier(asFile, frontier)).text), textOf(text))
  })

  test('a clone exports it byte for byte, and so does a hub that received a push', async () => {
    await using dir = await scratch()
    flagship(dir.join('in'))
    await using hub = await Hub.listen({ location: dir.join('hub'), create: true, port: 0 })
    await importFrontier(hub.replica, {
      frontier,
      parts: splitRepository((await readVelaFolder(dir.join('in'))).files),
    })
    const whole = textOf((await exportFrontier(hub.replica, frontier)).text)
    const options = { location: dir.join('clone'), key: hub.replica.key.publicKey, frontier, adoptRegistry: true }
    const { replica } = await Replica.clone(hub.url, options)
    await using clone = replica
    assert.is(textOf((await exportFrontier(clone, frontier)).text), whole)
    await writeVelaFolder(dir.join('out'), await exportRepository(clone, frontier))
    assert.equal(contents(dir.join('out')), contents(dir.join('in')))
    await using third = await Hub.listen({ location: dir.join('third'), create: true, port: 0 })
    await third.replica.registry(frontier).add({ id: 'hub:c', url: 'wss://c.example', publicKey: clone.key.publicKey })
    await third.replica.registry(frontier).add({ id: 'hub:a', url: hub.url, publicKey: hub.replica.key.publicKey })
    await clone.registry(frontier).add({ id: 'hub:third', url: third.url, publicKey: third.replica.key.publicKey })
    await clone.push(frontier, 'hub:third')
    assert.is(textOf((await exportFrontier(third.replica, frontier)).text), whole)
  })
}

const gits = shared('vela/git-frontiers')
if (gits === undefined) skip('repositories with a frontier.json', 'vela/git-frontiers is not at hand')
else {
  for (const name of fs.readdirSync(gits)) {
    test(`the repository of ${name} keeps the order and the hashes of its frontier.json`, async () => {
      await using dir = await scratch()
      const source = path.join(gits, name)
      const root = dir.join('in')
      unbundle(path.join(root, '.vela', 'events'), path.join(source, 'events.json'))
      fs.copyFileSync(path.join(source, 'actors.json'), path.join(root, '.vela', 'actors.json'))
      for (const file of ['frontier.json', 'vela.lock']) fs.copyFileSync(path.join(source, file), path.join(root, file))
      const original = vela.readFrontier(fs.readFileSync(path.join(source, 'frontier.json')))
      await using replica = await Replica.open({ location: dir.join('store'), create: true })
      const parts = splitRepository((await readVelaFolder(root)).files)
      assert.is(parts.frontier, original.id)
      await importFrontier(replica, { frontier: original.id, parts })
      const { file } = await exportFrontier(replica, original.id)
      assert.is(vela.snapshotHash(file), vela.snapshotHash(original))
      assert.is(vela.eventLogHash(file.events, 'full'), vela.eventLogHash(original.events, 'full'))
      await writeVelaFolder(dir.join('out'), await exportRepository(replica, original.id))
      assert.equal(contents(dir.join('out')), contents(root))
    })
  }

  test('on the command line a frontier file exported as repository is imported as the same frontier', async () => {
    await using desk = await Desk.open()
    const source = path.join(gits, fs.readdirSync(gits)[0]!, 'frontier.json')
    await desk.run('lab', ['init'])
    const { value: report } = await desk.json('lab', ['import', source])
    assert.is(report.base.known, false)
    const { value } = await desk.json('lab', ['export', '--format', 'vela-repo', '--out', '../repo'])
    assert.ok(value.events > 0)
    const refused = await desk.json('lab', ['export', '--format', 'vela-repo', '--out', '../repo'])
    assert.is(refused.value.error.code, 'ERR_USAGE')
    await desk.run('ben', ['init'])
    const { value: back } = await desk.json('ben', ['import', '../repo'])
    assert.equal([back.frontier, back.refused_count], [report.frontier, 0])
    for (const place of ['lab', 'ben']) {
      await desk.json(place, ['export', '--format', 'vela', '--out', `../${place}.json`])
      assert.is(exact(fs.readFileSync(desk.dir.join(`${place}.json`))), exact(fs.readFileSync(source)), place)
    }
  })
}

test('entries among the events of a repository that are not events are exported unchanged', async () => {
  await using dir = await scratch()
  const place = (name: string) => path.join('repo/.vela/events', name)
  fs.mkdirSync(dir.join('repo/.vela/events'), { recursive: true })
  const odd: [string, Uint8Array][] = [
    ['vev_1.json', Buffer.from('garbage\n')],
    ['vev_2.json', Buffer.from([0xff, 0xfe, 0x00])],
  ]
  for (const [name, bytes] of odd) fs.writeFileSync(dir.join(place(name)), bytes)
  await using replica = await Replica.open({ location: dir.join('store'), create: true })
  const split = async (root: string) => splitRepository((await readVelaFolder(root)).files)
  const report = await importFrontier(replica, { frontier, parts: await split(dir.join('repo')) })
  assert.is(report.refusedCount, 2)
  await writeVelaFolder(dir.join('out'), await exportRepository(replica, frontier))
  for (const [name, bytes] of odd)
    assert.equal(fs.readFileSync(dir.join(place(name).replace('repo', 'out'))), Buffer.from(bytes), name)
  assert.ok((await importFrontier(replica, { frontier, parts: await split(dir.join('out')) })).baseKnown)
  assert.is((await exportFrontier(replica, frontier)).file.events.length, 0)
})

test('events that only carry documents are in no list of events', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  const meta = { name: 'Empty', description: '', compiled_at: '2026-01-01T00:00:00Z', compiler: 'vela/0.40.0' }
  const empty = { vela_version: '0.40.0', schema: 'x', frontier: meta, stats: {}, findings: [] }
  fs.writeFileSync(desk.dir.join('empty.json'), JSON.stringify(empty))
  const { value } = await desk.json('lab', ['import', '../empty.json'])
  assert.equal([value.read, value.base.documents], [0, 1])
  for (const format of ['events', 'jsonl'])
    await desk.json('lab', ['export', '--format', format, '--out', `../${format}`])
  assert.is(fs.readFileSync(desk.dir.join('events'), 'utf8'), '[]\n')
  assert.is(fs.readFileSync(desk.dir.join('jsonl'), 'utf8'), '')
  const all = await desk.json('lab', ['export', '--all', '--out', '../all'])
  assert.is(all.value.events, 1)
  await desk.run('ben', ['init'])
  assert.is((await desk.run('ben', ['import', '../events', '--frontier', value.frontier])).exit, 0)
})

test('links, keys and special files of a repository are left out and listed, and nothing outside is read', async () => {
  await using dir = await scratch()
  fs.mkdirSync(dir.join('repo/.vela/events'), { recursive: true })
  fs.mkdirSync(dir.join('repo/sources'))
  fs.writeFileSync(dir.join('secret'), 'secret')
  fs.writeFileSync(dir.join('repo/.vela/config.toml'), 'name = "x"')
  fs.writeFileSync(dir.join('repo/.vela/private.key'), 'secret')
  fs.writeFileSync(dir.join('repo/sources/one.txt'), 'one')
  fs.writeFileSync(dir.join('repo/elsewhere.txt'), 'not of the frontier')
  fs.symlinkSync(dir.join('secret'), dir.join('repo/.vela/events/vev_0000000000000001.json'))
  fs.symlinkSync(dir.path, dir.join('repo/artifacts'))
  const { files, skipped } = await readVelaFolder(dir.join('repo'))
  assert.equal(
    files.map(({ path: name }) => name),
    ['.vela/config.toml', 'sources/one.txt'],
  )
  assert.equal([...skipped].sort(), ['.vela/events/vev_0000000000000001.json', '.vela/private.key', 'artifacts'])
  assert.is(await velaRoot(dir.join('repo/.vela')), dir.join('repo'))
  assert.is(await velaRoot(dir.join('repo/sources')), undefined)
})

test('too deep folders and paths that leave the folder are refused', async () => {
  await using dir = await scratch()
  fs.mkdirSync(dir.join(`repo/.vela/${'d/'.repeat(20)}`), { recursive: true })
  fs.writeFileSync(dir.join(`repo/.vela/${'d/'.repeat(20)}x`), '')
  const refusal = await readVelaFolder(dir.join('repo')).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(hasCode(refusal, 'ERR_USAGE'))
  for (const name of ['../up.json', '/root.json', '.vela/../../up', 'a//b', 'c:\\x', ''])
    assert.throws(
      () => splitRepository([{ path: name, bytes: new Uint8Array() }]),
      (error: unknown) => hasCode(error, 'ERR_FRONTIER'),
    )
})

test('an export into a used folder writes nothing', async () => {
  await using dir = await scratch()
  fs.mkdirSync(dir.join('full'))
  fs.writeFileSync(dir.join('full/mine'), 'mine')
  fs.mkdirSync(dir.join('empty'))
  const files = [{ path: '.vela/config.toml', bytes: Buffer.from('x') }]
  const refusal = await writeVelaFolder(dir.join('full'), files).then(
    () => undefined,
    (error: unknown) => error,
  )
  assert.ok(hasCode(refusal, 'ERR_USAGE'))
  await writeVelaFolder(dir.join('empty'), files)
  assert.equal(contents(dir.path), { 'empty/.vela/config.toml': 'x', 'full/mine': 'mine' })
})

test.run()
