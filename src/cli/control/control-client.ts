// The shell's end of the control socket. Finds the hub that serves a store, sends it the command
// line, and relays its output and exit code. Output is read no faster than it can be printed; stdin
// is sent only on request of the command.

import * as net from 'node:net'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { type ExitCode, isErrorCode, ReplicaError } from '../../base/errors.ts'
import { Deferred } from '../../base/mutex.ts'
import { hasErrno } from '../error-hints.ts'
import type { Io } from '../io.ts'
import { encodeFrame, type Frame, FrameReader } from './frame.ts'
import { controlPath } from './socket-path.ts'

/**
 * Connects to the hub that serves the store at `location`; undefined without a hub. A stale socket
 * stays, because only the owner of the store may remove it.
 * @throws ReplicaError ERR_STORE_LOCKED if a hub of another user serves the store, or the hub does
 * not respond
 */
export async function connectHub(location: string, signal: AbortSignal): Promise<net.Socket | undefined> {
  const address = await controlPath(location)
  if (address === undefined) return undefined
  try {
    const socket = await connect(address)
    return (await receiveHello(socket, signal)) ? socket : undefined
  } catch (error) {
    if (hasErrno(error, 'ECONNREFUSED', 'ENOENT', 'EAGAIN', 'ETIMEDOUT', 'ECONNRESET')) return undefined
    if (hasErrno(error, 'EACCES', 'EPERM'))
      throw new ReplicaError('ERR_STORE_LOCKED', 'a hub of another user serves this store', { cause: error })
    throw error
  }
}

