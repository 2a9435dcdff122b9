// The command publish, against a hub that has nodes of another key.

import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Key } from '../../src/crypto/key.ts'
import { Desk, type Json } from './in-process.ts'

const test = suite('cli/publish')

interface Scene extends AsyncDisposable {
  readonly desk: Desk
  readonly frontier: string
  /** `http://…` of the hub. */
  readonly web: string
  ada(...argv: string[]): Promise<{ exit: number; value: Json }>
}

/** Starts a hub that tracks the frontier of ada's store and has no nodes of it. */
async function scene(): Promise<Scene> {
  const desk = await Desk.open()
  const { value: ada } = await desk.json('.', ['init', 'ada', '--hub-id', 'hub:ada'])
  const { value: made } = await desk.json('ada', ['frontier', 'create', '--name', 'Of Ada'])
  const { frontier } = made
  await desk.json('.', ['init', 'lab', '--hub-id', 'hub:lab'])
  const peer = ['peer', 'add', 'hub:ada', 'wss://ada.example', '--key', ada.public_key, '--frontier', frontier]
  await desk.json('lab', peer)
  const hub = await desk.serve('lab')
  const { url, public_key: key } = hub.value
  await desk.json('ada', ['peer', 'add', 'hub:lab', url, '--key', key])
  return {
    desk,
    frontier,
    web: url.replace(/^ws/, 'http'),
    ada: (...argv) => desk.json('ada', argv),
    async [Symbol.asyncDispose]() {
      await hub.stop()
      await desk[Symbol.asyncDispose]()
    },
  }
}

const note = [
  'append',
  '--kind',
  'finding.noted',
  '--target',
  'finding:vf_1',
  '--actor',
  'reviewer:ada',
  '--reason',
  'r',
]

test('an owner’s entry is served by a hub with the same nodes, and waits on a hub that lacks them', async () => {
  await using at = await scene()
  assert.is((await at.ada('publish', 'hub:lab')).value.error.code, 'ERR_NOT_FOUND')
  await at.ada('push', 'hub:lab')
  const first = await at.ada('publish', 'hub:lab', '--owner', 'reviewer:ada', '--license', 'CC0-1.0')
  assert.equal([first.exit, first.value.served, first.value.duplicate], [0, true, false])
  assert.is(first.value.with_content, false)
  const served = (await (await fetch(`${at.web}/entries/${at.frontier}`)).json()) as Json
  assert.equal([served.owner_actor_id, served.license, served.name], ['reviewer:ada', 'CC0-1.0', 'Of Ada'])
  assert.is(served.latest_snapshot_hash, first.value.snapshot_hash)
  await at.ada(...note)
  const early = await at.ada('publish', at.web)
  assert.equal([early.exit, early.value.served], [1, false])
  assert.match(early.value.served_now, first.value.signed_publish_at)
  assert.match(early.value.waits, 'hashes')
  await at.ada('push', 'hub:lab')
  const now = (await (await fetch(`${at.web}/entries/${at.frontier}`)).json()) as Json
  assert.is(now.signed_publish_at, early.value.signed_publish_at)
})

test('only an owner can deprecate a frontier and transfer it to another key, once', async () => {
  await using at = await scene()
  await at.ada('push', 'hub:lab')
  await at.desk.json('.', ['clone', at.web.replace(/^http/, 'ws'), 'ben', '--key', await keyOf(at)])
  const foreign = await at.desk.json('ben', ['publish', at.web])
  assert.equal([foreign.exit, foreign.value.error.code], [1, 'ERR_ENTRY_OWNER'])
  const deprecate = ['publish', 'hub:lab', '--deprecate', '--reason', 'done']
  const ended = await at.ada(...deprecate)
  assert.equal([ended.exit, ended.value.published, ended.value.duplicate], [0, 'deprecated', false])
  assert.is((await at.ada(...deprecate)).value.error.code, 'ERR_ENTRY_STALE')
  const { publicKey } = Key.generate()
  const given = await at.ada('publish', 'hub:lab', '--rotate-to', publicKey, '--reason', 'a new desk')
  assert.equal([given.exit, given.value.published, given.value.owner_pubkey], [0, 'rotated', publicKey])
  assert.is((await at.ada('publish', 'hub:lab')).value.error.code, 'ERR_ENTRY_OWNER')
})

test('usage errors of publish are reported before a request is sent', async () => {
  await using at = await scene()
  const code = async (...argv: string[]): Promise<Json> => (await at.ada('publish', ...argv)).value.error.code
  assert.is(await code('hub:nobody'), 'ERR_PEER_UNKNOWN')
  assert.is(await code('hub:lab', '--deprecate'), 'ERR_USAGE')
  assert.is(await code('hub:lab', '--reason', 'why'), 'ERR_USAGE')
  assert.is(await code('hub:lab', '--rotate-to', 'AB', '--reason', 'why'), 'ERR_USAGE')
  assert.is(await code('http://hub.example'), 'ERR_PEER_URL')
  assert.is(await code('http://127.0.0.1:1'), 'ERR_FETCH')
})

async function keyOf(at: Scene): Promise<string> {
  return (await at.desk.json('lab', ['keys', 'show'])).value.public_key
}

test.run()
