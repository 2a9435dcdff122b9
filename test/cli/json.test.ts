import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { indentJson, type Printable, RawJson, writeJson } from '../../src/cli/terminal/json-output.ts'

const test = suite('cli/json')

test('an embedded event keeps the spelling of its numbers', () => {
  const event = new RawJson('{"a":1.0,"b":18446744073709551615,"c":1e+16}')
  assert.is(writeJson({ ok: true, event }), '{"ok":true,"event":{"a":1.0,"b":18446744073709551615,"c":1e+16}}')
})

test('members that are undefined are left out, null stays', () => {
  assert.is(writeJson({ a: undefined, b: null, c: [] }), '{"b":null,"c":[]}')
})

test('what is printed is one line that JSON.parse reads back', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const printed = writeJson(value as Printable)
      assert.not(printed.includes('\n'))
      assert.equal(JSON.parse(printed), JSON.parse(JSON.stringify(value)))
    }),
  )
})

test('indented JSON is the same JSON on more lines', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const json = JSON.stringify(value)
      assert.equal(JSON.parse(indentJson(json).join('\n')), JSON.parse(json))
    }),
  )
})

test('indented JSON looks as people expect', () => {
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
