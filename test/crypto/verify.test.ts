// The rule of signatures with every available provider: own vectors, public collections with pinned
// accepted sets, mutations, forgeries whose result follows from arithmetic, and the choice of the
// provider.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import * as noble from '@noble/ed25519'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hasCode } from '../../src/base/errors.ts'
import { availableProviders, chooseProvider, signatureProvider, verify } from '../../src/crypto/ed25519.ts'
import { Key } from '../../src/crypto/key.ts'
import { nobleProvider } from '../../src/crypto/provider-noble.ts'
import { createOpensslProvider } from '../../src/crypto/provider-openssl.ts'
import { passesSelfTest } from '../../src/crypto/self-test.ts'
import { type SignatureProvider, strictVerifier } from '../../src/crypto/strict-verification.ts'
import { validatedKeyVerifier } from '../../src/crypto/validated-keys.ts'
import { addOrder, forge, littleEndian, point } from '../admission/forge.ts'
import { shared, skip } from '../shared-data.ts'
import { bytes, vectorsOf } from './signature-vectors.ts'

const test = suite('crypto/verify')

const opensslProvider = createOpensslProvider()
const providers = availableProviders()
const PRIME = 2n ** 255n - 19n
const ORDER = noble.Point.CURVE().n
const seeded = { seed: 20, numRuns: 200 }

type Case = readonly [key: Uint8Array, message: Uint8Array, sig: Uint8Array]

if (providers.length < 3) skip('the sodium path', 'sodium-native is not installed or has no build for this machine')

for (const provider of providers) {
  test(`the ${provider.name} provider gives the stated result of every vector`, () => {
    for (const vector of vectorsOf('K1', 'K2', 'K3', 'K4', 'K5', 'K6')) {
      const { key, message, sig } = vector.in
      const verdict = strictVerifier(provider)(bytes(key), bytes(message), bytes(sig))
      assert.is(verdict, vector.ok !== undefined, `${vector.rule} ${vector.name}`)
    }
  })

  test(`the ${provider.name} provider passes the self-test`, () => {
    assert.ok(passesSelfTest(provider))
  })
}

const collections: Record<string, { file: string; accepted: number; read: (file: string) => Case[] }> = {
  wycheproof: { file: 'vectors/wycheproof/ed25519_test.json', accepted: 88, read: readWycheproof },
  cctv: { file: 'vectors/cctv-ed25519/ed25519vectors.json', accepted: 43, read: readCctv },
  speccheck: { file: 'vectors/ed25519-speccheck/cases.json', accepted: 1, read: readSpeccheck },
}

for (const [name, { file, accepted, read }] of Object.entries(collections)) {
  const title = `every provider accepts the pinned set of ${name}, no more and no less`
  const found = shared(file)
  if (found === undefined) {
    skip(title, `../shared/${file} is not there`)
    continue
  }
  test(title, () => {
    const cases = read(found)
    const pin = vectorsOf('K11').find(vector => vector.in.collection === name && vector.ok !== undefined)!
    assert.is(String(cases.length), pin.in.cases)
    for (const provider of providers) {
      const indices = cases.flatMap((one, index) => (strictVerifier(provider)(...one) ? [index] : []))
      assert.is(indices.length, accepted, provider.name)
      const sha256 = createHash('sha256').update(indices.join()).digest('hex')
      assert.equal({ accepted: indices.length, sha256 }, pin.ok, provider.name)
    }
  })
}

const cctv = shared('vectors/cctv-ed25519/ed25519vectors.json')
if (cctv !== undefined) {
  test('every provider refuses every case of CCTV with a flag that the rule refuses', () => {
    const flags = JSON.parse(fs.readFileSync(cctv, 'utf8')).map((one: { flags: string[] | null }) => one.flags ?? [])
    const cases = readCctv(cctv)
    for (const { name, in: input } of vectorsOf('K11').filter(vector => vector.in.flag !== undefined)) {
      const flagged = cases.filter((_, index) => flags[index].includes(input.flag))
      assert.is(String(flagged.length), input.cases, name)
      for (const provider of providers)
        assert.not.ok(
          flagged.some(one => strictVerifier(provider)(...one)),
          `${provider.name}: ${name}`,
        )
    }
  })
}

