// The gate's part of documents: what waits for them, what is taken from peers, and what their being there sets free.

import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { DocumentCheck } from '../../src/admission/document-availability.ts'
import type { AdmitReport } from '../../src/admission/gate.ts'
import { equals, sha256, toHex, utf8 } from '../../src/base/bytes.ts'
import { DOCUMENT_LIMITS } from '../../src/base/limits.ts'
import { chunkDocument, encodeChunkList } from '../../src/node/document-chunks.ts'
import type { DocumentLink } from '../../src/node/node.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { FRONTIER, makeNode, type Setting, seededKey, setting } from './nodes.ts'

const test = suite('admission/documents')

const alice = seededKey(2)
const carol = seededKey(4)
const { blockBytesMax } = DOCUMENT_LIMITS
const text = utf8('a document')
const raw = chunkDocument(text)
const long = chunkDocument(
  Uint8Array.from({ length: 2 * blockBytesMax + 9 }, (_, i) => Math.imul(i, 2654435761) >>> 24),
)
const listBytes = long.blocks.at(-1)!.bytes
const chunks = long.blocks.slice(0, -1)

const linking = (name: string, links: readonly DocumentLink[], key = alice) => makeNode(key, name, [], { links })
const said = (report: AdmitReport) => [report.admitted, report.held.length, report.supplied, report.unsolicited]
const named = (report: AdmitReport): string[] => report.documents.map(toHex)
const from = alice.publicKeyBytes

async function held(at: Setting): Promise<number> {
  return at.store.held.usage(FRONTIER).nodes
}

test('a supplied document lets in the node that waited for it, with what was built on it', async () => {
  await using at = await setting({ peers: [alice] })
  const node = linking('with a document', [raw.link])
  const child = makeNode(alice, 'child', [node])
  const report = await at.admit([node, child])
  assert.equal([said(report), named(report)], [[0, 2, 0, 0], [toHex(raw.link.digest)]])
  const supplied = await at.gate.offerDocuments([text])
  assert.equal(said(supplied), [2, 0, 1, 0])
  assert.equal(supplied.released.length, 2)
  assert.is(await held(at), 0)
  assert.ok(equals((await at.log.documents.get(raw.link.digest))!, text))
  const again = await at.gate.offerDocuments([text])
  assert.equal(said(again), [0, 0, 0, 1])
})

test('what no held node waits for is counted and not stored', async () => {
  await using at = await setting({ peers: [alice] })
  await at.admit([linking('with a document', [raw.link])])
  const others = [utf8('something'), chunks[0]!.bytes, listBytes]
  assert.equal(said(await at.gate.offerDocuments(others)), [0, 0, 0, 3])
  assert.equal(await at.log.documents.has(others.map(sha256)), [false, false, false])
  assert.is(await held(at), 1)
})

test('a list of chunks is waited for first, then all its chunks, in any order and number', async () => {
  await using at = await setting({ peers: [alice] })
  const report = await at.admit([linking('with a list', [long.link])])
  assert.equal(named(report), [toHex(long.link.digest)])
  const listed = await at.gate.offerDocuments([listBytes])
  assert.equal(said(listed), [0, 1, 1, 0])
  assert.equal(named(listed).sort(), chunks.map(({ digest }) => toHex(digest)).sort())
  assert.equal(said(await at.gate.offerDocuments([chunks[2]!.bytes])), [0, 0, 1, 0])
  const last = await at.gate.offerDocuments([chunks[1]!.bytes, chunks[0]!.bytes, text])
  assert.equal(said(last), [1, 0, 2, 1])
})

test('all documents that a node lacks are named at once', async () => {
  await using at = await setting({ peers: [alice] })
  const documents = Array.from({ length: 40 }, (_, i) => utf8(`document ${i}`))
  const links = documents.map(bytes => chunkDocument(bytes).link).sort((a, b) => Buffer.compare(a.digest, b.digest))
  const report = await at.admit([linking('with forty', links)])
  assert.equal(
    named(report),
    links.map(({ digest }) => toHex(digest)),
  )
  assert.equal(said(await at.gate.offerDocuments(documents)), [1, 0, 40, 0])
})

