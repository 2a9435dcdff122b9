// The CLI as processes, as people run it: one command, or a hub that serves.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

export const program = fileURLToPath(new URL('../bin/main.js', import.meta.url))
const outputBytesMax = 1 << 30

/** The output of a command with `--json`. */
export type Answer = { readonly [name: string]: unknown }

export class VerbFailed extends Error {}

/**
 * Runs a command and returns its stdout.
 * @throws VerbFailed unless its exit code is one of `exits`
 */
export async function verb(
  words: readonly string[],
  exits: readonly number[] = [0],
): Promise<{ exit: number; text: string }> {
  const child = execFile(process.execPath, [program, ...words], { maxBuffer: outputBytesMax })
  let text = ''
  let complaint = ''
  child.stdout!.on('data', (chunk: string) => {
    text += chunk
  })
  child.stderr!.on('data', (chunk: string) => {
    complaint += chunk
  })
  const [exit] = (await once(child, 'close')) as [number | null]
  if (exit !== null && exits.includes(exit)) return { exit, text }
  throw new VerbFailed(`replica ${words.join(' ')}\nended with exit code ${exit}: ${reasonIn(text) ?? complaint}`)
}

function reasonIn(text: string): string | undefined {
  try {
    return (JSON.parse(text) as { error?: { message?: string } }).error?.message
  } catch {
    return undefined
  }
}

/** Runs a command with `--json`. */
export async function ask(words: readonly string[], exits?: readonly number[]): Promise<Answer & { exit: number }> {
  const { exit, text } = await verb([...words, '--json'], exits)
  return { ...(JSON.parse(text) as Answer), exit }
}

export interface ServedHub {
  readonly dir: string
  readonly id: string
  readonly url: string
  readonly key: string
  readonly process: ChildProcess
}

/** Creates a store and serves it on a free port. */
export async function serve(dir: string, id: string): Promise<ServedHub> {
  await ask(['init', dir, '--hub-id', id])
  return listen(dir, id)
}

/** Serves an existing store on a free port. */
export async function listen(dir: string, id: string): Promise<ServedHub> {
  const words = ['serve', '--listen', '127.0.0.1:0', '--dir', dir, '--json', '--quiet']
  const child = spawn(process.execPath, [program, ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout! })
  const [line] = (await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(() => Promise.reject(new VerbFailed(`${id} ended before it listened`))),
  ])) as [string]
  const { url, public_key: key } = JSON.parse(line) as { url: string; public_key: string }
  return { dir, id, url, key, process: child }
}

export async function stop({ process: child }: ServedHub): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
