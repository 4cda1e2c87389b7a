import { describe, expect, test } from 'vitest'
import { CancelScope, currentScope } from '../../src/concurrency/cancel-scope.ts'
import { errorLeaves, splitErrors } from '../../src/concurrency/error-tree.ts'
import { sleep } from '../../src/concurrency/sleep.ts'
import { TaskGroupError } from '../../src/concurrency/task-group-error.ts'
import { taskGroup } from '../../src/concurrency/task-group.ts'
import { moveOnAfter, shield } from '../../src/concurrency/timeouts.ts'
import { ClosedError, NotReadyError, TreadleError } from '../../src/kernel/errors.ts'
import { fromPortable, toPortable } from '../../src/wire/portable-error.ts'
import { onClock } from './support.ts'

const failure = async (work: Promise<unknown>): Promise<TaskGroupError> => work.then(() => { throw new Error('it did not fail') }, (error: unknown) => error as TaskGroupError)

describe('a task group', () => {
  test('ends after its children, and gives what its block gives', async () => {
    await onClock(async (clock) => {
      const done: number[] = []
      expect(await taskGroup((group) => {
        for (const ms of [30, 10, 20]) group.start(async () => { await sleep(ms); done.push(ms) })
        return 'block'
      })).toBe('block')
      expect([done, clock.elapsed()]).toEqual([[10, 20, 30], 30])
    })
  })

  test('ends after its children where it is used with `await using`', async () => {
    await onClock(async (clock) => {
      const done: number[] = []
      {
        await using group = taskGroup()
        group.start(async () => { await sleep(5); done.push(5) })
      }
      expect([done, clock.elapsed()]).toEqual([[5], 5])
    })
  })

  test('is cancelled by its first failure, and throws all that failed in the order that it came', async () => {
    await onClock(async (clock) => {
      const error = await failure(taskGroup(async (group) => {
        group.start(async () => { await sleep(10); throw new TypeError('first') })
        group.start(() => sleep('1h').catch(async () => { await shield(() => sleep(5)); throw new RangeError('while it cleaned up') }))
        group.start(() => sleep('1h'))
        await sleep('1h')
      }))
      expect(clock.elapsed()).toBe(15)
      expect(error).toBeInstanceOf(TaskGroupError)
      expect(error).toBeInstanceOf(AggregateError)
      expect(error).toBeInstanceOf(TreadleError)
      expect(error).toMatchObject({ code: 'TASK_GROUP_FAILED', message: '2 tasks of a group failed: TypeError: first; RangeError: while it cleaned up' })
      expect(error.errors).toEqual([new TypeError('first'), new RangeError('while it cleaned up')])
    })
  })

  test('is cancelled where its block fails', async () => {
    let ended = false
    const error = await failure(taskGroup(async (group) => {
      group.start(() => sleep('1h').finally(() => { ended = true }))
      throw new TypeError('block')
    }))
    expect([ended, error.errors]).toEqual([true, [new TypeError('block')]])
  })

  test('throws a failure once, also where the block waits for the child and passes it on', async () => {
    const error = await failure(taskGroup(async (group) => {
      const child = group.start(async () => { throw new TypeError('child') })
      await child.result
    }))
    expect([...errorLeaves(error)]).toEqual([new TypeError('child')])
  })

  test('in a group gives a tree, which can be split by class', async () => {
    const error = await failure(taskGroup((outer) => {
      outer.start(async () => { throw new TypeError('outer') })
      outer.start(() => taskGroup((inner) => {
        inner.start(async () => { throw new RangeError('inner') })
        inner.start(async () => { throw new TypeError('inner') })
      }))
    }))
    expect(error.errors[1]).toBeInstanceOf(TaskGroupError)
    const [types, rest] = splitErrors(error, TypeError)
    expect([...errorLeaves(types)]).toEqual([new TypeError('outer'), new TypeError('inner')])
    expect([...errorLeaves(rest)]).toEqual([new RangeError('inner')])
    expect(types).toBeInstanceOf(TaskGroupError)
    expect(splitErrors(error, SyntaxError)).toEqual([undefined, error])
    expect(splitErrors(error, (leaf) => leaf instanceof Error)[1]).toBeUndefined()
  })

  test('tells of every failure, whatever was thrown', async () => {
    const cycle = new AggregateError([], 'cycle')
    cycle.errors.push(cycle)
    for (const thrown of [new AggregateError([]), cycle, Object.assign(new AggregateError([]), { errors: 5 }), Object.create(null) as unknown, undefined]) {
      let ended = false
      const error = await failure(taskGroup((group) => {
        group.start(() => { throw thrown })
        group.start(() => sleep('1h').finally(() => { ended = true }))
      }))
      expect([error.errors, ended]).toEqual([[thrown], true])
    }
    const both = await failure(taskGroup((group) => {
      for (let child = 0; child < 2; child++) group.start(() => { throw 'a' })
    }))
    expect(both.errors).toEqual(['a', 'a'])
  })

  test('thousands of failures take no longer each than few', async () => {
    const error = await failure(taskGroup((group) => { for (let child = 0; child < 20_000; child++) group.start(() => { throw new Error('no') }) }))
    expect(error.errors).toHaveLength(20_000)
  })

  test('its error is the same class where it comes from another thread', () => {
    const again = fromPortable(structuredClone(toPortable(new TaskGroupError([new TypeError('a'), new RangeError('b')]))))
    expect([again instanceof TaskGroupError, again instanceof AggregateError, again instanceof TreadleError]).toEqual([true, true, true])
    expect([...errorLeaves(splitErrors(again, TypeError)[0])]).toEqual([new TypeError('a')])
    expect(new AggregateError([]) instanceof TaskGroupError).toBe(false)
  })

  test('that was cancelled by itself ends without an error', async () => {
    await onClock(async (clock) => {
      expect(await taskGroup(async (group) => {
        group.start(() => sleep('1h'))
        await sleep(3)
        group.cancel()
        await sleep('1h')
        return 'never'
      })).toBeUndefined()
      expect(clock.elapsed()).toBe(3)
      expect(await taskGroup((group) => { group.start(() => sleep('1h')); return 'done' }, { timeout: 5 })).toBe('done')
      expect(clock.elapsed()).toBe(8)
    })
  })

  test('inside a scope that is cancelled ends with one cancellation, not with a tree of them', async () => {
    await onClock(async () => {
      let seen: unknown
      await moveOnAfter(5, () => taskGroup((group) => {
        for (let child = 0; child < 3; child++) group.start(() => sleep('1h'))
      }).catch((error: unknown) => { seen = error; throw error }))
      expect(seen).toMatchObject({ code: 'CANCELLED' })
    })
  })

  test('keeps a real failure beside the cancellation of a scope around it', async () => {
    await onClock(async () => {
      const error = await failure(moveOnAfter(5, () => taskGroup((group) => {
        group.start(() => sleep('1h'))
        group.start(() => sleep('1h').catch(() => { throw new TypeError('real') }))
      })))
      expect([...errorLeaves(error)]).toEqual([new TypeError('real')])
    })
  })

  test('a child can be cancelled alone', async () => {
    await onClock(async (clock) => {
      await taskGroup(async (group) => {
        const child = group.start(() => sleep('1h'))
        group.start(() => sleep(10))
        await sleep(1)
        child.cancel()
        expect(await child.result).toBeUndefined()
        expect(clock.elapsed()).toBe(1)
      })
      expect(clock.elapsed()).toBe(10)
    })
  })

  test('a child is inside the group, wherever it is started from', async () => {
    const other = new CancelScope()
    await taskGroup(async (group) => {
      await other.run(() => {
        group.start(({ scope }) => {
          expect(currentScope()).toBe(scope)
          expect(scope.parent).toBe(group.scope)
        })
      })
    })
  })

  test('a child says when it is ready', async () => {
    await onClock(async (clock) => {
      await taskGroup(async (group) => {
        const server = group.start<void, number>(async ({ ready }) => { await sleep(5); ready(8080); await sleep(5) })
        expect([await server.ready, clock.elapsed()]).toEqual([8080, 5])
      })
      await taskGroup(async (group) => {
        await expect(group.start(async () => {}).ready).rejects.toThrow(NotReadyError)
      })
      const error = await failure(taskGroup(async (group) => { await group.start(async () => { throw new TypeError('no port') }).ready }))
      expect(error.errors).toEqual([new TypeError('no port')])
    })
  })

  test('a daemon ends with the rest, and its failure is the group\'s', async () => {
    await onClock(async (clock) => {
      let beats = 0
      await taskGroup((group) => {
        group.start(async () => { for (;;) { await sleep(2); beats++ } }, { daemon: true })
        group.start(() => sleep(9))
      })
      expect([beats, clock.elapsed()]).toEqual([4, 9])
      const error = await failure(taskGroup((group) => {
        group.start(async () => { await sleep(1); throw new TypeError('daemon') }, { daemon: true })
        group.start(() => sleep('1h'))
      }))
      expect(error.errors).toEqual([new TypeError('daemon')])
    })
  })

  test('takes nothing more once it has ended', async () => {
    let kept: { start(fn: () => void): unknown }
    await taskGroup((group) => { kept = group })
    expect(() => kept.start(() => {})).toThrow(ClosedError)
  })

  test('children may start children until the last has ended', async () => {
    await onClock(async (clock) => {
      let born = 0
      await taskGroup((group) => {
        const grow = (generation: number): unknown => group.start(async () => {
          born++
          await sleep(1)
          if (generation < 5) { grow(generation + 1); grow(generation + 1) }
        })
        grow(1)
      })
      expect([born, clock.elapsed()]).toEqual([31, 5])
    })
  })
})
