// `node dist/test/sync/make-vectors.js [--write]`: makes the vectors of sessions and messages and the transcripts of sync.md
// again, and writes them, or says which files differ from what it makes (exit code 1).

import * as fs from 'node:fs'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import { sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import type { SessionConfig } from '../../src/sync/connection.ts'
import { repository } from '../shared-data.ts'
import { messageVectors } from './messages.ts'
import type { Scene } from './scene.ts'
import type { Session } from './session-parts.ts'
import { sessions } from './sessions.ts'
import { TRANSCRIPTS_START, transcripts } from './transcripts.ts'
import { effectJson, inputJson, type Json, type SideJson } from './vector-json.ts'

export interface TurnJson {
  readonly at: 'client' | 'hub'
  readonly in: Json
  readonly out: readonly Json[]
}

export interface SessionVector {
  readonly name: string
  readonly rule: string
  readonly client: SideJson
  readonly hub: SideJson
  readonly turns: readonly TurnJson[]
  /** How many frames each side has sent. */
  readonly ok?: { readonly client: number; readonly hub: number }
  readonly error?: string
}

async function vectorOf({ name, rule, error, run }: Session): Promise<SessionVector> {
  const scene = await run()
  const turns = scene.turns.map(({ at, input, effects }) => ({
    at,
    in: inputJson(input),
    out: effects.map(effectJson),
  }))
  const sides = { client: sideOf(scene.client.config), hub: sideOf(scene.hub.config) }
  const outcome = error === undefined ? { ok: { client: count(scene, 'client'), hub: count(scene, 'hub') } } : { error }
  return { name, rule, ...sides, turns, ...outcome }
}

function count(scene: Scene, by: 'client' | 'hub'): number {
  return scene.sent(by).length
}

function sideOf(config: SessionConfig): SideJson {
  const { role, hub, nonce, host, binding } = config
  return {
    role,
    hub,
    seed: toHex(sha256(utf8(hub.replace('hub:', '')))),
    nonce: toHex(nonce),
    host,
    ...(config.role === 'client' ? { expect: toHex(config.expect) } : {}),
    ...(binding === undefined ? {} : { binding: toHex(binding) }),
  }
}

/** A turn a line, so that two versions can be compared. */
function text(vectors: readonly SessionVector[]): string {
  const one = ({ turns, ...rest }: SessionVector): string => {
    const { name, rule, client, hub, ...outcome } = rest
    const head = Object.entries({ name, rule, client, hub }).map(
      ([key, value]) => `    "${key}": ${JSON.stringify(value)}`,
    )
    const lines = turns.map(turn => `      ${JSON.stringify(turn)}`).join(',\n')
    const tail = Object.entries(outcome).map(([key, value]) => `    "${key}": ${JSON.stringify(value)}`)
    return `  {\n${[...head, `    "turns": [\n${lines}\n    ]`, ...tail].join(',\n')}\n  }`
  }
  return `[\n${vectors.map(one).join(',\n')}\n]\n`
}

/** Each file with the text that it must have. */
export async function vectorFiles(): Promise<{ file: string; text: string }[]> {
  const folder = path.join(repository, 'protocol', 'vectors')
  const messages = messageVectors().map(vector => `  ${JSON.stringify(vector)}`)
  const files = [{ file: path.join(folder, 'message.json'), text: `[\n${messages.join(',\n')}\n]\n` }]
  for (const name of new Set(sessions.map(session => session.file))) {
    const vectors = []
    for (const session of sessions.filter(({ file }) => file === name)) vectors.push(await vectorOf(session))
    files.push({ file: path.join(folder, 'session', `${name}.json`), text: text(vectors) })
  }
  const page = path.join(repository, 'protocol', 'sync.md')
  const [rules] = fs.readFileSync(page, 'utf8').split(TRANSCRIPTS_START)
  files.push({ file: page, text: rules + (await transcripts()) })
  return files
}

async function main(write: boolean): Promise<void> {
  for (const { file, text: wanted } of await vectorFiles()) {
    if (write) {
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, wanted)
    } else if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== wanted) {
      console.log(`${file} differs`)
      process.exitCode = 1
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.includes('--write'))
