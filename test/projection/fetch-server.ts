// Shared by the tests of fetching and comparing: a small HTTP server with given responses, also
// faulty ones, and a frontier with its owner's entry.

import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import * as vela from '../../src/vela/index.ts'
import { signer } from '../vela/signers.ts'

export type Answer = (request: http.IncomingMessage, response: http.ServerResponse) => void

/** Responds by path; 404 elsewhere. */
export class TestServer {
  readonly answers = new Map<string, Answer>()
  readonly asked: string[] = []
  readonly #server: http.Server

  private constructor() {
    this.#server = http.createServer((request, response) => {
      const path = request.url ?? ''
      this.asked.push(path)
      const answer = this.answers.get(path)
      if (answer === undefined) response.writeHead(404).end()
      else answer(request, response)
    })
  }

  static async open(): Promise<TestServer> {
    const made = new TestServer()
    await new Promise<void>(resolve => made.#server.listen(0, '127.0.0.1', resolve))
    return made
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Serves these bytes at `path`. */
  serve(path: string, body: string | Uint8Array): void {
    this.answers.set(path, (_, response) => response.end(body))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

export const OWNER = signer(7)

export interface FindingDraft {
  readonly id: string
  readonly score?: number
  readonly review_state?: string
  readonly retracted?: boolean
}

/** Returns a frontier file with these findings, named by its genesis event. */
export function frontierFile(
  findings: readonly FindingDraft[],
  options: { name?: string; actors?: readonly unknown[] } = {},
): { frontier: string; text: string; event: string } {
  const { name = 'A', actors = [] } = options
  const made = vela.makeGenesis({ name, creator: 'replica/1', timestamp: '2026-04-25T00:00:00Z' })
  const event = Buffer.from(made.text).toString()
  const members = {
    vela_version: '0.700.0',
    schema: 'vela.frontier.v0.1',
    frontier_id: made.frontier,
    frontier: { name, description: '', compiled_at: '2026-04-25T00:00:00Z', compiler: 'replica/1' },
    stats: {},
    actors,
    findings: findings.map(({ id, score = 0.5, retracted = false, review_state }) => ({
      id,
      assertion: { text: `the claim of ${id}`, type: 'mechanism' },
      confidence: { score },
      flags: { retracted, review_state },
    })),
  }
  const text = `${JSON.stringify(members).slice(0, -1)},"events":[${event}]}`
  return { frontier: made.frontier, text, event }
}

/** Returns the owner's entry for a frontier file. */
export function entryFor(
  file: { frontier: string; text: string },
  locator: string,
  changes: Partial<vela.EntryDraft> = {},
): string {
  const { snapshots, logs } = vela.contentHashes(Buffer.from(file.text))
  const draft: vela.EntryDraft = {
    vfr_id: file.frontier,
    name: 'A',
    owner_actor_id: 'reviewer:a',
    latest_snapshot_hash: snapshots[0]!,
    latest_event_log_hash: logs[0]!,
    network_locator: locator,
    signed_publish_at: '2026-04-25T00:00:00Z',
    ...changes,
  }
  return vela.printEntry(vela.signEntry(draft, OWNER))
}
