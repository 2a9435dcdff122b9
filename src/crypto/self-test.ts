// Known-answer test of a provider before its first use: it signs one known message and judges a set
// of embedded cases. Some library accepts each case that is invalid, and some library rejects each
// case that is valid. Takes 0.5 ms with a native provider.
// Spec: protocol/signature.md, K12.

import { equals, fromHex } from '../base/bytes.ts'
import { type SignatureProvider, strictVerifier } from './strict-verification.ts'

/**
 * Returns whether the provider signs and verifies the embedded cases correctly. A provider that
 * throws fails the test.
 */
export function passesSelfTest(provider: SignatureProvider): boolean {
  try {
    const verify = strictVerifier(provider)
    return signsCorrectly(provider) && CASES.every(([key, message, sig, valid]) => verify(key, message, sig) === valid)
  } catch {
    return false // a broken library may throw anything; the caller tries the next provider
  }
}

// RFC 8032 section 7.1, TEST 2.
const RFC_SEED = bytes('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb')
const RFC_KEY = bytes('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
const RFC_MESSAGE = bytes('72')
const RFC_SIG = bytes(
  '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
    '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
)

function signsCorrectly(provider: SignatureProvider): boolean {
  return equals(provider.publicKey(RFC_SEED), RFC_KEY) && equals(provider.signer(RFC_SEED)(RFC_MESSAGE), RFC_SIG)
}

const CASES: readonly (readonly [key: Uint8Array, message: Uint8Array, sig: Uint8Array, valid: boolean])[] = [
  [RFC_KEY, RFC_MESSAGE, RFC_SIG, true],
  [RFC_KEY, bytes('73'), RFC_SIG, false],
  // A and R with small-order parts that cancel: a verifier that requires torsion-free keys fails.
  [
    bytes('c7764413e370425ec54f2e6cf500db64e871a774d6c895ca2daed4e01db2aa74'),
    bytes('73656c662063616e63656c2030'),
    bytes(
      'f45c63e87002948506b8c295c804af9e912ca13e9926df3ca8b48566f6de0f1b' +
        '762d96a9ec52048dfef197209e914cb77bc19d57874282ed93285e7790b8440c',
    ),
    true,
  ],
  // A with a small-order part, valid only with the cofactor.
  [
    bytes('fbb3365fe68a72453c80f84f9812f912c6f3dceb0ac05b888de8b9c1d2c23682'),
    bytes('73656c6620412030'),
    bytes(
      '1e3691afdd57aa487dbe4cc1337f5082ad945e30af4aa1a3f5871b8355207076' +
        'a617d8d8d6541a208e0b2620f5ff4029db774ac8429fb7f2a1ccda69a0379c00',
    ),
    false,
  ],
  // R with a small-order part, valid only with the cofactor.
  [
    bytes('b9de6fe499ddd8e9d6e9d8051237e6e84acdd4c50c76d4bdfd5fa5d842ede8b0'),
    bytes('73656c6620522030'),
    bytes(
      'cb17ebd32c8f65b0f6f2704f57973ecb774d2831b9450b506a29c4c4f632e3e5' +
        'd134e2390028a7a5b512d8a7310f91dfb98a2cb081d9debf160e5f42ee640900',
    ),
    false,
  ],
  // S plus the order of the base point.
  [
    bytes('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    bytes('72'),
    bytes(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        'f52db7415978abc61b2c2eb6aeebfca0387b2eaeb4302aeeb00d291612bb0c10',
    ),
    false,
  ],
  // A of order 2, and the equation holds.
  [
    bytes('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'),
    bytes('73656c66204120736d616c6c2030'),
    bytes(
      '2eb4db378daf231c0d99fdd3a45f2c9832a3032d510a815c75d9813aef85aa87' +
        'c961226580174e94784908808297f2e24f6142705c55b80ebfa41abf42b01a09',
    ),
    false,
  ],
  // R is the identity, and the equation holds.
  [
    bytes('a19abb1daa5c2472eb039583ecf6ead50c1734c4b13f0c3cf1937405200b51a2'),
    bytes('73656c66205220736d616c6c2030'),
    bytes(
      '0100000000000000000000000000000000000000000000000000000000000000' +
        '31e3bf829e271c1ca1f82f2fea9a50ae30a482d3e1eb33bb074bb76a9c044e09',
    ),
    false,
  ],
]

function bytes(hex: string): Uint8Array {
  return fromHex(hex)!
}
