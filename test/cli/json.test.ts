import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { indentJson, type Printable, RawJson, writeJson } from '../../src/cli/terminal/json-output.ts'

const test = suite('cli/json')

test('an embedded event keeps the notation of its numbers', () => {
  const event = new RawJson('{"a":1.0,"b":18446744073709551615,"c":1e+16}')
  assert.is(writeJson({ ok: true, event }), '{"ok":true,"event":{"a":1.0,"b":18446744073709551615,"c":1e+16}}')
})

test('undefined members are omitted, null stays', () => {
  assert.is(writeJson({ a: undefined, b: null, c: [] }), '{"b":null,"c":[]}')
})

test('output is one line that JSON.parse reads', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const printed = writeJson(value as Printable)
      assert.not(printed.includes('\n'))
      assert.equal(JSON.parse(printed), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('indented JSON has the same value', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const json = JSON.stringify(value)
      assert.equal(JSON.parse(indentJson(json).join('\n')), JSON.parse(json))
    }),
  )
})

test('indented JSON has two spaces per level', () => {
  assert.equal(indentJson('{"a":[1.0,{"b":"x, {y}\\""}],"c":{},"d":[]}'), [
    '{',
    '  "a": [',
    '    1.0,',
    '    {',
    '      "b": "x, {y}\\""',
    '    }',
    '  ],',
    '  "c": {},',
    '  "d": []',
    '}',
  ])
})

test.run()
