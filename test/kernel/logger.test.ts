import pino from 'pino'
import { expect, test } from 'vitest'
import { type LogFields, type Logger, lineLogger, silentLogger } from '../../src/kernel/logger.ts'

test('a pino logger is a Logger', () => {
  const lines: string[] = []
  const logger: Logger = pino({ level: 'debug' }, { write: (line: string) => void lines.push(line) })
  logger.child({ worker: 'w' }).warn({ job: 'j' }, 'lease lost')
  expect(JSON.parse(lines[0]!)).toMatchObject({ level: 40, worker: 'w', job: 'j', msg: 'lease lost' })
})

test('lines below the level are not written; children add their bindings', () => {
  const lines: LogFields[] = []
  const logger = lineLogger('info', (line) => lines.push(line))
  logger.debug({}, 'hidden')
  logger.child({ worker: 'w' }).error({ job: 'j' }, 'failed')
  expect(lines).toEqual([{ level: 'error', time: expect.any(String), worker: 'w', job: 'j', msg: 'failed' }])
})

test('the silent logger is silent, and so are its children', () => {
  silentLogger.child({ a: 1 }).error({}, 'nothing')
})
