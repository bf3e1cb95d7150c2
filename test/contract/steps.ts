import fc from 'fast-check'

/** An event to put on the bus. Few ids, so that many come twice. */
export interface Wish {
  id: string
  source: string
  run: string
  owedTo: { function: string; key?: string; delayMs: number }[]
}

/** How a claim is to be settled. `held` counts back from the newest claim, so old ones are stale more often. */
export interface Settling {
  held: number
  outcome: 'done' | 'retry' | 'dead' | 'cancelled'
  delayMs: number
  emits: Wish[]
}

/** One step of a history. */
export type Step =
  | { do: 'publish'; events: Wish[] }
  | { do: 'exchange'; renew: number[]; settle: Settling[]; publish: Wish[]; claim: number }
  | { do: 'move the clock'; byMs: number }
  | { do: 'close and reopen' }
  | { do: 'reclaim' }
  | { do: 'expedite'; run: string; except: string[] }
  | { do: 'hasten'; byMs: number }
  | { do: 'redrive'; held: number }
  | { do: 'replace'; held: number[]; by: Wish }

export const leaseMs = 1000

const runs = ['run1', 'run2'] as const
const delayMs = fc.constantFrom(0, 0, 0, 5, 500, 5000)
const wish: fc.Arbitrary<Wish> = fc.record({
  id: fc.constantFrom(...'abcdefghijkl'),
  source: fc.constantFrom('/here', '/there'),
  run: fc.constantFrom(...runs),
  // Now and then one function twice, which the bus refuses.
  owedTo: fc.array(
    fc.record(
      { function: fc.constantFrom(...'fffggh'), key: fc.constantFrom('k', 'l'), delayMs },
      { requiredKeys: ['function', 'delayMs'] },
    ),
    { maxLength: 2 },
  ),
})
const settling: fc.Arbitrary<Settling> = fc.record({
  held: fc.nat(5),
  outcome: fc.constantFrom('done', 'done', 'retry', 'dead', 'cancelled'),
  delayMs,
  emits: fc.array(wish, { maxLength: 2 }),
})
const publish: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('publish' as const),
  events: fc.array(wish, { minLength: 1, maxLength: 3 }),
})
const exchange: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('exchange' as const),
  renew: fc.array(fc.nat(5), { maxLength: 2 }),
  settle: fc.array(settling, { maxLength: 3 }),
  publish: fc.array(wish, { maxLength: 2 }),
  claim: fc.nat(4),
})
const clock: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('move the clock' as const),
  byMs: fc.constantFrom(1, 5, 499, leaseMs - 1, leaseMs, 86_400_000, -1, -leaseMs, -86_400_000),
})
const expedite: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('expedite' as const),
  run: fc.constantFrom(...runs),
  except: fc.subarray(['f', 'g']),
})

const redrive: fc.Arbitrary<Step> = fc.record({ do: fc.constant('redrive' as const), held: fc.nat(5) })
const replace: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('replace' as const),
  held: fc.oneof(
    { weight: 4, arbitrary: fc.tuple(fc.nat(5)) },
    { weight: 1, arbitrary: fc.tuple(fc.nat(5), fc.nat(5)) },
  ),
  by: wish,
})

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: exchange },
    { weight: 4, arbitrary: publish },
    { weight: 3, arbitrary: clock },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'close and reopen' }) },
    { weight: 1, arbitrary: fc.constant<Step>({ do: 'reclaim' }) },
    { weight: 1, arbitrary: expedite },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('hasten' as const), byMs: fc.integer({ min: 1, max: 2000 }) }),
    },
    { weight: 2, arbitrary: redrive },
    { weight: 2, arbitrary: replace },
  ),
  { minLength: 1, maxLength: 60, size: 'max' },
)

/** A history. A counterexample is shortened to the steps that it takes, and printed a line each. */
export const history: fc.Arbitrary<Step[]> = steps.map((all) =>
  Object.assign(all, {
    [fc.toStringMethod]: () => all.map((step) => `\n  ${JSON.stringify(step)}`).join(''),
  }),
)
