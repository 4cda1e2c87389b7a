import { describe, expect, test } from 'vitest'
import { CancelScope } from '../../src/concurrency/cancel-scope.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { local } from '../../src/client/local.ts'
import { fromThread } from '../../src/executors/threads/from-thread.ts'
import { NoHostError } from '../../src/kernel/errors.ts'
import { asksForEver, isRefused, own, say, saysAsleep, saysFromThread, saysInProcess, saysOnLoop, sleepsOnLoop } from '../fixtures/tasks/asks-host.ts'

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
