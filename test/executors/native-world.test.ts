import { verifySync } from '@node-rs/bcrypt'
import { expect, test } from 'vitest'
import { local } from '../../src/client/local.ts'
import { hashBeside, hashLong, raiseInWasm } from '../fixtures/tasks/native.ts'
import { wasm, wasmBytes } from '../fixtures/tasks/wasm.ts'
import { cells } from './support.ts'

// One thread inside native code holds no other up. That two were inside at the same time shows by what they do there, not by how long it takes.

test('two threads are inside WebAssembly at the same time, and work on halves of one shared memory', async () => {
  await using here = local({ threads: 2 })
  const pages = 17
  const memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true })
  const bytes = wasmBytes(pages)
  // The first page is for the cells where they meet.
  const floats = new Float64Array(memory.buffer, 2 ** 16).map((_, index) => index)
  new Float64Array(memory.buffer, 2 ** 16).set(floats)
  const middle = 2 ** 16 + 2 ** 19
  const met = await Promise.all([here.run(raiseInWasm, bytes, memory, 2 ** 16, middle), here.run(raiseInWasm, bytes, memory, middle, pages * 2 ** 16)])
  expect(met).toEqual([2, 2])
  expect(new Float64Array(memory.buffer, 2 ** 16)).toEqual(floats.map((value) => 2 * value))
})

test('two threads are inside an N-API addon at the same time: many short calls of one begin and end during a long one of the other', async () => {
  await using here = local({ threads: 2 })
  const own = cells()
  const [hash, beside] = await Promise.all([here.run(hashLong, own), here.run(hashBeside, own)])
  expect(verifySync('long', hash)).toBe(true)
  // If only one could be inside, one might slip in before the long call, and none during it.
  expect(beside).toBeGreaterThan(1)
})
