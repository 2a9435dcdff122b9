// Registry entries and related records, against published data if it is present and by properties:
// the order of instants, printing and reading, hostile input.

import * as fs from 'node:fs'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sha256, toHex } from '../../src/base/bytes.ts'
import { hasCode } from '../../src/base/errors.ts'
import { isAddress } from '../../src/vela/federation/fetch-policy.ts'
import * as vela from '../../src/vela/index.ts'
import { shared, skip } from '../shared-data.ts'
import { signer, verify } from './signers.ts'

const test = suite('vela/registry-entry')

function withFile(name: string, file: string, run: (text: Buffer) => void): void {
  const found = shared(file)
  if (found === undefined) skip(name, `${file} is not at hand`)
  else test(name, () => run(fs.readFileSync(found)))
}

withFile('the published preimage of an entry comes out again', 'vela/conformance/registry-publish-pull.json', text => {
  const { cases } = JSON.parse(text.toString())
  for (const { input, expected_output: expected } of cases)
    assert.is(toHex(sha256(vela.entryPreimage(input))), expected.preimage_sha256)
})

withFile('entries verify as stated', 'vela/synthetic/registry-entries.json', text => {
  for (const { name, entry, preimage_sha256: hash, verifies } of JSON.parse(text.toString())) {
    const read = vela.readEntry(JSON.stringify(entry))
    assert.is(toHex(sha256(vela.entryPreimage(read))), hash, name)
    assert.is(vela.verifyEntry(read, verify), verifies, name)
    assert.equal(JSON.parse(vela.printEntry(read)), entry, name)
  }
})

withFile('revocation goes by time as stated', 'vela/synthetic/revocation.json', text => {
  for (const { event_timestamp: at, revoked_at: revokedAt, revoked_by_time_order: revoked } of JSON.parse(
    text.toString(),
  ))
    assert.is(vela.isRevokedAt(revokedAt ?? undefined, at), revoked, `${at} ${revokedAt}`)
})

test('instants agree with the platform where it can tell, and order as it does', () => {
  const date = fc.date({ min: new Date(0), max: new Date('9999-12-31T00:00:00Z'), noInvalidDate: true })
  fc.assert(
    fc.property(date, fc.integer({ min: -1439, max: 1439 }), (moment, minutes) => {
      const local = new Date(moment.getTime() + minutes * 60_000)
      fc.pre(local.getTime() >= 0)
      const pad = (value: number) => String(Math.abs(value)).padStart(2, '0')
      const offset = `${minutes < 0 ? '-' : '+'}${pad(Math.trunc(minutes / 60))}:${pad(minutes % 60)}`
      const text = `${local.toISOString().slice(0, -1)}${offset}`
      const instant = vela.parseInstant(text)
      assert.is(instant.seconds * 1000 + instant.nanos / 1_000_000, moment.getTime(), text)
    }),
  )
})

test('any text is an instant or refused with its code', () => {
  fc.assert(
    fc.property(fc.string(), text => {
      try {
        vela.parseInstant(text)
      } catch (error) {
        assert.ok(hasCode(error, 'ERR_INSTANT'))
      }
    }),
  )
})

const owner = signer(7)
const draft: vela.EntryDraft = {
  vfr_id: 'vfr_00000000000000a1',
  name: 'A',
  owner_actor_id: 'reviewer:a',
  latest_snapshot_hash: 'a'.repeat(64),
  latest_event_log_hash: 'b'.repeat(64),
  network_locator: 'https://hub.example/a',
  signed_publish_at: '2026-04-25T00:00:00Z',
}

test('an entry reads back as it was signed, whatever its texts are', () => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(text, text, (name, license) => {
      const entry = vela.signEntry({ ...draft, name, license }, owner)
      const again = vela.readEntry(vela.printEntry(entry))
      assert.equal(again, entry)
      assert.ok(vela.verifyEntry(again, verify))
      assert.is(again.license, license)
    }),
  )
})

test('a draft that makes no entry is refused before anybody can publish it', () => {
  assert.throws(
    () => vela.signEntry({ ...draft, signed_publish_at: '2026-04-25' }, owner),
    (error: unknown) => hasCode(error, 'ERR_ENTRY'),
  )
})