const wycheproof = shared('vectors/wycheproof/ed25519_test.json')
if (wycheproof !== undefined) {
  test('the accepted cases of Wycheproof are its valid ones', () => {
    const { testGroups } = JSON.parse(fs.readFileSync(wycheproof, 'utf8'))
    for (const [index, one] of testGroups.flatMap((group: { tests: { result: string }[] }) => group.tests).entries()) {
      assert.is(verify(...readWycheproof(wycheproof)[index]!), one.result === 'valid')
    }
  })
}

test('providers agree on random mutations of valid signatures, and none is valid', () => {
  const byteAt = fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 }))
  const mutation = fc.oneof(
    byteAt.map(
      ([at, mask]) =>
        ([key, message, sig]: Case): Case => [flip(key, at, mask), message, sig],
    ),
    byteAt.map(
      ([at, mask]) =>
        ([key, message, sig]: Case): Case => [key, flip(message, at, mask), sig],
    ),
    byteAt.map(
      ([at, mask]) =>
        ([key, message, sig]: Case): Case => [key, message, flip(sig, at, mask)],
    ),
    fc.integer({ min: 0, max: 63 }).map(
      end =>
        ([key, message, sig]: Case): Case => [key, message, sig.subarray(0, end)],
    ),
    fc.constant(([key, message, sig]: Case): Case => [key, message, addOrder(sig)]),
    fc.integer({ min: 0, max: 7 }).map(
      times =>
        ([, message, sig]: Case): Case => [smallPoint(times), message, sig],
    ),
    fc.integer({ min: 0, max: 7 }).map(times => {
      return ([key, message, sig]: Case): Case => [key, message, Buffer.concat([smallPoint(times), sig.subarray(32)])]
    }),
  )
  const fixed = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(fixed, fc.uint8Array({ minLength: 1, maxLength: 300 }), mutation, (seed, message, mutate) => {
      const honest: Case = [opensslProvider.publicKey(seed), message, opensslProvider.signer(seed)(message)]
      for (const provider of providers) {
        assert.ok(strictVerifier(provider)(...honest), provider.name)
        assert.not.ok(strictVerifier(provider)(...mutate(honest)), provider.name)
      }
    }),
    seeded,
  )
})

test('every provider gives the arithmetic result on forgeries with small-order parts', () => {
  const scalar = fc.oneof(
    { weight: 1, arbitrary: fc.constant(0n) },
    { weight: 9, arbitrary: fc.bigInt(1n, ORDER - 1n) },
  )
  const small = fc.integer({ min: 0, max: 7 })
  const count = { valid: 0, cofactor: 0 }
  fc.assert(
    fc.property(
      fc.record({ a: scalar, aTorsion: small, r: scalar, rTorsion: small, message: fc.uint8Array({ maxLength: 64 }) }),
      fc.integer({ min: 0, max: 9 }),
      (parts, dice) => {
        const { key, message, sig, valid, validWithCofactor } = forge({ ...parts, addOrder: dice === 0 })
        if (valid) count.valid++
        else if (validWithCofactor) count.cofactor++
        for (const provider of providers) assert.is(strictVerifier(provider)(key, message, sig), valid, provider.name)
      },
    ),
    seeded,
  )
  // Otherwise the test would prove little.
  assert.ok(count.valid >= 10 && count.cofactor >= 100, JSON.stringify(count))
})

