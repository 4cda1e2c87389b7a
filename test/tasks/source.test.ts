import { expect, test } from 'vitest'
import { definitionOf } from '../../src/tasks/task.ts'
import { made, top } from '../fixtures/tasks/made.ts'
import { makeTask } from '../fixtures/tasks/factory.ts'

const url = (path: string): string => new URL(`../fixtures/tasks/${path}`, import.meta.url).href

test('a task at the top of a module comes from there', () => {
  expect(definitionOf(top, 'x').source).toEqual({ modules: [url('made.ts')], within: undefined })
})

test('a task that a function makes comes from there too, and may be exported by whoever called it', () => {
  const { source } = definitionOf(made, 'x')
  expect(source.modules.slice(0, 2)).toEqual([url('factory.ts'), url('made.ts')])
  expect(source.within).toBe('makeTask')
})

test('a closure names the function that it is in', () => {
  expect(definitionOf(makeTask('here'), 'x').source.within).toBe('makeTask')
})
