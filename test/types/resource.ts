// Checked by the compiler, never run: a resource is of the type that its open gives.
import { resource, task } from '../../src/index.ts'

const names = resource({ name: 'names', open: async () => new Map([[7, 'Ada']]), close: (map) => map.clear() })
const cities = resource({ name: 'cities', open: () => ['Rome'] })

export const name: string | undefined = names.current().get(7)
export const city: string | undefined = cities.current()[0]
export const length: Promise<number> = cities.with(['Oslo'], async () => cities.current().length)
export const greet = task({ name: 'greet', resources: [names, cities] }, (id: number) => names.current().get(id))

// @ts-expect-error another type stands in
cities.with([1], () => 1)
// @ts-expect-error the value is no list
export const wrong: string[] = names.current()
// @ts-expect-error what is closed is what was opened
resource({ name: 'x', open: () => 1, close: (text: string) => text })
// @ts-expect-error no resource
task({ name: 'x', resources: [new Map()] }, () => 1)
