import { describe, expect, test } from 'vitest'
import { DuplicateTaskError, UnknownTaskError } from '../../src/kernel/errors.ts'
import { TaskRegistry } from '../../src/tasks/registry.ts'
import { task } from '../../src/tasks/task.ts'

const ship = task({ name: 'ship', aliases: ['send'] }, () => 1)

describe('TaskRegistry', () => {
  test('knows a task by its name and by the names that it bore', () => {
    const registry = new TaskRegistry([ship])
    expect(registry.has('send')).toBe(true)
    expect(registry.get('send')).toBe(registry.get('ship'))
    expect(registry.names).toEqual(['ship'])
    expect(Array.from(registry, ({ name }) => name)).toEqual(['ship'])
    expect(() => registry.get('post')).toThrow(UnknownTaskError)
  })

  test('takes the same task twice, also with options of its own', () => {
    expect(new TaskRegistry([ship, ship.with({ priority: 1 }), ship]).names).toEqual(['ship'])
  })

  test.each([
    ['a name with a name', task({ name: 'ship' }, () => 2)],
    ['a name with an alias', task({ name: 'send' }, () => 2)],
    ['an alias with a name', task({ name: 'other', aliases: ['ship'] }, () => 2)],
    ['an alias with an alias', task({ name: 'other', aliases: ['post', 'send'] }, () => 2)]
  ])('%s of another task collides', (_, other) => {
    expect(() => new TaskRegistry([ship, other])).toThrow(DuplicateTaskError)
    expect(() => new TaskRegistry([other, ship])).toThrow(DuplicateTaskError)
  })

  test('a task that collides leaves nothing behind', () => {
    const registry = new TaskRegistry([ship])
    expect(() => registry.add(new TaskRegistry([task({ name: 'other', aliases: ['post', 'send'] }, () => 2)]).get('other'))).toThrow(DuplicateTaskError)
    expect([registry.has('other'), registry.has('post')]).toEqual([false, false])
  })
})
