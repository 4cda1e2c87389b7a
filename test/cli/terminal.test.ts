import { EventEmitter } from 'node:events'
import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { shownProgress } from '../../src/cli/terminal/bar.ts'
import { FullScreen } from '../../src/cli/terminal/full-screen.ts'
import { LiveLines } from '../../src/cli/terminal/live-lines.ts'
import { logLine } from '../../src/cli/terminal/log-line.ts'
import { table } from '../../src/cli/terminal/table.ts'
import { cut, oneLine, widthOf } from '../../src/cli/terminal/text.ts'

/** A terminal that keeps what it is told. */
class FakeTerminal extends EventEmitter {
  readonly isTTY = true
  columns = 40
  rows = 6
  written = ''
  raw: boolean | undefined

  write(text: string): boolean {
    this.written += text
    return true
  }

  setRawMode(raw: boolean): this {
    this.raw = raw
    return this
  }

  setEncoding(): this { return this }
  resume(): this { return this }
  pause(): this { return this }

  /** What was written since this was asked last. */
  take(): string {
    const { written } = this
    this.written = ''
    return written
  }
}

const streams = (terminal: FakeTerminal): { out: NodeJS.WriteStream, keys: NodeJS.ReadStream } =>
  ({ out: terminal as unknown as NodeJS.WriteStream, keys: terminal as unknown as NodeJS.ReadStream })

const word = fc.string({ unit: fc.constantFrom('a', 'é', '日', '👍', '…', '\u001B[31m', '\u001B[0m', ' '), maxLength: 30 })

describe('text', () => {
  test.each([['abc', 3], ['日本', 4], ['👍🏽', 2], ['\u001B[31mred\u001B[0m', 3], ['e\u0301', 1], ['', 0]])('%j takes %i columns', (text, width) => {
    expect(widthOf(text)).toBe(width)
  })

  test('what is cut fits, is a beginning, and leaves no colour behind', () => {
    fc.assert(fc.property(word, fc.integer({ min: 0, max: 30 }), (text, columns) => {
      const shown = cut(text, columns)
      expect(widthOf(shown)).toBeLessThanOrEqual(columns)
      expect(stripVTControlCharacters(text).startsWith(stripVTControlCharacters(shown).replace(/…$/, ''))).toBe(true)
      if (widthOf(text) <= columns) expect(shown).toBe(text)
      else if (shown.includes('\u001B[31m')) expect(shown.endsWith('\u001B[0m')).toBe(true)
    }))
  })

  test('text of others moves no cursor', () => {
    expect(oneLine('a\nb\u001B[2Jc\u0007\rd')).toBe('a bc d')
  })
})

describe('a table of a width', () => {
  test('has no line that is wider, whatever is in it', () => {
    fc.assert(fc.property(fc.array(fc.tuple(word, word, fc.integer()), { minLength: 1, maxLength: 5 }), fc.integer({ min: 1, max: 60 }), (rows, width) => {
      for (const line of table(['job', 'task', 'n'], rows, { width }).split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width)
    }))
  })

  test('the widest words give way, columns to be kept do not', () => {
    const drawn = table(['id', 'error'], [['0123456789', 'a long story of an error']], { width: 24, kept: 1 })
    expect(stripVTControlCharacters(drawn).split('\n').at(-1)).toBe('0123456789  a long stor…')
  })
})

