import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { CLI_LIMITS } from '../../../src/base/cli-limits.ts'
import { hasCode } from '../../../src/base/errors.ts'
import { CONTROL_VERSION, decodeRequest, encodeRequest } from '../../../src/cli/control/control-client.ts'
import { encodeFrame, type Frame, type FrameKind, FrameReader } from '../../../src/cli/control/frame.ts'

const test = suite('cli/control/frame')

const kinds: FrameKind[] = ['request', 'stdin', 'stdin-end', 'abort', 'stdout', 'stderr', 'stdin-want', 'exit']

function code(expected: string): (error: unknown) => boolean {
  return error => hasCode(error) && error.code === expected
}

function header(kind: number, length: number): Uint8Array {
  const bytes = Buffer.alloc(5)
  bytes.writeUInt8(kind, 0)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

test('frames are decoded for any chunks of the stream', () => {
  const frame = fc
    .tuple(fc.constantFrom(...kinds), fc.uint8Array({ maxLength: 300 }))
    .map(([kind, data]): Frame => ({ kind, data }))
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 97 })), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(({ kind, data }) => encodeFrame(kind, data)))
      const reader = new FrameReader()
      const seen: Frame[] = []
      let at = 0
      for (let i = 0; at < stream.length; i++) {
        const end = at + (cuts[i % Math.max(1, cuts.length)] ?? stream.length)
        for (const { kind, data } of reader.push(stream.subarray(at, end)))
          seen.push({ kind, data: Uint8Array.from(data) })
        at = end
      }
      assert.equal(seen, frames)
    }),
  )
})

test('a frame of the maximum length is accepted and one byte more is refused', () => {
  const { controlFrameBytesMax } = CLI_LIMITS
  const reader = new FrameReader()
  const frames = [...reader.push(encodeFrame('stdout', new Uint8Array(controlFrameBytesMax)))]
  assert.is(frames[0]?.data.length, controlFrameBytesMax)
  assert.throws(() => encodeFrame('stdout', new Uint8Array(controlFrameBytesMax + 1)), code('ERR_SYNC_LIMIT'))
  assert.throws(() => [...new FrameReader().push(header(16, controlFrameBytesMax + 1))], code('ERR_SYNC_LIMIT'))
})

test('a length above the limit is refused before memory is allocated', () => {
  assert.throws(() => [...new FrameReader().push(header(2, 0xffffffff))], code('ERR_SYNC_LIMIT'))
})

test('a frame of unknown kind is refused', () => {
  assert.throws(() => [...new FrameReader().push(header(99, 0))], code('ERR_SYNC_FRAME'))
})

test('a request is encoded and decoded', () => {
  const request = {
    control: CONTROL_VERSION,
    argv: ['push', 'hub:x', '--json'],
    cwd: '/somewhere',
    terminal: { stdin: false, stdout: true, stderr: true },
    columns: 120,
  }
  assert.equal(decodeRequest(encodeRequest(request)), request)
})

test('a request of another version and a malformed request are refused', () => {
  const good = {
    control: CONTROL_VERSION,
    argv: [],
    cwd: '/',
    terminal: { stdin: true, stdout: true, stderr: true },
    columns: 1,
  }
  const bad: unknown[] = [null, 1, 'x', [], { ...good, argv: [1] }, { ...good, argv: 'x' }, { ...good, cwd: 1 }]
  bad.push({ ...good, terminal: null }, { ...good, terminal: { stdin: true } }, { ...good, columns: '80' })
  for (const value of bad) {
    const read = (): unknown => decodeRequest(Buffer.from(JSON.stringify(value)))
    assert.throws(read, (error: unknown) => hasCode(error, 'ERR_SYNC_FRAME', 'ERR_SYNC_VERSION'))
  }
  assert.throws(() => decodeRequest(Buffer.from('{')), code('ERR_SYNC_FRAME'))
  assert.throws(
    () => decodeRequest(Buffer.from(JSON.stringify({ ...good, control: CONTROL_VERSION + 1 }))),
    code('ERR_SYNC_VERSION'),
  )
})

test.run()
