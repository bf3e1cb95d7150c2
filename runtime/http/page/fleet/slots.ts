import { count } from '../../../count.ts'
import { shellQuote } from '../../../shell-quote.ts'
import type { FleetSlots } from '../../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { momentTag, plainText } from '../look/words.ts'

/** How many hosts are at work on each backup server, and what is paused; a line each. */
export function slotsOf({ servers, places, isNew, paused }: FleetSlots, now: number): Html {
  const lines = servers.flatMap(({ server, atMost }) => {
    const own = Map.groupBy(
      places.filter((place) => place.server === server),
      ({ state }) => state,
    )
    if (own.size === 0) return []
    const number = (state: 'granted' | 'alone' | 'waits') => own.get(state)?.length ?? 0
    const alone = number('alone') > 0 ? `, ${count(number('alone'))} without one` : ''
    const waiting = number('waits') > 0 ? `; ${count(number('waits'))} waiting` : ''
    return html`<p><span class="running"><span class="mark" aria-hidden="true">◌</span> ${plainText(server)}:</span> ${count(number('granted'))} of ${count(atMost)} slots are taken${alone}${waiting}.</p>`
  })
  const fresh =
    isNew && places.some(({ state }) => state === 'waits')
      ? html`<p>This hub has just begun: it grants slots once all hosts have had time to say what they have.</p>`
      : nothing
  return html`${lines}${fresh}${paused.map((pause) => pauseText(pause, now))}`
}

function pauseText({ of, name, since }: FleetSlots['paused'][number], now: number): Html {
  const what = { all: 'Everything', server: plainText(name), label: `The label ${plainText(name)}` }[of]
  const again = { all: '', server: ` ${shellQuote([name])}`, label: ` --label ${shellQuote([name])}` }[of]
  return html`<p><span class="late"><span class="mark" aria-hidden="true">◐</span> ${what} is paused</span> since ${momentTag(Date.parse(since), now)}. <code data-copy>hdsync fleet resume${again}</code></p>`
}
