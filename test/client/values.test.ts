import { createSecretKey, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { MessageChannel } from 'node:worker_threads'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Client, type Local, connect, local, openBackend, startWorker } from '../../src/index.ts'
import * as tasks from '../fixtures/values/tasks.ts'
import { same } from '../support/same.ts'
import { instanceOf, wasm, wasmBytes } from '../fixtures/tasks/wasm.ts'
import { sharedFolder } from '../support/temporary-folder.ts'
import { sendable } from '../support/values.ts'

const { onThread, onBlocking, inProcess, onLoop, makeOnThread, makeInProcess } = tasks

/** A way there and back. */
type Trip = (value: unknown) => Promise<unknown>

const folder = sharedFolder()
const stack = new AsyncDisposableStack()
let here: Local
let memory: Client
let sqlite: Client

const through = (queue: () => Client, task: typeof onThread): Trip => async (value) => (await queue().enqueue(task, value)).result({ timeout: '1m' })
const places: Readonly<Record<string, Trip>> = {
  'local() on a thread': (value) => here.run(onThread, value),
  'local() on a thread that blocks': (value) => here.run(onBlocking, value),
  'local() in a process': (value) => here.run(inProcess, value),
  'a job in memory, on a thread': through(() => memory, onThread),
  'a job in SQLite, on a thread': through(() => sqlite, onThread),
  'a job in SQLite, in a process': through(() => sqlite, inProcess),
  "a job in SQLite, on the worker's loop": async (value) => (await sqlite.enqueue(onLoop, value)).result({ timeout: '1m' })
}

beforeAll(async () => {
  const few = { threads: 1, blocking: 1, processes: 1 }
  here = stack.use(local(few))
  const backend = await openBackend('memory:')
  stack.defer(() => backend.close())
  memory = stack.use(await connect(backend, { tasks, payloadLimit: Infinity }))
  stack.use(await startWorker(backend, { tasks, ...few }))
  const url = `sqlite:${join(folder, 'values.db')}`
  sqlite = stack.use(await connect(url, { tasks, payloadLimit: Infinity }))
  stack.use(await startWorker(url, { tasks, ...few }))
})

afterAll(() => stack.disposeAsync())

test('what can be sent arrives the same everywhere, and comes back the same', async () => {
  await fc.assert(fc.asyncProperty(fc.array(sendable, { minLength: 30, maxLength: 60 }), async (values) => {
    const arrived = await Promise.all(Object.values(places).map((place) => place(values)))
    const wrong = Object.keys(places).flatMap((place, index) => values
      .filter((value, at) => !same(value, (arrived[index] as unknown[])[at]))
      .map((value) => ({ place, value })))
    expect(wrong).toEqual([])
    // What several of them hold in common is one object there, too.
    for (const [index, place] of Object.keys(places).entries()) expect({ place, same: same(values, arrived[index]) }).toEqual({ place, same: true })
  }), { numRuns: 12, endOnFailure: true })
})

test.each(Object.entries(places))('%s: what has no form of its own there arrives as what it holds', async (_, trip) => {
  const bytes = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8])
  const halves = [bytes.subarray(0, 4), bytes.subarray(4)]
  const regexp = /a/g
  regexp.lastIndex = 3
  const value = [Buffer.from('abc'), Object.assign(Object.create(null) as object, { a: 1 }), halves, { get read() { return 7 }, [Symbol('key')]: 1 }, regexp]
  const arrived = await trip(value) as unknown[]
  expect(same(arrived, [new Uint8Array([97, 98, 99]), { a: 1 }, [new Uint8Array([1, 2, 3, 4]), new Uint8Array([5, 6, 7, 8])], { read: 7 }, /a/g])).toBe(true)
  expect((arrived[4] as RegExp).lastIndex).toBe(0)
  const [first, second] = arrived[2] as Uint8Array[]
  expect(first!.buffer).not.toBe(second!.buffer)
  expect(first!.buffer.byteLength).toBe(4)
})

test.each(Object.entries(places))('%s: a match arrives with its index and groups', async (_, trip) => {
  const match = 'at 09:05'.match(/(?<hour>\d+):(?<minute>\d+)/)!
  const arrived = await trip(match) as RegExpMatchArray
  expect([arrived.length, arrived[0], arrived.index, arrived.input]).toEqual([3, '09:05', 3, 'at 09:05'])
  expect(arrived.groups).toEqual({ hour: '09', minute: '05' })
})

const nested = (depth: number): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = [value]
  return value
}

test.each(Object.entries(places))('%s: as deep as may be, and no deeper', async (_, trip) => {
  expect(same(await trip(nested(900)), nested(900))).toBe(true)
  await expect(trip(nested(1_100))).rejects.toThrow('nested more than 1000 levels deep')
  await expect(trip(nested(100_000))).rejects.toThrow('nested more than 1000 levels deep')
})

class Point {
  readonly x = 1
}

class Names extends Map<string, string> {}

