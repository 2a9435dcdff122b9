// What the fuzzer feeds: each reader of foreign bytes, what must hold of an input that it accepts, and inputs to start
// from. A run of a target answers the class of its outcome, which tells the fuzzer whether an input was new; it throws
// on whatever no input may cause.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { ERASURE_KIND, type ErasedText, readErasure } from '../../src/admission/erasure-event.ts'
import { equals, toHex, utf8 } from '../../src/base/bytes.ts'
import { ReplicaError } from '../../src/base/errors.ts'
import { type CborValue, checkCbor, decodeCbor, encodeCbor } from '../../src/cbor/dag-cbor.ts'
import { type ChunkList, encodeChunkList, readChunkList } from '../../src/node/document-chunks.ts'
import { decodeNode, encodeBody, encodeHeader, type Node } from '../../src/node/node.ts'
import {
  canonicalize,
  checkEvent,
  type EventHead,
  type EventReading,
  eventSignature,
  eventSigningBytes,
  importEvent,
  isCanonical,
  makeEvent,
  readEvent,
} from '../../src/vela/index.ts'
import { libraryAgrees, type VectorBytes, vectorBytes } from '../node/referee.ts'
import { repository } from '../shared-data.ts'

export interface Target {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  /** Pieces worth putting in. */
  readonly tokens: readonly Uint8Array[]
  readonly run: (input: Uint8Array) => string
}

const heads = [
  '00',
  '17',
  '1818',
  '190100',
  '1a00010000',
  '1b001fffffffffffff',
  '20',
  '40',
  '60',
  '80',
  'a0',
  'f4',
  'f6',
  'f7',
]
const cborTokens = [
  ...heads,
  'd82a582500',
  '5820',
  '9a7fffffff',
  'ff',
  'fb3ff8000000000000',
  '6161',
  '8181818181',
  'efbbbf',
]
const jsonTokens = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\u',
  '\\ud83d\\ude00',
  '\\n',
  '0',
  '-0',
  '1.0',
  '1e400',
  '5e-324',
]
const jsonNumbers = [
  '18446744073709551616',
  '-9223372036854775809',
  '767e-23',
  '1e15',
  '1e16',
  'true',
  'null',
  ' ',
  '\ufeff',
]
const jsonNames = [
  '"schema":',
  '"id":',
  '"signature":',
  '"payload":',
  '"parents":[',
  '"caveats":',
  '"target":',
  '\u{1f600}',
]

/** Inputs of a vector file, the long ones left out: mutating a megabyte teaches nothing that a kilobyte does not. */
function vectorInputs(name: string): Uint8Array[] {
  const file = path.join(repository, 'protocol', 'vectors', name)
  const vectors = JSON.parse(fs.readFileSync(file, 'utf8')) as { in: VectorBytes }[]
  return vectors.map(vector => vectorBytes(vector.in)).filter(input => input.length < 10_000)
}

function eventInputs(): Uint8Array[] {
  const draft = {
    kind: 'finding.noted',
    target: { type: 'finding', id: 'vf_04f7f6513eaa1b4d' },
    actor: { id: 'reviewer:one', type: 'human' },
    reason: 'first look',
    timestamp: '2026-11-02T09:00:00.000000+00:00',
  }
  const payloads = [
    null,
    { text: 'β \u{1f600}\n' },
    { parents: ['vev_0123456789abcdef'] },
    { n: [1, 0.5, -1e-7, 2 ** 60] },
  ]
  const events = payloads.map(payload => makeEvent({ ...draft, payload }).text)
  const signed = Buffer.from(events[1]!)
    .toString('utf8')
    .replace(',"target"', `,"signature":"${'ab'.repeat(64)}","target"`)
  return [...events, utf8(signed), utf8('{"b":[1,2.50,-0,1E5],"a":{"\\u0041":"\\ud83d\\ude00"},"a":1}')]
}

/**
 * The class of `read`'s refusal, else what `check` says of an accepted input. A refusal has a code, a sentence (without what
 * it quotes of the input) and, roughly, a place. `check` may not refuse: whatever it throws is a failure.
 */
function judge<T>(read: () => T, check: (value: T) => string): string {
  let value: T
  try {
    value = read()
  } catch (error) {
    if (!(error instanceof ReplicaError)) throw error
    const quoted = /^.*(?= is no member)|"[^"]*"?|\S*[^a-z ,.;:()'-]\S*/gis
    const sentence = error.message.replaceAll(quoted, '#').slice(0, 120)
    return `${error.code} ${sentence} ${Math.round(Math.log2(Number(error.facts.at ?? 0) + 1))}`
  }
  return check(value)
}

function insist(holds: boolean, what: string): void {
  if (!holds) throw new Error(what)
}

function checkNode(input: Uint8Array, node: Node): string {
  const { header } = node
  insist(equals(encodeHeader(encodeBody(node), node.sig), header), 'a node that re-encodes to other bytes')
  const rest = node.isTextAside ? 1 : (node.text?.length ?? 0)
  insist(header.length + rest === input.length, 'a node with bytes that belong to nothing')
  insist(libraryAgrees(header), 'a node that the library encodes otherwise')
  return `node of ${node.parents.length} parents, ${node.links.length} links, height ${Math.round(Math.log2(node.height))}`
}