describe('lines that are drawn in place', () => {
  test('come over the ones before, also when a narrower terminal has broken those', () => {
    const terminal = new FakeTerminal()
    using lines = new LiveLines(streams(terminal).out)
    lines.draw(['x'.repeat(50), 'second'])
    const first = terminal.take()
    expect(first).not.toMatch(/\[\d+A/)
    expect(first).toContain(`${'x'.repeat(38)}…`)
    lines.draw(['third'])
    expect(terminal.take()).toContain('\u001B[2A')
    lines.draw(['y'.repeat(39)])
    terminal.take()
    terminal.columns = 20
    lines.draw(['z'])
    expect(terminal.take()).toContain('\u001B[2A')
  })

  test('the cursor comes back, and nothing is left behind in the process', () => {
    const terminal = new FakeTerminal()
    const before = process.listenerCount('exit')
    {
      using _lines = new LiveLines(streams(terminal).out)
      expect(terminal.take()).toContain('\u001B[?25l')
    }
    expect(terminal.take()).toContain('\u001B[?25h')
    expect(process.listenerCount('exit')).toBe(before)
  })
})

describe('the whole screen', () => {
  test('is drawn again for another size, cut to it', () => {
    const terminal = new FakeTerminal()
    using screen = new FullScreen(streams(terminal))
    screen.draw((columns) => Array.from({ length: 10 }, (_, line) => `${line} of ${columns}`.padEnd(columns + 5, '.')))
    expect(terminal.take()).toContain('… and 5 more lines')
    terminal.columns = 12
    terminal.rows = 20
    terminal.emit('resize')
    const lines = stripVTControlCharacters(terminal.take()).split('\r\n')
    expect(lines).toHaveLength(10)
    expect(lines[9]).toBe('9 of 12....…')
  })

  test.each(['q', '\u0003', '\u001B'])('%j ends it, and the terminal is as it was', (key) => {
    const terminal = new FakeTerminal()
    const listeners = (): number[] => ['exit', 'SIGINT', 'SIGTERM', 'SIGHUP'].map((name) => process.listenerCount(name))
    const before = listeners()
    {
      using screen = new FullScreen(streams(terminal))
      expect(terminal.take()).toBe('\u001B[?1049h\u001B[?25l\u001B[?7l')
      expect(terminal.raw).toBe(true)
      terminal.emit('data', 'x')
      expect(screen.ended.aborted).toBe(false)
      terminal.emit('data', key)
      expect(screen.ended.aborted).toBe(true)
    }
    expect(terminal.take()).toBe('\u001B[?7h\u001B[?25h\u001B[?1049l')
    expect(terminal.raw).toBe(false)
    expect(terminal.eventNames()).toEqual([])
    expect(listeners()).toEqual(before)
  })
})

describe('progress', () => {
  test.each([
    [{ done: 30, total: 100, note: 'rows' }, '███░░░░░░░  30% 30/100 7 s left rows'],
    [{ done: 0, total: 100 }, '░░░░░░░░░░   0% 0/100'],
    [{ done: 7, total: 0 }, '██████████ 100% 7/0'],
    [{ done: 200, total: 100 }, '██████████ 100% 200/100'],
    [{ done: 1.23456, note: 'a\u001B[2J\nb' }, '1.235 a b']
  ])('%j', (progress, shown) => {
    expect(stripVTControlCharacters(shownProgress(progress, 3_000, 10))).toBe(shown)
    expect(shownProgress(progress, undefined, 10)).not.toContain('left')
  })
})

test('a log line: aligned in a terminal, plain elsewhere', () => {
  const entry = { time: '2026-01-02T03:04:05.678Z', level: 'warn', message: 'attempt did not succeed', fields: { task: 'add', err: { name: 'TypeError', message: 'no\nway', stack: 'long' } } } as const
  const { out } = streams(new FakeTerminal())
  expect(stripVTControlCharacters(logLine(entry, out))).toBe('03:04:05.678 warn  attempt did not succeed          task=add err=TypeError: no way')
  const hostile = { ...entry, message: '\u001B[2J\u001B]0;x\u0007 hello\r\n03:04:05.678 error forged', fields: { 'a\nb': '\u001B[2Jc\nd' } }
  for (const stream of [out, { isTTY: false } as NodeJS.WriteStream]) expect(stripVTControlCharacters(logLine(hostile, stream))).toMatch(/^03:04:05.678 warn {2}[^\p{Cc}]*hello {1,2}03:04:05.678 error forged\s+a b=c d$/u)
  expect(logLine(hostile, { isTTY: false } as NodeJS.WriteStream)).not.toMatch(/\p{Cc}/u)
  expect(logLine(entry, { isTTY: false } as NodeJS.WriteStream)).toBe('03:04:05.678 warn  attempt did not succeed task=add err={"name":"TypeError","message":"no\\nway","stack":"long"}')
})
