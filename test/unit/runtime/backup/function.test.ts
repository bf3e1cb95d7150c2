import { describe, expect, expectTypeOf, test } from 'vitest'
import { z } from 'zod'
import { anyFact, defineEvent, snapshotAfter, snapshotBefore } from '../../../../events/index.ts'
import { defineFunction } from '../../../../runtime/backup/function.ts'
import type { FunctionDefinition } from '../../../../runtime/core/function.ts'

const lampOn = defineEvent('lamp.on', z.strictObject({ room: z.string(), dim: z.int().default(10) }))
const lampOff = defineEvent('lamp.off', z.strictObject({ room: z.string() }))
const lampBroke = defineEvent('lamp.broke', z.strictObject({ reason: z.string() }), { external: true })

// What must not compile stands below a line that tsc insists on; nothing of it is run.

describe('defineFunction()', () => {
  test('keeps what it is given', () => {
    const run = () => {}
    const definition = defineFunction({ on: lampOn, emits: [lampBroke], run })
    expect(definition).toMatchObject({
      kind: 'hdsync.function',
      on: [lampOn],
      emits: [lampBroke],
      spec: { run },
    })
    expectTypeOf(definition).toEqualTypeOf<FunctionDefinition>()
  })

  test('takes one event or several, whose data it then receives', () => {
    const definition = defineFunction({
      on: [lampOn, lampOff],
      emits: [],
      run: ({ data }) => void expectTypeOf(data.room).toEqualTypeOf<string>(),
    })
    expect(definition.on).toEqual([lampOn, lampOff])
    defineFunction({
      on: lampOn,
      emits: [],
      run: ({ data }) => void expectTypeOf(data).toEqualTypeOf<{ room: string; dim: number }>(),
    })
    defineFunction({
      on: [lampOn, lampOff],
      emits: [],
      // @ts-expect-error: only one of the two has it.
      run: ({ data }) => void data.dim,
    })
  })

  test('tells several events apart by their type', () => {
    defineFunction({
      on: [lampOn, lampBroke],
      emits: [],
      run(received) {
        expectTypeOf(received.type).toEqualTypeOf<'lamp.on' | 'lamp.broke'>()
        if (received.type === 'lamp.on') expectTypeOf(received.data.dim).toEqualTypeOf<number>()
        else expectTypeOf(received.data.reason).toEqualTypeOf<string>()
      },
    })
    defineFunction({
      on: [lampOn, lampBroke],
      emits: [],
      run({ type, data, event, attempt }) {
        if (type === 'lamp.broke') expectTypeOf(data).toEqualTypeOf<{ reason: string }>()
        // @ts-expect-error: it may be the other one.
        else data.reason
        expectTypeOf(event.type).toEqualTypeOf<string>()
        expectTypeOf(attempt).toEqualTypeOf<number>()
      },
      giveUp(received) {
        if (received.type === 'lamp.on') expectTypeOf(received.data.room).toEqualTypeOf<string>()
      },
    })
    defineFunction({
      on: anyFact,
      emits: [],
      run: ({ type, data }) => {
        expectTypeOf(type).toEqualTypeOf<string>()
        expectTypeOf(data).toEqualTypeOf<unknown>()
      },
    })
  })

  test('gives a function before a snapshot the means to wait for it, and no other', () => {
    defineFunction({
      on: snapshotBefore,
      emits: [],
      async run(_, { snapshotTaken }) {
        expectTypeOf(await snapshotTaken()).toEqualTypeOf<boolean>()
      },
    })
    defineFunction({
      on: lampOn,
      emits: [],
      // @ts-expect-error: there is no snapshot to wait for.
      run: (_, context) => void context.snapshotTaken,
    })
  })

  test('runs what comes after a snapshot whatever happens', () => {
    expect(defineFunction({ on: snapshotAfter, emits: [], run: () => {} }).spec.always).toBe(true)
    expect(defineFunction({ on: snapshotBefore, emits: [], run: () => {} }).spec.always).toBeUndefined()
  })

  test('lets a handler emit what it declares, defaults left out', () => {
    defineFunction({
      on: lampOff,
      emits: [lampOn, lampBroke],
      run({ data }, { emit }) {
        emit(lampOn, data)
        emit(lampOn, { room: 'hall', dim: 3 }, { attempt: 2, delayMs: 500 })
      },
      giveUp: ({ error }, { emit }) => emit(lampBroke, { reason: error.message }),
    })
  })

  test('does not compile with an event that is not declared', () => {
    defineFunction({
      on: lampOn,
      emits: [lampBroke],
      // @ts-expect-error
      run: ({ data }, { emit }) => emit(lampOff, { room: data.room }),
      // @ts-expect-error
      giveUp: ({ data }, { emit }) => emit(lampOff, { room: data.room }),
    })
    defineFunction({
      on: lampOn,
      emits: [],
      // @ts-expect-error
      run: (_, { emit }) => emit(lampBroke, { reason: 'fell' }),
    })
  })

  test('does not compile with data that does not fit the event', () => {
    defineFunction({
      on: lampOn,
      emits: [lampBroke, lampOff],
      run(_, { emit }) {
        // @ts-expect-error: a reason is text.
        emit(lampBroke, { reason: 7 })
        // @ts-expect-error: it has no reason.
        emit(lampBroke, {})
        // @ts-expect-error: the data of another event that is declared too.
        emit(lampBroke, { room: 'hall' })
        // @ts-expect-error: nobody knows a colour.
        emit(lampOff, { room: 'hall', colour: 'red' })
        // @ts-expect-error: an event is named by its object.
        emit('lamp.off', { room: 'hall' })
      },
    })
  })

  test('does not compile when it reads what its event does not carry', () => {
    defineFunction({
      on: lampOff,
      emits: [],
      // @ts-expect-error
      concurrency: { key: ({ floor }) => floor },
      // @ts-expect-error
      run: ({ data }) => void data.dim,
    })
  })

  test('gives what is given up no box to work with', () => {
    defineFunction({
      on: lampOn,
      emits: [],
      run: () => {},
      // @ts-expect-error
      giveUp: (_, { host }) => void host,
    })
  })
})
