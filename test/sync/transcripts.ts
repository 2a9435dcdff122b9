// The transcripts of protocol/sync.md, made from sessions: each frame with its type, length and bytes in hex, long ones
// shortened in the middle.

import { toHex } from '../../src/base/bytes.ts'
import type { Effect } from '../../src/sync/connection.ts'
import type { Scene } from './scene.ts'
import { sessions } from './sessions.ts'

export const TRANSCRIPTS_START = '<!-- Transcripts: made by test/sync/make-vectors.ts -->'

const BYTES_PER_LINE = 60
const WHOLE_BYTES_MAX = 300
const SHOWN_BYTES = 120
const HANDSHAKE_FRAMES = 4

const shown: readonly { readonly title: string; readonly session: string; readonly text: string }[] = [
  {
    title: 'Equal heads',
    session: 'a pull where both have the same heads: one round trip after the handshake',
    text: 'Both sides have three nodes. The handshake is one round trip and the pull another: the hub sends `end` directly after its view.',
  },
  {
    title: 'Two nodes behind',
    session: 'a pull by a client that is two nodes behind',
    text: "The hub knows the client's head and sends the nodes after it. The client keeps `seq` 5 of `end` as its cursor.",
  },
  {
    title: 'Diverged',
    session: 'a pull between diverged sides: one offer',
    text: `Three nodes are common. Two nodes exist at the hub only and one at the client only. The hub doesn't know the client's head, so it
offers all five ids, newest first. The client has the last three (bits \`1c\`).`,
  },
  {
    title: 'Live',
    session: 'a live pull: one node, then two more, then one',
    text: `The first round is the flow that every channel has. Two further rounds follow as the log of the hub grows. Each is \`blocks\` and
\`end\`, then the client's \`report\`, with an \`ack\` if the nodes were durable before the \`end\` arrived. Then the client stops.`,
  },
]

export async function transcripts(): Promise<string> {
  const parts = []
  for (const [i, { title, session, text }] of shown.entries()) {
    const scene = await sessions.find(({ name }) => name === session)!.run()
    const all = lines(scene)
    const frames = i === 0 ? all : ['(the handshake as above)', ...all.slice(HANDSHAKE_FRAMES)]
    parts.push(`### ${title}\n\n${text}\nSession vector: "${session}".\n\n\`\`\`\n${frames.join('\n')}\n\`\`\`\n`)
  }
  return `${TRANSCRIPTS_START}\n\n${parts.join('\n')}`
}

function lines(scene: Scene): string[] {
  return scene.turns.flatMap(({ at, effects }) =>
    effects.filter(effect => effect.do === 'send').map(effect => frameLines(at === 'client' ? 'C' : 'H', effect)),
  )
}

function frameLines(by: 'C' | 'H', { message, frame }: Effect & { do: 'send' }): string {
  const isLong = frame.length > WHOLE_BYTES_MAX
  const head = `${by}: ${message.t}, ${frame.length} bytes`
  if (!isLong) return [head, ...hexLines(frame)].join('\n')
  const left = frame.length - SHOWN_BYTES - BYTES_PER_LINE
  return [
    head,
    ...hexLines(frame.subarray(0, SHOWN_BYTES)),
    `   … ${left} bytes …`,
    ...hexLines(frame.subarray(frame.length - BYTES_PER_LINE)),
  ].join('\n')
}

function hexLines(bytes: Uint8Array): string[] {
  const found = []
  for (let at = 0; at < bytes.length; at += BYTES_PER_LINE) {
    found.push(`   ${toHex(bytes.subarray(at, at + BYTES_PER_LINE))}`)
  }
  return found
}
