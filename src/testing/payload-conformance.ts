import { argsName, resultName } from '../backends/payloads/payload-names.ts'
import type { PayloadStore } from '../backends/payloads/payload-store.ts'
import type { TestRunner } from './backend-conformance/bench.ts'

export interface PayloadDriver {
  /** The adapter, for the report. */
  readonly name: string
  /** Opens a store. A new name has nothing; opening one again gives a second handle on what is there. */
  readonly open: (where: string) => Promise<PayloadStore>
}

interface Bench {
  readonly open: () => Promise<PayloadStore>
  readonly expect: TestRunner['expect']
}

const some = new Uint8Array([1, 2, 3])
const large = Uint8Array.from({ length: 3 * 2 ** 20 }, (_, at) => at % 251)

const cases: Readonly<Record<string, (bench: Bench) => Promise<void>>> = {
  async 'what was put is got: a few bytes, none, and many'({ open, expect }) {
    const store = await open()
    for (const [at, bytes] of [some, new Uint8Array(), large].entries()) {
      const name = resultName('job', at)
      await store.put(name, bytes)
      expect(same(await store.get(name), bytes)).toBe(true)
    }
    expect(await store.get(argsName('job'))).toBe(undefined)
  },

  async 'of a view only its own bytes are kept, and what becomes of it afterwards changes nothing'({ open, expect }) {
    const store = await open()
    const bytes = new Uint8Array([9, 1, 2, 3, 9])
    await store.put(argsName('job'), bytes.subarray(1, 4))
    bytes.fill(0)
    expect(same(await store.get(argsName('job')), some)).toBe(true)
  },

  async 'what is put again replaces what was there'({ open, expect }) {
    const store = await open()
    await store.put(argsName('job'), large)
    await store.put(argsName('job'), some)
    expect(same(await store.get(argsName('job')), some)).toBe(true)
  },

  async 'whoever reads while it is put gets all of it or nothing'({ open, expect }) {
    const store = await open()
    const puts = [store.put(argsName('job'), large), store.put(argsName('job'), large)]
    const got = await Promise.all(Array.from({ length: 20 }, () => store.get(argsName('job'))))
    await Promise.all(puts)
    for (const bytes of got) if (bytes) expect(same(bytes, large)).toBe(true)
    expect(same(await store.get(argsName('job')), large)).toBe(true)
  },

  async 'another handle sees it'({ open, expect }) {
    const [one, other] = [await open(), await open()]
    await one.put(argsName('job'), some)
    expect(same(await other.get(argsName('job')), some)).toBe(true)
    await other.delete([argsName('job')])
    expect(await one.get(argsName('job'))).toBe(undefined)
  },

  async 'a delete takes what it names, and passes over what is not there'({ open, expect }) {
    const store = await open()
    await store.put(argsName('job'), some)
    await store.put(resultName('job', 1), some)
    await store.delete([argsName('other'), argsName('job')])
    await store.delete([])
    expect(await store.get(argsName('job'))).toBe(undefined)
    expect(same(await store.get(resultName('job', 1)), some)).toBe(true)
  },

  async 'a job is forgotten with all that is kept of it, and none other'({ open, expect }) {
    const store = await open()
    const own = [argsName('job'), resultName('job', 1), resultName('job', 12)]
    const others = [argsName('job-2'), resultName('job_', 1), argsName('jo')]
    for (const name of [...own, ...others]) await store.put(name, some)
    await store.forget(['unknown', 'job'])
    await store.forget([])
    for (const name of own) expect(await store.get(name)).toBe(undefined)
    for (const name of others) expect(same(await store.get(name), some)).toBe(true)
  }
}

/**
 * The law that every payload store keeps, as tests.
 *
 * @param runner of Vitest, or another of its shape: so that this module needs none
 *
 * @example
 * payloadConformance({ name: 'folder', open: (where) => directoryPayloads(where) }, { describe, test, expect })
 */
export function payloadConformance({ name, open }: PayloadDriver, { describe, test, expect }: TestRunner): void {
  let places = 0
  describe(`${name} passes the payload conformance suite`, () => {
    for (const [title, run] of Object.entries(cases)) {
      test(title, async () => {
        const where = `payloads-${++places}`
        await run({ open: () => open(where), expect })
      })
    }
  })
}

/** Not a deep comparison: an assertion on millions of elements takes seconds. */
function same(got: Uint8Array | undefined, wanted: Uint8Array): boolean {
  return got !== undefined && Buffer.compare(got, wanted) === 0
}