const malformed: readonly { name: string; list: Uint8Array; chunks: readonly Uint8Array[] }[] = [
  { name: 'a document that is no list', list: text, chunks: [] },
  {
    name: 'a list of a chunk that is too short',
    list: encodeChunkList({ size: blockBytesMax + 5, chunks: [chunks[0]!.digest, sha256(utf8('four'))] }),
    chunks: [chunks[0]!.bytes, utf8('four')],
  },
  {
    name: 'a list of more bytes than a document may have',
    list: encodeChunkList({ size: DOCUMENT_LIMITS.documentBytesMax + 1, chunks: Array(513).fill(chunks[0]!.digest) }),
    chunks: [],
  },
]

for (const one of malformed) {
  test(`${one.name}: the node that links it is refused once it is there, and its children wait`, async () => {
    await using at = await setting({ peers: [alice] })
    const node = linking('bad', [{ codec: 'dag-cbor', digest: sha256(one.list) }])
    const child = makeNode(alice, 'child', [node])
    await at.admit([node, child])
    let report = await at.gate.offerDocuments([one.list])
    if (one.chunks.length > 0) report = await at.gate.offerDocuments(one.chunks)
    assert.equal(
      report.refused.map(({ digest, code }) => [toHex(digest), code]),
      [[toHex(node.digest), 'ERR_DOCUMENT']],
    )
    assert.equal([report.admitted, await held(at), at.log.nodes], [0, 1, 0])
  })
}

test('the empty document is everywhere, and is no list', async () => {
  await using at = await setting({ peers: [alice] })
  const { link } = chunkDocument(new Uint8Array(0))
  assert.is((await at.admit([linking('empty', [link])])).admitted, 1)
  const report = await at.admit([linking('no list', [{ ...link, codec: 'dag-cbor' }])])
  assert.equal(
    report.refused.map(({ code }) => code),
    ['ERR_DOCUMENT'],
  )
})

test('a block larger than a block may be is not taken, whoever links it', async () => {
  await using at = await setting({ peers: [alice] })
  const large = new Uint8Array(blockBytesMax + 1)
  await at.admit([linking('too large', [{ codec: 'raw', digest: sha256(large) }])])
  assert.equal(said(await at.gate.offerDocuments([large])), [0, 0, 0, 1])
  assert.is(await held(at), 1)
})

test('documents of an unregistered key are not asked for nor taken before it is registered', async () => {
  await using at = await setting({ peers: [alice] })
  const node = linking('by a stranger', [raw.link], carol)
  const report = await at.admit([node])
  assert.equal([said(report), named(report)], [[0, 1, 0, 0], []])
  assert.equal(said(await at.gate.offerDocuments([text])), [0, 0, 0, 1])
  await at.register('hub:carol', carol)
  const released = await at.gate.release({ kind: 'key', id: carol.publicKeyBytes })
  assert.equal([released.admitted, named(released)], [0, [toHex(raw.link.digest)]])
  assert.equal(said(await at.gate.offerDocuments([text])), [1, 0, 1, 0])
})

test('nothing is asked for while parents are missing', async () => {
  await using at = await setting({ peers: [alice] })
  const root = makeNode(alice, 'root')
  const child = makeNode(alice, 'child', [root], { links: [raw.link] })
  assert.equal(named(await at.admit([child])), [])
  assert.equal(named(await at.admit([root])), [toHex(raw.link.digest)])
})

test('of one frame, documents that are waited for are stored and the rest is judged as nodes', async () => {
  await using at = await setting({ peers: [alice] })
  const node = linking('with a document', [raw.link])
  await at.gate.admitNodesAndDocuments([node.bytes], { from })
  const other = makeNode(alice, 'other', [node])
  const report = await at.gate.admitNodesAndDocuments([other.bytes, text, utf8('neither')], { from })
  assert.equal([report.admitted, report.supplied], [2, 1])
  assert.equal(
    report.refused.map(({ code }) => code),
    ['ERR_CBOR'],
  )
})

test('a document that comes again, over another link, is known and not a refused node', async () => {
  await using at = await setting({ peers: [alice] })
  await at.admit([linking('with both', [raw.link, long.link])])
  await at.gate.admitNodesAndDocuments([text, listBytes], { from })
  const again = await at.gate.admitNodesAndDocuments([text, listBytes, utf8('neither')], { from })
  assert.equal([again.known, again.refused.length], [2, 1])
  await at.gate.admitNodesAndDocuments(
    chunks.map(({ bytes }) => bytes),
    { from },
  )
  const late = await at.gate.admitNodesAndDocuments([chunks[0]!.bytes], { from })
  assert.equal([late.known, late.refused], [1, []])
})

