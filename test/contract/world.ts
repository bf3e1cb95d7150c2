import { expect } from 'vitest'
import type { Delivery, EventBus, Publication, Settlement } from '../../runtime/core/bus/bus.ts'
import { BusModel, type Claim } from './model.ts'
import { event } from './publication.ts'
import { leaseMs, type Step, type Wish } from './steps.ts'

interface Held {
  claim: Claim
  delivery: Delivery
}

/** A bus and its model, led through the same history. */
export class World {
  /** What the histories have come upon, so that a test can tell that they come upon everything. */
  readonly seen = new Set<string>()
  readonly #open: () => EventBus
  #bus: EventBus
  #model = new BusModel()
  #now = 1_000_000_000
  /** Every claim that there ever was. */
  readonly #held: Held[] = []
  /** The bus's name of each delivery, by its place in the model. */
  readonly #ids = new Map<number, number>()
  /** Places, in the order in which the bus acknowledged their end. */
  #ended: number[] = []
  readonly #redriven = new Set<number>()

  constructor(open: () => EventBus) {
    this.#open = open
    this.#bus = open()
  }

  /** Takes one step on both sides. @throws They disagree. */
  async take(step: Step): Promise<void> {
    if (step.do === 'publish') await this.#publish(step.events)
    if (step.do === 'exchange') await this.#exchange(step)
    if (step.do === 'move the clock') this.#now = Math.max(0, this.#now + step.byMs)
    if (step.do === 'close and reopen') this.#reopen()
    if (step.do === 'reclaim') await this.#reclaim()
    if (step.do === 'expedite') {
      await this.#bus.expedite(step.run, step.except)
      this.#model.expedite(step.run, step.except)
    }
    if (step.do === 'hasten') {
      await this.#bus.hasten(step.byMs)
      this.#model.hasten(step.byMs)
    }
    if (step.do === 'redrive') await this.#redrive(step.held)
    if (step.do === 'replace') await this.#replace(step)
    this.#agree()
  }

