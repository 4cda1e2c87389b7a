import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { main } from '../../src/concurrency/main.ts'
import { InvalidOptionError } from '../../src/kernel/errors.ts'
import { TestProcess } from '../support/processes.ts'

const script = fileURLToPath(new URL('../fixtures/scripts/main-program.ts', import.meta.url))
const isReady = (line: string): boolean => line === 'ready'

/** What becomes of a program that is told to end once it is ready. */
async function told(program: string, ...signals: NodeJS.Signals[]): Promise<{ code: number | NodeJS.Signals, lines: readonly string[] }> {
  await using running = new TestProcess(script, [program])
  await running.line(isReady)
  for (const signal of signals) running.signal(signal)
  return { code: await running.ended(), lines: running.lines }
}

test.each([['SIGTERM', 143], ['SIGINT', 130]] as const)('%s cancels the program, which cleans up, and its exit code says so', async (signal, code) => {
  expect(await told('cleans', signal)).toEqual({ code, lines: ['ready', 'cleaned'] })
})

test('a program that does not end is ended after its grace, or by a second signal', async () => {
  expect((await told('ignores', 'SIGTERM')).code).toBe(143)
  expect([130, 143]).toContain((await told('ignores', 'SIGTERM', 'SIGINT')).code)
})

test('a program waits for nothing but its signal, and is ended where something else goes on after that', async () => {
  expect((await told('only', 'SIGTERM')).code).toBe(143)
  expect(await told('lingers', 'SIGTERM')).toEqual({ code: 143, lines: ['ready', 'cleaned'] })
})

test.each([['SIGFOO'], 'SIGTERM', 5, ['SIGINT', 'SIGKILL'], null])('refuses %j as signals, and listens to none', async (signals) => {
  const before = process.listenerCount('SIGINT')
  await expect(main(() => 5, { signals: signals as never })).rejects.toThrow(InvalidOptionError)
  await expect(main(undefined as never)).rejects.toThrow(InvalidOptionError)
  expect(process.listenerCount('SIGINT')).toBe(before)
})

test.each([['fails', 1], ['gives', 3], ['sets', 7], ['ends', 0]])('a program that %s has the exit code %i', async (what, code) => {
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
