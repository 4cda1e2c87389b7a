import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { ProcessExecutor, type ProcessExecutorOptions } from '../../src/executors/processes/process-executor.ts'
import type { Outcome } from '../../src/executors/executor.ts'
import { lineLogger } from '../../src/kernel/logger.ts'
import { encode } from '../../src/wire/codec.ts'
import { executorConformance } from '../../src/testing/executor-conformance.ts'
import { Mark } from '../../src/testing/executor-conformance/bench.ts'
import { open as openForSuite } from '../fixtures/executors/processes.ts'
import { logSomething } from '../fixtures/tasks/cells.ts'
import { busy, double, give, keep, leaveGrandchild, leaveSpinning, length, neighbours, processId, spin, survive } from '../fixtures/tasks/processes.ts'
import { TestProcess } from '../support/processes.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'
import { call } from './support.ts'

executorConformance({
  name: 'ProcessExecutor',
  open: openForSuite,
  module: new URL('../fixtures/executors/processes.ts', import.meta.url).href
}, { describe, test, expect })

function open(options: ProcessExecutorOptions = {}): ProcessExecutor {
  return new ProcessExecutor({ processes: 1, silent: true, ...options })
}

const valueOf = (outcome: Outcome): unknown => outcome.kind === 'returned' ? outcome.value : outcome