const resizable = (): ArrayBuffer => new ArrayBuffer(8, { maxByteLength: 16 })
const detached = (): ArrayBuffer => {
  const buffer = new ArrayBuffer(8)
  structuredClone(buffer, { transfer: [buffer] })
  return buffer
}

/** Refused everywhere, whatever a structured clone would make of it. */
const refused: Readonly<Record<string, () => unknown>> = {
  'a function': () => () => {},
  'a class': () => Point,
  'a symbol': () => Symbol('s'),
  'a promise': () => Promise.resolve(),
  'a WeakMap': () => new WeakMap(),
  'a WeakRef': () => new WeakRef({}),
  'a proxy': () => new Proxy({}, {}),
  'a proxy of an array': () => new Proxy([], {}),
  'a generator': () => (function* () { yield 1 })(),
  'an instance of a class': () => new Point(),
  'an instance of a class that extends Map': () => new Names(),
  'a boxed number': () => Object(1) as unknown,
  'a boxed symbol': () => Object(Symbol('s')) as unknown,
  'a MessagePort': () => new MessageChannel().port1,
  'a KeyObject': () => createSecretKey(randomBytes(32)),
  'a CryptoKey': () => createSecretKey(randomBytes(32)).toCryptoKey('AES-GCM', true, ['encrypt']),
  'a URL': () => new URL('https://example.org'),
  Headers: () => new Headers(),
  'a Blob': () => new Blob(['x']),
  'a File': () => new File(['x'], 'x'),
  'a Response': () => new Response('x'),
  'a WebAssembly module': () => new (globalThis as unknown as { WebAssembly: { Module: new (bytes: Uint8Array) => object } }).WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])),
  'a buffer that can be resized': resizable,
  'a view of a buffer that can be resized': () => new Uint8Array(resizable()),
  'a buffer that was moved away': detached,
  arguments: () => (function() { return arguments })(), // oxlint-disable-line prefer-rest-params
  'a boxed bigint': () => Object(1n) as unknown
}

test.each(Object.entries(places))('%s: what is no plain data is refused at once, with the path', async (_, trip) => {
  const refusal = (path: string): object => ({ code: 'UNCLONEABLE', message: expect.stringContaining(`cannot be sent: ${path} is `) as string })
  for (const [name, value] of Object.entries(refused)) {
    const error: unknown = await trip({ list: [0, value()] }).catch((caught: unknown) => caught)
    expect({ name, error }).toMatchObject({ name, error: refusal('args[0].list[1]') })
  }
  await expect(trip(Object.assign([1, 2], { point: new Point() }))).rejects.toMatchObject(refusal('args[0].point'))
  await expect(trip({ get broken(): number { throw new Error('no') } })).rejects.toMatchObject(refusal('args[0].broken'))
  await expect(trip([Object.assign(new Error('x'), { retry() {} })])).rejects.toMatchObject(refusal('args[0][0].retry'))
  await expect(trip(new Map([[{ on() {} }, 1]]))).rejects.toMatchObject(refusal('args[0](key 0).on'))
})

test('what cannot be sent is refused as a result, too', async () => {
  const places = { thread: makeOnThread, process: makeInProcess }
  for (const kind of ['function', 'symbol', 'promise', 'url', 'point']) {
    for (const task of Object.values(places)) {
      const refusal = { code: 'UNCLONEABLE', message: expect.stringContaining('result.made[0]') as string }
      await expect(here.run(task, kind)).rejects.toMatchObject(refusal)
      await expect((await sqlite.enqueue(task, kind)).result({ timeout: '1m' })).rejects.toMatchObject(refusal)
    }
  }
})

test('shared memory stays shared on threads, and is refused everywhere else', async () => {
  const cells = new Int32Array(new SharedArrayBuffer(8))
  for (const place of ['local() on a thread', 'local() on a thread that blocks']) {
    const [arrived] = await places[place]!([cells]) as [Int32Array]
    Atomics.add(cells, 0, 1)
    expect(arrived[0]).toBe(cells[0])
  }
  for (const [place, trip] of Object.entries(places)) {
    if (place.startsWith('local() on')) continue
    await expect(trip({ cells })).rejects.toMatchObject({ code: 'UNCLONEABLE', message: expect.stringContaining('args[0].cells') as string })
  }
})

test('a shared memory of WebAssembly stays shared on threads, and is refused everywhere else', async () => {
  const memory = new wasm.Memory({ initial: 1, maximum: 1, shared: true })
  const [arrived] = await places['local() on a thread']!([memory]) as [typeof memory]
  new Uint8Array(memory.buffer)[7] = 9
  expect(new Uint8Array(arrived.buffer)[7]).toBe(9)
  expect(instanceOf(wasmBytes(1), arrived).work).toBeTypeOf('function')
  const pretender: unknown = Object.create(wasm.Memory.prototype)
  for (const [place, trip] of Object.entries(places)) {
    const refused = place.startsWith('local() on') ? [pretender] : [pretender, memory]
    for (const value of refused) await expect(trip({ value })).rejects.toMatchObject({ code: 'UNCLONEABLE', message: expect.stringContaining('args[0].value') as string })
  }
})
