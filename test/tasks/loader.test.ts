import { describe, expect, test } from 'vitest'
import { DuplicateTaskError, TaskIsClosureError, TaskModuleError, TaskNotExportedError, UnknownTaskError } from '../../src/kernel/errors.ts'
import { TaskLoader, tasksOf } from '../../src/tasks/loader.ts'
import { TaskRegistry } from '../../src/tasks/registry.ts'
import { definitionOf } from '../../src/tasks/task.ts'
import { VirtualClock } from '../../src/kernel/virtual-clock.ts'
import * as arithmetic from '../fixtures/tasks/arithmetic.ts'
import { makeTask } from '../fixtures/tasks/factory.ts'
import madeDefault, { giveHidden, made, top } from '../fixtures/tasks/made.ts'
import { plus } from '../fixtures/tasks/other-add.ts'

const url = (path: string): string => new URL(`../fixtures/tasks/${path}`, import.meta.url).href
const ref = (task: Parameters<typeof definitionOf>[0]): ReturnType<typeof definitionOf> => definitionOf(task, 'test')

describe('the loader finds a task again', () => {
  const loader = new TaskLoader()

  test.each([
    ['that is exported', top],
    ['that another module made', made],
    ['inside a default export', madeDefault.inDefault]
  ])('%s', async (_, task) => {
    expect((await loader.load(ref(task))).name).toBe(ref(task).name)
  })

  test('and says why it cannot', async () => {
    await expect(loader.load(ref(giveHidden()))).rejects.toBeInstanceOf(TaskNotExportedError)
    await expect(loader.load(ref(makeTask('nobody-exports-it')))).rejects.toBeInstanceOf(TaskIsClosureError)
    await expect(loader.load({ name: 'x', source: { modules: [url('nowhere.ts')], within: undefined } })).rejects.toBeInstanceOf(TaskModuleError)
  })
})

test('a module that never loads is given up after a minute', async () => {
  const clock = new VirtualClock()
  const module = 'data:text/javascript,await new Promise(() => {})'
  const loading = new TaskLoader(clock).load({ name: 'x', source: { modules: [module], within: undefined } })
  const outcome = expect(loading).rejects.toMatchObject({ code: 'TASK_MODULE_FAILED', message: expect.stringContaining('after 60 s it still waits for something at its top level') as string })
  await clock.advance(60_000)
  await outcome
})

test('the tasks of a module are those that it exports', async () => {
  expect((await tasksOf(url('arithmetic.ts'))).names.sort()).toEqual(['add', 'addSoon', 'double', 'nothing'])
})

describe('a registry', () => {
  test('takes a module, an object or an array, and passes over what is no task', () => {
    expect(new TaskRegistry(arithmetic).names.sort()).toEqual(['add', 'addSoon', 'double', 'nothing'])
    expect(new TaskRegistry({ top, version: 3, helper: () => {} }).names).toEqual(['top'])
    expect(new TaskRegistry([top, top.with({ timeout: 1 })]).names).toEqual(['top'])
  })

  test('refuses two functions of one name', () => {
    expect(() => new TaskRegistry([arithmetic.add, plus] as never)).toThrow(DuplicateTaskError)
    expect(() => new TaskRegistry([arithmetic.add, plus] as never)).toThrow(/arithmetic\.ts.*other-add\.ts/)
  })

  test('names what it knows when asked for what it does not', () => {
    expect(() => new TaskRegistry([top]).get('bottom')).toThrow(UnknownTaskError)
    expect(() => new TaskRegistry([top]).get('bottom')).toThrow('Known: top')
  })
})
