import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { columns, plural, shortCid, shortHex, size, thousands } from '../../src/cli/terminal/layout.ts'

const test = suite('cli/layout')

test('columns are aligned, numbers to the right, without trailing spaces', () => {
  const rows = [
    ['frontier', 'nodes', 'note'],
    ['vfr_1', '12', ''],
    ['vfr_22', '1,234', 'x'],
  ]
  assert.equal(columns(rows, { right: [1] }), ['frontier  nodes  note', 'vfr_1        12', 'vfr_22    1,234  x'])
})

test('cells are escaped before they are measured', () => {
  assert.equal(
    columns([
      ['a\u001b', '1'],
      ['abcdefgh', '2'],
    ]),
    ['a\\u{1b}   1', 'abcdefgh  2'],
  )
})

test('sizes have three digits and a unit', () => {
  const cases: [number, string][] = [
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.00 kB'],
    [12_345, '12.3 kB'],
    [999_499, '999 kB'],
    [999_500, '1.00 MB'],
    [9_996_000, '10.0 MB'],
    [1_234_567_890, '1.23 GB'],
  ]
  for (const [bytes, text] of cases) assert.is(size(bytes), text)
})

test('counts have separators and the right plural', () => {
  assert.is(thousands(1_234_567), '1,234,567')
  assert.is(plural(1, 'node'), '1 node')
  assert.is(plural(0, 'node'), '0 nodes')
  assert.is(plural(2, 'body', 'bodies'), '2 bodies')
})

test('short forms keep the distinguishing characters', () => {
  const cid = 'bafyreigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi'
  assert.is(shortCid(cid), 'bafyreigdyrzt5sfp7u…')
  assert.is(shortCid('short'), 'short')
  assert.is(shortHex('00112233445566778899'), '001122334455…')
})

test.run()
