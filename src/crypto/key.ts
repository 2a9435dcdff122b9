// Ed25519 keys: a replica's own pair with its file, and the vetting of other people's public keys. A `Key` never shows
// its seed: not printed, not inspected, not in JSON; only `save` writes it, to a file that nobody else may read.
// Specification: protocol/signature.md, K7 to K10.

import { randomBytes } from 'node:crypto'
import { inspect, types } from 'node:util'
import { fromHex, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { signatureProvider } from './ed25519.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { isPrimeOrderPoint } from './provider-noble.ts'
import { isCanonicalPoint, isSmallOrder, keyBytes, seedBytes, unshared } from './strict-verification.ts'

/** The seed of a key, for a thread of this process that signs in its stead (signed.ts), and for nothing else. */
export let seedOf: (key: Key) => Uint8Array

/** An Ed25519 key pair. */
export class Key {
  readonly #seed: Uint8Array
  readonly #publicKey: Uint8Array
  readonly #sign: (message: Uint8Array) => Uint8Array
  /** The public key as 64 lower-case hex digits. */
  readonly publicKey: string

  static {
    seedOf = key => key.#seed
  }

  private constructor(seed: Uint8Array) {
    const path = signatureProvider()
    this.#seed = seed
    this.#publicKey = path.publicKey(seed)
    this.#sign = path.signer(seed)
    this.publicKey = toHex(this.#publicKey)
  }

  static generate(): Key {
    return new Key(Uint8Array.from(randomBytes(seedBytes)))
  }

  /** The pair of a 32-byte RFC 8032 seed, which is copied. @throws ReplicaError ERR_KEY */
  static fromSeed(seed: Uint8Array): Key {
    if (!types.isUint8Array(seed) || seed.length !== seedBytes) {
      throw new ReplicaError('ERR_KEY', `a seed is ${seedBytes} bytes`)
    }
    return new Key(Uint8Array.from(seed))
  }

  /** Reads a key file. @throws ReplicaError ERR_KEY_FILE when it is missing, readable by others, or no seed */
  static async load(file: string): Promise<Key> {
    return new Key(await readKeyFile(file))
  }

  /** Writes a new key file, mode 0600, whole or not at all. @throws ReplicaError ERR_KEY_FILE, also when `file` exists */
  async save(file: string): Promise<void> {
    await writeKeyFile(file, this.#seed)
  }

  /** The public key, 32 bytes, a copy. */
  get publicKeyBytes(): Uint8Array {
    return this.#publicKey.slice()
  }

  /** The signature, 64 bytes; the same message always gives the same bytes. */
  sign(message: Uint8Array): Uint8Array {
    if (!types.isUint8Array(message)) throw new TypeError('a message is a Uint8Array')
    // A message that another thread changed between the two times it is hashed would give the secret away.
    return this.#sign(unshared(message))
  }

  toString(): string {
    return `Key(${this.publicKey})`
  }

  toJSON(): { publicKey: string } {
    return { publicKey: this.publicKey }
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/**
 * The check that a public key passes before it is registered: 32 bytes, canonical, on the curve, and of the prime order,
 * so that no part of small order makes one signature valid here and invalid elsewhere. About 1 ms.
 * @throws ReplicaError ERR_KEY
 */
export function validatePublicKey(key: Uint8Array): void {
  if (key.length !== keyBytes) throw new ReplicaError('ERR_KEY', `a public key is ${keyBytes} bytes, not ${key.length}`)
  if (!isCanonicalPoint(key)) throw new ReplicaError('ERR_KEY', 'the public key is not in canonical form')
  if (isSmallOrder(key))
    throw new ReplicaError('ERR_KEY', 'the public key is of small order: anybody could sign for it')
  if (!isPrimeOrderPoint(key)) {
    throw new ReplicaError('ERR_KEY', 'the public key is no point of the prime-order group of Ed25519')
  }
}

/** A public key from its text, 64 hex digits of either case, vetted. @throws ReplicaError ERR_KEY */
export function parsePublicKey(text: string): Uint8Array {
  const key = text.length === 2 * keyBytes ? fromHex(text) : undefined
  if (key === undefined) throw new ReplicaError('ERR_KEY', `a public key is written as ${2 * keyBytes} hex digits`)
  validatePublicKey(key)
  return key
}
