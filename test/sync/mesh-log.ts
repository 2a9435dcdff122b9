// What may be in a hub's log: nodes that are well signed, of its frontier, by keys that may, each after its parents.

import { digestKey, toHex } from '../../src/base/bytes.ts'
import { verify } from '../../src/crypto/ed25519.ts'
import { decodeNode, signingBytes } from '../../src/node/node.ts'
import { FRONTIER } from './local.ts'
import type { MeshHub } from './mesh-hub.ts'

export interface Rule {
  /** Keys in hex. */
  readonly mayWrite: (key: string) => boolean
  /** Of this key only these nodes; undefined while it may write. */
  readonly revoked?: { readonly key: string; readonly spared: ReadonlySet<string> } | undefined
}

/** @throws TypeError that names a node which should not be there */
export async function checkLog({ name, log }: MeshHub, { mayWrite, revoked }: Rule): Promise<void> {
  for await (const rows of log.scan({ from: 0 })) {
    for (const { seq, digest, bytes, parents } of rows) {
      const { key, sig, body, frontier } = decodeNode(bytes)
      const hex = toHex(key)
      const isRevoked = hex === revoked?.key && !revoked.spared.has(digestKey(digest))
      const isFine = mayWrite(hex) && !isRevoked && frontier === FRONTIER && parents.every(parent => parent < seq)
      if (isFine && verify(key, signingBytes(body), sig)) continue
      throw new TypeError(`${name} has merged ${toHex(digest).slice(0, 8)}, a node of ${hex.slice(0, 8)}`)
    }
  }
}
