// What tests stand on besides the code: data that lies beside the repository where somebody has put it, skips that are
// counted instead of silent, and temporary folders. The project's own vectors are in protocol/vectors and need none of
// this. A test never sets up by hook: it calls these, with `await using` where something is to be cleaned up.

import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of this repository, whatever folder the compiled tests lie in. */
export const repository: string = findRepository(path.dirname(fileURLToPath(import.meta.url)))

/** An absolute path below `../shared` beside the repository; undefined where that is absent. */
export function shared(relative: string): string | undefined {
  const file = path.join(repository, '..', 'shared', relative)
  return fs.existsSync(file) ? file : undefined
}

/** What a skip prints in front, on a line of its own on stderr; test/run.ts counts these lines. */
export const skipMark = 'SKIPPED '

/** Says that a test of this name can't run here, and why. It counts as skipped, never as passed. */
export function skip(name: string, why: string): void {
  process.stderr.write(`${skipMark}${oneLine(name)}: ${oneLine(why)}\n`)
}

/** A fresh temporary folder, removed with all that is in it on dispose: `await using dir = await scratch()`. */
export async function scratch(parent = os.tmpdir()): Promise<Scratch> {
  return new Scratch(await fs.promises.mkdtemp(path.join(parent, 'replica-test-')))
}

export class Scratch {
  readonly path: string

  constructor(folder: string) {
    this.path = folder
  }

  /** The path of something in this folder. */
  join(...names: string[]): string {
    return path.join(this.path, ...names)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Retries: a database or a killed child may still be letting go of its files.
    await fs.promises.rm(this.path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
}

function findRepository(from: string): string {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const manifest = path.join(folder, 'package.json')
    if (fs.existsSync(manifest) && JSON.parse(fs.readFileSync(manifest, 'utf8')).name === 'frontier-replica')
      return folder
    if (path.dirname(folder) === folder) throw new TypeError(`no package.json of frontier-replica above ${from}`)
  }
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ')
}
