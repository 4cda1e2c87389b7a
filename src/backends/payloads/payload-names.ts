import { MalformedMessageError } from '../../kernel/errors.ts'

/** No separator, and no dot but before what it is of the job: a name stays in its folder. */
const pattern = /^([0-9A-Za-z_-]{1,128})\.(?:args|\d{1,16}\.result)$/

/** @throws MalformedMessageError where the job's id is none that a payload can be kept under */
export function argsName(job: string): string {
  return checkedName(`${job}.args`)
}

/**
 * Each delivery has a name of its own: one that lost its lease never overwrites what a later one kept.
 *
 * @throws MalformedMessageError where the job's id is none that a payload can be kept under
 */
export function resultName(job: string, token: number): string {
  return checkedName(`${job}.${token}.result`)
}

/** The job that a payload of this name is of; undefined where it is no name of a payload. */
export function jobOf(name: string): string | undefined {
  return pattern.exec(name)?.[1]
}

/** @throws MalformedMessageError where it is no name of a payload */
export function checkedName(name: string): string {
  if (jobOf(name) === undefined) throw new MalformedMessageError(`The payload ${JSON.stringify(name.slice(0, 150))}`)
  return name
}
