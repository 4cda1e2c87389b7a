import { InvalidArgumentsError } from '../kernel/errors.ts'
import { writtenStep } from '../kernel/path.ts'
import type { StandardIssue, StandardResult, StandardSchema } from './standard-schema.ts'

/**
 * The arguments as the task's function takes them; a promise only where its schema is async.
 *
 * @throws InvalidArgumentsError where the schema refuses them
 */
export function checkedArgs({ name, schema }: { readonly name: string, readonly schema?: StandardSchema }, args: readonly unknown[]): readonly unknown[] | Promise<readonly unknown[]> {
  if (!schema) return args
  const result = schema['~standard'].validate(args)
  return result instanceof Promise ? result.then((settled) => accepted(name, settled)) : accepted(name, result)
}

export function isSchema(value: unknown): value is StandardSchema {
  const isObject = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return isObject && typeof (value as Partial<StandardSchema>)['~standard']?.validate === 'function'
}

function accepted(name: string, result: StandardResult<unknown>): readonly unknown[] {
  if (typeof result !== 'object' || result === null) throw new InvalidArgumentsError(name, [{ path: 'args', message: 'the schema says nothing of them: its validate() gives neither a value nor issues' }])
  if (result.issues) throw new InvalidArgumentsError(name, result.issues.map(({ path = [], message }) => ({ path: written(path), message })))
  if (!Array.isArray(result.value)) throw new InvalidArgumentsError(name, [{ path: 'args', message: 'the schema does not give a list; write one of all arguments, such as z.tuple([…])' }])
  return result.value
}

function written(path: NonNullable<StandardIssue['path']>): string {
  return `args${path.map((step) => writtenStep(typeof step === 'object' ? step.key : step)).join('')}`
}
