// Sessions of texts that one side does not have, S54 to S56.

import { decodeNode } from '../../src/node/decoder.ts'
import { chain, type Local, logOf, type Made, plant } from './local.ts'
import type { Scene } from './scene.ts'
import { blocksOf, madeUp, openOf, pair, ready, type Session } from './session-parts.ts'

export const texts: Session[] = [
  {
    file: 'texts',
    rule: 'S54',
    name: 'a pull by a side that keeps headers only',
    async run() {
      const { scene, client } = await ready(2)
      await client.context.frontier(logOf(client).name).policy.set('none')
      await scene.sync('pull')
      const counts = logOf(client).texts()
      if (counts['left-out'] !== 2) throw new TypeError(`${counts['left-out']} texts are left out`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S54',
    name: 'a pull by a side with a filter: texts that match, and the byte 00 for others',
    async run() {
      const { scene, client } = await ready(2)
      await client.context.frontier(logOf(client).name).policy.set({ kinds: ['finding.unheard'] })
      await scene.sync('pull')
      const counts = logOf(client).texts()
      if (counts['left-out'] !== 2) throw new TypeError(`${counts['left-out']} texts are left out`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S55',
    name: 'a request of texts that match a filter: one has the kind, one does not',
    async run() {
      const { scene, nodes } = await lacking()
      const kind = JSON.parse(Buffer.from(decodeNode(nodes[0]!.bytes).text!).toString()).kind
      await scene.forge('hub', openOf('pull', { heads: [nodes.at(-1)!.digest], count: 2 }))
      await scene.forge('hub', { t: 'texts', ch: 1, ids: [nodes[0]!.digest], match: { kinds: [kind] } })
      await scene.forge('hub', { t: 'texts', ch: 1, ids: [nodes[1]!.digest], match: { kinds: ['other'] } })
      const lacks = scene.sent('hub').filter(({ t }) => t === 'lack').length
      if (lacks !== 1) throw new TypeError(`${lacks} lacks`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S54',
    name: 'an open with a choice of texts that is none',
    error: 'ERR_SYNC_FRAME',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', { ...openOf('pull'), texts: 'all' as 'none' })
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S55',
    name: 'a pull with equal heads that requests a text',
    async run() {
      const { scene, client } = await lacking()
      await scene.sync('pull')
      const { wanted } = logOf(client).texts()
      if (wanted !== 0) throw new TypeError(`${wanted} texts are wanted`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S55',
    name: 'a request of texts before the end',
    error: 'ERR_SYNC_ORDER',
    async run() {
      const { scene } = await ready(1)
      await scene.forge('hub', openOf('pull', { heads: [madeUp('one')] }))
      await scene.forge('hub', { t: 'texts', ch: 1, ids: [madeUp('one')] })
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S56',
    name: 'a request of texts that the source does not have: one wanted there, one of a node that nobody has',
    async run() {
      const { scene, hub, nodes } = await lacking()
      await logOf(hub).setTexts([{ seq: 0, state: 'left-out' }])
      await scene.forge('hub', openOf('pull', { heads: [nodes.at(-1)!.digest], count: 2 }))
      await scene.forge('hub', { t: 'texts', ch: 1, ids: [nodes[0]!.digest, madeUp('one')] })
      const lacks = scene.sent('hub').filter(({ t }) => t === 'lack').length
      if (lacks !== 1) throw new TypeError(`${lacks} lacks`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S56',
    name: 'a requested text that changed on its way is refused, and stays wanted',
    async run() {
      const { scene, client, nodes } = await answered(forged)
      const { wanted } = logOf(client).texts()
      if (wanted !== 1 || nodes.length !== 2) throw new TypeError(`${wanted} texts are wanted`)
      return scene
    },
  },
  {
    file: 'texts',
    rule: 'S56',
    name: 'a requested text that is not in the item',
    error: 'ERR_SYNC_UNSOLICITED',
    run: async () => (await answered(({ bytes }) => decodeNode(bytes).header)).scene,
  },
  {
    file: 'texts',
    rule: 'S56',
    name: 'a text that was not requested',
    error: 'ERR_SYNC_UNSOLICITED',
    run: async () => (await answered((_, other) => other.bytes)).scene,
  },
]

interface Lacking {
  readonly scene: Scene
  readonly client: Local
  readonly hub: Local
  readonly nodes: readonly Made[]
}

/** Two nodes of both sides; the client wants the text of the first. */
async function lacking(): Promise<Lacking> {
  const { scene, client, hub } = await pair()
  const nodes = chain(hub.key, 'event', 2)
  for (const at of [client, hub]) await plant(at, nodes)
  await logOf(client).setTexts([{ seq: 0, state: 'wanted' }])
  await scene.shakeHands()
  return { scene, client, hub, nodes }
}

/** The client requests the text of the first node, and the hub sends this instead. */
async function answered(item: (node: Made, other: Made) => Uint8Array): Promise<Lacking> {
  const parts = await lacking()
  const { scene, nodes } = parts
  await scene.open('pull')
  await scene.deliver({ stopAt: 'texts' })
  await scene.forge('client', blocksOf({ bytes: item(nodes[0]!, nodes[1]!) }))
  return parts
}

function forged({ bytes }: Made): Uint8Array {
  const changed = Uint8Array.from(bytes)
  changed[changed.length - 2]! ^= 1
  return changed
}