  /** Lets everything that is owed be done, and looks back. @throws Something was lost, doubled or out of order. */
  async finish(): Promise<void> {
    this.#reopen()
    await this.#reclaim()
    this.#now += 1e12
    for (let rounds = 0; this.#bus.open().length > 0; rounds++) {
      expect(rounds, 'what is owed comes to an end').toBeLessThanOrEqual(this.#model.size)
      const before = this.#held.length
      await this.#exchange({ renew: [], settle: [], publish: [], claim: 100 })
      const settle = this.#held.slice(before).map((_, held) => {
        return { held, outcome: 'done' as const, delayMs: 0, emits: [] }
      })
      await this.#exchange({ renew: [], settle, publish: [], claim: 0 })
    }
    this.#agree()
    const all = [...Array(this.#model.size).keys()]
    expect(
      [...this.#ended].sort((one, other) => one - other),
      'everything ended once',
    ).toEqual(all)
    for (const line of this.#model.lines()) {
      expect(
        this.#ended.filter((place) => line.includes(place) && !this.#redriven.has(place)),
        'the order of a key',
      ).toEqual(line.filter((place) => !this.#redriven.has(place)))
    }
  }

  close(): void {
    this.#bus.close()
  }

  async #publish(wishes: readonly Wish[]): Promise<void> {
    const publications = wishes.map((wish) => this.#publication(wish))
    await this.#both(
      () => this.#bus.publish(publications),
      (model) => model.publish(publications),
      (answer, expected) => {
        expect(answer).toEqual(expected)
        if (answer.taken.includes(false)) this.seen.add('a duplicate')
      },
    )
  }

  async #exchange({ renew, settle, publish, claim }: Omit<Step & { do: 'exchange' }, 'do'>): Promise<void> {
    const renewals = renew.flatMap((back) => this.#back(back) ?? [])
    const endings = settle.flatMap(({ held: back, outcome, delayMs, emits }) => {
      const held = this.#back(back)
      const publications = emits.map((wish) => this.#publication(wish))
      return held ? [{ ...held, outcome, runAt: this.#now + delayMs, publications }] : []
    })
    const attempt = { startedAt: this.#now, endedAt: this.#now }
    const settlements: Settlement[] = endings.map(({ claim: _, ...ending }) => ({ ...ending, attempt }))
    const common = {
      now: this.#now,
      leaseMs,
      claim,
      publish: publish.map((wish) => this.#publication(wish)),
    }
    const due = this.#model.open().filter(({ state, runAt }) => state === 'ready' && runAt <= this.#now)
    if (due.some(({ place }) => this.#model.isHeldUp(place))) this.seen.add('one that waits for its key')
    await this.#both(
      () =>
        this.#bus.exchange({
          ...common,
          renew: renewals.map(({ delivery }) => delivery),
          settle: settlements,
        }),
      (model) => model.exchange({ ...common, renew: renewals.map((held) => held.claim), settle: endings }),
      (answer, expected) => {
        const { claimed: taken, ...rest } = expected
        const { claimed, ...told } = answer
        expect(told).toEqual(rest)
        this.#learn()
        expect(claimed.map(({ id, tries, generation }) => ({ id, tries, generation }))).toEqual(
          taken.map(({ place, ...claim }) => ({ id: this.#ids.get(place), ...claim })),
        )
        for (const [index, delivery] of claimed.entries()) {
          const one = taken[index]
          if (one) this.#held.push({ claim: one, delivery })
          if (delivery.tries > 1) this.seen.add('a further try')
        }
        for (const [index, ending] of endings.entries()) {
          this.seen.add(`${answer.settled[index] ? 'a' : 'a stale'} settlement as ${ending.outcome}`)
          if (answer.settled[index] && ending.outcome !== 'retry') this.#ended.push(ending.claim.place)
        }
        for (const mine of answer.renewed) this.seen.add(mine ? 'a renewal' : 'a renewal that comes too late')
        if (answer.nextAt !== null) this.seen.add('a delay')
      },
    )
  }

  async #redrive(back: number): Promise<void> {
    const place = this.#mostlyDead(back)
    if (place === undefined) return
    await this.#both(
      () => this.#bus.redrive(this.#ids.get(place) ?? -1),
      (model) => model.redrive(place),
      (answer, expected) => {
        expect(answer).toBe(expected)
        this.seen.add(answer ? 'a dead letter that is redriven' : 'a redrive of what is not dead')
        if (answer) this.#rise(place)
      },
    )
  }

  async #replace({ held, by }: Omit<Step & { do: 'replace' }, 'do'>): Promise<void> {
    const places = [...new Set(held.flatMap((back) => this.#mostlyDead(back) ?? []))]
    if (places.length === 0) return
    const publication = this.#publication(by)
    await this.#both(
      () =>
        this.#bus.replace(
          places.map((place) => this.#ids.get(place) ?? -1),
          publication,
        ),
      (model) => model.replace(places, publication),
      (answer, expected) => {
        expect(answer).toBe(expected)
        if (answer) this.seen.add('a dead letter that is replaced')
      },
    )
  }

  /** What is redriven has not ended after all. */
  #rise(place: number): void {
    this.#redriven.add(place)
    this.#ended = this.#ended.filter((other) => other !== place)
  }

  /** Takes the same step on both sides. What one refuses the other refuses, and then neither has changed. */
  async #both<Answer, Expected>(
    real: () => Promise<Answer>,
    modelled: (model: BusModel) => Expected,
    compare: (answer: Answer, expected: Expected) => void,
  ): Promise<void> {
    const after = this.#model.clone()
    let expected: { value: Expected } | undefined
    try {
      expected = { value: modelled(after) }
    } catch {
      this.seen.add('a refusal')
      await expect(real()).rejects.toThrow()
      return
    }
    const answer = await real()
    this.#model = after
    compare(answer, expected.value)
  }

  async #reclaim(): Promise<void> {
    const orphans = await this.#bus.reclaim('the power went', this.#now)
    const expected = this.#model.reclaim(this.#now)
    expect(orphans.map(({ id, tries }) => ({ id, tries }))).toEqual(
      expected.map(({ place, tries }) => ({ id: this.#ids.get(place), tries })),
    )
    if (orphans.length > 0) this.seen.add('an orphan')
  }

  #reopen(): void {
    this.#bus.close()
    this.#bus = this.#open()
  }

  #agree(): void {
    this.#learn()
    const expected = this.#model.open().map(({ place, ...open }) => ({ id: this.#ids.get(place), ...open }))
    expect(this.#bus.open()).toEqual(expected)
    expect(this.#bus.open('run1')).toEqual(
      this.#model.open('run1').map(({ place, ...open }) => ({ id: this.#ids.get(place), ...open })),
    )
    expect(this.#bus.events({})).toEqual(this.#model.events())
  }

  /** Keeps the ids of deliveries seen for the first time: they count up in the order in which they came. */
  #learn(): void {
    const known = new Set(this.#ids.values())
    const fresh = this.#bus.open().filter(({ id }) => !known.has(id))
    const places = [...Array(this.#model.size).keys()].filter((place) => !this.#ids.has(place))
    expect(fresh.length, 'new deliveries').toBe(places.length)
    for (const [index, { id }] of fresh.entries()) this.#ids.set(places[index] ?? -1, id)
  }

  /** The claim so many back from the newest one. */
  /** Of all that was claimed, dead letters alone are few: four of five times it is one of these, if there is any. */
  #mostlyDead(count: number): number | undefined {
    const dead = this.#model.dead()
    if (count > 0 && dead.length > 0) return dead[count % dead.length]
    return this.#back(count)?.claim.place
  }

  #back(count: number): Held | undefined {
    return this.#held.at(-1 - (count % Math.max(1, this.#held.length)))
  }

  #publication({ id, source, run, owedTo }: Wish): Publication {
    const deliveries = owedTo.map(({ delayMs, ...owed }) => ({ ...owed, runAt: this.#now + delayMs }))
    return { event: event(id, { source, runid: run, time: new Date(this.#now).toISOString() }), deliveries }
  }
}