test('the byte checks equal their definition in integers at and around every bound', () => {
  const yes: SignatureProvider = { ...opensslProvider, checkEquation: () => true }
  const smallY = new Set(Array.from({ length: 8 }, (_, times) => littleEndian(smallPoint(times)) % 2n ** 255n))
  const near = [0n, 1n, PRIME, ORDER, 2n ** 252n, 2n ** 255n, 2n ** 256n - 1n, 8n * ORDER, ...smallY]
  const nearby = fc
    .tuple(fc.constantFrom(...near), fc.bigInt(-20n, 20n))
    .map(([middle, off]) => BigInt.asUintN(256, middle + off))
  const oneByteOff = fc
    .tuple(fc.constantFrom(...near), fc.bigInt(1n, 255n), fc.bigInt(0n, 31n))
    .map(([bound, mask, at]) => BigInt.asUintN(256, bound ^ (mask << (8n * at))))
  const number = fc.oneof(nearby, oneByteOff, fc.bigInt(0n, 2n ** 256n - 1n))
  const isPoint = (n: bigint): boolean => n % 2n ** 255n < PRIME && !smallY.has(n % 2n ** 255n)
  fc.assert(
    fc.property(number, number, number, (key, R, S) => {
      const judge = (A: bigint, R: bigint, S: bigint) => {
        const sig = Buffer.concat([encode(R), encode(S)])
        return strictVerifier(yes)(encode(A), sig, sig)
      }
      assert.is(judge(key, R, S), isPoint(key) && isPoint(R) && S < ORDER)
      // One invalid value among valid ones, so that one check cannot hide another.
      assert.is(judge(key, 9n, 9n), isPoint(key))
      assert.is(judge(9n, R, 9n), isPoint(R))
      assert.is(judge(9n, 9n, S), S < ORDER)
    }),
    { seed: 20, numRuns: 5000 },
  )
})

test('only true means valid', () => {
  const [key, message, sig] = rfcCase()
  for (const answer of [true, 1, 'true', {}, [true], undefined, null, 0, '', false]) {
    assert.is(strictVerifier({ ...opensslProvider, checkEquation: () => answer })(key, message, sig), answer === true)
  }
})

test('bytes of a wrong type or length are not a valid signature and not an error', () => {
  const [key, message, sig] = rfcCase()
  for (const provider of providers) {
    for (const wrong of [undefined, null, '', 'x'.repeat(64), 7, [], {}, new ArrayBuffer(64), new Uint16Array(64)]) {
      const value = wrong as unknown as Uint8Array
      assert.is(strictVerifier(provider)(value, message, sig), false)
      assert.is(strictVerifier(provider)(key, value, sig), false)
      assert.is(strictVerifier(provider)(key, message, value), false)
    }
    for (let length = 0; length < 130; length++) {
      const padded = new Uint8Array(length)
      padded.set(sig.subarray(0, length))
      if (length !== 64) assert.is(strictVerifier(provider)(key, message, padded), false)
      padded.set(key.subarray(0, length))
      if (length !== 32) assert.is(strictVerifier(provider)(padded, message, sig), false)
    }
  }
})

test('views of larger, shared and resizable memory get the same result', () => {
  for (const provider of providers) {
    for (const place of [inLarger, inShared, inResizable]) {
      const [key, message, sig] = rfcCase().map(place) as [Uint8Array, Uint8Array, Uint8Array]
      assert.is(strictVerifier(provider)(key, message, sig), true, `${provider.name} ${place.name}`)
      assert.is(strictVerifier(provider)(key, flip(message, 0, 1), sig), false, `${provider.name} ${place.name}`)
    }
  }
})

test('a provider that is wrong, throws or returns anything but true is skipped', () => {
  const cofactored: SignatureProvider = {
    ...opensslProvider,
    checkEquation: (key, message, sig) => noble.verify(sig, message, key, { zip215: false }),
  }
  noble.hashes.sha512 ??= message => Uint8Array.from(createHash('sha512').update(message).digest())
  const torsionFreeOnly: SignatureProvider = {
    ...opensslProvider,
    checkEquation: (key, message, sig) =>
      noble.Point.fromBytes(key).isTorsionFree() && opensslProvider.checkEquation(key, message, sig),
  }
  const wrong: Record<string, SignatureProvider> = {
    'always true': { ...opensslProvider, checkEquation: () => true },
    'always false': { ...opensslProvider, checkEquation: () => false },
    'true as a number': {
      ...opensslProvider,
      checkEquation: (...one) => (opensslProvider.checkEquation(...one) ? 1 : 0),
    },
    'nothing at all': { ...opensslProvider, checkEquation: () => undefined },
    throws: {
      ...opensslProvider,
      checkEquation: () => {
        throw new Error('no such function')
      },
    },
    cofactored,
    'torsion-free keys only': torsionFreeOnly,
    'a wrong public key': { ...opensslProvider, publicKey: () => new Uint8Array(32) },
    'a wrong signature': { ...opensslProvider, signer: () => () => new Uint8Array(64) },
  }
  for (const [name, provider] of Object.entries(wrong)) {
    assert.not.ok(passesSelfTest(provider), name)
    assert.is(chooseProvider([provider, nobleProvider]), nobleProvider, name)
  }
  assert.throws(
    () => chooseProvider(Object.values(wrong)),
    (error: unknown) => hasCode(error, 'ERR_INTERNAL'),
  )
})

