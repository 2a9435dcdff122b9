// Makes signatures that divide verifiers: keys and R with a part of small order, whose discrete logarithms are known,
// so that the right verdict follows from arithmetic modulo 8 and not from any verifier. Used by the property tests, and
// by hand to make protocol/vectors/signature.json.

import { createHash } from 'node:crypto'
import { Point } from '@noble/ed25519'

const ORDER = Point.CURVE().n

/** The point of order 8 whose multiples are all eight points of small order. */
const torsion = Point.fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')

export interface Forged {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly sig: Uint8Array
  /** What the rule says of it. */
  readonly valid: boolean
  /** What a verifier says that multiplies by the cofactor and refuses nothing of small order. */
  readonly validWithCofactor: boolean
}

/**
 * A signature under the key [a]B + [aTorsion]T with R = [r]B + [rTorsion]T. A scalar of 0 leaves a point of small order.
 * S answers the part that the base point generates, so only the small parts decide: they cancel when
 * rTorsion + k·aTorsion is a multiple of 8.
 */
export function forge(parts: {
  a: bigint
  aTorsion: number
  r: bigint
  rTorsion: number
  message: Uint8Array
  addOrder?: boolean
}): Forged {
  const { message, aTorsion, rTorsion } = parts
  const key = point(parts.a, aTorsion).toBytes()
  const R = point(parts.r, rTorsion).toBytes()
  const k = littleEndian(createHash('sha512').update(R).update(key).update(message).digest()) % ORDER
  const S = ((parts.r + k * parts.a) % ORDER) + (parts.addOrder ? ORDER : 0n)
  const cancels = (BigInt(rTorsion) + k * BigInt(aTorsion)) % 8n === 0n
  return {
    key,
    message,
    sig: Buffer.concat([R, encodeScalar(S)]),
    valid: cancels && parts.a % ORDER !== 0n && parts.r % ORDER !== 0n && !parts.addOrder,
    validWithCofactor: !parts.addOrder,
  }
}

/** [scalar]B + [times]T. */
export function point(scalar: bigint, times: number): Point {
  let sum = Point.BASE.multiply(scalar % ORDER, false)
  for (let i = 0; i < times; i++) sum = sum.add(torsion)
  return sum
}

/** `sig` with the order of the base point added to S: the same equation, another encoding. */
export function addOrder(sig: Uint8Array): Uint8Array {
  return Buffer.concat([sig.subarray(0, 32), encodeScalar(littleEndian(sig.subarray(32)) + ORDER)])
}

export function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}

function encodeScalar(scalar: bigint): Uint8Array {
  return Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
}
