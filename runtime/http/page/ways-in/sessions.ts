import { auditLogout } from '../../../../events/index.ts'
import { byOf, record, recordAct } from '../../audit.ts'
import { Problem } from '../../problem.ts'
import type { AddScreens, PageContext, PageRequest } from '../context.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { formToken, leadTo, mayAct, show } from '../look/layout.ts'
import { agoTag, numberWord, spanText, timeTag } from '../look/words.ts'
import { cookieOf } from './login.ts'

/** Who is logged in; the way out, here and everywhere. */
export const sessionScreens: AddScreens = (app, page) => {
  app.get('/sessions', (c) => sessionsScreen(c, page))

  app.post('/logout', async (c) => {
    const { id } = c.get('session')
    const everywhere = c.get('form').get('everywhere') !== null
    if (everywhere && !mayAct(c))
      throw new Problem('read-only', 'A session that only looks ends itself alone.')
    if (everywhere) page.sessions.endAll()
    else page.sessions.end(id)
    await record(page, auditLogout, { ...byOf(c.env.who, c.env, page), everywhere })
    return leadTo(page, '/login', { 'set-cookie': cookieOf(c, page, '') })
  })

  app.post('/sessions/:id/end', async (c) => {
    const id = c.req.param('id')
    if (page.sessions.end(id) === 0) throw new Problem('invalid-parameter', 'This session has ended.')
    await recordAct(c, page, 'end session', id)
    return leadTo(page, '/sessions')
  })
}

function sessionsScreen(c: PageRequest, page: PageContext): Promise<Response> {
  const own = c.get('session')
  const all = page.sessions.list()
  const others = all.length - 1
  const sentence =
    others === 0
      ? 'You alone are logged in.'
      : `You and ${others === 1 ? 'one other session are' : `${numberWord(others)} other sessions are`} logged in.`
  const body = html`<form class="acts" method="post" action="${page.href('/logout')}">${formToken(c)}
<button>Log out here</button>
${mayAct(c) ? html`<button name="everywhere" value="yes">Log out everywhere</button>` : nothing}
</form>
<table><thead><tr><th scope="col">Session<th scope="col">Begun<th scope="col">From<th scope="col">With<th scope="col">May<th scope="col">Ends<th scope="col"><span class="hidden">End it</span></tr></thead><tbody>
${all.map((one) => sessionRow(c, page, one, one.id === own.id))}
</tbody></table>`
  return show(c, page, { title: 'Sessions', sentence, body, command: 'hdsync sessions' })
}

function sessionRow(
  c: PageRequest,
  page: PageContext,
  one: ReturnType<PageContext['sessions']['list']>[number],
  isOwn: boolean,
): Html {
  const now = page.clock.now()
  const [begun, ends] = [Date.parse(one.startedAt), Date.parse(one.endsAt)]
  const end =
    isOwn || !mayAct(c)
      ? nothing
      : html`<form method="post" action="${page.href(`/sessions/${one.id}/end`)}">${formToken(c)}<button>End</button></form>`
  return html`<tr><td data-head="Session"><code>${one.id}</code>${isOwn ? ' (this one)' : ''}
<td data-head="Begun">${agoTag(begun, now)}
<td data-head="From">${one.from}
<td data-head="With">${one.how === 'code' ? 'hdsync open' : 'a token'}
<td data-head="May">${one.right === 'act' ? 'act' : 'look'}
<td data-head="Ends">${timeTag(ends, `in ${spanText(ends - now)}`)}
<td>${end}</tr>
`
}