function checkList(input: Uint8Array, list: ChunkList): string {
  insist(equals(encodeChunkList(list), input), 'a list of chunks that re-encodes to other bytes')
  insist(libraryAgrees(input), 'a list of chunks that the library encodes otherwise')
  return `list of ${list.chunks.length}`
}

function checkValue(input: Uint8Array, value: CborValue): string {
  insist(equals(encodeCbor(value), input), 'a value that re-encodes to other bytes')
  insist(libraryAgrees(input), 'a value that the library encodes otherwise')
  checkCbor(input)
  return `value ${shapeOf(value)}`
}

/** The kinds of a value and of its first members. */
function shapeOf(value: CborValue): string {
  if (typeof value === 'number') return value < 0 ? 'negative' : 'number'
  if (typeof value !== 'object' || value === null) return typeof value
  if (value instanceof Uint8Array) return 'bytes'
  const members = Object.values(value).slice(0, 4)
  return `${Array.isArray(value) ? 'array' : 'map'}(${members.map(member => typeof member).join()})`
}

function checkCanonical(input: Uint8Array, form: string): string {
  const text = utf8(form)
  insist(isCanonical(text), 'a canonical form that is not canonical')
  insist(
    isCanonical(utf8(canonicalize(input))),
    'a canonical form, numbers read as the reference does, that is not canonical',
  )
  insist(equals(utf8(canonicalize(text, { numbers: 'exact' })), text), 'a canonical form that has another one')
  if (isCanonical(input)) insist(equals(text, input), 'a canonical text that is not its own canonical form')
  return `JSON ${isCanonical(input)} ${String.fromCharCode(input[0] ?? 0)}`
}

function checkAdmitted(input: Uint8Array, head: EventHead): string {
  const reading = readEvent(input, { numbers: 'exact' })
  insist(isCanonical(input), 'an event admitted that is not canonical')
  insist(equals(reading.text, input), `an event that reads as another: ${toHex(reading.text)}`)
  insist(reading.computedId === head.id && reading.head.id === head.id, 'an event whose id is not of its content')
  insist(eventSigningBytes(input, 'dsse').length > eventSigningBytes(input, 'bare').length, 'signing bytes')
  return `event ${eventSignature(input)?.form} ${head.parents?.length}`
}

/** An erasure, and the same event of forms that erase nothing. */
function erasureInputs(): Uint8Array[] {
  const event = `sha256:${'ab'.repeat(32)}`
  const payloads = [{ event, reason: 'x' }, { event, reason: 'x', more: 1 }, { event: 'sha256:', reason: 'x' }, null]
  const target = { type: 'event', id: 'vev_0123456789abcdef' }
  const draft = { kind: ERASURE_KIND, target, actor: { id: 'hub:one' }, timestamp: '2026-11-02T09:00:00Z', reason: 'x' }
  return payloads.map(payload => makeEvent({ ...draft, payload }).text)
}

function checkErasure(input: Uint8Array, erased: ErasedText | undefined): string {
  if (erased === undefined) return 'erases nothing'
  const text = Buffer.from(input)
  insist(isCanonical(input), 'an erasure that is not canonical')
  insist(text.includes(`"event":"sha256:${toHex(erased.event)}","reason":`), 'an erasure of another text')
  insist(text.includes(`"id":"vev_${toHex(erased.label)}"`), 'an erasure of another event')
  return 'erases a text'
}

function checkReading(input: Uint8Array, { text, dropped }: EventReading): string {
  insist(isCanonical(text), 'an event read to a form that is not canonical')
  insist(equals(readEvent(text, { numbers: 'exact' }).text, text), 'an event that reads differently a second time')
  return `event ${Math.min(dropped.length, 4)} ${judge(
    () => importEvent(input),
    () => 'imported',
  )}`
}

export function fuzzTargets(): Target[] {
  const cbor = cborTokens.map(token => vectorBytes(token))
  const json = [...jsonTokens, ...jsonNumbers, ...jsonNames].map(utf8)
  const nodes = vectorInputs('node.json')
  const lists = vectorInputs('document.json')
  const events = eventInputs()
  const bytes = [...vectorInputs('cbor.json'), ...nodes.slice(0, 4)]
  return [
    { name: 'decodeNode', seeds: nodes, tokens: cbor, run: into(decodeNode, checkNode) },
    { name: 'decodeCbor', seeds: bytes, tokens: cbor, run: into(input => decodeCbor(input), checkValue) },
    { name: 'readChunkList', seeds: lists, tokens: cbor, run: into(readChunkList, checkList) },
    { name: 'canonicalize', seeds: events, tokens: json, run: into(readExact(canonicalize), checkCanonical) },
    { name: 'checkEvent', seeds: events, tokens: json, run: into(checkEvent, checkAdmitted) },
    { name: 'readErasure', seeds: erasureInputs(), tokens: json, run: into(readErasure, checkErasure) },
    { name: 'readEvent', seeds: events, tokens: json, run: into(readExact(readEvent), checkReading) },
  ]
}

function into<T>(read: (input: Uint8Array) => T, check: (input: Uint8Array, value: T) => string): Target['run'] {
  return input =>
    judge(
      () => read(input),
      value => check(input, value),
    )
}

/** With numbers read exactly a canonical text is its own form; the reference's reading moves some. */
function readExact<T>(read: (input: Uint8Array, options: { numbers: 'exact' }) => T): (input: Uint8Array) => T {
  return input => read(input, { numbers: 'exact' })
}