function connect(address: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(address)
    const giveUp = (): void => {
      socket.destroy(Object.assign(new Error('the control socket does not respond'), { code: 'ETIMEDOUT' }))
    }
    socket.setTimeout(CLI_LIMITS.controlConnectMsMax, giveUp)
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.setTimeout(0, giveUp)
      socket.off('error', reject)
      // A reader sees a broken connection; without a reader an error must not be uncaught.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/**
 * Waits for the hub's first frame, because the kernel also connects to a suspended process. Returns
 * false if the hub closed the connection instead, as during its shutdown.
 */
function receiveHello(socket: net.Socket, signal: AbortSignal): Promise<boolean> {
  return new Promise<boolean>((resolve, reject) => {
    const frames = new FrameReader()
    const stop = (): void => void socket.destroy(signal.reason)
    const giveUp = (): void => void socket.destroy(unresponsive())
    const read = (chunk: Uint8Array): void => {
      try {
        const [frame] = frames.push(chunk)
        if (frame === undefined) return
        if (frame.kind !== 'hello') throw frame.kind === 'error' ? hubError(frame) : unexpectedFrame(frame)
        socket.pause()
        settle(() => resolve(true))
      } catch (error) {
        fail(error)
        socket.destroy()
      }
    }
    const fail = (error: unknown): void => settle(() => reject(error))
    const close = (): void => settle(() => resolve(false))
    const settle = (end: () => void): void => {
      signal.removeEventListener('abort', stop)
      socket.off('data', read).off('error', fail).off('close', close).setTimeout(0, giveUp)
      end()
    }
    socket.on('data', read).on('error', fail).on('close', close)
    socket.setTimeout(CLI_LIMITS.controlConnectMsMax, giveUp)
    signal.addEventListener('abort', stop)
    if (signal.aborted) stop()
  })
}

function unresponsive(): ReplicaError {
  return new ReplicaError('ERR_STORE_LOCKED', 'the hub that serves this store does not respond', {
    facts: { hint: 'its process is suspended, hangs or runs another version of replica: resume it or stop it' },
  })
}

/**
 * Runs a command line in the hub at `socket` and returns its exit code. When `signal` aborts, the
 * hub is asked to stop the command, which may print its last output for at most
 * `controlLastWordMsMax`.
 * @throws ReplicaError ERR_STORE_CLOSED if the hub ends first, ERR_ABORTED after that time, or the
 * reason why the hub did not run the command
 */
export async function runInHub(
  socket: net.Socket,
  request: { argv: readonly string[]; cwd: string },
  host: { io: Io; signal: AbortSignal },
): Promise<ExitCode> {
  const { io, signal } = host
  const deadline = new Deferred<never>()
  let timer: NodeJS.Timeout | undefined
  const abort = (): void => {
    socket.write(encodeFrame('abort'))
    timer = setTimeout(() => deadline.reject(signal.reason), CLI_LIMITS.controlLastWordMsMax)
  }
  signal.addEventListener('abort', abort)
  try {
    socket.write(encodeFrame('request', requestOf(request, io)))
    if (signal.aborted) abort()
    return await Promise.race([relayOutput(socket, io), deadline.promise])
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', abort)
    socket.destroy()
  }
}

function requestOf({ argv, cwd }: { argv: readonly string[]; cwd: string }, io: Io): Uint8Array {
  return encodeRequest({
    control: CONTROL_VERSION,
    argv,
    cwd,
    terminal: { stdin: io.stdin.terminal, stdout: io.stdout.terminal, stderr: io.stderr.terminal },
    columns: io.stdout.columns,
  })
}

async function relayOutput(socket: net.Socket, io: Io): Promise<ExitCode> {
  const frames = new FrameReader()
  const stdin = io.stdin.chunks()[Symbol.asyncIterator]()
  try {
    for await (const chunk of socket) {
      for (const frame of frames.push(chunk)) {
        if (frame.kind === 'exit') return exitCode(frame)
        if (frame.kind === 'error') throw hubError(frame)
        if (frame.kind === 'stdin-want') void sendStdin(socket, stdin)
        else if (frame.kind === 'stdout') await io.stdout.write(frame.data)
        else if (frame.kind === 'stderr') await io.stderr.write(frame.data)
        else throw unexpectedFrame(frame)
      }
    }
  } catch (error) {
    if (!hasErrno(error, 'ECONNRESET', 'EPIPE')) throw error
  }
  throw new ReplicaError('ERR_STORE_CLOSED', 'the hub that serves this store ended before the command')
}

function unexpectedFrame({ kind }: Frame): ReplicaError {
  return new ReplicaError('ERR_SYNC_ORDER', `unexpected control frame: ${kind}`)
}

/** Sends one piece of stdin. A read error is sent as the end of stdin. */
async function sendStdin(socket: net.Socket, stdin: AsyncIterator<Uint8Array>): Promise<void> {
  let piece: IteratorResult<Uint8Array>
  try {
    piece = await stdin.next()
  } catch {
    piece = { done: true, value: undefined }
  }
  if (socket.writable) socket.write(piece.done ? encodeFrame('stdin-end') : encodeFrame('stdin', piece.value))
}

function exitCode(frame: Frame): ExitCode {
  const code = frame.data[0]
  if (code === 0 || code === 1 || code === 2 || code === 3 || code === 4) return code
  throw new ReplicaError('ERR_SYNC_FRAME', 'invalid exit code on the control socket')
}

/** Returns the reason why the hub did not run the command. */
function hubError(frame: Frame): ReplicaError {
  const { code, message }: { code?: unknown; message?: unknown } = JSON.parse(Buffer.from(frame.data).toString('utf8'))
  const known = typeof code === 'string' && isErrorCode(code) ? code : 'ERR_SYNC_REMOTE'
  return new ReplicaError(known, typeof message === 'string' ? message : 'the hub did not run the command')
}

/**
 * Version of frames and request. A hub of another version refuses the request with
 * ERR_SYNC_VERSION.
 */
export const CONTROL_VERSION = 2

/** One command line, with its working folder and the properties of its streams. */
export interface ControlRequest {
  readonly control: number
  readonly argv: readonly string[]
  /** Absolute path. */
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
  return new ReplicaError('ERR_SYNC_FRAME', 'malformed control request')
}
