import { InvalidOptionError } from './errors.ts'

/**
 * `options`, where they are an object of which every key is known: a misspelt one must not be taken for one that was left out.
 *
 * @param where what takes them, for the error: `connect()`
 * @param names every option that there is
 * @throws InvalidOptionError
 */
export function checkOptions<Options extends object>(where: string, options: Options, names: Readonly<Record<keyof Options, true>>): Options {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw new InvalidOptionError(where, options, `an object with ${listed(names)}`)
  for (const key of Object.keys(options)) if (!Object.hasOwn(names, key)) throw new InvalidOptionError(where, key, `these options: ${listed(names)}`)
  return options
}

/** @throws InvalidOptionError where `signal` is there, and is none */
export function checkSignal(where: string, signal: AbortSignal | undefined): void {
  // By its form: another realm, such as that of jsdom, has a class of its own.
  const fits = typeof signal === 'object' && signal !== null && typeof signal.aborted === 'boolean' && typeof signal.addEventListener === 'function'
  if (signal !== undefined && !fits) throw new InvalidOptionError(`${where}: signal`, signal, 'an AbortSignal')
}

function listed(names: object): string {
  return Object.keys(names).join(', ')
}
