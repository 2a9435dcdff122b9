// The part of the conformance suite (conformance.ts) for documents.

import * as assert from 'uvu/assert'
import { equals } from '../../src/base/bytes.ts'
import { COMMIT_LIMITS, DOCUMENT_LIMITS } from '../../src/base/limits.ts'
import type { DocumentStore, Store } from '../../src/store/store.ts'
import { type Engine, throwsCode } from './conformance.ts'
import { madeBlock } from './made-nodes.ts'

const frontier = 'vfr_0123456789abcdef'
const other = 'vfr_fedcba9876543210'

export function documentSuite({ test, open }: Engine): void {
  test('documents are stored by digest for each frontier, and their sizes are known without a read', async () => {
    await using opened = await open()
    const blocks = [madeBlock('one'), madeBlock('two', 5000), madeBlock('empty', 0)]
    const absent = madeBlock('absent')
    await opened.store.track(other)
    const { documents } = await opened.store.track(frontier)
    await documents.put(blocks)
    await documents.put([blocks[0]!, blocks[1]!, blocks[0]!])
    for (const look of [async () => opened.store, () => opened.reopen()]) {
      const store = await look()
      const kept = store.frontier(frontier).documents
      const digests = [...blocks, absent].map(({ digest }) => digest)
      assert.equal(await kept.has(digests), [true, true, true, false])
      assert.equal(await kept.sizes(digests), [3, 5000, 0, undefined])
      for (const { digest, bytes } of blocks) assert.ok(equals((await kept.get(digest))!, bytes))
      assert.is(await kept.get(absent.digest), undefined)
      assert.equal(await store.frontier(other).documents.has(digests), [false, false, false, false])
      assert.equal([await kept.has([]), await kept.sizes([])], [[], []])
      assert.equal(await reasons(store), [])
    }
  })

  test('a put of documents has limits, and a refused put stores nothing', async () => {
    await using opened = await open()
    const { documents } = await opened.store.track(frontier)
    const most = DOCUMENT_LIMITS.blockBytesMax
    const whole = COMMIT_LIMITS.bytesMax / most
    const full = Array.from({ length: whole }, (_, i) => madeBlock(`block ${i}`, most))
    await documents.put(full)
    assert.not.ok((await documents.has(full.map(({ digest }) => digest))).includes(false))
    const small = madeBlock('small')
    await refuses(documents, [small, madeBlock('too large', most + 1)])
    await refuses(documents, [small, ...full])
    await refuses(documents, [small, { digest: new Uint8Array(31), bytes: small.bytes }])
    assert.equal(await documents.has([small.digest]), [false])
  })

  test('documents of a closed store reject with ERR_STORE_CLOSED', async () => {
    await using opened = await open()
    const { documents } = await opened.store.track(frontier)
    const block = madeBlock('one')
    const running = documents.put([block])
    await opened.store.close()
    await running
    await throwsCode('ERR_STORE_CLOSED', () => documents.put([block]))
    await throwsCode('ERR_STORE_CLOSED', () => documents.get(block.digest))
    await throwsCode('ERR_STORE_CLOSED', () => documents.has([block.digest]))
    await throwsCode('ERR_STORE_CLOSED', () => documents.sizes([block.digest]))
  })
}

async function refuses(documents: DocumentStore, blocks: Parameters<DocumentStore['put']>[0]): Promise<void> {
  const refused = await documents.put(blocks).then(
    () => 'nothing',
    (error: Error) => error.constructor.name,
  )
  assert.is(refused, 'TypeError')
}

async function reasons(store: Store): Promise<string[]> {
  const found: string[] = []
  for await (const { reason } of store.verify()) found.push(reason)
  return found
}