test('one flipped bit in any signed member breaks the signature', () => {
  const entry = vela.signEntry(draft, owner)
  for (const name of ['name', 'owner_actor_id', 'network_locator', 'latest_event_log_hash'] as const)
    assert.not(vela.verifyEntry({ ...entry, [name]: `${entry[name].slice(0, -1)}0` }, verify), name)
})

test('a nested bomb is refused with its code, as an entry and inside a registry', () => {
  const deep = '['.repeat(200_000)
  for (const read of [() => vela.readEntry(deep), () => vela.readRegistry(`{"entries":[{"x":${deep}`)])
    assert.throws(read, (error: unknown) => hasCode(error, 'ERR_JSON'))
})

test('a registry prints as what it reads, and a published entry takes the place of its frontier’s', () => {
  const first = vela.signEntry(draft, owner)
  const second = vela.signEntry({ ...draft, name: 'B' }, owner)
  const other = vela.signEntry({ ...draft, vfr_id: 'vfr_00000000000000b2' }, owner)
  const list = vela.withEntry([first, other], second)
  assert.equal(list, [other, second])
  assert.equal(vela.readRegistry(vela.printRegistry(list)), { entries: list, refused: [] })
})

test('the publisher is the first valid entry’s key, forged ones passed over', () => {
  const forged = { ...vela.signEntry(draft, signer(9)), name: 'other' }
  const entries = [forged, vela.signEntry(draft, owner), vela.signEntry(draft, signer(8))]
  const options = { frontier: draft.vfr_id, verify }
  assert.is(vela.publisherOf(entries, options), owner.publicKey)
  assert.is(vela.publisherOf(entries, { ...options, frontier: 'vfr_00000000000000b2' }), undefined)
})

test('a root depends on what the entries are and not on their order', () => {
  const entries = [1, 2, 3].map(key => vela.signEntry({ ...draft, vfr_id: `vfr_000000000000000${key}` }, signer(key)))
  const root = vela.registryRoot(entries)
  assert.is(vela.registryRoot([...entries].reverse()), root)
  assert.is.not(vela.registryRoot(entries.slice(1)), root)
})

test('witnesses are unanimous, a majority, split or too few', () => {
  const verdicts = [[], ['a'], ['a', 'a'], ['a', 'b'], ['a', 'a', 'b'], ['a', 'a', 'b', 'b'], ['a', 'a', 'b', 'c']]
  assert.equal(
    verdicts.map(answers => vela.agreement(answers).verdict),
    ['insufficient', 'insufficient', 'unanimous', 'split', 'majority', 'split', 'split'],
  )
  assert.is(vela.agreement(['b', 'a', 'a']).value, 'a')
})

test('of refused ownership records each is listed with its reason, and the rest counts', () => {
  const rotation = (to: vela.Signer, by: vela.Signer) =>
    vela.signOwnershipRecord(
      {
        schema: 'vela.frontier-owner-rotation.v0.1',
        vfr_id: draft.vfr_id,
        new_owner_pubkey: to.publicKey,
        rotated_at: '2026-05-01T00:00:00Z',
        reason: 'new key',
      },
      by,
    )
  const [one, two, three] = [signer(1), signer(2), signer(3)]
  const records = [rotation(three, two), rotation(two, one), rotation(three, two)]
  const ownership = vela.replayOwnership(one.publicKey, records, { frontier: draft.vfr_id, verify })
  assert.is(ownership.owner, three.publicKey)
  assert.equal(ownership.former, [one.publicKey, two.publicKey])
  assert.equal(
    ownership.refused.map(({ index, code }) => [index, code]),
    [[0, 'ERR_ENTRY_OWNER']],
  )
})

test('no address text escapes a verdict, and what is no address counts as private', () => {
  const pieces = fc.array(fc.constantFrom('::', ':', '.', '1', 'ffff', '0', '255', '256', '%', 'g', '[', ']'), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(pieces, parts => {
      const text = parts.join('')
      if (!isAddress(text)) assert.ok(vela.isPrivateAddress(text), text)
    }),
  )
})

test('an address of version 6 is what the URL parser says it is', () => {
  const pieces = fc.array(fc.constantFrom('::', ':', '1', 'ffff', '0', 'a0b', '1.2.3.4', '12345'), { maxLength: 12 })
  fc.assert(
    fc.property(pieces, parts => {
      const text = parts.join('')
      fc.pre(text.includes(':'))
      assert.is(isAddress(text), URL.canParse(`http://[${text}]/`), text)
    }),
    { numRuns: 2000 },
  )
})

test.run()
