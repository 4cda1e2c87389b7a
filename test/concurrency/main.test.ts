import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { main } from '../../src/concurrency/main.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'
import { TestProcess } from '../support/processes.ts'

const script = fileURLToPath(new URL('../fixtures/scripts/main-program.ts', import.meta.url))
const isReady = (line: string): boolean => line === 'ready'

test.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('%s cancels the program, which cleans up, and its exit code says so', async (signal, code) => {
  await using program = new TestProcess(script, ['cleans'])
  await program.line(isReady)
  program.signal(signal)
  expect(await program.ended()).toBe(code)
  expect(program.lines).toEqual(['ready', 'cleaned'])
})

test('a program that does not end is ended after its grace, or by a second signal', async () => {
  await using patient = new TestProcess(script, ['ignores'])
  await patient.line(isReady)
  patient.signal('SIGTERM')
  expect(await patient.ended()).toBe(143)
  await using hurried = new TestProcess(script, ['ignores'])
  await hurried.line(isReady)
  hurried.signal('SIGTERM')
  hurried.signal('SIGINT')
  expect([130, 143]).toContain(await hurried.ended())
})

test.each([['fails', 1], ['gives', 3], ['ends', 0]])('a program that %s has the exit code %i', async (what, code) => {
  await using program = new TestProcess(script, [what])
  expect(await program.ended()).toBe(code)
  expect(program.lines.some((line) => line.includes('RangeError: no luck'))).toBe(what === 'fails')
})

test('leaves no listener behind', async () => {
  const before = process.listenerCount('SIGINT')
  const { exitCode } = process
  expect(await main(() => 5)).toBe(5)
  process.exitCode = exitCode
  expect(process.listenerCount('SIGINT')).toBe(before)
  await expect(main(() => 5, { graze: 1 } as object)).rejects.toThrow(InvalidOptionError)
})
