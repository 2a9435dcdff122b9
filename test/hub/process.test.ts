// A hub as a process of its own, on disk, with frontiers that Vela published: what it serves by HTTP while peers sync with it
// over the WebSocket of the same port, checked as a stranger would check it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { verify } from '../../src/crypto/ed25519.ts'
import { Replica } from '../../src/replica/replica.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { contentHashes, continueDiscovery, readRegistry, startDiscovery, verifyEntry } from '../../src/vela/index.ts'
import { Desk } from '../cli/in-process.ts'
import { mainFile } from '../cli/shell.ts'
import { draft } from '../replica/drafts.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('hub/process')

interface Running extends AsyncDisposable {
  readonly url: string
  readonly base: string
}

async function serveProcess(cwd: string): Promise<Running> {
  const child = spawn(process.execPath, [mainFile, 'serve', '--listen', '127.0.0.1:0', '--json'], { cwd })
  const ended = once(child, 'close')
  const [line] = await once(child.stdout, 'data')
  const { url } = JSON.parse(String(line))
  return {
    url,
    base: url.replace(/^ws/, 'http'),
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      const [code] = await ended
      assert.is(code, 0)
    },
  }
}

/** Discovers a frontier at a hub as a client of Vela hubs does, and answers with what came of it. */
async function discover(base: string, frontier: string, ownerKey: string) {
  let step = startDiscovery({
    hub: base,
    frontier,
    ownerKey,
    verify,
    snapshotHashes: content => contentHashes(content).snapshots,
    eventLogHashes: content => contentHashes(content).logs,
    policy: { allowPrivate: true, allowPlain: true },
  })
  while ('fetch' in step) {
    const answer = await fetch(step.fetch.url, { redirect: 'manual' })
    const body = new Uint8Array(await answer.arrayBuffer())
    step = continueDiscovery(step.state, { status: answer.status, body })
  }
  return step.result
}

test('frontiers that Vela published are listed, discovered and verified from a hub that imported them', async () => {
  const name = 'frontiers that Vela published are listed, discovered and verified from a hub that imported them'
  const folder = shared('vela/frontiers')
  if (folder === undefined) return skip(name, '../shared is absent')
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  const files = (await fs.readdir(folder)).filter(file => file.endsWith('.json'))
  for (const file of files) assert.is((await desk.run('lab', ['import', path.join(folder, file)])).exit, 0, file)
  await using hub = await serveProcess(desk.dir.join('lab'))
  const { entries, refused } = readRegistry(await (await fetch(`${hub.base}/entries`)).text())
  assert.equal(refused, [])
  assert.is(entries.length, files.length)
  for (const entry of entries) {
    assert.ok(verifyEntry(entry, verify))
    const result = await discover(hub.base, entry.vfr_id, entry.owner_pubkey)
    assert.is(result.kind, 'Resolved', entry.vfr_id)
  }
})

test('an entry resolves while a peer pushes and others read', async () => {
  await using desk = await Desk.open()
  await desk.run('lab', ['init'])
  const made = (await desk.json('lab', ['frontier', 'create', '--name', 'One'])).value
  const laptop = await Replica.open({ location: new MemoryStore(), hubId: 'hub:laptop' })
  const { frontier } = made
  const add = ['peer', 'add', 'hub:laptop', 'wss://laptop.example', '--key', laptop.key.publicKey]
  assert.is((await desk.run('lab', add)).exit, 0)
  await using hub = await serveProcess(desk.dir.join('lab'))
  const { manifest, signature } = (await (await fetch(`${hub.base}/.well-known/vela`)).json()) as Record<
    string,
    Record<string, string>
  >
  assert.is(manifest!.site, hub.base)
  const publicKey = signature!.pubkey!
  await laptop.registry(frontier).add({ id: 'hub:lab', url: hub.url, publicKey })
  await laptop.pull(frontier, 'hub:lab')
  const endings = new Set<string>()
  for (let round = 0; round < 5; round += 1) {
    for (let i = 0; i < 20; i += 1) await laptop.append(frontier, draft(`round ${round}, note ${i}`))
    const [report, result] = await Promise.all([
      laptop.push(frontier, 'hub:lab'),
      discover(hub.base, frontier, publicKey),
      fetch(`${hub.base}/entries/${frontier}/events?limit=500`).then(answer => answer.json()),
    ])
    assert.is(report.admitted, 20)
    endings.add(result.kind)
  }
  assert.equal([...endings], ['Resolved'])
  const heads = (await (await fetch(`${hub.base}/frontiers/${frontier}/heads`)).json()) as { heads_digest: string }
  assert.is(heads.heads_digest, laptop.headsDigest(frontier))
  const metrics = await (await fetch(`${hub.base}/metrics`)).text()
  assert.ok(Number(/^replica_resident_bytes (\d+)$/m.exec(metrics)?.[1]) > 10_000_000)
  assert.match(metrics, /^replica_nodes_admitted_total 100$/m)
  assert.match(metrics, /^replica_http_answers_total\{status="5xx"\} 0$/m)
  await laptop.close()
})

test.run()
