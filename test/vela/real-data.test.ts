// Published vectors and logs, read in place if they are present: ids, hashes and signatures are
// reproduced, and the files of JSON test suites are accepted or refused as stated.

import * as crypto from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'

const test = suite('vela/real-data')

/** Registers a test that needs `file`; without the file it counts as skipped. */
function withFile(name: string, file: string, run: (file: string) => void): void {
  const found = shared(file)
  if (found === undefined) skip(name, `${file} is not at hand`)
  else test(name, () => run(found))
}

const readJson = (file: string) => JSON.parse(fs.readFileSync(file, 'utf8'))
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const hashOf = (text: string): string => toHex(sha256(Buffer.from(text)))

interface Line {
  text: string
  ok: boolean
  canonical: string
  sha256: string
}

test('a frontier id that Vela once gave comes out of the genesis event made again', () => {
  const genesis = vela.makeGenesis({
    name: "Alzheimer's Therapeutics",
    creator: 'vela/0.40.2',
    timestamp: '2026-04-27T23:53:34.832570+00:00',
    schemaVersion: '0.10.0',
  })
  assert.is(genesis.frontier, 'vfr_c686164a56697706')
})

withFile('every line of canonical JSON comes out as the reference prints it', 'vela/synthetic/canonical.json', file => {
  const lines: Line[] = readJson(file)
  assert.is(lines.length, 317)
  for (const { text, ok, canonical, sha256: hash } of lines) {
    if (ok) {
      assert.is(vela.canonicalize(text), canonical)
      assert.is(hashOf(canonical), hash)
      assert.ok(vela.isCanonical(Buffer.from(canonical)), canonical)
    } else {
      assert.throws(
        () => vela.canonicalize(text),
        (error: unknown) => hasCode(error, 'ERR_JSON'),
      )
      assert.not(vela.isCanonical(Buffer.from(text)))
    }
  }
})

withFile('published canonical hashes come out again', 'vela/conformance/canonical-hashing.json', file => {
  // The inputs are read from the text of the file, because JSON.parse loses the spelling of
  // numbers.
  const parsed = vela.parseJson(fs.readFileSync(file)) as Map<string, vela.Json>
  const vectors = parsed.get('vectors') as Map<string, vela.Json>[]
  assert.is(vectors.length, 7)
  for (const vector of vectors) {
    const canonical = vela.printJson(vector.get('input')!)
    assert.is(canonical, vector.get('canonical'))
    assert.is(hashOf(canonical), vector.get('sha256'))
  }
})

interface RawCase {
  name: string
  text: string
  ok: boolean
  computed_id: string
  id_matches: boolean
  canonical: string
  event_hash: string
}

withFile('raw events read as the reference reads them', 'vela/synthetic/raw-events.json', file => {
  for (const { name, text, ok, ...wanted } of readJson(file) as RawCase[]) {
    if (!ok) {
      assert.throws(
        () => vela.readEvent(text),
        (error: unknown) => hasCode(error, 'ERR_EVENT_SHAPE'),
        name,
      )
      continue
    }
    const { text: stored, head, computedId } = vela.readEvent(text)
    assert.is(computedId, wanted.computed_id, name)
    assert.is(head.id === computedId, wanted.id_matches, name)
    assert.is(textOf(stored), wanted.canonical, name)
    assert.is(vela.eventHash(stored), wanted.event_hash, name)
    if (wanted.id_matches) assert.equal(vela.checkEvent(stored), head, name)
  }
})

const logs: [file: string, events: number, form: string, frontier?: string][] = [
  ['bbb-flagship.events.json', 315, 'array'],
  ['git-frontiers/erdos-formalization/events.json', 8, 'array'],
  ['git-frontiers/erdos-formalization/frontier.json', 8, 'frontier', 'vfr_0a25edabc16db143'],
  ['git-frontiers/prover-lane/events.json', 7, 'array'],
  ['git-frontiers/prover-lane/frontier.json', 7, 'frontier', 'vfr_b354d1ae5d88038b'],
  ['git-frontiers/quantum-codes/events.json', 6, 'array'],
  ['git-frontiers/quantum-codes/frontier.json', 6, 'frontier', 'vfr_001f148c07eebecb'],
  ['frontiers/bbb-extension.json', 1, 'frontier', 'vfr_ec78c70169bf87d7'],
  ['frontiers/will-alzheimer-landscape.json', 16, 'frontier', 'vfr_773f6e60b19b438f'],
  ['real-sync/ours.bbb-alzheimer.json', 202, 'frontier', 'vfr_acc9cad62ddbd7f9'],
  ['real-sync/peer.bbb-alzheimer.json', 0, 'frontier', 'vfr_093f7f15b6c79386'],
  ['conformance/cross-frontier/frontier-a.json', 1, 'frontier', 'vfr_4011872364a0ee6a'],
  ['conformance/cross-frontier/frontier-b.json', 1, 'frontier', 'vfr_db642d4ecdeb42e2'],
]