test('the fastest available provider is used', () => {
  assert.is(signatureProvider().name, providers[0]!.name)
})

test('without native modules, node:crypto is used', () => {
  const module = new URL('../../src/crypto/ed25519.js', import.meta.url)
  const script = `import(${JSON.stringify(module.href)}).then(m => console.log(m.signatureProvider().name))`
  assert.is(execFileSync(process.execPath, ['--no-addons', '-e', script], { encoding: 'utf8' }).trim(), 'openssl')
})

function readWycheproof(file: string): Case[] {
  const { testGroups } = JSON.parse(fs.readFileSync(file, 'utf8'))
  return testGroups.flatMap((group: { publicKey: { pk: string }; tests: { msg: string; sig: string }[] }) =>
    group.tests.map(one => [bytes(group.publicKey.pk), bytes(one.msg), bytes(one.sig)]),
  )
}

function readCctv(file: string): Case[] {
  return JSON.parse(fs.readFileSync(file, 'utf8')).map((one: { key: string; msg: string; sig: string }) => {
    return [bytes(one.key), Buffer.from(one.msg, 'utf8'), bytes(one.sig)]
  })
}

function readSpeccheck(file: string): Case[] {
  const cases = JSON.parse(fs.readFileSync(file, 'utf8'))
  return cases.map((one: { pub_key: string; message: string; signature: string }) => {
    return [bytes(one.pub_key), bytes(one.message), bytes(one.signature)]
  })
}

function rfcCase(): Case {
  const { key, message, sig } = vectorsOf('K1').find(vector => vector.name === 'RFC 8032 TEST 3')!.in
  return [bytes(key), bytes(message), bytes(sig)]
}

function flip(data: Uint8Array, at: number, mask: number): Uint8Array {
  const copy = Uint8Array.from(data)
  copy[at % copy.length]! ^= mask
  return copy
}

function smallPoint(times: number): Uint8Array {
  return point(0n, times).toBytes()
}

function encode(number: bigint): Uint8Array {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}

function inLarger(data: Uint8Array): Uint8Array {
  const larger = new Uint8Array(data.length + 13)
  larger.set(data, 7)
  return larger.subarray(7, 7 + data.length)
}

function inShared(data: Uint8Array): Uint8Array {
  const view = new Uint8Array(new SharedArrayBuffer(data.length))
  view.set(data)
  return view
}

function inResizable(data: Uint8Array): Uint8Array {
  const Resizable = ArrayBuffer as unknown as new (length: number, options: { maxByteLength: number }) => ArrayBuffer
  const view = new Uint8Array(new Resizable(data.length, { maxByteLength: 128 }))
  view.set(data)
  return view
}

test('a signature under a key with a small-order part is valid by the rule, and not if the key must be validated', () => {
  const forged = Array.from({ length: 64 }, (_, n) =>
    forge({ a: 7n, aTorsion: 1, r: BigInt(n + 2), rTorsion: 0, message: Buffer.from([n]) }),
  ).find(({ valid }) => valid)!
  const verifyWithValidatedKey = validatedKeyVerifier()
  assert.ok(verify(forged.key, forged.message, forged.sig))
  for (let again = 0; again < 2; again++) assert.not(verifyWithValidatedKey(forged.key, forged.message, forged.sig))
  const key = Key.fromSeed(new Uint8Array(32).fill(1))
  const message = Buffer.from('signed')
  const sig = key.sign(message)
  assert.ok(verifyWithValidatedKey(key.publicKeyBytes, message, sig))
  assert.not(verifyWithValidatedKey(key.publicKeyBytes, Buffer.from('other'), sig))
  assert.not(verifyWithValidatedKey(new Uint8Array(31), message, sig))
})

test.run()
