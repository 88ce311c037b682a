import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addMask, error, group } from '../../src/action/commands.ts'
import { errorAnnotation, makeReporter } from '../../src/action/reporter.ts'
import { visible } from '../../src/action/visible.ts'
import { recognised } from './runner-rules.ts'

const REGISTERED = ['add-mask', 'add-path', 'debug', 'endgroup', 'error', 'group', 'notice', 'save-state', 'set-env']
const PIECES = [
  '::error::',
  ' ::error::',
  '##[error]',
  '::',
  '##[',
  ']',
  ...REGISTERED,
  ' ',
  '\t',
  '\r',
  '\n',
  '\u0085',
  '\u2028',
  '\u00a0',
  '%0A',
  '%',
  'x',
  '\\',
]
const hostile = fc
  .array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ unit: 'grapheme', maxLength: 5 })))
  .map((parts) => parts.join(''))

function spoken(speak: (reporter: ReturnType<typeof makeReporter>) => void): string {
  let text = ''
  speak(
    makeReporter((more) => {
      text += more
    }),
  )
  return text
}

describe('what a runner recognises', () => {
  test.each(['::error::x', '  ::error file=a::x', '##[error]x', 'a ##[group]x', '\u2003::debug::'])(
    '%s is a command',
    (line) => {
      // The rules below are only worth something when they do recognise commands.
      expect(recognised(`${line}\n`, REGISTERED)).toHaveLength(1)
    },
  )

  test('a line of text never becomes a command', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(
          recognised(
            spoken((reporter) => reporter.info(text)),
            REGISTERED,
          ),
        ).toEqual([])
      }),
      { numRuns: 2000 },
    )
  })

  test('a message becomes the one command that was meant', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        expect(
          recognised(
            spoken((reporter) => reporter.notice(text)),
            REGISTERED,
          ),
        ).toEqual(['notice'])
        expect(
          recognised(
            spoken((reporter) => reporter.warn(text)),
            [...REGISTERED, 'warning'],
          ),
        ).toEqual(['warning'])
        expect(
          recognised(
            spoken((reporter) => reporter.debug(text)),
            REGISTERED,
          ),
        ).toEqual(['debug'])
        expect(recognised(errorAnnotation(text), REGISTERED)).toEqual(['error'])
      }),
      { numRuns: 1000 },
    )
  })

  test('a title becomes the title of its group and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(hostile, async (title) => {
        let text = ''
        const reporter = makeReporter((more) => {
          text += more
        })
        await reporter.group(title, () => reporter.group(title, () => Promise.resolve()))
        expect(recognised(text, REGISTERED)).toEqual(['group', 'endgroup'])
      }),
      { numRuns: 500 },
    )
  })
})

test('lines are shown as they are, commands with a backslash', () => {
  const text = spoken((reporter) => reporter.info('one\r\n\ttwo\r::error::three\n\n a ##[group]b'))
  expect(text).toBe('one\n\ttwo\n\\::error::three\n\n a ##\\[group]b\n')
})

test('control and bidi characters are made visible', () => {
  expect(visible('a\u001b[31mb\u202ec\u0000')).toBe('a<U+001B>[31mb<U+202E>c<U+0000>')
  expect(spoken((reporter) => reporter.warn('a\u202eb\nc'))).toBe('::warning::a<U+202E>b%0Ac\n')
})

test('commands are escaped as the runner reads them', () => {
  expect(error('50%\r\nx:,', { title: 'a:b,c%\n' })).toBe('::error title=a%3Ab%2Cc%25%0A::50%25%0D%0Ax:,\n')
  expect(addMask('a%b\u202e')).toBe('::add-mask::a%25b\u202e\n')
  expect(group('Build')).toBe('::group::Build\n')
})

test('a group is closed when its work fails', async () => {
  let text = ''
  const reporter = makeReporter((more) => {
    text += more
  })
  await expect(reporter.group('t', () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(text).toBe('::group::t\n::endgroup::\n')
})
