// What the shell asks of the hub: one command line, with the folder it was typed in and what its streams are.

import { ReplicaError } from '../../base/errors.ts'

/** Raised when frames or members change; a hub started by another version answers with a sentence, not with garbage. */
export const CONTROL_VERSION = 2

export interface ControlRequest {
  readonly control: number
  readonly argv: readonly string[]
  /** Absolute. */
  readonly cwd: string
  readonly terminal: { readonly stdin: boolean; readonly stdout: boolean; readonly stderr: boolean }
  readonly columns: number
}

export function encodeRequest(request: ControlRequest): Uint8Array {
  return Buffer.from(JSON.stringify(request), 'utf8')
}

/** @throws ReplicaError ERR_SYNC_VERSION, ERR_SYNC_FRAME */
export function decodeRequest(bytes: Uint8Array): ControlRequest {
  const value = parse(bytes)
  if (value.control !== CONTROL_VERSION)
    throw new ReplicaError('ERR_SYNC_VERSION', 'the hub that serves this store runs another version of replica')
  const { argv, cwd, terminal, columns } = value
  if (!isTexts(argv) || typeof cwd !== 'string' || typeof columns !== 'number' || !isTerminal(terminal))
    throw malformed()
  return { control: CONTROL_VERSION, argv, cwd, columns, terminal }
}

function parse(bytes: Uint8Array): Partial<Record<keyof ControlRequest, unknown>> {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
    if (typeof value === 'object' && value !== null) return value
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
  }
  throw malformed()
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every(item => typeof item === 'string')
}

function isTerminal(value: unknown): value is ControlRequest['terminal'] {
  if (typeof value !== 'object' || value === null) return false
  return ['stdin', 'stdout', 'stderr'].every(name => typeof (value as Record<string, unknown>)[name] === 'boolean')
}

function malformed(): ReplicaError {
  return new ReplicaError('ERR_SYNC_FRAME', 'the control socket carries a request that cannot be read')
}
