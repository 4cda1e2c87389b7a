import { describe, expect, test } from 'vitest'
import { InvalidOptionError, NotATaskError } from '../../src/kernel/errors.ts'
import type { CallOptions } from '../../src/tasks/call-options.ts'
import { type TaskOptions, definitionOf, isTask, task } from '../../src/tasks/task.ts'

const named = (options: Omit<TaskOptions, 'name'> & { name?: string }) => (): unknown => task({ name: 'sample', ...options }, () => 1)

describe('task()', () => {
  test('gives the plain function, with a name', () => {
    const area = task({ name: 'area' }, (width: number, height: number) => width * height)
    expect(area(2, 3)).toBe(6)
    expect(area.name).toBe('area')
    expect(isTask(area)).toBe(true)
    expect(isTask(() => 1)).toBe(false)
  })

  test('an async function waits, so it runs on the loop; any other on a thread; unless it says where', () => {
    expect(definitionOf(task({ name: 'a' }, async () => 1), 'x').runs).toBe('loop')
    expect(definitionOf(task({ name: 'b' }, () => 1), 'x').runs).toBe('thread')
    expect(definitionOf(task({ name: 'c', runs: 'thread' }, async () => 1), 'x').runs).toBe('thread')
  })

  test.each<[string, () => unknown]>([
    ['a name with a space', named({ name: 'two words' })],
    ['no name', named({ name: '' })],
    ['an alias with a space', named({ aliases: ['two words'] })],
    ['a version that is no whole number', named({ version: 1.5 })],
    ['a version 0', named({ version: 0 })],
    ['an unknown place', named({ runs: 'moon' as 'loop' })],
    ['a queue with a slash', named({ queue: 'a/b' })],
    ['a priority that is no whole number', named({ priority: 1.5 })],
    ['a priority that is out of range', named({ priority: 32_768 })],
    ['a negative timeout', named({ timeout: -1 })],
    ['a timeout without a unit', named({ timeout: '30' as '30s' })],
    ['a negative retry limit', named({ retry: { limit: -1 } })],
    ['a retry factor that shrinks', named({ retry: { factor: 0.5 } })],
    ['no options', () => task(undefined as never, () => {})],
    ['an option that there is not', named({ timout: 5 } as never)],
    ['aliases that are no list', named({ aliases: 'old' as never })],
    ['resources that are no list', named({ resources: {} as never })],
    ['a timeout of 0', named({ timeout: 0 })],
    ['a delay without end', named({ delay: Infinity })],
    ['a delay that no date holds', named({ delay: 1e300 })],
    ['an expiry that no date holds', named({ expires: 1e300 })],
    ['retry that is a number', named({ retry: 5 as never })],
    ['retry that is a text', named({ retry: '3' as never })],
    ['retry that is null', named({ retry: null as never })],
    ['a retry option that there is not', named({ retry: { limt: 3 } as never })],
    ['a wait before a retry that no date holds', named({ retry: { limit: 1, initial: 1e300 } })],
    ['a longest wait before a retry without end', named({ retry: { limit: 1, max: Infinity } })],
    ['a retry factor that is a text', named({ retry: { factor: '2' as never } })],
    ['errors to retry on that are no list', named({ retry: { on: 'E_QUOTA' as never } })],
    ['errors to give up on that are no names', named({ retry: { giveUpOn: [404 as never] } })],
    ['a tag with a space', named({ tags: ['two words'] })],
    ['an empty tag', named({ tags: [''] })],
    ['too many tags', named({ tags: Array.from({ length: 21 }, (_, n) => `t${n}`) })],
    ['a tag alone', named({ tags: 'urgent' as unknown as string[] })],
    ['an unknown jitter', named({ retry: { jitter: 'some' as 'full' } })],
    ['no function', () => task({ name: 'x' }, 'fn' as unknown as () => void)]
  ])('refuses %s', (_, make) => {
    expect(make).toThrow(InvalidOptionError)
  })

  test('takes the ends of the range of priorities', () => {
    expect(named({ priority: -32_768 })).not.toThrow()
    expect(named({ priority: 32_767 })).not.toThrow()
  })
})

describe('with()', () => {
  const base = task({ name: 'base', queue: 'slow', timeout: '10s', retry: { limit: 2 } }, (n: number) => n + 1)

  test('changes what it names and keeps the rest, for a copy', () => {
    const copy = base.with({ timeout: 5, priority: 3 })
    expect(definitionOf(copy, 'x').rules).toMatchObject({ queue: 'slow', timeout: 5, priority: 3, retry: { limit: 2 } })
    expect(definitionOf(base, 'x').rules).toMatchObject({ queue: 'slow', timeout: 10_000, priority: 0 })
    expect(copy(1)).toBe(2)
    expect(definitionOf(copy, 'x').fn).toBe(definitionOf(base, 'x').fn)
    expect(definitionOf(copy, 'x').source).toBe(definitionOf(base, 'x').source)
  })

  test('replaces the tags, and keeps each once', () => {
    const tagged = base.with({ tags: ['a', 'b', 'a'] })
    expect(definitionOf(base, 'x').rules.tags).toEqual([])
    expect(definitionOf(tagged.with({ priority: 1 }), 'x').rules.tags).toEqual(['a', 'b'])
    expect(definitionOf(tagged.with({ tags: ['c'] }), 'x').rules.tags).toEqual(['c'])
    expect(definitionOf(tagged.with({ tags: [] }), 'x').rules.tags).toEqual([])
  })

  test('can be repeated', () => {
    expect(definitionOf(base.with({ timeout: 5 }).with({ queue: 'fast' }), 'x').rules).toMatchObject({ queue: 'fast', timeout: 5 })
  })

  test('checks its options', () => {
    expect(() => base.with({ delay: 'soon' } as unknown as CallOptions)).toThrow(InvalidOptionError)
    expect(() => base.with({ dlay: '5m' } as CallOptions)).toThrow(/^with\(\) takes these options: queue, priority, .*; got 'dlay'\.$/)
    expect(() => task({ name: 'soft', softTimeout: '5s' }, () => 1).with({ timeout: '1s' })).toThrow(/softTimeout takes more than 0, and less than timeout, which is 1000 ms; got 5000/)
    expect(() => base.with(null as unknown as CallOptions)).toThrow(InvalidOptionError)
    expect(() => base.with({ runs: 'thread' } as CallOptions)).toThrow(InvalidOptionError)
  })
})

test('definitionOf refuses what is no task and names the place', () => {
  expect(() => definitionOf(() => 1, 'run')).toThrow(NotATaskError)
  expect(() => definitionOf(undefined, 'run')).toThrow('run takes a task, and got undefined')
})
