// The hub's end of the control socket. Each connection runs one command on the hub's open store:
// the request comes in, output goes out with flow control, and the exit code ends the connection.
// If the shell disconnects, the command is aborted. An unexpected frame ends only its own session.

import * as net from 'node:net'
import { CLI_LIMITS } from '../../base/cli-limits.ts'
import { type ExitCode, ReplicaError } from '../../base/errors.ts'
import { Deferred } from '../../base/mutex.ts'
import { type InputStream, type Io, OutputClosed, type OutputStream, pieces } from '../io.ts'
import { type ControlRequest, decodeRequest } from './control-client.ts'
import { encodeFrame, type Frame, type FrameKind, FrameReader } from './frame.ts'
import { prepareSocket, type SocketPath } from './socket-path.ts'

export type RunRequest = (request: ControlRequest, session: { io: Io; signal: AbortSignal }) => Promise<ExitCode>

export class ControlServer {
  readonly #server: net.Server
  readonly #socketPath: SocketPath
  readonly #sessions = new Set<Session>()

  private constructor(server: net.Server, socketPath: SocketPath) {
    this.#server = server
    this.#socketPath = socketPath
  }

  /** Starts to listen for the store at `location`. Only the owner of the store may call this. */
  static async open(location: string, run: RunRequest): Promise<ControlServer> {
    const socketPath = await prepareSocket(location)
    const server = net.createServer()
    const control = new ControlServer(server, socketPath)
    server.on('connection', socket => control.#accept(socket, run))
    // Connections above `controlSessionsMax` get an error; connections above this number are
    // dropped.
    server.maxConnections = 2 * CLI_LIMITS.controlSessionsMax
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socketPath.bind, () => {
        server.off('error', reject)
        resolve()
      })
    })
    await socketPath.publish()
    return control
  }

  #accept(socket: net.Socket, run: RunRequest): void {
    const session = new Session(socket)
    const isFull = this.#sessions.size >= CLI_LIMITS.controlSessionsMax
    this.#sessions.add(session)
    session.run(isFull ? refuseBusy : run).finally(() => this.#sessions.delete(session))
  }

  /**
   * Stops to accept commands, aborts the running ones and waits until they have ended. With
   * `keepsSocket` it changes nothing in the folder of the store.
   */
  async close({ keepsSocket = false }: { readonly keepsSocket?: boolean } = {}): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()))
    if (!keepsSocket) await this.#socketPath.remove()
    for (const session of this.#sessions) session.abort()
    // A suspended shell does not read output; its command must not block the shutdown.
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy()
    }, CLI_LIMITS.controlConnectMsMax)
    await closed
    clearTimeout(timer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

const refuseBusy: RunRequest = async () => {
  throw new ReplicaError('ERR_SYNC_BUSY', 'too many concurrent commands in the hub: try again')
}

class Session {
  readonly #socket: net.Socket
  readonly #frames = new FrameReader()
  readonly #controller = new AbortController()
  readonly #request = new Deferred<ControlRequest>()
  #requested = false
  /** The piece of stdin for which the command waits. */
  #wanted: Deferred<Uint8Array | undefined> | undefined

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('data', chunk => this.#onData(chunk))
    socket.on('error', () => {})
    socket.on('close', () => this.abort())
    socket.write(encodeFrame('hello'))
  }

  abort(): void {
    this.#controller.abort(new ReplicaError('ERR_ABORTED', 'the command was interrupted'))
    this.#wanted?.reject(this.#controller.signal.reason)
    this.#request.reject(this.#controller.signal.reason)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** Runs the request. Never rejects: an error ends the connection. */
  async run(run: RunRequest): Promise<void> {
    const timer = setTimeout(() => this.abort(), CLI_LIMITS.controlRequestMsMax)
    try {
      const request = await this.#request.promise
      clearTimeout(timer)
      const exit = await run(request, { io: this.#io(request), signal: this.#controller.signal })
      await this.#send('exit', Uint8Array.of(exit))
      this.#socket.end()
    } catch (error) {
      if (error instanceof ReplicaError) await this.#sendError(error)
      this.#socket.destroySoon()
    } finally {
      clearTimeout(timer)
    }
  }

  /** Sends the reason why the command did not run, in place of an exit code. */
  async #sendError({ code, message }: ReplicaError): Promise<void> {
    try {
      await this.#send('error', Buffer.from(JSON.stringify({ code, message })))
    } catch (failure) {
      if (!(failure instanceof OutputClosed)) throw failure
    }
  }

  #onData(chunk: Uint8Array): void {
    try {
      for (const frame of this.#frames.push(chunk)) this.#onFrame(frame)
    } catch (error) {
      this.#request.reject(error)
      this.#wanted?.reject(error)
      this.#controller.abort(error)
      if (this.#requested) this.#socket.destroy()
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === 'abort') return this.abort()
    if (frame.kind === 'request' && !this.#requested) {
      const request = decodeRequest(frame.data)
      this.#requested = true
      return this.#request.resolve(request)
    }
    const wanted = this.#wanted
    if (wanted !== undefined && (frame.kind === 'stdin' || frame.kind === 'stdin-end')) {
      this.#wanted = undefined
      return wanted.resolve(frame.kind === 'stdin' ? Buffer.from(frame.data) : undefined)
    }
    throw new ReplicaError('ERR_SYNC_ORDER', `unexpected control frame: ${frame.kind}`)
  }

  #io(request: ControlRequest): Io {
    const sink = (kind: FrameKind, terminal: boolean): OutputStream => ({
      terminal,
      columns: request.columns,
      write: data => this.#send(kind, typeof data === 'string' ? Buffer.from(data) : data),
      // The shell prints all output before it reads the exit code, or fails.
      flush: async () => {},
    })
    return {
      stdin: this.#stdin(request.terminal.stdin),
      stdout: sink('stdout', request.terminal.stdout),
      stderr: sink('stderr', request.terminal.stderr),
    }
  }

  #stdin(terminal: boolean): InputStream {
    const next = async (): Promise<Uint8Array | undefined> => {
      const wanted = new Deferred<Uint8Array | undefined>()
      this.#wanted = wanted
      this.#controller.signal.throwIfAborted()
      await this.#send('stdin-want')
      return wanted.promise
    }
    return {
      terminal,
      async *chunks() {
        for (let chunk = await next(); chunk !== undefined; chunk = await next()) yield chunk
      },
    }
  }

  /**
   * Sends data in pieces and waits while the shell is slow.
   * @throws OutputClosed if it has disconnected
   */
  async #send(kind: FrameKind, data: Uint8Array = new Uint8Array()): Promise<void> {
    if (data.length <= CLI_LIMITS.controlChunkBytes) return this.#write(encodeFrame(kind, data))
    for (const piece of pieces(data)) await this.#write(encodeFrame(kind, piece))
  }

  async #write(frame: Uint8Array): Promise<void> {
    const socket = this.#socket
    if (!socket.writable) throw new OutputClosed('the shell has disconnected')
    if (socket.write(frame)) return
    await new Promise<void>((resolve, reject) => {
      const finish = (): void => {
        socket.off('drain', finish).off('close', finish)
        if (socket.destroyed) reject(new OutputClosed('the shell has disconnected'))
        else resolve()
      }
      socket.on('drain', finish).on('close', finish)
    })
  }
}