test('a node whose digest another one links as a document is admitted all the same', async () => {
  await using at = await setting({ peers: [alice] })
  const victim = makeNode(alice, 'victim')
  const trap = linking('trap', [{ codec: 'dag-cbor', digest: victim.digest }])
  await at.gate.admitNodesAndDocuments([trap.bytes], { from })
  const report = await at.gate.admitNodesAndDocuments([victim.bytes], { from })
  assert.equal([report.admitted, report.supplied], [1, 1])
  assert.equal(
    report.refused.map(({ digest }) => toHex(digest)),
    [toHex(trap.digest)],
  )
  assert.is((await at.log.locate([victim.digest]))[0]?.seq, 0)
})

test('a new gate on the same store knows what is waited for, also when a document is the first to come', async () => {
  const store = new MemoryStore()
  await using before = await setting({ store, peers: [alice] })
  await before.admit([linking('with two', [raw.link, long.link])])
  await using at = await setting({ store })
  const report = await at.gate.admitNodesAndDocuments([text, listBytes], { from })
  assert.equal([said(report), report.refused], [[0, 1, 2, 0], []])
  assert.equal(
    said(
      await at.gate.admitNodesAndDocuments(
        chunks.map(({ bytes }) => bytes),
        { from },
      ),
    ),
    [1, 0, 3, 0],
  )
  await store.close()
})

test('documents kept here let in what waited, and a node made here with them is admitted at once', async () => {
  await using at = await setting({ peers: [alice] })
  await at.admit([linking('with a list', [long.link])])
  assert.equal(said(await at.gate.storeDocuments(long.blocks)), [1, 0, 4, 0])
  assert.is((await at.admit([makeNode(at.own, 'mine', [], { links: [long.link] })])).admitted, 1)
})

test('whatever comes first, nodes or documents, in whatever pieces: the same log in the end', async () => {
  const root = linking('root', [raw.link])
  const left = makeNode(alice, 'left', [root], { links: [raw.link, long.link] })
  const right = makeNode(alice, 'right', [root])
  const top = makeNode(alice, 'top', [left, right], { links: [long.link] })
  const bad = makeNode(alice, 'bad', [right], { links: [{ codec: 'dag-cbor', digest: sha256(text) }] })
  const blocks = [root, left, right, top, bad]
    .map(({ bytes }) => bytes)
    .concat(
      text,
      long.blocks.map(({ bytes }) => bytes),
    )
  const order = fc.shuffledSubarray(blocks, { minLength: blocks.length })
  await fc.assert(
    fc.asyncProperty(
      fc.array(order, { minLength: 3, maxLength: 3 }),
      fc.integer({ min: 1, max: 4 }),
      async (orders, size) => {
        await using at = await setting({ peers: [alice] })
        // What came before anything waited for it is lost, so each order is followed by the next; the last one has all.
        for (const one of [...orders, blocks, blocks, blocks]) {
          for (let i = 0; i < one.length; i += size)
            await at.gate.admitNodesAndDocuments(one.slice(i, i + size), { from })
        }
        assert.equal([at.log.nodes, await held(at)], [4, 0])
        assert.ok(equals(at.log.heads()[0]!, top.digest))
      },
    ),
    { numRuns: 40 },
  )
})

test('only so many digests are kept in mind, and the rest is asked of the held nodes', async () => {
  const log = await new MemoryStore().track(FRONTIER)
  const documents = new DocumentCheck(log.documents)
  const digests = Array.from({ length: DOCUMENT_LIMITS.awaitedMax + 1 }, (_, i) => sha256(utf8(`${i}`)))
  assert.is(documents.markAwaited(digests).length, DOCUMENT_LIMITS.awaitedMax)
  assert.equal([documents.awaits(digests[0]!), documents.awaits(digests.at(-1)!)], [true, 'maybe'])
  for (const digest of digests) documents.noteStored(digest)
  assert.ok(documents.awaitsAny)
  assert.equal(documents.markAwaited([digests.at(-1)!]), [digests.at(-1)!])
  documents.clear()
  assert.equal([documents.awaitsAny, documents.awaits(digests[0]!)], [false, false])
})

test.run()