describe('child processes', () => {
  test('a child ends with its parent, however busy it is and however the parent ends', async () => {
    using folder = temporaryFolder()
    const script = fileURLToPath(new URL('../fixtures/scripts/busy-child.ts', import.meta.url))
    for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
      const spinning = new Mark(join(folder.path, signal))
      const parent = new TestProcess(script, [spinning.path])
      await spinning.reaches(1)
      parent.signal(signal)
      // The child writes to the same pipe as its parent, so it ends when both are gone.
      await once(parent.child.stdout!, 'close')
    }
  })

  test('children keep the program alive until what was taken back from all of them has been given again', { timeout: 60_000 }, async () => {
    const script = fileURLToPath(new URL('../fixtures/scripts/waits-for-pool.ts', import.meta.url))
    expect((await promisify(execFile)(process.execPath, [script])).stdout).toBe('480\n')
  })

  test('a child whose parent is gone has nothing to say about it', async () => {
    using folder = temporaryFolder()
    const chatting = new Mark(join(folder.path, 'chatting'))
    const script = fileURLToPath(new URL('../fixtures/scripts/chatting-children.ts', import.meta.url))
    await using parent = new TestProcess(script, [chatting.path, '4'])
    await chatting.reaches(4)
    parent.signal('SIGKILL')
    await Promise.all([parent.child.stdout!, parent.child.stderr!].map((stream) => once(stream, 'close')))
    expect(parent.lines).toEqual([])
  })

  test('none is started before there is work, and no more than are needed', async () => {
    await using executor = open({ processes: 4 })
    expect(executor.size).toBe(0)
    expect(valueOf(await executor.execute(call(double, [2])))).toBe(4)
    expect(valueOf(await executor.execute(call(double, [3])))).toBe(6)
    expect(executor.size).toBe(1)
  })

  test('one that holds too much is replaced after its call, which is not charged', async () => {
    await using executor = open({ memoryLimit: 256 * 2 ** 20 })
    const first = valueOf(await executor.execute(call(keep, [2 ** 20])))
    expect(valueOf(await executor.execute(call(keep, [220 * 2 ** 20])))).toBe(first)
    const next = valueOf(await executor.execute(call(processId, [])))
    expect(next).not.toBe(first)
    expect(valueOf(await executor.execute(call(processId, [])))).toBe(next)
  })

  test('short calls are sent ahead, and what waits behind a long one goes to another child', async () => {
    await using executor = open({ processes: 2 })
    await Promise.all(Array.from({ length: 200 }, () => executor.execute(call(busy, [0]))))
    const outcomes = await Promise.all([300, ...Array.from({ length: 100 }, () => 0)].map((ms) => executor.execute(call(busy, [ms]))))
    expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'returned'))
    const [long, ...short] = outcomes.map(valueOf)
    expect(short.filter((pid) => pid === long).length).toBeLessThan(short.length)
  })

  test('calls by the ten thousand all settle, in each way of giving arguments', async () => {
    await using executor = open({ processes: 2 })
    for (let round = 0; round < 3; round++) {
      const outcomes = await Promise.all(Array.from({ length: 10_000 }, (_, index) => executor.execute(call(double, [index]))))
      expect(outcomes.every((outcome, index) => valueOf(outcome) === 2 * index)).toBe(true)
    }
    const encoded = await Promise.all(Array.from({ length: 1_000 }, (_, index) => executor.execute({ ...call(double, []), input: { encoded: encode([index]) } })))
    expect(encoded.every(({ kind }) => kind === 'returned')).toBe(true)
  })

  test('large values go both ways', async () => {
    await using executor = open()
    expect(valueOf(await executor.execute(call(length, [new Uint8Array(40 * 2 ** 20)])))).toBe(40 * 2 ** 20)
    expect((valueOf(await executor.execute(call(give, [40 * 2 ** 20]))) as Uint8Array).at(-1)).toBe(7)
  })

  test('a view carries its own bytes and no others', async () => {
    await using executor = open()
    expect(valueOf(await executor.execute(call(neighbours, [Buffer.from('pooled')])))).toBe(0)
    expect((valueOf(await executor.execute(call(give, [3]))) as Uint8Array).buffer.byteLength).toBe(3)
  })

  test('shared memory is refused, since it would not be shared', async () => {
    await using executor = open()
    const outcome = await executor.execute(call(length, [{ cells: new Int32Array(new SharedArrayBuffer(8)) }]))
    expect(outcome).toMatchObject({ kind: 'threw', error: { code: 'UNCLONEABLE', message: expect.stringContaining('args[0].cells') as string } })
  })

  test('a program that a call leaves behind holds nothing up', async () => {
    await using executor = open()
    expect(await executor.execute(call(leaveGrandchild, []))).toMatchObject({ kind: 'died', error: { code: 'PROCESS_EXITED' } })
    expect(valueOf(await executor.execute(call(double, [1])))).toBe(2)
  })

  test('a signal to the whole group is left to the parent', async () => {
    await using executor = open()
    expect(valueOf(await executor.execute(call(survive, [])))).toBe('alive')
    expect(valueOf(await executor.execute(call(double, [1])))).toBe(2)
  })

  test('children that cannot start hand back what waits, instead of starting for ever', async () => {
    await using executor = open({ execArgv: ['--import', 'data:text/javascript,process.exit(9)'] })
    expect(await executor.execute(call(double, [3]))).toMatchObject({ kind: 'handedBack', error: { code: 'PROCESS_START_FAILED' } })
  })

  test('what a call logs arrives at the host', async () => {
    const lines: unknown[] = []
    await using executor = open({ log: lineLogger('debug', (line) => lines.push(line)) })
    await executor.execute(call(logSomething, []))
    expect(lines).toMatchObject([{ level: 'info', msg: 'with a function' }, { level: 'warn', msg: 'plain', task: 'logSomething', order: 8 }])
  })

  test('a child that is busy with what a call left behind ends with the close', async () => {
    const executor = open()
    const pid = valueOf(await executor.execute(call(processId, []))) as number
    expect(valueOf(await executor.execute(call(leaveSpinning, [])))).toBe('returned')
    await executor.close()
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  test('where no temporary file can be made, what waits is handed back', async () => {
    const before = process.env['TMPDIR']
    process.env['TMPDIR'] = '/nowhere/at/all'
    try {
      await using executor = open()
      expect(await executor.execute(call(double, [3]))).toMatchObject({ kind: 'handedBack', error: { code: 'PROCESS_START_FAILED' } })
    } finally {
      if (before === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = before
    }
  })

  test('after the close no child is left, busy or idle', async () => {
    using folder = temporaryFolder()
    const mark = new Mark(join(folder.path, 'spinning'))
    const executor = open({ processes: 2 })
    const idle = valueOf(await executor.execute(call(processId, []))) as number
    const spinning = executor.execute(call(spin, [mark.path]))
    await mark.reaches(1)
    const spinningId = Number(readFileSync(mark.path, 'utf8'))
    await executor.close({ deadline: 0 })
    expect(await spinning).toMatchObject({ kind: 'handedBack' })
    for (const pid of [idle, spinningId]) expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })
})