for (const [name, events, form, frontier] of logs) {
  withFile(`all ids of ${name} come out again`, `vela/${name}`, file => {
    const log = vela.readLog(fs.readFileSync(file))
    assert.is(log.form, form)
    assert.is(vela.frontierNameOf(log), frontier)
    const readings = Array.from(log.events(), ({ text }) => vela.readEvent(text))
    assert.is(readings.length, events)
    for (const { text, head, computedId, dropped } of readings) {
      assert.is(computedId, head.id)
      assert.equal(dropped, [])
      assert.equal(vela.checkEvent(text), head)
    }
  })
}

withFile('all ids of the cascade fixtures come out again', 'vela/cascade', folder => {
  const files = fs.readdirSync(folder).filter(name => name.startsWith('cascade-fixture'))
  assert.is(files.length, 9)
  for (const name of files) {
    const fixture = vela.parseJson(fs.readFileSync(path.join(folder, name)), { numbers: 'exact' }) as Map<
      string,
      vela.Json
    >
    for (const event of fixture.get('event_log') as vela.Json[]) {
      const { head, computedId } = vela.readEvent(vela.printJson(event))
      assert.is(computedId, head.id, name)
    }
  }
})

withFile('the published event hashes of bbb-flagship come out in file order', 'vela/expected.json', file => {
  const wanted: string[] = readJson(file)['bbb-flagship'].log.event_hashes_in_file_order
  const log = vela.readLog(fs.readFileSync(path.join(path.dirname(file), 'bbb-flagship.events.json')))
  const hashes = Array.from(log.events(), ({ text }) => vela.eventHash(vela.readEvent(text).text))
  assert.equal(hashes, wanted)
})

interface Signed {
  name: string
  event: { id: string }
  public_key: string
  verifies: boolean
  id_matches: boolean
}

withFile('every signature has the verdict stated', 'vela/synthetic/signatures.json', file => {
  const cases: Signed[] = readJson(file).cases
  const firstId = cases[0]!.event.id
  for (const { name, event, public_key: hex, verifies, id_matches: matches } of cases) {
    // The event of this case is that of the next case with its id recomputed; the name states the
    // meaning.
    if (name === 'content changed, id kept') event.id = firstId
    const { text, head, computedId } = vela.readEvent(JSON.stringify(event))
    assert.is(head.id === computedId, matches, name)
    assert.is(verifiesUnder(text, hex), verifies, name)
  }
})

for (const name of ['prover-lane', 'quantum-codes']) {
  withFile(`the real signatures of ${name} verify`, `vela/git-frontiers/${name}`, folder => {
    const [actor] = readJson(path.join(folder, 'actors.json'))
    for (const { text } of vela.readLog(fs.readFileSync(path.join(folder, 'events.json'))).events())
      assert.ok(verifiesUnder(vela.readEvent(text).text, actor.public_key))
  })
}

function verifiesUnder(text: Uint8Array, key: string): boolean {
  const signature = vela.eventSignature(text)
  if (signature === undefined) return false
  const spki = Buffer.from(`302a300506032b6570032100${key}`, 'hex')
  const publicKey = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' })
  return crypto.verify(null, vela.eventSigningBytes(text, signature.form), publicKey, signature.sig)
}

withFile('the JSON test suite is taken and refused as it says', 'vectors/json-test-suite/test_parsing', folder => {
  const files = fs.readdirSync(folder)
  assert.is(files.length, 318)
  for (const name of files) {
    let taken = true
    try {
      const canonical = vela.canonicalize(fs.readFileSync(path.join(folder, name)))
      assert.ok(vela.isCanonical(Buffer.from(canonical)), name)
    } catch (error) {
      if (!hasCode(error, 'ERR_JSON')) throw error
      taken = false
    }
    // y_ must be accepted, n_ refused; i_ depends on the reader.
    if (!name.startsWith('i_')) assert.is(taken, name.startsWith('y_'), name)
  }
})

test.run()
