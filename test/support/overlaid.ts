/** The same object, with some methods of its own: a backend or a store with one fault. */
export function overlaid<T extends object>(target: T, own: Partial<T>): T {
  return new Proxy(target, {
    get: (_, name) => own[name as keyof T] ?? bound(target, target[name as keyof T])
  })
}

function bound(target: object, value: unknown): unknown {
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
}
