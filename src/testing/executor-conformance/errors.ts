import { definitionOf } from '../../tasks/task.ts'
import { encode } from '../../wire/codec.ts'
import { type Cases, callOf, errorOf } from './bench.ts'
import { add, echo, fail, failOddly, failSoon, failUncloneably, failWith, oddErrorNames, oddResultNames, refused, returnFunction, returnOddly, runTwice } from './tasks.ts'

export const errorCases: Cases = {
  async 'an error keeps its class name, message, stack, code, cause and fields'({ open, expect }) {
    const outcome = await open().execute(callOf(fail, []))
    expect(outcome).toMatchObject({
      kind: 'threw',
      mayRetry: true,
      error: {
        name: 'OrderError', message: 'order 7 is incomplete', code: 'E_ORDER', fields: { order: 7 },
        cause: { $error: { name: 'TypeError', message: 'no address' } }
      }
    })
    expect(outcome.kind === 'threw' && outcome.error.stack).toContain('executor-conformance/tasks.')
  },

  async 'a rejection is an error too, and the rules of the task say whether it may be tried again'({ open, expect }) {
    const executor = open()
    expect(await executor.execute(callOf(failSoon, ['E_AGAIN']))).toMatchObject({ kind: 'threw', mayRetry: true, error: { name: 'RangeError', code: 'E_AGAIN' } })
    expect(await executor.execute(callOf(failSoon, ['E_FINAL']))).toMatchObject({ kind: 'threw', mayRetry: false })
  },

  async 'what middleware throws is the error of the call'({ open, expect }) {
    expect(await open().execute(callOf(refused, []))).toMatchObject({ kind: 'threw', mayRetry: false, error: { message: 'not today' } })
  },

  async 'middleware that calls next twice runs the function once, and hears that it did'({ open, expect }) {
    expect(await open().execute(callOf(runTwice, [3]))).toMatchObject({ kind: 'returned', value: ['NEXT_CALLED_TWICE', 1] })
  },

  async 'a thrown value that is no error becomes one'({ open, expect }) {
    const executor = open()
    expect(await executor.execute(callOf(failWith, ['oops']))).toMatchObject({ kind: 'threw', error: { name: 'ThrownValueError', cause: 'oops' } })
    expect(await executor.execute(callOf(failWith, [undefined]))).toMatchObject({ kind: 'threw', error: { name: 'ThrownValueError' } })
  },

  async 'whatever is thrown ends its call, and no other'({ open, expect }) {
    const executor = open()
    for (const form of oddErrorNames) {
      const [odd, other] = await Promise.all([executor.execute(callOf(failOddly, [form])), executor.execute(callOf(add, [1, 2]))])
      expect({ form, kind: odd.kind, other: other.kind }).toEqual({ form, kind: 'threw', other: 'returned' })
    }
  },

  async 'whatever is returned ends its call, and no other'({ open, expect }) {
    const executor = open()
    for (const form of oddResultNames) {
      const [odd, other] = await Promise.all([executor.execute(callOf(returnOddly, [form])), executor.execute(callOf(add, [1, 2]))])
      expect({ form, kind: odd.kind, other: other.kind }).toEqual({ form, kind: 'threw', other: 'returned' })
    }
  },

  async 'what of an error cannot be sent does not keep the rest from arriving'({ open, expect }) {
    expect(await open().execute(callOf(failUncloneably, []))).toMatchObject({ kind: 'threw', error: { message: 'with a function', fields: { order: 7 } } })
  },

  async 'an argument that cannot be sent fails its call alone, with its path'({ open, expect }) {
    const executor = open()
    const [before, refused, after] = await Promise.all([
      executor.execute(callOf(add, [1, 1])),
      executor.execute(callOf(echo, [{ options: { 'on-done': () => {} } }])),
      executor.execute(callOf(add, [2, 2]))
    ])
    expect(before).toMatchObject({ kind: 'returned', value: 2 })
    expect(errorOf(refused)).toMatchObject({ kind: 'threw', name: 'UncloneableError', code: 'UNCLONEABLE' })
    expect((errorOf(refused) as Error).message).toContain('args[0].options["on-done"]')
    expect(after).toMatchObject({ kind: 'returned', value: 4 })
  },

  async 'a result that cannot be sent fails its call alone, with its path'({ open, expect }) {
    const executor = open()
    const [before, refused, after] = await Promise.all([
      executor.execute(callOf(add, [1, 1])),
      executor.execute(callOf(returnFunction, [])),
      executor.execute(callOf(add, [2, 2]))
    ])
    expect(before).toMatchObject({ kind: 'returned', value: 2 })
    expect(errorOf(refused)).toMatchObject({ kind: 'threw', code: 'UNCLONEABLE' })
    expect((errorOf(refused) as Error).message).toContain('result.rows[1].onClick')
    expect(after).toMatchObject({ kind: 'returned', value: 4 })
  },

  async 'an encoded result that cannot be sent fails with its path'({ open, expect }) {
    const outcome = await open().execute({ ...callOf(returnFunction, []), input: { encoded: encode([]) } })
    expect(errorOf(outcome)).toMatchObject({ kind: 'threw', code: 'UNCLONEABLE' })
  },

  async 'a task that is not found fails its calls, finally'({ open, expect }) {
    const executor = open()
    const { source } = definitionOf(add, 'a case')
    const lost = { ...callOf(add, []), task: { name: 'conformance.lost', source } }
    expect(await executor.execute(lost)).toMatchObject({ kind: 'threw', mayRetry: false })
    expect(await executor.execute(callOf(add, [1, 1]))).toMatchObject({ kind: 'returned' })
  }
}
