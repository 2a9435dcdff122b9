// Keys: validation, text form, signatures of every provider, and the key file.

import { execFileSync } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { toHex } from '../../src/base/bytes.ts'
import { type ErrorCode, hasCode } from '../../src/base/errors.ts'
import { availableProviders, verify } from '../../src/crypto/ed25519.ts'
import { Key, parsePublicKey, validatePublicKey } from '../../src/crypto/key.ts'
import { forge } from '../admission/forge.ts'
import { scratch, skip } from '../shared-data.ts'
import { bytes, vectorsOf } from './signature-vectors.ts'

const test = suite('crypto/key')

const SEED = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
const posix = process.platform !== 'win32'

test('every vector of key validation has the stated result', () => {
  for (const { name, in: input, error } of vectorsOf('K7')) {
    const vet = () => validatePublicKey(bytes(input.key))
    if (error === undefined) assert.not.throws(vet, name)
    else assert.throws(vet, code(error), name)
  }
})

test('the validation of a key is stricter than the verification of a signature', () => {
  const forged = forge({ a: 7n, aTorsion: 4, r: 9n, rTorsion: 0, message: Uint8Array.of(evenMessage()) })
  assert.ok(forged.valid && verify(forged.key, forged.message, forged.sig))
  assert.throws(() => validatePublicKey(forged.key), code('ERR_KEY'))
})

test('the error of an invalid key states the reason', () => {
  const refused: [hex: string, why: RegExp][] = [
    ['00'.repeat(31), /32 bytes, not 31/],
    ['00'.repeat(32), /small order/],
    [`02${'00'.repeat(31)}`, /not a point of the prime-order group/],
    [`ee${'ff'.repeat(30)}7f`, /not in canonical form/],
  ]
  for (const [hex, why] of refused) assert.throws(() => validatePublicKey(bytes(hex)), why)
})

test('every generated key passes validation', () => {
  for (let i = 0; i < 20; i++) validatePublicKey(Key.generate().publicKeyBytes)
})

test('the text of a public key has 64 hex digits and is validated', () => {
  for (const { name, in: input, ok, error } of vectorsOf('K10')) {
    if (error === undefined) assert.is(toHex(parsePublicKey(input.text!)), ok!.key, name)
    else assert.throws(() => parsePublicKey(input.text!), code(error), name)
  }
})

test('every provider gives the bytes of every signing vector', () => {
  for (const { name, in: input, ok, error } of vectorsOf('K8')) {
    const [seed, message] = [bytes(input.seed), bytes(input.message)]
    if (error !== undefined) {
      assert.throws(() => Key.fromSeed(seed), code(error), name)
      continue
    }
    const key = Key.fromSeed(seed)
    assert.equal({ key: key.publicKey, sig: toHex(key.sign(message)) }, ok, name)
    for (const path of availableProviders()) {
      const made = { key: toHex(path.publicKey(seed)), sig: toHex(path.signer(seed)(message)) }
      assert.equal(made, ok, `${path.name}: ${name}`)
    }
  }
})

test('all providers make equal signatures, and these are valid', () => {
  const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(seed, fc.uint8Array({ maxLength: 300 }), (seed, message) => {
      const key = Key.fromSeed(seed)
      const sig = key.sign(message)
      assert.ok(verify(key.publicKeyBytes, message, sig))
      for (const path of availableProviders()) {
        assert.equal(toHex(path.publicKey(seed)), key.publicKey, path.name)
        assert.equal(toHex(path.signer(seed)(message)), toHex(sig), path.name)
      }
    }),
    { seed: 20, numRuns: 50 },
  )
})

test('a message in shared memory is signed', () => {
  const key = Key.generate()
  const message = new Uint8Array(new SharedArrayBuffer(4))
  message.set([1, 2, 3, 4])
  assert.ok(verify(key.publicKeyBytes, Uint8Array.of(1, 2, 3, 4), key.sign(message)))
  assert.throws(() => key.sign('text' as unknown as Uint8Array), TypeError)
})

test('a key does not change with the bytes that it was made from or returned', () => {
  const seed = bytes(SEED)
  const key = Key.fromSeed(seed)
  const before = key.sign(Uint8Array.of(1))
  seed.fill(0)
  key.publicKeyBytes.fill(0)
  assert.equal(key.sign(Uint8Array.of(1)), before)
  assert.is(toHex(key.publicKeyBytes), key.publicKey)
})

test('a key shows its public key and never its seed', async () => {
  const key = Key.fromSeed(bytes(SEED))
  const shown = [
    String(key),
    inspect(key, { showHidden: true, depth: 9 }),
    inspect({ nested: [key] }, { depth: 9 }),
    JSON.stringify({ key }),
    inspect(structuredClone(key)),
    inspect({ ...key }),
  ]
  const base64 = Buffer.from(SEED, 'hex').toString('base64')
  for (const text of shown) {
    assert.not.match(text.toLowerCase(), SEED.slice(0, 16))
    assert.not.ok(text.includes(base64.slice(0, 12)))
    assert.not.match(text, /76, ?205, ?8, ?155|4c cd 08 9b/)
  }
  assert.match(String(key), key.publicKey)
  assert.equal(JSON.parse(JSON.stringify(key)), { publicKey: key.publicKey })
})

if (!posix) skip('key files by their mode', 'this system has no such modes')

