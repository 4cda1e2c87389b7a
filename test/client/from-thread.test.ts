import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { local } from '../../src/client/local.ts'
import { fromThread } from '../../src/executors/threads/from-thread.ts'
import { NoHostError } from '../../src/kernel/errors.ts'
import { type Task, task } from '../../src/tasks/task.ts'
import { double } from '../fixtures/tasks/arithmetic.ts'
import { asksForEver, asksLate, isRefused, own, say, saysAsleep, saysFromThread, saysInProcess, saysOnLoop, sleepsOnLoop, whatCameOfIt } from '../fixtures/tasks/asks-host.ts'

describe('a call on a thread', { timeout: 30_000 }, () => {
  test('has a task run on the loop of the program, with its modules, awaited or asleep', async () => {
    own.said.length = 0
    await using here = local({ threads: 2 })
    expect(await here.run(saysFromThread, 'a')).toEqual([false, { main: true, said: 1 }])
    expect(await here.run(saysAsleep, 'b')).toEqual([false, { main: true, said: 2 }])
    const many = await Promise.all(Array.from({ length: 200 }, (_, at) => here.run(at % 2 === 0 ? saysFromThread : saysAsleep, `${at}`)))
    expect(new Set(many.map((each) => (each as [boolean, { said: number }])[1].said)).size).toBe(200)
    expect(own.said.length).toBe(202)
  })

  test('hears what that throws', async () => {
    await using here = local({ threads: 1 })
    expect(await here.run(isRefused)).toEqual(['RangeError', 'not here', 7])
  })

  test('that is cancelled cancels it', async () => {
    Object.assign(own, { begun: 0, aborted: 0 })
    await using here = local({ threads: 1 })
    const scope = new CancelScope()
    const asking = scope.run(() => here.run(asksForEver))
    while (own.begun === 0) await sleep(1)
    scope.cancel()
    await asking
    expect(scope.cancelledCaught).toBe(true)
    while (own.aborted === 0) await sleep(1)
  })

  test('takes no place of those that wait for it on the loop', async () => {
    own.said.length = 0
    await using here = local({ loopConcurrency: 2, blocking: 3 })
    const ask: Task<[text: string], Promise<unknown>> = task({ name: 'ask' }, async (text: string) => await here.run(saysAsleep, text))
    await Promise.all(Array.from({ length: 8 }, (_, at) => here.run(ask, `${at}`)))
    expect(own.said.length).toBe(8)
  })

  test('that has ended asks no more', async () => {
    await using here = local({ threads: 1 })
    expect(await here.run(asksLate, 0)).toBe('left behind')
    expect(await here.run(whatCameOfIt)).toBe('NO_HOST')
  })

  test('is answered while the program closes', async () => {
    const here = local({ threads: 1 })
    const call = here.run(asksLate, 200)
    await here.run(double, 1)
    await here.close()
    expect(await call).toBe('said')
  })

  test('is told where there is no loop to run it on', async () => {
    await expect(fromThread(say, 'outside')).rejects.toThrow(NoHostError)
    await using here = local({ processes: 1 })
    await expect(here.run(saysInProcess)).rejects.toThrow(NoHostError)
    await expect(here.run(sleepsOnLoop)).rejects.toThrow(NoHostError)
  })

  test('a call on the loop just calls it', async () => {
    await using here = local()
    expect(await here.run(saysOnLoop, 'loop')).toMatchObject({ main: true })
  })
})
