#!/usr/bin/env node
// The process of the command line: arguments, streams, signals and exit code. No other file of this
// package uses `process`. The first interrupt requests a graceful stop; the second ends the
// process.

import * as fs from 'node:fs'
import { isatty } from 'node:tty'
import { ReplicaError } from '../base/errors.ts'
import { fileSink, type OutputStream, streamSink, streamSource } from './io.ts'
import { runProgram } from './program.ts'

const stdout = sinkOf(1, () => process.stdout)
const stderr = sinkOf(2, () => process.stderr)
const controller = new AbortController()

function sinkOf(descriptor: number, stream: () => NodeJS.WriteStream): OutputStream {
  const kind = fs.fstatSync(descriptor)
  const isFile = kind.isFile() || (kind.isCharacterDevice() && !isatty(descriptor))
  return isFile ? fileSink(descriptor) : streamSink(stream())
}

/** Callbacks for SIGHUP. Without one, SIGHUP stops the command. */
const reloaders = new Set<() => void>()

function stop(): void {
  if (controller.signal.aborted) process.exit(1)
  controller.abort(new ReplicaError('ERR_ABORTED', 'the command was interrupted'))
}

for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, stop)
process.on('SIGHUP', () => {
  if (reloaders.size === 0) stop()
  for (const reload of reloaders) reload()
})

for (const name of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(name, (error: unknown) => {
    process.stderr.write(`replica: internal error: ${error instanceof Error ? error.stack : error}\n`)
    process.exit(4)
  })
}

const exit = await runProgram(process.argv.slice(2), {
  io: { stdin: streamSource(isatty(0), () => process.stdin, controller.signal), stdout, stderr },
  cwd: process.cwd(),
  dir: process.env.REPLICA_DIR || undefined,
  runtime: {
    pid: process.pid,
    node: process.versions.node,
    residentBytes: () => process.memoryUsage.rss(),
    onReload: reload => {
      reloaders.add(reload)
      return () => reloaders.delete(reload)
    },
  },
  signal: controller.signal,
})
// A failed write to stdout was already reported and is in the exit code.
await Promise.allSettled([stdout.flush(), stderr.flush()])
process.exit(exit)