test('every vector of a key file has the stated result', async () => {
  await using folder = await scratch()
  for (const [index, { name, in: input, ok, error }] of vectorsOf('K9').entries()) {
    if (!posix && input.mode !== '0600') continue
    const file = folder.join(`${index}.key`)
    await fs.writeFile(file, input.file!)
    await fs.chmod(file, Number.parseInt(input.mode!, 8))
    if (error === undefined) assert.is((await Key.load(file)).publicKey, ok!.key, name)
    else assert.ok(hasCode(await failure(Key.load(file)), error as ErrorCode), name)
  }
})

test('a saved key can be loaded, has mode 0600 with any umask, and leaves no temporary file', async () => {
  await using folder = await scratch()
  const file = folder.join('hub.key')
  const key = Key.generate()
  const umask = process.umask(0o277)
  try {
    await key.save(file)
  } finally {
    process.umask(umask)
  }
  assert.is((await Key.load(file)).publicKey, key.publicKey)
  assert.match(await fs.readFile(file, 'utf8'), /^[0-9a-f]{64}\n$/)
  if (posix) assert.is((await fs.stat(file)).mode & 0o777, 0o600)
  assert.equal(await fs.readdir(folder.path), ['hub.key'])
})

test('a key file is never overwritten, not even through a dangling link', async () => {
  await using folder = await scratch()
  const [file, link] = [folder.join('hub.key'), folder.join('link.key')]
  const first = Key.generate()
  await first.save(file)
  await fs.symlink(folder.join('nowhere'), link)
  for (const taken of [file, link]) {
    const error = await failure(Key.generate().save(taken))
    assert.ok(hasCode(error, 'ERR_KEY_FILE'))
    assert.is(error.facts.reason, 'EEXIST')
  }
  assert.is((await Key.load(file)).publicKey, first.publicKey)
  assert.equal((await fs.readdir(folder.path)).sort(), ['hub.key', 'link.key'])
})

test('of many concurrent saves to one name, exactly one succeeds, and the file has its key', async () => {
  await using folder = await scratch()
  const file = folder.join('hub.key')
  const keys = Array.from({ length: 8 }, () => Key.generate())
  const results = await Promise.allSettled(keys.map(key => key.save(file)))
  const winners = keys.filter((_, index) => results[index]!.status === 'fulfilled')
  assert.equal(winners.map(String), [String(await Key.load(file))])
  assert.equal(await fs.readdir(folder.path), ['hub.key'])
})

test('a key file that others can access is refused, and the message has the command that fixes it', async () => {
  if (!posix) return
  await using folder = await scratch()
  const file = folder.join('hub.key')
  await Key.generate().save(file)
  await fs.chmod(file, 0o644)
  const error = await failure(Key.load(file))
  assert.ok(hasCode(error, 'ERR_KEY_FILE'))
  assert.match(error.message, /mode 0644.*chmod 600 /)
})

test('a missing, special or endless file is refused without waiting', async () => {
  await using folder = await scratch()
  const missing = await failure(Key.load(folder.join('none.key')))
  assert.ok(hasCode(missing, 'ERR_KEY_FILE'))
  assert.is(missing.facts.reason, 'ENOENT')
  assert.ok(hasCode(await failure(Key.load(folder.path)), 'ERR_KEY_FILE'))
  assert.ok(hasCode(await failure(Key.generate().save(folder.join('no', 'such.key'))), 'ERR_KEY_FILE'))
  if (!posix) return
  execFileSync('mkfifo', ['-m', '600', folder.join('pipe.key')])
  await fs.symlink('/dev/zero', folder.join('zero.key'))
  for (const name of ['pipe.key', 'zero.key']) {
    assert.match((await failure(Key.load(folder.join(name)))).message, /not a regular file/)
  }
})

test('a link to a valid key file is followed, and the checks apply to the file', async () => {
  if (!posix) return
  await using folder = await scratch()
  const [file, link] = [folder.join('hub.key'), folder.join('link.key')]
  const key = Key.generate()
  await key.save(file)
  await fs.symlink(file, link)
  assert.is((await Key.load(link)).publicKey, key.publicKey)
  await fs.chmod(file, 0o604)
  assert.ok(hasCode(await failure(Key.load(link)), 'ERR_KEY_FILE'))
})

test('an error about a key file never contains its content', async () => {
  await using folder = await scratch()
  const file = folder.join('hub.key')
  await fs.writeFile(file, `${SEED}00`, { mode: 0o600 })
  const error = await failure(Key.load(file))
  assert.not.match(inspect(error, { depth: 9, showHidden: true }), SEED.slice(0, 16))
})

function code(expected: string): (error: unknown) => boolean {
  return error => hasCode(error, expected as ErrorCode)
}

async function failure(work: Promise<unknown>): Promise<Error & { facts: Record<string, unknown> }> {
  try {
    await work
  } catch (error) {
    return error as Error & { facts: Record<string, unknown> }
  }
  throw new Error('it did not fail')
}

// A one-byte message for which the small-order part of the key above cancels in the equation.
function evenMessage(): number {
  for (let byte = 0; byte < 256; byte++) {
    if (forge({ a: 7n, aTorsion: 4, r: 9n, rTorsion: 0, message: Uint8Array.of(byte) }).valid) return byte
  }
  throw new Error('one in two would do')
}

test.run()
