// A hub of the cluster: a folder with a key and an address, and a process `replica serve`.

import * as childProcess from 'node:child_process'
import * as path from 'node:path'
import * as readline from 'node:readline'
import { repository } from '../shared-data.ts'
import { killAtExit } from '../support/kill-at-exit.ts'

const program = path.join(repository, 'dist', 'src', 'cli', 'main.js')

export class HubProcess {
  readonly #folder: string
  #process: childProcess.ChildProcess | undefined
  #port = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  get keyFile(): string {
    return path.join(this.#folder, '.replica', 'key')
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`
  }

  get base(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  /** Creates or joins the store. Returns the key. */
  async init(url: string, keyFile?: string): Promise<string> {
    const key = keyFile === undefined ? [] : ['--key', keyFile]
    return (await this.#run(['init', this.#folder, '--store', url, ...key])).public_key
  }

  async createFrontier(): Promise<string> {
    return (await this.#run(['frontier', 'create', '--name', 'Cluster', '--dir', this.#folder])).frontier
  }

  async register(id: string, key: string): Promise<void> {
    await this.#run(['peer', 'add', id, 'wss://writer.example', '--key', key, '--dir', this.#folder])
  }

  /** Starts the process and waits until it listens. Uses the same port each time. */
  async start(): Promise<void> {
    const args = [program, 'serve', '--dir', this.#folder, '--listen', `127.0.0.1:${this.#port}`, '--json']
    const child = childProcess.spawn(process.execPath, args, {
      stdio: ['ignore', 'pipe', process.env.CLUSTER_LOG === undefined ? 'ignore' : 'inherit'],
    })
    this.#process = child
    killAtExit(child)
    const lines = readline.createInterface({ input: child.stdout! })
    for await (const line of lines) {
      this.#port = Number(new URL(JSON.parse(line).url).port)
      break
    }
    child.stdout!.resume()
    if (this.#port === 0) throw new Error('the hub did not start')
  }

  /** Returns the number of nodes that the hub serves; undefined if it does not respond. */
  async nodes(frontier: string): Promise<number | undefined> {
    try {
      const options = { signal: AbortSignal.timeout(5000) }
      const response = await fetch(`${this.base}/frontiers/${frontier}/heads`, options)
      return response.ok ? ((await response.json()) as { nodes: number }).nodes : undefined
    } catch {
      return undefined
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal)
  }

  async kill(): Promise<void> {
    const child = this.#process
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  /** Returns the ids of all events in the order of the log, over HTTP. */
  async events(): Promise<string[]> {
    const frontiers: { frontier: string }[] = (await this.#run(['status', '--dir', this.#folder])).frontiers
    const ids: string[] = []
    for (let since = ''; ; ) {
      const query = `limit=500${since === '' ? '' : `&since=${since}`}`
      const response = await fetch(`${this.base}/entries/${frontiers[0]!.frontier}/events?${query}`)
      const page = (await response.json()) as { events: { id: string }[]; next_cursor: string | null }
      ids.push(...page.events.map(({ id }) => id))
      if (page.next_cursor === null || page.events.length === 0) return ids
      since = page.next_cursor
    }
  }

  /** Checks the whole store. Returns what is wrong. */
  async verify(): Promise<string[]> {
    const { ok, faults } = await this.#run(['verify', '--signatures', '--dir', this.#folder])
    return ok ? [] : [`the store has faults: ${JSON.stringify(faults)}`]
  }

  // biome-ignore lint/suspicious/noExplicitAny: the JSON of a command
  async #run(args: readonly string[]): Promise<any> {
    const child = childProcess.spawn(process.execPath, [program, ...args, '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const parts: Buffer[] = []
    const said: Buffer[] = []
    child.stdout.on('data', part => parts.push(part))
    child.stderr.on('data', part => said.push(part))
    const code = await new Promise(resolve => child.once('close', resolve))
    if (parts.length === 0) throw new Error(`replica ${args.join(' ')} (${code}): ${Buffer.concat(said)}`)
    const value = JSON.parse(Buffer.concat(parts).toString('utf8'))
    if (value.error !== undefined) throw new Error(`replica ${args.join(' ')}: ${JSON.stringify(value.error)}`)
    return value
  }
}
