// Ed25519 keys: the key pair of a replica, and the validation of public keys of others. A `Key`
// does not expose its seed: not when printed, not when inspected, not in JSON. Only `save` writes
// it, to a file that only its owner can read.
// Spec: protocol/signature.md, K7 to K10.

import { randomBytes } from 'node:crypto'
import { inspect, types } from 'node:util'
import { fromHex, toHex } from '../base/bytes.ts'
import { ReplicaError } from '../base/errors.ts'
import { keyProvider, signatureProvider } from './ed25519.ts'
import { readKeyFile, writeKeyFile } from './key-file.ts'
import { isPrimeOrderPoint } from './provider-noble.ts'
import { isCanonicalPoint, isSmallOrder, keyBytes, seedBytes, unshared } from './strict-verification.ts'

/**
 * Returns the seed of a key (32 bytes). Its only use is to hand the seed to the signing thread of
 * this process (sign-worker.ts). The static block of `Key` assigns it once, when this module is
 * loaded; it gives one function access to a private field without a public member.
 */
export let seedOf: (key: Key) => Uint8Array

/**
 * An Ed25519 key pair.
 *
 * @example
 * const key = Key.generate()
 * await key.save('replica.key')
 * key.sign(new TextEncoder().encode('message')) // 64 bytes
 */
export class Key {
  readonly #seed: Uint8Array
  readonly #publicKey: Uint8Array
  #sign: ((message: Uint8Array) => Uint8Array) | undefined
  /** The public key as 64 lowercase hex digits. */
  readonly publicKey: string

  static {
    seedOf = key => key.#seed
  }

  private constructor(seed: Uint8Array) {
    this.#seed = seed
    this.#publicKey = keyProvider().publicKey(seed)
    this.publicKey = toHex(this.#publicKey)
  }

  /**
   * Makes a key pair from 32 random bytes.
   * @throws ReplicaError ERR_INTERNAL if no Ed25519 provider works
   */
  static generate(): Key {
    return new Key(Uint8Array.from(randomBytes(seedBytes)))
  }

  /**
   * Makes the key pair of an RFC 8032 seed (32 bytes). Copies the seed.
   * @throws ReplicaError ERR_KEY for any other value
   */
  static fromSeed(seed: Uint8Array): Key {
    if (!types.isUint8Array(seed) || seed.length !== seedBytes) {
      throw new ReplicaError('ERR_KEY', `a seed has ${seedBytes} bytes`)
    }
    return new Key(Uint8Array.from(seed))
  }

  /**
   * Reads a key file.
   * @throws ReplicaError ERR_KEY_FILE if it is missing, accessible to others, or does not contain a
   *   seed
   */
  static async load(file: string): Promise<Key> {
    return new Key(await readKeyFile(file))
  }

  /**
   * Writes a new key file with mode 0600, atomically.
   * @throws ReplicaError ERR_KEY_FILE if it exists or cannot be written
   */
  async save(file: string): Promise<void> {
    await writeKeyFile(file, this.#seed)
  }

  /** A copy of the public key, 32 bytes. */
  get publicKeyBytes(): Uint8Array {
    return this.#publicKey.slice()
  }

  /**
   * Returns the signature, 64 bytes. Equal messages give equal signatures.
   * @throws TypeError if `message` is not a Uint8Array
   */
  sign(message: Uint8Array): Uint8Array {
    if (!types.isUint8Array(message)) throw new TypeError('a message must be a Uint8Array')
    // Signing hashes the message twice. If another thread changes it in between, the signature
    // reveals the secret key.
    this.#sign ??= signatureProvider().signer(this.#seed)
    return this.#sign(unshared(message))
  }

  /** Returns `Key(<public key in hex>)`. */
  toString(): string {
    return `Key(${this.publicKey})`
  }

  /** Returns the public key only. */
  toJSON(): { publicKey: string } {
    return { publicKey: this.publicKey }
  }

  [inspect.custom](): string {
    return this.toString()
  }
}

/**
 * Checks a public key before it is registered: 32 bytes, canonical, on the curve and of prime
 * order. A key with a small-order part would have signatures that some libraries accept and others
 * reject. Takes about 1 ms.
 * @throws ReplicaError ERR_KEY if a check fails
 */
export function validatePublicKey(key: Uint8Array): void {
  if (key.length !== keyBytes)
    throw new ReplicaError('ERR_KEY', `a public key has ${keyBytes} bytes, not ${key.length}`)
  if (!isCanonicalPoint(key)) throw new ReplicaError('ERR_KEY', 'the public key is not in canonical form')
  if (isSmallOrder(key)) throw new ReplicaError('ERR_KEY', 'the public key has a small order: anyone can sign for it')
  if (!isPrimeOrderPoint(key)) {
    throw new ReplicaError('ERR_KEY', 'the public key is not a point of the prime-order group of Ed25519')
  }
}

/**
 * Parses and validates a public key: 64 hex digits of either case. Returns 32 bytes.
 * @throws ReplicaError ERR_KEY
 */
export function parsePublicKey(text: string): Uint8Array {
  const key = text.length === 2 * keyBytes ? fromHex(text) : undefined
  if (key === undefined) throw new ReplicaError('ERR_KEY', `a public key has ${2 * keyBytes} hex digits`)
  validatePublicKey(key)
  return key
}
