import { describe, expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { InvalidOptionError, ResourceNotOpenError } from '../../src/kernel/errors.ts'
import { resource } from '../../src/tasks/resource.ts'
import { type Task, task } from '../../src/tasks/task.ts'

const names = resource({ name: 'names', open: async () => new Map([[7, 'Ada']]), close: (map) => map.clear() })
const cities = resource({ name: 'cities', open: () => ['Rome'] })
const nameOf: Task<[id: number], Promise<string | undefined>> = task({ name: 'nameOf', resources: [names, cities] }, async (id: number) => {
  await Promise.resolve()
  return `${names.current().get(id)} of ${cities.current()[0]}`
})

describe('a resource', () => {
  test('is there for a call, and closed with what opened it', async () => {
    const here = local()
    expect(await here.run(nameOf, 7)).toBe('Ada of Rome')
    await here.close()
  })

  test('outside a call, says how to give what stands in for it', () => {
    expect(() => names.current()).toThrow(ResourceNotOpenError)
    expect(() => names.current()).toThrow('names.with(value, () => …)')
  })

  test('is stood in for, in a test, with others, and only there', async () => {
    const both = names.with(new Map([[1, 'Bob']]), () => cities.with(['Oslo'], () => nameOf(1)))
    expect(await both).toBe('Bob of Oslo')
    expect(() => names.current()).toThrow(ResourceNotOpenError)
    await names.with(new Map(), async () => { await expect(nameOf(1)).rejects.toThrow(ResourceNotOpenError) })
  })

  test('is what a task takes, and nothing else', () => {
    expect(() => task({ name: 'x', resources: [new Map() as never] }, () => 1)).toThrow(InvalidOptionError)
  })
})
